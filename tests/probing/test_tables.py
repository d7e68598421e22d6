"""Tables of a hundred columns, whatever the names and counts."""

import math

import numpy as np
import pytest

from gotd.probing.comparison import Comparison, Facts, Row
from gotd.probing.figures import Figures
from gotd.probing.judgement import Estimate
from gotd.probing.report import as_table


def figures(value: float) -> Figures:
    estimate = Estimate(value, value - 10.5, value + 10.5)
    return Figures(estimate, estimate, estimate, [])


@pytest.mark.parametrize("length", [1, 40, 300])
@pytest.mark.parametrize("alike", [True, False])
def test_no_line_is_longer(length: int, alike: bool) -> None:
    names = [f"{'x' * length}{'' if alike else number}{'y' * length}{number}" for number in range(3)]
    rows = [Row("no choice", "none", 0, 0, figures(12.3), figures(12.3), Estimate(1.0, -math.inf, math.inf)),
            Row("random", "random", 10**8, 10**11, figures(-3.0), figures(12.3), Estimate(1.0, 0.5, 1.5)),
            *(Row(name, "choice", 10**8, 10**11 + place, figures(12.3), figures(12.3), Estimate(1.0, 0.5, 1.5))
              for place, name in enumerate(names))]
    facts = Facts(10**9, 10**12, 10**13, 10**9, 5, 10**9, 10**12, 0.123456, 3, 5, None, 2000, 0, 1 << 20, 3, 10**9 - 1)
    lines = as_table(Comparison(rows, facts, np.ones(1, bool), {}, []), [1.0] * 5).splitlines()
    assert max(map(len, lines)) <= 100
    for kind in range(3):  # the choices can be told apart in each of the tables
        heads = [number for number, line in enumerate(lines) if line.startswith("choice  ")]
        cells = [line.split("  ")[0] for line in lines[heads[kind] + 1 : heads[kind] + 6]]
        assert len(set(cells)) == 5
