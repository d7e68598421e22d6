"""Budgets of words and tokens: the head of the ranking that they pay for, whatever the texts are."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gotd.choice.budgets import Unit, tokens, words
from gotd.choice.choose import choose
from gotd.choice.ranking_window import Rules
from gotd.errors import GotdError
from memory_pool import MemoryPool, Row

#: From many characters a word to one.
TEXTS = st.sampled_from(["a b c d e", "word " * 9, "long" * 60 + " one", "1", "x" + " " * 300 + "y", "A B C D E"])


def head(rows: list[Row], costs: list[int], limit: int) -> list[int]:
    """Rows by score while their costs fit; copies cost nothing."""
    chosen, spent, seen = [], 0, set()
    for number in sorted(range(len(rows)), key=lambda number: (-rows[number].scores[0], number)):
        key = " ".join(rows[number].text.casefold().split())
        if key in seen:
            continue
        spent += costs[number]
        if spent > limit:
            break
        seen.add(key)
        chosen.append(number)
    return chosen


@settings(deadline=None, max_examples=80)
@given(st.lists(st.tuples(TEXTS, st.integers(0, 9), st.integers(-3, 3)), min_size=1, max_size=40), st.integers(1, 60))
def test_the_best_that_a_budget_pays_for_are_chosen(items: list[tuple[str, int, int]], limit: int) -> None:
    rows = [Row(f"{text} {number}", (float(score),)) for text, number, score in items]
    costs = [len(row.text.split()) for row in rows]
    pool = MemoryPool(rows)
    choice = choose(pool, Rules(limit, words()))
    assert [record.row for record in choice.records] == head(rows, costs, limit)
    assert choice.spent == sum(costs[record.row] for record in choice.records) <= limit


def test_only_what_may_be_chosen_is_counted() -> None:
    counted: list[str] = []

    def counts(texts: list[str]) -> list[int]:
        counted.extend(texts)
        return [len(text.split()) for text in texts]

    unit = Unit("words", counts, words().held, 8)  # type: ignore[arg-type]
    pool = MemoryPool([Row(f"text {number}", (float(number),)) for number in range(5000)])
    assert len(choose(pool, Rules(200, unit)).records) == 100
    assert len(counted) <= 192
    assert pool.readings == 1


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A byte-level tokenizer of a model, which frames texts with special tokens and cuts them."""
    from gotd.training.tokenizers import train_tokenizer

    folder = tmp_path_factory.mktemp("tokenizer")
    trained = train_tokenizer(["the cat sat on the mat and the dog ran"] * 50, 300, True, 8)
    trained.backend_tokenizer.enable_truncation(8)
    trained.backend_tokenizer.enable_padding(length=8)
    trained.save_pretrained(folder)
    return folder


def test_tokens_are_those_of_the_text_alone(tokenizer: Path) -> None:
    from tokenizers import Tokenizer

    texts = ["the cat sat on the mat and the dog ran " * 5, "cat", "", "日本語のテキスト"]
    own = Tokenizer.from_file(str(tokenizer / "tokenizer.json"))
    own.no_truncation()
    own.no_padding()
    unit = tokens(str(tokenizer))
    assert unit.counts(texts) == [len(own.encode(text, add_special_tokens=False).ids) for text in texts]
    rows = [Row(text, (float(-number),)) for number, text in enumerate(texts)]
    whole = sum(unit.counts(texts))
    assert [record.row for record in choose(MemoryPool(rows), Rules(whole, unit)).records] == [0, 1, 3]
    assert [record.row for record in choose(MemoryPool(rows), Rules(whole - 1, unit)).records] == [0, 1]


def test_a_folder_without_a_tokenizer_is_an_error(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(GotdError, match=f"{folder}: no tokenizer there"):
            tokens(str(folder))
