"""A rule on a line of its own is read as ds-target-stats would read it."""

import pytest

from gotd.cli._probing_rules import rule_line
from gotd.errors import UsageError
from gotd.probing.rule_choices import USUAL, RuleLine


@pytest.mark.parametrize(("line", "wanted"), [
    ("got", RuleLine("got")), ("got --no-whiten", RuleLine("got", {"whiten": False})),
    ("got --epsilon 0.5 --target-mass sqrt-words", RuleLine("got", {"epsilon": 0.5}, "sqrt-words")),
    ("round-robin --rounds 3 --whiten", RuleLine("round-robin", {"rounds": 3, "whiten": True})),
    ("dsir --min-words 20", RuleLine("dsir", {"min_words": 20})),
    ("  classifier   --seed '7'", RuleLine("classifier", {"seed": 7})),
])  # fmt: skip
def test_what_is_written_is_what_is_meant(line: str, wanted: RuleLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DS_SEED", "5")  # of ds-probe itself: not of the rule
    found = rule_line(line)
    assert (found.method, dict(found.options), found.target_mass) == (
        wanted.method, dict(wanted.options), wanted.target_mass)
    assert rule_line(found.name) == found  # its name can be typed


def test_the_usual_rules_can_be_typed() -> None:
    assert [rule_line(rule.name) for rule in USUAL] == list(USUAL)


@pytest.mark.parametrize(("line", "said"), [
    ("best", "'best' is not one of 'got'"), ("got --rounds 3", "--rounds does nothing"),
    ("got --epsilon -1", "-1.0 is not in the range"), ("got --source x.npy", "--source does nothing here"),
    ("got pool.npy", "pool does nothing here"), ("got -o x.npz", "does nothing here"), ("", "a rule"),
    ("got 'open", "a rule"), ("got --help", "a rule"), ("got --target-mass masses.npy", "target_mass"),
    ("dsir --target-mass words", "--target-mass does nothing with --method dsir"),
    ("got --whiten --no-center", "--whiten centers"),
])  # fmt: skip
def test_what_cannot_be_is_an_error_that_says_so(line: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        rule_line(line)
    assert said in str(caught.value)
