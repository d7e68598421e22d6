"""A selection rule of another package: a file and an entry point, and the installed commands have it."""

import json
from pathlib import Path

import numpy as np
import pytest

from workdir import Workdir

RULE = '''
"""A rule that scores rows by one of their numbers, in the direction of the target's mean."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from gotd.methods.base import Fitted, VectorRule
from gotd.methods.block_scorer import BlockScorer
from gotd.methods.options import Option, Options
from gotd.methods.schema import ArrayField, Count, Summary
from gotd.ot.cost import Cost


@dataclass(frozen=True)
class AxisOptions(Options):
    axis: Annotated[int, Option("Of axis: which number of a row.", "N", least=0)] = 0
    flip: Annotated[bool, Option("Of axis: the other way round.")] = False

    def idle(self):
        return {"flip": " and --axis 0"} if self.axis == 0 else {}


@dataclass(frozen=True, kw_only=True)
class AxisSummary(Summary):
    axis: Count
    target_rows: Count


class AlongAxis(BlockScorer):
    def __init__(self, arrays, figures, workers, device):
        super().__init__(workers, device)
        self.cost = Cost("sqeuclidean")
        self.dimension, self._axis = len(arrays["direction"]), figures.axis
        self._sign = arrays["direction"][self._axis]

    def of_points(self, points, rows):
        return rows[:, self._axis].astype("f4") * self._sign


class Axis(VectorRule):
    name = "axis"
    options_type = AxisOptions
    arrays = {"direction": ArrayField("<f4", ("d",))}
    summary_type = AxisSummary
    scorer_type = AlongAxis

    def fit(self, problem):
        direction = np.zeros(problem.target.shape[1], dtype="<f4")
        mean = problem.masses @ problem.target[:, self.options.axis]
        direction[self.options.axis] = -np.sign(mean) if self.options.flip else np.sign(mean)
        return Fitted({"direction": direction}, AxisSummary(method="axis", axis=self.options.axis,
                                                            target_rows=len(problem.target)))
'''
POOL = np.random.default_rng(0).normal(size=(40, 6)).astype("f4")
TARGET = np.random.default_rng(1).normal(size=(9, 6)).astype("f4") - 0.8


def install(folder: Path, name: str, place: str, code: str) -> None:
    """A package as pip leaves it: a module, and what it says of itself."""
    (folder / f"{place.partition(':')[0]}.py").write_text(code)
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[gotd.rules]\n{name} = {place}\n")


@pytest.fixture
def added(work: Workdir) -> Workdir:
    """A folder with vectors and a package that has the rule."""
    (work.path / "packages").mkdir()
    work.environment["PYTHONPATH"] = str(work.path / "packages")
    install(work.path / "packages", "axis", "axis_rule:Axis", RULE)
    np.save(work.path / "pool.npy", POOL)
    np.save(work.path / "target.npy", TARGET)
    return work


FIT = "ds-target-stats --target target.npy pool.npy -o t.npz"


@pytest.mark.heavy
def test_a_rule_of_another_package_fits_and_scores(added: Workdir) -> None:
    said = json.loads(added.ok(f"{FIT} --method axis --axis 4").out)
    assert (said["method"], said["axis"], said["target_rows"]) == ("axis", 4, 9)
    added.ok("ds-score --target t.npz pool.npy -o s.npy")
    assert np.array_equal(np.load(added.path / "s.npy"), -POOL[:, 4])
    added.ok(f"{FIT} --method axis --axis 4 --flip && ds-score --target t.npz pool.npy -o flipped.npy")
    assert np.array_equal(np.load(added.path / "flipped.npy"), POOL[:, 4])


@pytest.mark.slow
def test_its_options_are_the_commands(added: Workdir) -> None:
    text = added.ok("ds-target-stats --help").out.decode()
    assert "--axis N" in text
    assert "which number of a row" in text
    added.fails(f"{FIT} --method axis --axis -1", "--axis", status=2)
    added.fails(f"{FIT} --method axis --epsilon 1", "--epsilon does nothing with --method axis", status=2)
    added.fails(f"{FIT} --method axis --flip", "--flip does nothing with --method axis and --axis 0", status=2)
    added.fails(f"{FIT} --axis 2", "--axis does nothing with --method got", status=2)
    added.ok(f"{FIT} --no-whiten", DS_AXIS="2")


@pytest.mark.heavy
def test_a_target_of_a_rule_that_is_not_here(added: Workdir) -> None:
    added.ok(f"{FIT} --method axis")
    added.environment["PYTHONPATH"] = ""
    added.fails("ds-score --target t.npz pool.npy -o s.npy", "t.npz", "axis", "does not know")


WRONG = [
    ("broken", "broken:Rule", "import nothing_of_that_name", "cannot be loaded"),
    ("absent", "absent:Rule", "", "cannot be loaded"),
    ("other", "other:Other", RULE.replace("class Axis(", "class Other("), "no rule of that name"),
    ("number", "number:three", "three = 3", "no rule of that name"),
    ("mean", "mine:Mean", "", "one in each of gotd, mean"),
    ("clash", "clash:Clash", RULE.replace('"axis"', '"clash"').replace("class Axis(", "class Clash(")
     .replace("least=0", "least=3"), "--axis is another option here"),
    ("named", "named:Named", RULE.replace('"axis"', '"named"').replace("class Axis(", "class Named(")
     .replace("    flip: Annot", "    output: Annot"), "--output is another option here"),
]  # fmt: skip


@pytest.mark.slow
def test_packages_that_are_wrong_harm_nobody_else(added: Workdir) -> None:
    for name, place, code, _ in WRONG:
        install(added.path / "packages", name, place, code)
    added.ok(f"{FIT} --method nearest")
    for name, *_, said in WRONG:
        added.fails(f"{FIT} --method {name}", name, said)
