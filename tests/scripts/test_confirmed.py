"""The table of targets that were kept apart: intervals and corrected p values of paired differences."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

STUDY = Path(__file__).parents[2] / "scripts" / "experiments"


@pytest.fixture(autouse=True)
def path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(STUDY))


def test_p_values_are_corrected_as_holm_wrote() -> None:
    """His rule by hand: the smallest times m, the next times m - 1, and never less than the one before."""
    from confirmed import holm

    assert holm([0.04, 0.01, 0.03, 0.9]) == pytest.approx([0.09, 0.04, 0.09, 0.9])
    assert holm([0.6, 0.7]) == [1.0, 1.0]


def test_a_difference_is_paired_over_targets() -> None:
    from confirmed import differences

    random = np.random.default_rng(0)
    got = random.normal(7, 1, 9)
    other = got + np.array([0.1, 0.2, 0.1, 0.0, 0.3, 0.1, -0.1, 0.2, 0.1])
    found = differences({"got": got, "other": other, "same": got[::-1]}, "got")["other"]
    test = stats.ttest_rel(other, got)
    low, high = test.confidence_interval()
    assert (found.mean, found.low, found.high) == pytest.approx((np.mean(other - got), low, high))
    assert found.worse == 7
    assert found.p == pytest.approx(2 * test.pvalue)  # the smaller of two


def test_the_table_leaves_out_rules_without_all_cells() -> None:
    from confirmed import table

    runs = [{"rule": rule, "task": task, "chunks": 500, "nats_per_word": 7.0 + place + more,
             "nats_per_word_by_text": 7.5 + more}
            for rule, more in (("got:vectors=hash+static", 0.0), ("random", 0.5), ("mean", 0.2))
            for place, task in enumerate(("a", "b", "c")) if (rule, task) != ("mean", "c")]
    for number, run in enumerate(runs):
        run["nats_per_word"] += 0.01 * number**2
        run["nats_per_word_by_text"] += 0.01 * number**2
    said = table(runs, None)
    assert "3 targets, budgets of 500 chunks" in said
    assert "| `random` |" in said
    assert "3 of 3" in said
    assert "`mean`" not in said




def test_seeds_of_trained_rules_are_one_mean_and_only_what_lines_say_is_told() -> None:
    from confirmed import table

    more = {"got:vectors=hash+static": 0.0, "random:seed=0": 0.3, "random:seed=1": 0.1, "mean": 0.2}
    lines = [{"rule": rule, "task": task, "chunks": 500, "seed": 0, "nats_per_token": 4.0 + place + 0.01 * place * add
              + add} for rule, add in more.items() for place, task in enumerate(("a", "b"))
             if (rule, task) != ("mean", "b")]
    said = table(lines, None)
    assert "By the token, nats a token:" in said
    assert "By the text" not in said
    row = next(line for line in said.splitlines() if line.startswith("| `random`"))
    assert row.split(" | ")[1] == "4.7010"  # got's mean is 4.5, the seeds' 0.2 more, and 0.002 of it on the second
    assert "`mean`" not in said
