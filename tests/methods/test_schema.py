"""What a target file must hold: arrays that fit each other, figures that can be."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gotd.methods import rule_type
from gotd.methods.got import GotSummary
from gotd.methods.transform_rule import NearestSummary

FIGURES = {"method": "got", "metric": "cosine", "center": True, "epsilon": 0.5, "calibration_mean": 1,
           "calibration_scale": 1.5, "embedder": None, "more": "is passed over"}


def arrays(**others: np.ndarray) -> dict[str, np.ndarray]:
    """Arrays of got for three points of two numbers."""
    whole = {"points": np.ones((3, 2), "<f4"), "weights": np.array([0.0, 0.5, 0.5]), "potentials": np.zeros(3)}
    return whole | others


def check(method: str, held: dict[str, np.ndarray], figures: dict[str, Any]) -> None:
    rule_type(method).check(held, {"method": method} | figures)


def test_what_fits_passes_with_and_without_what_is_optional() -> None:
    check("got", arrays(), FIGURES)
    check("mean", arrays(centre=np.zeros(2, "<f4"), whitening=np.eye(2, dtype="<f4")), FIGURES)


@pytest.mark.parametrize(("others", "said"), [
    ({"points": np.ones((3, 2))}, '"points" is <f8'), ({"points": np.ones(3, "<f4")}, "wanted <f4 .m, d."),
    ({"weights": np.ones(4)}, '"weights" has shape .4,., which does not fit'),
    ({"weights": np.array([-1.0, 1, 1])}, '"weights" holds numbers that cannot be'),
    ({"weights": np.zeros(3)}, '"weights" holds'), ({"weights": np.array([np.nan, 1, 1])}, '"weights" holds'),
    ({"potentials": np.array([0, np.inf, 0])}, '"potentials" holds'),
    ({"centre": np.zeros(3, "<f4")}, '"centre" has shape'), ({"centre": np.full(2, 1e19, "<f4")}, '"centre" holds'),
    ({"whitening": 2 * np.eye(2, dtype="<f4")}, '"whitening" holds'),
])  # fmt: skip
def test_arrays_that_cannot_be(others: dict[str, np.ndarray], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check("got", arrays(**others), FIGURES)


def test_no_points_are_no_target_and_no_rounds_are_an_empty_pool() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        check("got", {"points": np.ones((0, 2), "<f4"), "weights": np.ones(0), "potentials": np.ones(0)}, FIGURES)
    taken = {"points": np.ones((3, 2), "<f4"), "distances": np.ones((3, 0), "<f4"), "keys": np.ones((3, 0), "<u8")}
    check("round-robin", taken, FIGURES)
    with pytest.raises(ValueError, match='no array "keys"'):
        check("round-robin", {name: taken[name] for name in ("points", "distances")}, FIGURES)


@pytest.mark.parametrize(("name", "value", "said"), [
    ("metric", "l1", '"metric" is .l1.'), ("center", 1, '"center" is'), ("epsilon", -0.1, '"epsilon" is'),
    ("epsilon", True, '"epsilon" is'), ("epsilon", "0.5", '"epsilon" is'), ("calibration_mean", float("inf"), "mean"),
    ("calibration_scale", 0, "scale"), ("embedder", "hash", '"embedder" is'),
])  # fmt: skip
def test_figures_that_cannot_be(name: str, value: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check("got", arrays(), FIGURES | {name: value})
    with pytest.raises(ValueError, match=f'no "{name}" in its run record'):
        check("got", arrays(), {each: FIGURES[each] for each in FIGURES if each != name})


def test_figures_are_read_as_they_are() -> None:
    expected = {"metric": "cosine", "center": True, "epsilon": 0.5, "calibration_mean": 1, "calibration_scale": 1.5}
    assert GotSummary.read(FIGURES) == GotSummary(method="got", **expected)
    assert NearestSummary.read(FIGURES) == NearestSummary(method="got", **expected)
    assert list(GotSummary.read(FIGURES).as_json())[:4] == ["method", "converged", "warnings", "distance"]
    assert list(GotSummary.read(FIGURES).as_json())[-2:] == ["seed", "embedder"]


@pytest.mark.parametrize(("method", "held", "figures", "wrong"), [
    ("dsir", {"log_ratio": np.zeros(10_000)}, {"min_words": 3, "seed": 1, "gumbel": False, "text_key": "t"},
     [("text_key", ""), ("min_words", -1), ("gumbel", 0), ("seed", 1.5)]),
    ("random", {"dimension": np.array([4])}, {"seed": 0}, [("seed", None), ("seed", True)]),
    ("classifier", {"normal": np.ones(4, "<f4"), "offset": np.ones(1)}, {"center": False}, [("center", None)]),
])  # fmt: skip
def test_other_rules(method: str, held: dict[str, np.ndarray], figures: dict[str, Any],
                     wrong: list[tuple[str, object]]) -> None:
    check(method, held, figures | {"embedder": {}})
    for name, value in wrong:
        with pytest.raises(ValueError, match=f'"{name}" is'):
            check(method, held, figures | {"embedder": {}, name: value})


@pytest.mark.parametrize(("method", "name", "change"), [
    ("dsir", "log_ratio", lambda array: array[:-1]), ("dsir", "log_ratio", lambda array: array - 21.0),
    ("random", "dimension", lambda array: array - 4),
])  # fmt: skip
def test_other_arrays(method: str, name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    good = np.zeros(10_000) if method == "dsir" else np.array([4])
    figures = {"min_words": 3, "seed": 1, "gumbel": False, "text_key": "t", "embedder": None}
    check(method, {name: good}, figures)
    with pytest.raises(ValueError, match=name):
        check(method, {name: change(good)}, figures)
