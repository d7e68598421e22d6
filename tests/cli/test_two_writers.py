"""Two runs that write the same output at once: each ends well, and what stays is whole and right."""

import signal
import subprocess
import time

import pytest

from workdir import Workdir, records, texts

LINES = ["ds-chunk --chars 100 pool.jsonl -o made.jsonl.zst", "ds-embed --dimension 1024 pool.jsonl -o made.npy",
         "ds-topk -k 2000 --score-key gotd_score scored.zst -o made.jsonl.zst"]


@pytest.fixture
def pool(work: Workdir) -> Workdir:
    """A pool whose commands take long enough to meet."""
    work.write("pool.jsonl", records(texts(6000)))
    lines = (b'{"id":%d,"gotd_score":%d,"text":"x%d"}\n' % (i, i * 7919 % 6007, i) for i in range(60_000))
    work.write("scored.zst", b"".join(lines))
    return work


def together(work: Workdir, lines: list[str], **environment: str) -> "list[subprocess.Popen[bytes]]":
    return [subprocess.Popen(line.split(), cwd=work.path, env=work.environment | environment,
                             stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for line in lines]


@pytest.mark.heavy
@pytest.mark.parametrize("line", LINES)
def test_the_same_command_four_times_at_once(pool: Workdir, line: str) -> None:
    name = line.split()[-1]
    pool.ok(line.replace("made", "expected"))
    assert [process.wait(timeout=120) for process in together(pool, [line] * 4)] == [0] * 4
    assert pool.read(name) == pool.read(name.replace("made", "expected"))
    assert not [each for each in pool.names() if each.endswith(".tmp")]


def test_two_array_tasks_of_the_same_index(pool: Workdir) -> None:
    pool.ok("mkdir pool && for i in 0 1 2 3; do head -$((3000 + i)) pool.jsonl > pool/$i.jsonl; done")
    files = " ".join(f"pool/{i}.jsonl" for i in range(4))
    pool.ok(f"ds-embed --dimension 256 {files} -o expected/")
    task = dict(zip(("SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_ID"),
                    "0121", strict=True))
    line = f"ds-embed --dimension 256 --shard slurm {files} -o made/"
    assert [process.wait(timeout=120) for process in together(pool, [line] * 2, **task)] == [0, 0]
    assert {name for name in pool.names() if name.startswith("made/")} == {"made/1.npy", "made/3.npy"}
    for name in ("1.npy", "3.npy"):
        assert pool.read(f"made/{name}") == pool.read(f"expected/{name}")


@pytest.mark.heavy
@pytest.mark.parametrize("killed", [0, 1])
def test_one_of_two_is_killed(pool: Workdir, killed: int) -> None:
    line = LINES[1]
    pool.ok(line.replace("made", "expected"))
    both = together(pool, [line] * 2)
    while not [name for name in pool.names() if name.endswith(".tmp")]:
        time.sleep(0.01)
    both[killed].send_signal(signal.SIGKILL)
    both[killed].wait()
    assert both[1 - killed].wait(timeout=120) == 0
    assert pool.read("made.npy") == pool.read("expected.npy")
    pool.ok("rm -f .*.tmp")  # what the killed one may have left beside it
    pool.ok(line)
    assert pool.read("made.npy") == pool.read("expected.npy")
