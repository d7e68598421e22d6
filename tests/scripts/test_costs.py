"""What every held-out text costs, packed beside stored lines, is what a study kept in its folder."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workdir import Workdir

from .conftest import STUDY, module

pytestmark = [pytest.mark.usefixtures("study_modules"), pytest.mark.xdist_group("experiments")]

TEXTS = ("a cat sat there", "oil prices fell", "protein binds to dna", "protein binds to dna")


def line(rule: str, **more: Any) -> dict[str, Any]:
    return {"task": "a", "rule": rule, "chunks": 500, "order": 3, "lambda": 0.3, "nats_per_word": 7.0, **more}


@pytest.fixture
def study(tmp_path: Path) -> Any:
    made = module("data").Study(tmp_path / "work/tiny")
    module("data").write(made.held_out("a"), [json.dumps({"text": text}).encode() for text in TEXTS])
    return made


def test_what_is_packed_is_what_was_kept(work: Workdir, study: Any) -> None:
    costs = module("costs")
    lines = [line("got"), line("got", rows=100, draw=1), line("random", rows=400, draw=0)]
    nats = np.random.default_rng(0).uniform(10.0, 60.0, (len(lines), len(TEXTS)))
    for each, some in zip(lines, nats, strict=True):
        costs.keep(study.folder, each, some)
    work.write("lines.jsonl", b"".join(json.dumps(each).encode() + b"\n" for each in lines))
    results = work.path / "lines.jsonl"
    assert costs.kept(results, None) is None
    work.ok(f"python {STUDY}/costs.py lines.jsonl {study.folder.parent}")
    for where in (costs.kept(results, None), costs.kept(results, study)):
        for each, some in zip(lines, nats, strict=True):
            found = costs.costs_of(where, [each])
            np.testing.assert_allclose(found.nats, some, rtol=2**-11)  # half of float16's last digit
            assert found.held_out.lengths.tolist() == [4, 3, 4, 4]
            assert found.held_out.units.tolist() == [0, 1, 2, 2]  # copies are one
        of_two = costs.costs_of(where, lines[:2]).nats
        np.testing.assert_allclose(of_two, nats[:2].mean(axis=0), rtol=2**-11)
        assert costs.costs_of(where, [lines[0], line("mean")]) is None


def test_costs_that_are_not_there_are_named_and_nothing_is_packed(work: Workdir, study: Any) -> None:
    module("costs").keep(study.folder, line("got"), np.ones(len(TEXTS)))
    work.write("lines.jsonl", b"".join(json.dumps(line(rule)).encode() + b"\n" for rule in ("got", "mean")))
    work.fails(f"python {STUDY}/costs.py lines.jsonl {study.folder.parent}", "costs.py: error: ",
               "costs/a/mean@500-3-0.3.npy: is not there")
    assert "lines-costs.npz" not in work.names()
