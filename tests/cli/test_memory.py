"""Memory does not grow with the pool."""

import re

import numpy as np
import pytest

from workdir import Workdir

ROWS = (200_000, 2_000_000)


def peak_megabytes(line: str, work: Workdir) -> int:
    work.may_fork = False  # a fork's memory is in part its server's
    found = re.search(r"peak memory (\d+) MB", work.ok(line).err.splitlines()[-1])
    assert found
    return int(found[1])


@pytest.mark.slow
def test_scoring_and_choosing_hold_the_same_for_ten_times_the_rows(work: Workdir) -> None:
    random = np.random.default_rng(0)
    block = random.normal(size=(20_000, 384)).astype("<f2")
    block /= np.linalg.norm(block.astype("<f4"), axis=1, keepdims=True).astype("<f2")
    np.save(work.path / "target.npy", block[:1000])
    np.save(work.path / "pool.npy", block)
    work.ok("ds-target-stats --target target.npy pool.npy -o target.npz")
    peaks: dict[str, list[int]] = {"score": [], "choose": []}
    for rows in ROWS:
        vectors = np.lib.format.open_memmap(work.path / "emb.npy", "w+", "<f2", (rows, 384))
        for start in range(0, rows, len(block)):
            vectors[start : start + len(block)] = block
        del vectors
        work.write("pool.jsonl", b"".join(b'{"id":%d,"text":"t"}\n' % i for i in range(rows)))
        peaks["score"].append(peak_megabytes("ds-score --target target.npz emb.npy -o scores.npy", work))
        peaks["choose"].append(peak_megabytes("ds-topk -k 5000 --scores scores.npy pool.jsonl -o best.jsonl.zst", work))
        (work.path / "emb.npy").unlink()
    print(peaks)
    for small, large in peaks.values():
        assert large <= 1.1 * small
        assert large < 700
