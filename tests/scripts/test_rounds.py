"""scripts/rounds.py: what was chosen joins the source, and every line is measured in one space."""

import itertools
import json

import numpy as np
import pytest

from workdir import Workdir, records, texts

from .conftest import SCRIPTS


@pytest.fixture
def pool(work: Workdir) -> Workdir:
    """A pool in two files, of which one subject in five is wanted."""
    for number in range(2):
        work.write(f"{number}.jsonl", records(texts(200, seed=number)))
    work.write("target.jsonl", records(texts(100, seed=9)[::5]))
    work.ok("for i in 0 1 target; do ds-embed -q --dimension 64 $i.jsonl -o $i.npy; done")
    return work


def test_the_choice_brings_the_source_nearer_round_by_round(pool: Workdir) -> None:
    out = pool.ok(f"python {SCRIPTS}/rounds.py -k 30 --rounds 2 --target target.npy --work w 0.npy 1.npy").out.decode()
    told = [json.loads(line) for line in out.splitlines()]
    assert [line["chosen"] for line in told] == [0, 15, 30]
    assert [line["mass"] for line in told] == pytest.approx([0.0, 0.15, 0.3])
    distances = [line["distance"] for line in told]
    assert all(after < before for before, after in itertools.pairwise(distances))
    pool.ok("ds-topk -k 30 --scores w/scores/ 0.jsonl 1.jsonl -o best.jsonl")
    chosen = [int(line["id"][1:]) for line in map(json.loads, pool.read("best.jsonl").splitlines())]
    assert len(chosen) == 30
    assert sum(number % 5 == 0 for number in chosen) >= 29  # the target's subject


@pytest.mark.slow
def test_every_round_has_the_space_of_the_pool(pool: Workdir) -> None:
    pool.ok(f"python {SCRIPTS}/rounds.py -k 30 --rounds 3 --target target.npy --work w 0.npy 1.npy")
    pool.ok("ds-target-stats --target target.npy 0.npy 1.npy -o alone.npz")
    last, alone = np.load(pool.path / "w/target.npz"), np.load(pool.path / "alone.npz")
    for name in ("centre", "whitening", "points"):
        assert (last[name] == alone[name]).all()
    assert (last["potentials"] != alone["potentials"]).any()
