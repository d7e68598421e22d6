"""Rules tried on a target: what they choose is what the chain chooses, and the texts that judge were not fitted to."""

from collections.abc import Iterator

import numpy as np
import pytest

import gotd
from gotd.errors import GotdError, UsageError
from gotd.probing.report import rules_as_json, rules_as_table
from gotd.probing.rule_choices import Candidates, Embedded, RuleLine, choose_by
from gotd.probing.rules import RuleComparison, part
from gotd.runtime import Runtime
from workdir import texts

POOL = [*texts(400), "...", texts(400)[7].upper(), *texts(30, seed=8, words=120)]
#: Two of the five subjects.
TARGET = [text for number, text in enumerate(texts(200, seed=1)) if number % 5 < 2]


@pytest.fixture(scope="module")
def runtime() -> Iterator[Runtime]:
    with Runtime(2, "cpu") as held:
        yield held


@pytest.fixture(scope="module")
def both() -> tuple[gotd.Embeddings, gotd.Embeddings]:
    """Vectors of target and pool; few numbers, that whitening costs nothing."""
    return gotd.embed(TARGET, dimension=64), gotd.embed(POOL, dimension=64)


@pytest.fixture(scope="module")
def found(both: tuple[gotd.Embeddings, gotd.Embeddings]) -> RuleComparison:
    return gotd.probe_rules(TARGET, POOL, rules=["got", "mean", {"method": "got", "whiten": False}], fraction=0.1,
                            resamples=200, threads=2, vectors=both)


@pytest.mark.long
@pytest.mark.parametrize(("name", "options", "mass"), [
    ("got", {}, "text"), ("got", {"whiten": False}, "text"), ("got", {}, "sqrt-words"), ("mean", {}, "text"),
    ("nearest", {}, "text"), ("round-robin", {}, "text"), ("classifier", {"seed": 3}, "text"),
    ("dsir", {"min_words": 5}, "text"),
])  # fmt: skip
def test_a_rule_chooses_what_the_chain_chooses(runtime: Runtime, both: tuple[gotd.Embeddings, gotd.Embeddings],
                                               name: str, options: dict[str, object], mass: str) -> None:
    of_target, vectors = both
    rule = RuleLine(name, options, mass)
    pool = Candidates(Embedded(POOL, vectors.vectors), vectors.embedder)
    chosen = choose_by(rule, Embedded(TARGET, of_target.vectors), pool, 2000, runtime).texts
    if name == "dsir":
        scores = gotd.fit(TARGET, POOL, method=name, **options).score(POOL)
    else:
        masses = np.sqrt([len(text.split()) for text in TARGET]) if mass == "sqrt-words" else "text"
        scores = gotd.fit(of_target, vectors, method=name, target_mass=masses, **options).score(vectors)
    wanted = gotd.topk(POOL, scores, k=len(chosen))
    assert chosen == wanted.records
    words = [len(text.split()) for text in chosen]  # a number and a full stop are two words: at least so many
    assert sum(words[:-1]) < 2000 <= sum(words) + len(words)


def test_the_texts_that_judge_were_not_fitted_to(found: RuleComparison) -> None:
    assert found.fitted.sum() == 40
    assert found.comparison.facts.target_documents == 40
    assert [choice.rule.name for choice in found.choices] == ["got", "mean", "got --no-whiten"]
    assert all(choice.summary["target_rows"] == 40 for choice in found.choices)
    rows = found.comparison.rows
    assert [row.kind for row in rows] == ["none", "random", "choice", "choice", "choice"]
    assert len({row.tokens for row in rows[1:]}) == 1


def test_copies_and_groups_are_never_parted() -> None:
    source = np.random.default_rng(0)
    for seed in range(20):
        units = source.integers(0, 30, 200)
        fitted = part("target", units, 0.3, seed)
        assert not set(units[fitted]) & set(units[~fitted])
        assert 0.3 * 200 - 15 < fitted.sum() < 0.3 * 200 + 15
    assert (part("target", units, 0.3, 0) != part("target", units, 0.3, 1)).any()  # seeded
    one_is_huge = np.array([0] * 97 + [1, 2, 3])
    for seed in range(10):
        fitted = part("target", one_is_huge, 0.5, seed)
        assert 0 < fitted.sum() < 100
    with pytest.raises(GotdError, match="target: all 5 texts are one unit"):
        part("target", np.zeros(5, np.int64), 0.5, 0)
    copies = [text for text in texts(20, seed=4) for _ in range(3)]
    found = gotd.probe_rules(copies, POOL, rules=["mean"], fraction=0.1, resamples=100)
    assert all(found.fitted[i] == found.fitted[i + 1] == found.fitted[i + 2] for i in range(0, 60, 3))
    groups = [number // 20 for number in range(80)]
    found = gotd.probe_rules(TARGET, POOL, rules=["mean"], fraction=0.1, groups=groups, resamples=100)
    assert {tuple(set(each)) for each in found.fitted.reshape(4, 20).tolist()} == {(True,), (False,)}


def test_the_best_rule_is_that_with_the_lowest_average(found: RuleComparison) -> None:
    rows = {row.name: row for row in found.comparison.rows if row.kind == "choice"}
    for measure in ("by_word", "by_text"):
        verdict = found.verdict(measure)
        nats = {name: getattr(row, measure).nats.value for name, row in rows.items()}
        assert verdict.rule.name == min(nats, key=lambda name: nats[name])
        assert verdict.beats_random
        assert [each.name for each in verdict.level] == [
            name for name, row in rows.items() if name != verdict.rule.name and getattr(row, measure).to_best.low <= 0]
    record = rules_as_json(found, "target.jsonl")
    assert record["kind"] == "rules"
    assert f"best by the word: {found.verdict('by_word').rule.name}" in rules_as_table(found, "target.jsonl")


def test_no_rule_beats_chance_where_the_pool_has_nothing_of_the_target() -> None:
    target = [" ".join(f"word{source.integers(400)}" for _ in range(30))
              for source in map(np.random.default_rng, range(60))]
    found = gotd.probe_rules(target, texts(300), rules=["mean", "nearest"], fraction=0.1, resamples=200)
    assert not found.verdict("by_word").beats_random
    assert "not certainly better than random choices" in " ".join(rules_as_table(found, "t.jsonl").split())


@pytest.mark.long
def test_usual_rules_that_cannot_be_used_are_said_and_others_are_errors(
        both: tuple[gotd.Embeddings, gotd.Embeddings]) -> None:
    short = both[0], both[1].vectors[:400]
    found = gotd.probe_rules(TARGET, POOL[:400], fraction=0.1, resamples=100, vectors=short)
    assert list(found.left_out) == ["dsir"]  # texts are shorter than its --min-words
    assert "lower --min-words" in found.left_out["dsir"]
    assert len(found.choices) == 7
    with pytest.raises(GotdError, match="lower --min-words"):
        gotd.probe_rules(TARGET, POOL[:400], rules=["dsir"], fraction=0.1, vectors=short)
    with pytest.raises(UsageError, match="no rule 'best'"):
        gotd.probe_rules(TARGET, POOL, rules=["best"])
    with pytest.raises(UsageError, match="--rounds does nothing with --method got"):
        gotd.probe_rules(TARGET, POOL, rules=[{"method": "got", "rounds": 3}])
    with pytest.raises(UsageError, match="target_mass"):
        gotd.probe_rules(TARGET, POOL, rules=[{"target_mass": "all"}])


def test_vectors_that_are_given_are_those_that_are_made(both: tuple[gotd.Embeddings, gotd.Embeddings]) -> None:
    rules, made = ["mean", "random"], (gotd.embed(TARGET), gotd.embed(POOL))
    one = gotd.probe_rules(TARGET, POOL, rules=rules, fraction=0.1, resamples=100)
    two = gotd.probe_rules(TARGET, POOL, rules=rules, fraction=0.1, resamples=100, vectors=made)
    assert [choice.texts for choice in one.choices] == [choice.texts for choice in two.choices]
    with pytest.raises(UsageError, match="79 texts of the target"):
        gotd.probe_rules(TARGET[:-1], POOL, rules=rules, vectors=both)
