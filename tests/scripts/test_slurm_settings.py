"""scripts/slurm/submit without a Slurm: what it refuses, what it would ask for."""

import json
import re
import shlex
from pathlib import Path

import pytest

from object_store import Bucket, s3_server, use_store
from workdir import Workdir

from .conftest import SCRIPTS


def test_the_template_names_what_must_be_set(ready: Workdir) -> None:
    ready.fails(f"submit {SCRIPTS / 'slurm/settings.sh'}", "not set: POOL, TARGET, WORK, K;", status=2)
    assert {"calls", "work"}.isdisjoint(ready.names())


@pytest.mark.heavy
@pytest.mark.parametrize(("line", "words"), [
    ("EMBED_MEMORI=8G", "no such setting: EMBED_MEMORI (did you mean EMBED_MEMORY?)"),
    ("TARGET= K=", "not set: TARGET, K;"),
    ("EMBED_TIME=soon", "EMBED_TIME=soon: wanted a time"),
    ("STATS_MEMORY=lots", "STATS_MEMORY=lots: wanted an amount of memory"),
    ("STATS_SHARDS=few", "STATS_SHARDS=few: wanted a number from 1, or nothing"),
    ("WORK=s3://bucket/work", "WORK=s3://bucket/work: wanted a folder on a disk"),
    ("TASKS=0", "TASKS=0: wanted a number from 1"),
    ("K=-3", "K=-3: wanted a number"),
    ("POOL='pool gone.jsonl' TARGET=away.jsonl", "no such file: gone.jsonl away.jsonl"),
    ("POOL=bin", "no records in POOL=bin"),
    ("POOL='pool pool/a.jsonl'", "several shards are called a"),
    ("POOL='pool pool/c*.jsonl'", "no such file: pool/c*.jsonl"),
    ("POOL=(", "s.sh: not to be read by bash: "),
    ("WORK=a,b", "/a,b: sbatch reads , in names as something else"),
    ("NAME=5%", "NAME=5%: sbatch reads % in names as something else"),
    ("SBATCH='--comment=\"a'", "SBATCH=--comment=\"a: No closing quotation"),
    ("SBATCH_TOPK='--comment=\"a'", "SBATCH_TOPK=--comment=\"a: No closing quotation"),
    ("EMBED_GPUS=a100:", "EMBED_GPUS=a100:: wanted a number, or a type and a number"),
    ("EMBED='--dimention 64'", "EMBED=--dimention 64: ds-embed: No such option"),
    ("CHUNK='--chars many'", "CHUNK=--chars many: ds-chunk: Invalid value for '--chars'"),
    ("STATS='--epsilon=0.1 --passes'", "STATS=--epsilon=0.1 --passes: ds-target-stats: "),
    ("SCORE='-threads 3'", "SCORE=-threads 3: ds-score: No such option"),
    ("TOPK='order input'", "TOPK=order input: order, input: no option"),
    ("TRAIN='--init config.json --objective guess'", "ds-train: Invalid value for '--objective'"),
    ("SETUP='echo gone >&2; false'", "SETUP=echo gone >&2; false: ended with 1: gone; "),
    ("SETUP='PATH=/usr/bin'", "ended with 127: ds-embed: not found after it; activate the environment where gotd is"),
    ("SBATCH=--export=NONE", "ended with 127: ds-embed: not found after it"),
])
def test_bad_settings_are_named_before_anything_is_submitted(ready: Workdir, line: str, words: str) -> None:
    ready.ok(f"echo {shlex.quote(line)} >> s.sh")
    # What the environment says is no setting.
    ready.fails("submit s.sh", words, status=2, K="7", TARGET="target.jsonl")
    assert {"calls", "work"}.isdisjoint(ready.names())


def test_a_pool_of_folders_and_of_a_saved_dataset(ready: Workdir) -> None:
    ready.ok("mkdir -p saved/train nested/b/c nested/.d nested/_e && echo '{}' > saved/train/dataset_info.json")
    state = {"_data_files": [{"filename": f"data-0000{part}-of-00002.arrow"} for part in range(2)]}
    ready.write("saved/train/state.json", json.dumps(state).encode())
    ready.write("saved/dataset_dict.json", b'{"splits": ["train"]}')
    ready.ok("cd saved/train && touch data-00000-of-00002.arrow data-00001-of-00002.arrow cache-1.arrow")
    ready.ok("cd nested && touch z.csv b/c/a.jsonl.xz b/m.parquet b/n.md .d/a.jsonl _e/a.jsonl")
    for pool, wanted in (("saved", ["train/data-00000-of-00002.arrow", "train/data-00001-of-00002.arrow"]),
                         ("nested", ["b/c/a.jsonl.xz", "b/m.parquet", "z.csv"])):
        ready.ok(f"echo POOL={pool} NAME={pool} >> s.sh && submit s.sh")
        assert ready.read(f"work/slurm/{pool}/pool").decode().split() == [f"{ready.path}/{pool}/{n}" for n in wanted]
        made = ready.ok(f"make -n -f {SCRIPTS}/pipeline.mk POOL={pool}/ TARGET=target.jsonl K=1 WORK=made").out.decode()
        assert sorted(re.findall(rf"ds-chunk +{pool}/(\S+) -o", made)) == sorted(wanted)
    ready.ok("mkdir 'nested/[odd]' && touch 'nested/[odd]/a.csv'")
    made = ready.run(f"make -f {SCRIPTS}/pipeline.mk POOL=nested TARGET=target.jsonl K=1 WORK=made")
    assert made.status == 2
    assert "nested/[odd]: no file matches it, or a name holds one of" in made.err


def test_each_job_is_asked_for_within_its_limits(ready: Workdir) -> None:
    out = ready.ok("submit s.sh --print").out.decode()
    assert {"calls", "work"}.isdisjoint(ready.names())
    lines = {Path(words[-3]).stem: words for line in out.splitlines() if (words := shlex.split(line))[0] == "sbatch"}
    assert list(lines) == ["chunk", "embed", "target", "stats", "score", "topk", "train"]
    for name, line in lines.items():
        assert ("--array=0-3%2" in line) == (name in ("chunk", "embed", "score")), name
        gpus = {"embed": "--gpus-per-node=1", "target": "--gpus-per-node=1", "train": "--gpus-per-node=8"}.get(name)
        assert [word for word in line if word.startswith("--gpus")] == ([gpus] if gpus else [])
        assert f"--partition={'gpu' if gpus else 'cpu'}" in line
        assert {"--account=us", "--mail-type=FAIL", "--comment=some text"} <= set(line)
    assert "--dependency=afterok:JOB-OF-embed:JOB-OF-target" in lines["stats"]
    assert "--nodes=2" in lines["train"]
    assert "--mem=8G" in lines["embed"]
    assert "--time=24:00:00" in lines["train"]
    assert re.search(r"^embed +4 tasks for 2 shards +after chunk$", out, re.MULTILINE)


def test_options_of_sbatch_for_the_jobs_of_one_kind(ready: Workdir) -> None:
    ready.ok("echo SBATCH_EMBED=--constraint=a100 SBATCH_TOPK=\"'--exclusive --nice=5'\" >> s.sh")
    ready.ok("echo EMBED_GPUS=a100:1 TRAIN_GPUS=nvidia_a100_3g.20gb:2 >> s.sh")
    lines = [shlex.split(line) for line in ready.ok("submit s.sh --print").out.decode().splitlines()]
    jobs = {Path(line[-3]).stem: line for line in lines if line[0] == "sbatch"}
    for option, wanted in {"--constraint=a100": {"embed", "target"}, "--gpus-per-node=a100:1": {"embed", "target"},
                           "--exclusive": {"topk"}, "--nice=5": {"topk"}, "--mail-type=FAIL": set(jobs)}.items():
        assert {name for name, line in jobs.items() if option in line} == wanted, option
    assert "--gpus-per-node=nvidia_a100_3g.20gb:2" in jobs["train"]
    ready.ok("submit s.sh && grep TRAIN_PROCESSES=2 work/slurm/target/settings.sh")


def test_a_setup_that_works_on_the_nodes_alone(ready: Workdir) -> None:
    ready.ok("echo SETUP=false >> s.sh && submit s.sh --no-setup")
    assert b"sbatch" in ready.read("calls")


def test_what_is_submitted_is_written_down_for_the_jobs(ready: Workdir) -> None:
    out = ready.ok("submit s.sh").out.decode()
    assert re.search(r"^stats +job 4 +1 task +after embed, target$", out, re.MULTILINE)
    calls = [line for line in ready.read("calls").decode().splitlines() if line.startswith("sbatch")]
    assert "--dependency=afterok:2:3" in calls[3]
    run = "work/slurm/target"
    assert ready.read(f"{run}/pool").decode().split() == [f"{ready.path}/pool/{name}.jsonl" for name in "ab"]
    assert ready.read(f"{run}/emb").decode().split() == [f"{ready.path}/work/emb/{name}.npy" for name in "ab"]
    said = ready.ok(f'set -eu; . {run}/settings.sh; eval "$SETUP"; echo $TASKS $NAME $EMBED_TIME $TRAIN_PROCESSES').out
    assert said.decode().splitlines() == [f"a b {ready.environment['HOME']}", "4 target 8:00:00 8"]


@pytest.mark.heavy
def test_a_pool_in_a_bucket_by_slurm_and_by_make(ready: Workdir) -> None:
    with s3_server() as url:
        bucket = Bucket(url, "shards")
        for name in "ab":
            bucket.put(f"pool/{name}.jsonl", ready.read(f"pool/{name}.jsonl"))
        use_store(ready, url)
        ready.ok("echo POOL=s3://shards/pool/ >> s.sh && submit s.sh")
        assert ready.read("work/slurm/target/pool").decode().split() == [f"s3://shards/pool/{n}.jsonl" for n in "ab"]
        pool = "s3://shards/pool/a.jsonl s3://shards/pool/b.jsonl"
        make = f"make -f {SCRIPTS}/pipeline.mk POOL='{pool}' TARGET=target.jsonl K=1 WORK=made"
        ready.ok(f"{make} made/chunks/b.jsonl.zst && ds-chunk -q pool/b.jsonl -o here.jsonl.zst")
        assert ready.ok("zstdcat made/chunks/b.jsonl.zst").out == ready.ok("zstdcat here.jsonl.zst").out
        assert "is up to date" in ready.ok(f"{make} made/chunks/b.jsonl.zst").out.decode()


@pytest.mark.heavy
@pytest.mark.parametrize(("count", "wanted"), [("", "abcdefg"), ("1", "a"), ("2", "ad"), ("3", "ace"),
                                               ("4", "abdf"), ("6", "abcdef"), ("9", "abcdefg")])
def test_the_potentials_read_shards_spread_over_the_pool(ready: Workdir, count: str, wanted: str) -> None:
    for name in "cdefg":
        ready.ok(f"cp pool/a.jsonl pool/{name}.jsonl")
    ready.ok(f"echo STATS_SHARDS={count} >> s.sh && submit s.sh")
    assert ready.read("work/slurm/target/fitted").decode().split() == [f"{ready.path}/work/emb/{n}.npy" for n in wanted]
    # The same by make.
    words = f"POOL=pool TARGET=target.jsonl K=1 WORK=made STATS_SHARDS={count}"
    ready.ok(f"make -f {SCRIPTS}/pipeline.mk {words} made/target/made-with/emb-files")
    assert ready.read("made/target/made-with/emb-files").decode().split() == [f"made/emb/{n}.npy" for n in wanted]


def test_every_setting_of_the_jobs_is_in_the_template() -> None:
    template = set(re.findall(r"^([A-Z_]+)=", (SCRIPTS / "slurm/settings.sh").read_text(), re.MULTILINE))
    jobs = "".join(path.read_text() for path in (SCRIPTS / "slurm").glob("*.sh") if path.name != "settings.sh")
    used = set(re.findall(r"\$\{?([A-Z_]+)", jobs))
    assert {name for name in used if not name.startswith("SLURM")} <= template | {"RUN", "SCRIPTS"}
