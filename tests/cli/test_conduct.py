"""What every command owes its user, whichever it is (DESIGN 6): tried on the installed programs."""

import importlib
import json
import os
import pty
import re
import signal
import subprocess
from typing import NamedTuple

import click
import pytest
import zstandard

import gotd
from workdir import Workdir, records, stop, texts


class Command(NamedTuple):
    """A command as a filter: what it is called with, and the file of the chain it reads."""

    line: str
    good: str

    @property
    def tool(self) -> str:
        return self.line.split()[0]

    @property
    def output(self) -> str:
        """A name for what it writes."""
        return "made.npy" if self.good.endswith(".npy") else "made.zst"


CHUNK = Command("ds-chunk --chars 100", "pool.jsonl")
EMBED = Command("ds-embed --dimension 64", "pool.jsonl")
SCORE = Command("ds-score --target target.npz", "carried.jsonl.zst")
SCORE_VECTORS = Command("ds-score --target target.npz", "pool.npy")
TOPK = Command("ds-topk -k 300 --score-key gotd_score", "scored.jsonl.zst")
STATS = Command("ds-target-stats --target target.npy -o made.npz", "pool.npy")
FILTERS = [CHUNK, EMBED, SCORE, SCORE_VECTORS, TOPK]
EVERY = [*FILTERS, STATS]
READ_TEXT = [CHUNK, EMBED]
READ_RECORDS = [CHUNK, EMBED, SCORE, TOPK]


def name(command: Command) -> str:
    return f"{command.tool}-{command.good}"


def plain(chain: Workdir, command: Command) -> list[bytes]:
    """The command's good input as lines of plain text."""
    return chain.ok(f"zstdcat -f {command.good}").out.splitlines()


@pytest.mark.heavy
@pytest.mark.parametrize("command", FILTERS, ids=name)
def test_a_reader_that_goes_away_is_141_and_silent(chain: Workdir, command: Command) -> None:
    # So much that no pipe can hold it: the same rows again and again.
    chain.ok(f"for i in $(seq 400); do cat {command.good}; done > long")
    line = command.line.replace("-k 300", "-k 200000 --keep-copies")
    done = chain.run(f"{line} < long | head -c 1 > /dev/null; echo ${{PIPESTATUS[0]}}")
    assert done.out == b"141\n", done
    assert done.err == ""


def test_a_summary_nobody_reads_is_141_too(chain: Workdir) -> None:
    done = chain.run(f"{STATS.line} < pool.npy | true; echo ${{PIPESTATUS[0]}}")
    assert done.out == b"141\n", done


@pytest.mark.parametrize("command", EVERY, ids=name)
def test_a_full_disk_is_1(chain: Workdir, command: Command) -> None:
    chain.fails(f"{command.line} < {command.good} > /dev/full", command.tool, "No space left on device")


@pytest.mark.parametrize("command", EVERY, ids=name)
def test_zero_bytes_are_an_error(chain: Workdir, command: Command) -> None:
    chain.fails(f"{command.line} < /dev/null", f"{command.tool}: error: <stdin>: zero bytes")


@pytest.mark.parametrize("command", READ_RECORDS, ids=name)
def test_a_stream_of_no_records_gives_one(chain: Workdir, command: Command) -> None:
    empty = zstandard.compress(b"")
    done = chain.run(f"{command.line} | zstdcat | wc -c", stdin=empty)
    assert (done.status, done.out.strip()) == (0, b"0"), done
    assert f"{command.tool}: 0 rows" in done.err


def test_no_vectors_give_no_scores_but_cannot_be_a_source(chain: Workdir) -> None:
    chain.ok("python -c 'import numpy as np; np.save(\"none.npy\", np.empty((0, 64), \"f4\"))'")
    chain.ok("ds-score --target target.npz none.npy -o none-scores.npy")
    assert chain.ok("python -c 'import numpy as np; print(np.load(\"none-scores.npy\").shape)'").out == b"(0,)\n"
    chain.fails("ds-target-stats --target target.npy none.npy -o made.npz", "none.npy", "no rows")
    chain.fails("ds-target-stats --target none.npy pool.npy -o made.npz", "none.npy", "no rows")


@pytest.mark.parametrize("command", READ_RECORDS, ids=name)
def test_one_row_is_enough(chain: Workdir, command: Command) -> None:
    done = chain.ok(f"{command.line} | zstdcat | wc -l", stdin=plain(chain, command)[0])
    assert int(done.out) >= 1


@pytest.mark.parametrize("command", READ_RECORDS, ids=name)
def test_line_ends_do_not_matter(chain: Workdir, command: Command) -> None:
    lines = plain(chain, command)
    ends = [b"\n".join(lines) + b"\n", b"\n".join(lines), b"\r\n".join(lines), b"\xef\xbb\xbf" + b"\n".join(lines)]
    results = {chain.ok(f"{command.line} | zstdcat", stdin=end).out for end in ends}
    assert len(results) == 1


@pytest.mark.heavy
@pytest.mark.parametrize("command", READ_RECORDS, ids=name)
@pytest.mark.parametrize(("bad", "said"), [(b"[1]", "array"), (b'{"text": "a', "not JSON"),
                                           (b'{"text": "\xff"}', "UTF-8")])
def test_a_bad_line_is_named_and_can_be_skipped(chain: Workdir, command: Command, bad: bytes, said: str) -> None:
    lines = plain(chain, command)[:4]
    chain.write("bad.jsonl", b"\n".join([*lines[:2], bad, *lines[2:]]) + b"\n")
    chain.fails(f"{command.line} bad.jsonl > out", f"{command.tool}: error: bad.jsonl:3: ", said, "--skip-invalid")
    chain.fails(f"{command.line} bad.jsonl -o {command.output}", "bad.jsonl:3")
    assert command.output not in chain.names()
    done = chain.ok(f"{command.line} --skip-invalid 1 bad.jsonl | zstdcat")
    assert "1 bad records skipped" in done.err
    good = chain.ok(f"{command.line} | zstdcat", stdin=b"\n".join(lines)).out
    assert done.out == good


@pytest.mark.parametrize("command", READ_TEXT, ids=name)
@pytest.mark.parametrize(("fields", "said"), [({"id": 1}, 'no "text" field'), ({"text": None}, 'no "text" field'),
                                              ({"text": 7}, "a JSON number"), ({"text": "\ud800"}, "surrogate")])
def test_a_record_without_text_is_named(chain: Workdir, command: Command, fields: dict[str, object], said: str) -> None:
    chain.fails(command.line, "<stdin>:1", said, stdin=json.dumps(fields).encode())


@pytest.mark.parametrize("command", [SCORE_VECTORS, STATS], ids=name)
@pytest.mark.parametrize("bad", ["nan", "inf"])
def test_a_vector_that_is_not_finite_is_named(chain: Workdir, command: Command, bad: str) -> None:
    chain.ok(f"python -c 'import numpy as np; x = np.load(\"pool.npy\"); x[17, 3] = np.{bad}; np.save(\"bad.npy\", x)'")
    chain.fails(f"{command.line} bad.npy > out", "bad.npy: row 17", "NaN or infinite")


@pytest.mark.parametrize("command", FILTERS, ids=name)
def test_data_never_goes_to_a_terminal(chain: Workdir, command: Command) -> None:
    ours, theirs = pty.openpty()
    done = subprocess.run([*command.line.split(), command.good], cwd=chain.path, env=chain.environment, stdout=theirs,
                          stderr=subprocess.PIPE, check=False)
    os.close(theirs)
    assert done.returncode == 2, done
    assert b"terminal" in done.stderr
    assert b"-o FILE" in done.stderr
    os.close(ours)


def test_records_can_be_read_on_a_terminal(chain: Workdir) -> None:
    ours, theirs = pty.openpty()
    line = "ds-topk --plain -k 1 --score-key n"
    subprocess.run(line.split(), cwd=chain.path, env=chain.environment, input=b'{"text": "a", "n": 1}\n', stdout=theirs,
                   stderr=subprocess.PIPE, check=True)
    os.close(theirs)
    assert os.read(ours, 100) == b'{"text": "a", "n": 1}\r\n'
    os.close(ours)


@pytest.mark.parametrize("command", FILTERS, ids=name)
def test_a_terminal_is_no_input(chain: Workdir, command: Command) -> None:
    ours, theirs = pty.openpty()
    done = chain.run(f"{command.line} | cat", stdin=theirs)
    os.close(ours)
    os.close(theirs)
    assert done.status == 2, done
    assert "standard input is a terminal" in done.err


@pytest.mark.heavy
@pytest.mark.parametrize("command", FILTERS, ids=name)
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_with_nothing_half_written(chain: Workdir, command: Command, number: signal.Signals,
                                                    status: int) -> None:
    before = chain.names()
    process = chain.start(f"{command.line} -o {command.output}")
    done = stop(process, number, chain.read(command.good)[:-10])
    assert done.status == status, done
    assert "Traceback" not in done.err
    assert chain.names() == before


@pytest.mark.heavy
@pytest.mark.parametrize("command", FILTERS, ids=name)
def test_after_kill_9_the_same_line_gives_the_same_bytes(chain: Workdir, command: Command) -> None:
    chain.ok(f"{command.line} {command.good} -o expected-{command.output}")
    process = chain.start(f"{command.line} -o {command.output}")
    stop(process, signal.SIGKILL, chain.read(command.good)[:-10])
    assert command.output not in chain.names()
    chain.ok(f"{command.line} {command.good} -o {command.output}")
    chain.ok(f"cmp expected-{command.output} {command.output}")


@pytest.mark.parametrize("command", EVERY, ids=name)
def test_wrong_usage_is_2(chain: Workdir, command: Command) -> None:
    done = chain.fails(f"{command.line} --no-such-option", f"{command.tool}: error: ", "--help", status=2)
    assert done.out == b""


@pytest.mark.parametrize("tool", ["ds-chunk", "ds-embed", "ds-target-stats", "ds-score", "ds-topk", "ds-probe",
                                  "ds-report", "ds-train"])
def test_the_version_is_one_line(work: Workdir, tool: str) -> None:
    done = work.ok(f"{tool} --version", DS_VERSION="9")
    assert re.fullmatch(rf"{tool} \d+\.\d+\.\d+\n", done.out.decode())
    assert done.out.decode().split()[1] == gotd.__version__


@pytest.mark.parametrize("module", ["target_stats", "topk", "probe", "train"])
def test_no_number_is_infinite_or_none(module: str) -> None:
    command = importlib.import_module(f"gotd.cli.{module}").command
    numbers = [option for option in command.params if isinstance(option.type, click.types.FloatParamType)]
    assert numbers
    for option in numbers:
        for value in ("nan", "inf"):
            with pytest.raises(click.BadParameter):
                option.type.convert(value, option, None)


@pytest.mark.parametrize("command", EVERY, ids=name)
def test_a_missing_file_is_named(chain: Workdir, command: Command) -> None:
    chain.fails(f"{command.line} nowhere.x > out", f"{command.tool}: error: nowhere.x: No such file or directory")


@pytest.mark.parametrize("command", FILTERS, ids=name)
def test_standard_input_is_read_once(chain: Workdir, command: Command) -> None:
    chain.fails(f"{command.line} - - > out", "at most once", status=2)


@pytest.mark.parametrize("command", EVERY, ids=name)
def test_the_last_line_says_what_was_done_unless_quiet(chain: Workdir, command: Command) -> None:
    done = chain.ok(f"{command.line} < {command.good} > out")
    last = done.err.splitlines()[-1]
    assert last.startswith(f"{command.tool}: 300 rows in ")
    assert "rows/s" in last
    assert "peak memory" in last
    assert chain.ok(f"{command.line} -q < {command.good} > out").err == ""


def test_a_flag_beats_the_environment_and_that_beats_the_default(work: Workdir) -> None:
    work.write("pool.jsonl", records(texts(3)))
    line = "ds-embed pool.jsonl {} | zstdcat | jq -rs '.[0].gotd_embedding' | base64 -d | wc -c"
    lengths = [int(work.ok(line.format(flag), **given).out) for flag, given in
               [("", {}), ("", {"DS_DIMENSION": "64"}), ("--dimension 32", {"DS_DIMENSION": "64"})]]
    assert lengths == [2048, 128, 64]


def test_a_traceback_only_when_asked_for(work: Workdir) -> None:
    assert "Traceback" not in work.run("ds-embed nowhere.jsonl > out").err
    assert "Traceback" in work.run("ds-embed nowhere.jsonl > out", DS_DEBUG="1").err


def test_an_output_never_replaces_its_input(chain: Workdir) -> None:
    before = chain.read("pool.jsonl")
    chain.fails("ds-chunk pool.jsonl -o pool.jsonl", "is an input as well", status=2)
    chain.write("a.jsonl.zst", before)
    chain.fails("ds-chunk a.jsonl.zst -o ./", "is an input as well", status=2)
    assert chain.read("a.jsonl.zst") == before


@pytest.mark.parametrize("line", [
    "ds-topk -k 3 scored.jsonl.zst -o ./scored.jsonl.zst", "ds-topk -k 3 --scores scores.npy pool.jsonl -o scores.npy",
    "ds-topk -k 3 --scores scores.npy pool.jsonl -o pool.jsonl", "ds-topk -k 3 --scores . pool.jsonl -o pool.npy",
    "{} -o target.npy", "{} -o pool.npy", "{} --source pool.npy -o pool.npy", "{} --weights w.npy -o w.npy",
    "{} --target-mass w.npy -o w.npy", "{} --mix target.npz:0.5 -o link.npz",
])
def test_nor_anything_else_that_is_read(chain: Workdir, line: str) -> None:
    chain.write("w.npy", b"")
    chain.ok("ln -s target.npz link.npz")
    before = {name: chain.read(name) for name in chain.names()}
    said = "is not what is written" if line.endswith(".npy") else "is an input as well"
    chain.fails(line.format("ds-target-stats --target target.npy pool.npy"), said, status=2)
    assert {name: chain.read(name) for name in chain.names()} == before
