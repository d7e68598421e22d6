"""Inputs are shared out where --shard says so, and nowhere else; the arrays are as Slurm describes them."""

import pytest

from workdir import Workdir

LINE = "ds-chunk s*.jsonl -o made/"


@pytest.fixture
def shards(work: Workdir) -> Workdir:
    """Four files."""
    for number in range(4):
        work.write(f"s{number}.jsonl", b'{"text": "alpha"}\n')
    return work


def task(number: int, first: int, last: int, count: int, step: int = 1) -> dict[str, str]:
    """What Slurm tells a task of an array."""
    values = {"ID": number, "MIN": first, "MAX": last, "COUNT": count, "STEP": step}
    return {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in values.items()}


def made(work: Workdir) -> str:
    """The numbers of the files that have an output."""
    return "".join(sorted(name[len("made/s")] for name in work.names() if name.startswith("made/s")))


def test_in_a_users_own_array_every_task_reads_all_its_inputs(shards: Workdir) -> None:
    shards.ok(LINE, **task(1, 0, 3, 4))
    assert made(shards) == "0123"


@pytest.mark.parametrize(("array", "expected"), [
    ((1, 0, 1, 2), "13"),       # --array=0-1
    ((6, 4, 6, 3), "2"),        # --array=4-6
    ((20, 0, 30, 4, 10), "2"),  # --array=0-35:10
    ((5, 3, 5, 2, 2), "13"),    # --array=3-6:2
    ((7, 7, 7, 1), "0123"),     # --array=7
])
def test_a_task_takes_its_part(shards: Workdir, array: tuple[int, ...], expected: str) -> None:
    done = shards.ok(f"{LINE} --shard slurm", **task(*array))
    assert made(shards) == expected
    number, first, _, count, step = (*array, 1)[:5]
    assert f"; part {(number - first) // step}/{count}" in done.err


def test_a_task_without_a_part_says_which_it_is(shards: Workdir) -> None:
    done = shards.ok(f"{LINE} --shard slurm", **task(5, 0, 5, 6))
    assert "nothing to do: 4 inputs leave none for this shard" in done.err
    assert "part 5/6" in done.err


@pytest.mark.parametrize(("environment", "words"), [
    (task(3, 1, 6, 3), ("3 tasks from 1 to 6 with step 1", "--array", "--shard I/N")),     # --array=1,3,6
    (task(3, 1, 5, 3), ("3 tasks from 1 to 5 with step 1", "--array")),                    # --array=1,3,5, or 1,2,5
    (task(15, 0, 30, 4, 10), ("step 10",)),
    ({}, ("this is no task of a Slurm array", "--shard I/N")),
    (task(1, 0, 3, 4) | {"SLURM_ARRAY_TASK_ID": "x"}, ("SLURM_ARRAY_TASK_ID=x is no number",)),
    ({"SLURM_ARRAY_TASK_ID": "1"}, ("SLURM_ARRAY_TASK_MAX= is no number",)),
])
def test_what_cannot_be_known_is_an_error(shards: Workdir, environment: dict[str, str], words: tuple[str, ...]) -> None:
    shards.fails(f"{LINE} --shard slurm", *words, status=2, **environment)
    assert made(shards) == ""


@pytest.mark.parametrize("line", ["ds-chunk", "ds-embed", "ds-score --target none.npz"])
def test_what_goes_into_one_output_is_not_shared_out(shards: Workdir, line: str) -> None:
    before = shards.names()
    for output in ("-o all.jsonl.zst", "> all"):
        shards.fails(f"{line} --shard 1/4 s*.jsonl {output}", "--shard needs -o DIR/: one output for each", status=2)
        shards.fails(f"{line} s*.jsonl {output}", "DS_SHARD wants the part 1/4 of 4 inputs", "give -o DIR/",
                     "unset DS_SHARD", status=2, DS_SHARD="1/4")
    shards.fails(f"{line} --shard 1/4 s1.jsonl -o one.jsonl.zst", "--shard needs -o DIR/", status=2)
    assert shards.names() - {"all"} == before


def test_a_variable_does_not_take_the_only_input_away(shards: Workdir) -> None:
    done = shards.ok("ds-chunk s1.jsonl -o one.jsonl && ds-chunk --plain < s1.jsonl", DS_SHARD="1/4")
    assert shards.read("one.jsonl") == done.out.replace(b"<stdin>", b"s1.jsonl") != b""
    assert "part" not in done.err
