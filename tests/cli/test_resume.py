"""What counts as made already: by the revision of the stage that made it, and by inputs that are read once for it."""

import pytest

from workdir import Workdir, records, texts

#: A command that belongs to a package of that version, or whose stage has that revision.
RUN = "import sys, gotd; gotd.__version__ = '{version}'; import gotd.cli.{name} as stage; {more}; stage.main()"
LINES = {
    "chunk": "pool.jsonl -o chunks/",
    "embed": "--dimension 64 pool.jsonl -o emb/",
    "score": "--target t.npz emb/pool.npy -o scores/",
}
#: Where a stage's revision stands, if not in the command's own module.
REVISED = {"score": "import gotd.cli._scoring as revised; revised.REVISION += 1"}


def stage(name: str, version: str = "9.9", more: str = "pass") -> str:
    """The command line of a stage of another gotd than is installed."""
    return f"python -c \"{RUN.format(version=version, name=name, more=more)}\" {LINES[name]}"


@pytest.mark.heavy
@pytest.mark.parametrize("name", LINES)
def test_another_version_makes_nothing_anew_and_another_revision_does(work: Workdir, name: str) -> None:
    work.write("pool.jsonl", records(texts(20)))
    work.ok("ds-embed --dimension 64 pool.jsonl -o emb/ && ds-target-stats --target emb/pool.npy emb/* -o t.npz")
    work.ok(f"ds-{name} {LINES[name]}")
    assert "already complete" in work.ok(stage(name)).err
    revised = stage(name, more=REVISED.get(name, "stage.REVISION += 1"))
    assert "already complete" not in work.ok(revised).err
    assert "already complete" in work.ok(revised).err


def test_the_version_stands_in_the_seal(work: Workdir) -> None:
    work.write("pool.jsonl", records(texts(20)))
    work.ok(stage("embed", "7.8"))
    assert b'"version":"7.8"' in work.read("emb/pool.npy")


COUNTED = """
import sys, re
import gotd.cli.chunk as stage
try:
    stage.main()
finally:
    print(re.search(r"rchar: (\\d+)", open("/proc/self/io").read())[1])
"""


def test_an_input_without_a_seal_is_read_once_to_be_made(work: Workdir) -> None:
    work.write("count.py", COUNTED.encode())
    work.write("small.jsonl", b'{"id": "a", "text": "b"}\n')
    work.write("large.jsonl", b'{"id": "a", "text": "%s"}\n' % (b"word " * 180) * 20_000)
    size = len(work.read("large.jsonl"))

    def read(name: str) -> int:
        return int(work.ok(f"python count.py {name}.jsonl -o chunks/").out)

    few = read("small")
    assert 0.9 * size < read("large") - few < 1.1 * size
    work.ok("rm chunks/*")
    assert 0.9 * size < read("large") - few < 1.1 * size
    assert 0.9 * size < read("large") - few < 1.1 * size  # only to see that it is there
