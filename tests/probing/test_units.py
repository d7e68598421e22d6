"""Which texts are one observation, by the definition."""

import random

import pytest

from gotd.probing.units import copies, numbered

WORDS = [f"w{number}" for number in range(500)]


def text(seed: int, count: int) -> list[str]:
    return random.Random(seed).choices(WORDS, k=count)


def test_case_space_and_signs_make_no_difference() -> None:
    sentence = "Down-regulation of << antigen >> by [[ estramustine ]], and more."
    other = "down-regulation  of antigen by\n<< Estramustine >> and [[ more ]]"
    assert copies([sentence, "something else", other, "!!!", "???", " !!!"]).tolist() == [0, 1, 0, 2, 3, 2]


@pytest.mark.parametrize(("shared", "units"), [(50, 1), (36, 1), (34, 2), (12, 2)])
def test_half_of_the_runs(shared: int, units: int) -> None:
    # 60 words have 48 runs, the first k words k - 12 of them.
    one, other = text(0, 60), text(1, 80)
    assert len(set(copies([" ".join(one), " ".join(one[:shared] + other)]).tolist())) == units


def test_a_short_text_within_a_long_one_is_a_part_of_it() -> None:
    long = text(0, 200)
    assert len(set(copies([" ".join(long), " ".join(long[90:110])]).tolist())) == 1
    assert len(set(copies([" ".join(long), " ".join(long[90:102])]).tolist())) == 2  # less than a run


def test_from_text_to_text() -> None:
    long = text(3, 100)
    pieces = [" ".join(long[start : start + 40]) for start in (0, 10, 20, 30)]
    assert copies([*pieces[::2], "another", *pieces[1::2]]).tolist() == [0, 0, 1, 0, 0]


def test_a_sentence_that_many_share_is_no_copy() -> None:
    shared = text(5, 20)
    assert len(set(copies([" ".join(shared + text(seed, 60)) for seed in range(40)]).tolist())) == 40


def test_a_form_that_very_many_texts_are_written_in_is_no_copy() -> None:
    form = text(5, 40)
    forms = [" ".join(form + text(seed, 14)) for seed in range(300)]
    assert len(set(copies(forms).tolist())) == 300
    assert len(set(copies(forms[:60]).tolist())) == 1
    assert len(set(copies([*forms, forms[7].upper()]).tolist())) == 300


def test_numbers_in_order_of_first_appearance() -> None:
    assert numbered(["b", "a", "b", 1]).tolist() == [0, 1, 0, 2]
    assert copies([]).tolist() == []
