"""Pieces: nothing but white space is lost, nothing is too long, tails are kept."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gotd.chunking import Chunk, Chunker, Document, Settings, much_longer, split

#: Long enough to be cut, and where: sentences that end in quotes and brackets.
QUOTED = st.text(st.sampled_from(list("ab.\"')] ")), min_size=100, max_size=200)
TEXTS = QUOTED | st.text(st.sampled_from(list("ab. \n\t!é。")) | st.characters(), max_size=400)


def packed(text: str) -> str:
    return re.sub(r"\s", "", text)


def spoken(text: str) -> str:
    """The letters and digits of a text."""
    return "".join(filter(str.isalnum, text))


@given(TEXTS, st.integers(16, 60))
def test_pieces_are_short_and_hold_every_character(text: str, chars: int) -> None:
    pieces = split(text, chars)
    assert packed("".join(pieces)) == packed(text)
    assert all(0 < len(piece) <= chars and piece == piece.strip() for piece in pieces)


def test_a_text_without_a_place_to_cut_is_cut_all_the_same_and_in_linear_time() -> None:
    pieces = split("x" * 3_000_000, 1000)
    assert len(pieces) == 3000
    assert {len(piece) for piece in pieces} == {1000}


def test_cuts_are_at_the_best_boundary_near_the_middle() -> None:
    paragraph, sentence = "a" * 60 + "\n\n" + "b" * 60, "One is here. " * 8
    assert split(paragraph, 100) == ["a" * 60, "b" * 60]
    assert all(piece.endswith(".") for piece in split(sentence, 60))
    assert all(not re.search(r"\w$", piece) or piece.split()[-1] == "word" for piece in split("word " * 100, 50))


def test_closing_quotes_and_brackets_stay_with_their_sentence() -> None:
    first, second = 'He said "(this is one.)"', 'And "that was two."'
    assert split(f"{first} {second}", 30) == [first, second]


def test_a_piece_begins_after_all_the_white_space_of_a_cut() -> None:
    assert split("a" * 20 + " " * 15 + "b" * 10, 30) == ["a" * 20, "b" * 10]


def chunks(texts: list[str], chars: int) -> list[Chunk]:
    chunker = Chunker(Settings(chars))
    made = []
    for i, text in enumerate(texts):
        made += chunker.add(Document(f"d{i}", text, (("source", b'"x"'),), f'{{"line":{i}}}'.encode()))
    return [*made, *chunker.flush()]


@given(st.lists(TEXTS, max_size=12), st.integers(16, 80))
def test_every_document_is_in_the_chunks_in_order(texts: list[str], chars: int) -> None:
    made = chunks(texts, chars)
    assert spoken("".join(chunk.text for chunk in made)) == spoken("".join(texts))
    assert all(len(chunk.text) <= chars and spoken(chunk.text) for chunk in made)
    parts = [part.split("#")[0] for chunk in made for part in chunk.parts]
    assert list(dict.fromkeys(parts)) == [f"d{i}" for i, text in enumerate(texts) if spoken(text)]


def test_short_neighbours_are_joined_and_a_whole_one_alone_passes_untouched() -> None:
    made = chunks(["short one", "short two", "x" * 39], 40)
    assert [chunk.text for chunk in made] == ["short one\n\nshort two", "x" * 39]
    assert made[0].parts == ("d0", "d1")
    assert made[0].whole is None
    assert made[1].whole
    assert made[1].whole.line == b'{"line":2}'


def test_white_space_around_a_text_does_not_make_a_chunk_too_long() -> None:
    [made] = chunks(["a" + " " * 50], 40)
    assert (made.text, made.whole, made.parts) == ("a", None, ("d0",))


def test_documents_that_were_split_are_counted() -> None:
    chunker = Chunker(Settings(20))
    for text in ("word " * 20, "short"):
        list(chunker.add(Document("d", text, (), b"")))
    assert (chunker.documents, chunker.split) == (2, 1)


def together(join: str, *fields: tuple[tuple[str, bytes], ...], **settings: int) -> tuple[Chunker, list[Chunk]]:
    """Short documents with these fields, chunked."""
    chunker, made = Chunker(Settings(settings.pop("chars", 100), join=join, **settings)), []
    for number, each in enumerate(fields):
        made += chunker.add(Document(f"d{number}", f"text {number}", each, b""))
    return chunker, [*made, *chunker.flush()]


A, B = (("lang", b'"en"'), ("source", b'"x"')), (("lang", b'"en"'), ("source", b'"y"'))


def test_joined_chunks_keep_the_fields_that_agree_and_the_rest_is_counted() -> None:
    chunker, [joined] = together("all", A, B)
    assert joined.fields == (("lang", b'"en"'),)
    assert (chunker.joined, chunker.empty, chunker.apart) == (2, 0, 0)
    assert chunker.dropped == {"source": 1}


@pytest.mark.parametrize("join, expected, apart", [
    ("same", [2, 2, 1], 2), ("never", [1] * 5, 0), ("all", [5], 0), ("lang", [5], 0), ("source", [2, 2, 1], 2),
    ("no such field", [1] * 5, 4),
])
def test_what_may_be_joined(join: str, expected: list[int], apart: int) -> None:
    chunker, made = together(join, A, A, B, tuple(reversed(B)), A)
    assert [len(chunk.parts) for chunk in made] == expected
    assert chunker.apart == apart


def test_a_field_that_one_lacks_is_crossed_by_all_only() -> None:
    for join, count in (("same", 2), ("source", 2), ("lang", 1), ("all", 1)):
        assert len(together(join, A, A[:1])[1]) == count
    assert together("all", A, A[:1])[0].dropped == {"source": 1}


def test_pieces_without_a_letter_or_digit_are_left_out_and_counted() -> None:
    chunker, made = Chunker(Settings(20)), list[Chunk]()
    for number, text in enumerate(["* * *\n-----", "", "one two", "- " * 30 + "end", "\u3002"]):
        made += chunker.add(Document(f"d{number}", text, (), b"{}"))
    made += chunker.flush()
    assert [spoken(chunk.text) for chunk in made] == ["onetwo", "end"]
    assert made[1].parts == ("d3#4",)  # the numbers are those of all pieces
    assert (chunker.without_content, chunker.empty) == (5, 1)


def test_what_stays_short_is_left_out_and_counted() -> None:
    chunker, made = together("same", A, A, B, min_chars=8)
    assert [chunk.parts for chunk in made] == [("d0", "d1")]
    assert chunker.short == 1


def test_shorter_pieces_are_advised_where_a_choice_is_much_longer_and_not_short_itself() -> None:
    said = much_longer(732, 53, "characters")
    assert said is not None and said.startswith("its texts have 732 characters on average, those of the target 53; ")
    for choice, target, unit in ((732, 245, "characters"), (180, 30, "characters"), (45, 9, "words")):
        assert much_longer(choice, target, unit) is None
    assert much_longer(126, 21, "words") is not None
