"""scripts/pipeline.mk: what a change rebuilds, what a kill leaves behind, what bad input says."""

import os
import random
import re
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from workdir import Workdir, records, texts

pytestmark = pytest.mark.xdist_group("pipeline")  # they share what is built once

PIPELINE = Path(__file__).parents[2] / "scripts/pipeline.mk"
# The quickest rule to fit: which one is fitted is no matter here.
MAKE = (f"make -f {PIPELINE} POOL=pool/ TARGET=target.jsonl K=20 CHUNK='--chars 200' EMBED='--dimension 64' "
        "STATS='--method mean' WORK=work")
SHARDS = ["a", "b", "c"]
SELECTED = "work/target/selected.jsonl.zst"
#: Outputs in what make prints: of a command for several those that it touches then; the mv of a summary and a target
#: file comes after their command.
OUTPUT = re.compile(r"^ds-.* touch -c (.+)|^ds-.* -o (\S+)|mv \S+/fitted\.\w+ (\S+)", re.MULTILINE)


def prepared(work: Workdir) -> Workdir:
    """A pool of three shards, each compressed in another way, and a target."""
    (work.path / "pool").mkdir()
    for number, shard in enumerate(SHARDS):
        work.write(f"pool/{shard}.jsonl", records(texts(100, seed=number)))
    work.ok("zstd -q --rm pool/a.jsonl && gzip pool/b.jsonl")
    work.write("target.jsonl", records(texts(60, seed=9)[::5]))
    return work


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Workdir:
    """The chain, run once; every test leaves it complete."""
    made = prepared(Workdir(tmp_path_factory.mktemp("built")))
    made.ok(f"{MAKE} -j2")
    return made


def remade(work: Workdir, line: str) -> list[str]:
    """The outputs that a run makes again, in one order."""
    before = times(work)
    work.ok(line)
    after = times(work)
    return sorted(name for name in after if before.get(name) != after[name])


def times(work: Workdir) -> dict[str, int]:
    """When each output was last made."""
    files = (path for path in (work.path / "work").rglob("*") if path.is_file() and "made-with" not in path.parts)
    return {path.relative_to(work.path / "work").as_posix(): path.stat().st_mtime_ns for path in files}


def would_remake(work: Workdir, line: str) -> list[str]:
    """The outputs that a run would make again, in the same way."""
    shown = work.ok(f"{line} -n").out.decode()
    found = {path.removeprefix("work/") for names in OUTPUT.findall(shown) for path in " ".join(names).split()}
    return sorted(name for name in found if not name.endswith("fitted.npz"))


CHUNKS = [f"chunks/{shard}.jsonl.zst" for shard in SHARDS]
EMB = [f"emb/{shard}.npy" for shard in SHARDS]
SCORES = [f"target/scores/{shard}.npy" for shard in SHARDS]
CHOICE = ["target/selected.jsonl.zst"]
AFTER_EMB = [*SCORES, *CHOICE, "target/summary.json", "target/target.npz"]
AFTER_MODEL = sorted([*EMB, *AFTER_EMB, "target/target.npy"])


@pytest.mark.slow
def test_the_same_line_again_makes_nothing(built: Workdir) -> None:
    assert remade(built, MAKE) == []
    assert f"chosen: {SELECTED}" in built.ok(MAKE).out.decode()


@pytest.mark.heavy
def test_a_touched_shard_redoes_that_shard_the_potentials_the_scores_and_the_choice(built: Workdir) -> None:
    before = built.read(SELECTED)
    built.ok("touch pool/b.jsonl.gz")
    expected = ["chunks/b.jsonl.zst", "emb/b.npy", *AFTER_EMB]
    assert would_remake(built, MAKE) == expected
    assert remade(built, f"{MAKE} -j2") == expected
    assert built.read(SELECTED) == before


def test_k_is_of_the_choice_alone(built: Workdir) -> None:
    before = built.read(SELECTED)
    assert remade(built, f"{MAKE} K=21") == CHOICE
    assert len(built.ok(f"zstdcat {SELECTED}").out.splitlines()) == 21
    assert remade(built, MAKE) == CHOICE
    assert built.read(SELECTED) == before


def test_options_and_models_rebuild_what_depends_on_them(built: Workdir) -> None:
    (built.path / "model").mkdir()
    built.write("model/config.json", b"{}")
    assert would_remake(built, f"{MAKE} CHUNK='--chars 300'") == [*CHUNKS, *EMB, *AFTER_EMB]
    for change in ("EMBED='--dimension 32'", "MODEL=model", "MODEL='hash hash'"):
        assert would_remake(built, f"{MAKE} {change}") == AFTER_MODEL, change
    assert would_remake(built, f"{MAKE} STATS='--method random'") == AFTER_EMB
    assert would_remake(built, f"{MAKE} TOPK='--order input'") == CHOICE
    assert would_remake(built, f"{MAKE} STATS_SHARDS=2") == AFTER_EMB
    # -n does nothing that a later run would see.
    assert would_remake(built, MAKE) == []


def test_a_model_that_changed_in_its_folder_is_another_model(work: Workdir) -> None:
    prepared(work)
    (work.path / "model").mkdir()
    work.write("model/weights", b"1")
    stamp = f"{MAKE} MODEL=model work/made-with/embed"
    assert "mv " in work.ok(f"{stamp} -n").out.decode()
    work.ok(stamp)
    assert "mv " not in work.ok(f"{stamp} -n").out.decode()
    work.write("model/weights", b"2")
    assert "mv " in work.ok(f"{stamp} -n").out.decode()


def test_another_target_shares_chunks_and_vectors(built: Workdir) -> None:
    built.write("other.jsonl", records(texts(60, seed=8)[1::5]))
    made = would_remake(built, f"{MAKE} TARGET=other.jsonl")
    assert {name.partition("/")[0] for name in made} == {"other"}, made
    # In the same place, and older than all outputs.
    os.utime(built.path / "other.jsonl", (1e9, 1e9))
    assert would_remake(built, f"{MAKE} TARGET=other.jsonl NAME=target") == sorted([*AFTER_EMB, "target/target.npy"])


def test_a_shard_replaced_by_an_older_file_is_seen(built: Workdir) -> None:
    kept = (built.path / "pool/c.jsonl").stat()
    os.utime(built.path / "pool/c.jsonl", (1e9, 1e9))  # as rsync -a leaves it
    assert would_remake(built, MAKE) == ["chunks/c.jsonl.zst", "emb/c.npy", *AFTER_EMB]
    os.utime(built.path / "pool/c.jsonl", ns=(kept.st_atime_ns, kept.st_mtime_ns))
    assert would_remake(built, MAKE) == []


@pytest.mark.slow
def test_a_shard_that_goes_away_is_out_of_the_choice(built: Workdir) -> None:
    before = built.read(SELECTED)
    built.ok("mv pool/a.jsonl.zst away.jsonl.zst")
    assert remade(built, f"{MAKE} -j2") == [name for name in AFTER_EMB if name != "target/scores/a.npy"]
    built.ok("ds-topk -q -k 20 --scores work/target/scores/ work/chunks/b.jsonl.zst work/chunks/c.jsonl.zst -o two.zst")
    assert built.read(SELECTED) == built.read("two.zst")
    built.ok("mv away.jsonl.zst pool/a.jsonl.zst")
    built.ok(f"{MAKE} -j2")
    assert built.read(SELECTED) == before


def test_by_make_and_by_hand_the_same_bytes(built: Workdir) -> None:
    built.ok("ds-chunk -q --chars 200 pool/*.jsonl* | ds-embed -q --dimension 64 |"
             " ds-score -q --target work/target/target.npz | ds-topk -q -k 20 -o piped.jsonl.zst")
    assert built.read("piped.jsonl.zst") == built.read(SELECTED)


@pytest.mark.parametrize(("change", "words"), [
    ("POOL= K=", "not set: POOL K"),
    ("TARGET=", "not set: TARGET"),
    ("WORK=s3://bucket/work", "WORK=s3://bucket/work: wanted a folder on a disk"),
    ("POOL='pool/a.jsonl.zst gone.jsonl' TARGET=away.jsonl", "no such file: gone.jsonl away.jsonl"),
    ("POOL=empty", "no records in empty"),
    ("POOL='twice/a.jsonl.zst twice/a.jsonl'", "several shards are called a"),
    ("POOL='pool/* gone/*.jsonl'", "gone/*.jsonl: no file matches it"),
    ("TARGET='a;b.jsonl'", "a;b.jsonl: no file matches it, or a name holds one of"),
    ("WORK=w:1", "w:1: no file matches it, or a name holds one of"),
])
def test_bad_input_is_named_before_anything_is_made(built: Workdir, change: str, words: str) -> None:
    before = times(built)
    built.ok("mkdir -p empty twice && cp pool/c.jsonl twice/a.jsonl && cp pool/a.jsonl.zst twice/")
    done = built.run(f"{MAKE} {change}")
    assert done.status == 2
    assert words in done.err
    assert times(built) == before


@pytest.mark.parametrize("name", ["x&env>RUN&", "a:b", "a#b", "a$b", "a(1)", "it's", 'a"b', "a@@b", "a[1]b", "a%b"])
def test_a_name_that_make_or_the_shell_would_read_otherwise_is_refused(work: Workdir, name: str) -> None:
    (work.path / "pool").mkdir()
    for shard in (name, "b"):
        work.write(f"pool/{shard}.jsonl", records(texts(3)))
    work.write("target.jsonl", records(texts(3)))
    before = work.names()
    done = work.run(f"{MAKE} -n")
    assert done.status == 2
    assert f"/{name}.jsonl: no file matches it, or a name holds one of " in done.err
    assert work.names() == before


def write_shards(work: Workdir, target: str, *names: str) -> None:
    for number, name in enumerate(names):
        (work.path / name).parent.mkdir(exist_ok=True)
        work.write(f"{name}.jsonl", records(texts(30, seed=number)))
    work.write(target, records(texts(10, seed=9)))


@pytest.mark.slow
def test_folders_named_as_hive_names_them_and_shards_named_as_stamps(work: Workdir) -> None:
    write_shards(work, "of=a.jsonl", "day=1/lang=de,x", "day=1/embed", "day=2/shards")
    line = f"{MAKE} POOL='day=*/*.jsonl day=2' TARGET=of=a.jsonl WORK=work=1"
    work.ok(f"{line} -j2")
    assert len(work.ok("zstdcat work=1/of=a/selected.jsonl.zst").out.splitlines()) == 20
    assert "ds-" not in work.ok(line).out.decode()
    work.ok("touch day=1/lang=de,x.jsonl")
    assert re.findall(r"^ds-chunk .* (day\S+)", work.ok(f"{line} -n").out.decode(), re.MULTILINE) == [
        "day=1/lang=de,x.jsonl"]


@pytest.mark.slow
def test_shards_of_one_name_in_dated_folders(work: Workdir) -> None:
    names = ["2026-11/part-0", "2026-12/part-0", "2026-12/part-1"]
    write_shards(work, "target.jsonl", *names)
    line = f"{MAKE} POOL='2026-11 2026-12' TARGET=target.jsonl WORK=made"
    work.ok(f"{line} -j2")
    assert {f"made/target/scores/{name}.npy" for name in names} <= work.names()
    assert "ds-" not in work.ok(line).out.decode()
    work.ok("ds-score --target made/target/target.npz made/emb/*/*.npy -o again/")
    work.ok("ds-topk -k 20 --scores again/ made/chunks/*/*.zst -o by-hand.jsonl.zst")
    assert work.ok("zstdcat by-hand.jsonl.zst").out == work.ok("zstdcat made/target/selected.jsonl.zst").out


def test_a_command_that_fails_ends_make_and_leaves_no_output(built: Workdir) -> None:
    built.ok("mkdir -p bad && printf '{\"text\": \"a\"}\\nnot json\\n' > bad/x.jsonl && cp pool/c.jsonl bad/")
    done = built.run(f"{MAKE} -k POOL=bad WORK=failed")
    assert done.status == 2
    assert "bad/x.jsonl:2: " in done.err
    assert "failed/chunks/x.jsonl.zst" not in built.names()
    assert "failed/emb/c.npy" in built.names()
    assert "failed/target/target.npz" not in built.names()


@pytest.mark.slow
def test_small_shards_share_processes_and_a_bad_one_keeps_its_own_error(work: Workdir) -> None:
    write_shards(work, "target.jsonl", *(f"pool/{name}" for name in "abcdefg"))
    done = work.ok(f"{MAKE} CPUS=1")  # one processor: four shards to a process, and three
    counts = Counter(re.findall(r"^(ds-\S+): [\d,]+ rows", done.err, re.MULTILINE))  # ds-embed: and the target
    assert counts == {"ds-chunk": 2, "ds-embed": 3, "ds-target-stats": 1, "ds-score": 1, "ds-topk": 1}
    made = [f"{folder}/{name}" for name in "abcdefg" for folder in ("chunks", "emb")]
    work.ok(f"{MAKE} CPUS=1 SMALL=0k WORK=apart {' '.join(f'apart/emb/{name}.npy' for name in 'abcdefg')}")
    assert [work.read(*work.path.glob(f"work/{name}.*")) for name in made] == [
        work.read(*work.path.glob(f"apart/{name}.*")) for name in made]
    work.ok("mkdir bad && cp pool/[a-d].jsonl bad/ && echo 'no json' >> bad/b.jsonl")
    failed = work.run(f"{MAKE} -k CPUS=1 POOL=bad WORK=failed {' '.join(f'failed/emb/{name}.npy' for name in 'abcd')}")
    assert failed.status == 2
    assert "bad/b.jsonl:31: " in failed.err
    assert {f"failed/emb/{name}.npy" for name in "abcd"} & work.names() == {f"failed/emb/{name}.npy" for name in "acd"}


@pytest.mark.slow
def test_the_goal_report_writes_a_page_beside_the_choice(built: Workdir) -> None:
    pytest.importorskip("matplotlib")
    done = built.ok(f"{MAKE} report FIELD=source")
    assert "report: work/target/report.html" in done.out.decode()
    assert b"nearest" in built.read("work/target/report.html")
    assert remade(built, f"{MAKE} report FIELD=source") == []


def test_the_report_shows_what_text_there_is(work: Workdir) -> None:
    work.write("choice.jsonl", b'{"domain": "a", "text": " "}\n{"domain": "b", "text": null, "body": "one\\ntwo"}\n')
    line = f"python {PIPELINE.parent}/report.py domain choice.jsonl choice.jsonl"
    assert work.ok(line).out.decode().splitlines()[-2:] == ["    0.0000  a: ", "    0.0000  b: "]
    assert work.ok(line, DS_TEXT_KEY="body").out.decode().splitlines()[-1] == "    0.0000  b: one"


def test_a_report_whose_reader_leaves_ends_silently(work: Workdir) -> None:
    work.write("choice.jsonl", b"".join(b'{"domain": "%d", "text": "a"}\n' % (i % 9) for i in range(2000)))
    done = work.run(f"python {PIPELINE.parent}/report.py domain choice.jsonl choice.jsonl | true")
    assert (done.status, done.err) == (141, "")


def killed(work: Workdir, line: str, after: float, number: signal.Signals) -> None:
    """Starts a line and kills all of it, make and commands, after so many seconds."""
    with subprocess.Popen(["bash", "-c", f"exec {line}"], cwd=work.path, env=work.environment, start_new_session=True,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        time.sleep(after)
        os.killpg(process.pid, number)


@pytest.mark.heavy
@pytest.mark.parametrize("kills", [1, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_at_random_moments_and_run_again_the_same_bytes(work: Workdir, kills: int) -> None:
    prepared(work)
    start = time.monotonic()
    work.ok(f"{MAKE} CPUS=1 -j2 WORK=whole")
    whole, draw = time.monotonic() - start, random.Random(kills)
    wanted = outputs(work, "whole")
    for number in range(kills):
        kind = draw.choice([signal.SIGKILL, signal.SIGTERM])
        killed(work, f"{MAKE} CPUS=1 -j2 WORK=run-{number}", draw.uniform(0, whole), kind)
        work.ok(f"{MAKE} CPUS=1 -j2 WORK=run-{number}")
        assert outputs(work, f"run-{number}") == wanted, (number, kind)
        work.ok(f"rm -r run-{number}")


def outputs(work: Workdir, folder: str) -> dict[str, bytes]:
    """All that is there, but for the names of files, which hold the folder's name."""
    root = work.path / folder
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*")
            if path.is_file() and not path.name.endswith("-files")}
