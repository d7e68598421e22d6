"""Token ids of many texts, each distinct piece of text tokenised once.

Tokenising is nearly all the work of a static embedding, and natural text repeats its words. BERT's tokenizers treat
what stands between spaces and ASCII punctuation on its own; so such pieces are found with numpy, as `words` finds
words, and those met before are looked up by their hash. Two pieces of the same hash would be taken for one: with 64
bits and a quarter of a million pieces, one chance in five hundred million.
"""

import json
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypedDict

import numpy as np
import numpy.typing as npt

from gotd.embedders.piece_table import PieceTable
from gotd.embedders.words import MAX_WORD_BYTES, STRIDE, Int64s, UInt64s, hash_runs, join

if TYPE_CHECKING:
    from tokenizers import Tokenizer

#: Texts are worked on in blocks of about so many characters; a longer text in parts, divided where a piece ends.
_BLOCK_CHARACTERS = 1 << 17
_SPACE, _LETTER, _ALONE = 0, 1, 2
#: What the bytes of UTF-8 are: only what BERT takes for space and punctuation, too, and ASCII alone.
_KINDS = np.array(
    [_SPACE if chr(byte) in " \t\n\r" else _LETTER if byte >= 0x7F or byte < 0x20 or chr(byte).isalnum() else _ALONE
     for byte in range(256)], dtype=np.uint8)
_LOWER = bytes(ord(chr(byte).lower()) if byte < 0x80 else byte for byte in range(256))


class _Pipeline(TypedDict):
    """What a tokenizer's JSON says of the way from text to tokens."""

    normalizer: dict[str, object] | None
    pre_tokenizer: dict[str, object] | None
    model: dict[str, object]
    added_tokens: list[dict[str, str]]


class TokenIds(NamedTuple):
    """Tokens of n texts in a row. ids : int64 (t,); counts : of each text, int64 (n,)"""

    ids: Int64s
    counts: Int64s

    def of_texts(self) -> Iterator[Int64s]:
        """Ids of each text."""
        begin = 0
        for count in self.counts.tolist():
            yield self.ids[begin : begin + count]
            begin += count


class WordTokens:
    """Token ids of texts, without special tokens and without truncation. Threads may share it, and what it has learnt.

    tokenizer : its padding and truncation are switched off
    """

    def __init__(self, tokenizer: "Tokenizer") -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        pipeline: _Pipeline = json.loads(tokenizer.to_str())
        self._by_piece = _splits_at_pieces(pipeline)
        self._fold = _LOWER if (pipeline["normalizer"] or {}).get("lowercase") else None
        # Found wherever they stand, also across pieces.
        added = [token["content"] for token in pipeline["added_tokens"]]
        self._added = [content.encode() for content in added]
        self._ends = _piece_ends("".join(added))
        self._table = PieceTable()
        self._lock = threading.Lock()  # of the table

    def encode(self, texts: Sequence[str]) -> TokenIds:
        """Ids of each text."""
        if not self._by_piece:
            return _in_a_row(self._tokenise(texts))
        found, owners = [], []
        for block, owner in self._blocks(texts):
            found.append(self._encode_block(block))
            owners.append(owner)
        if not found:
            return _in_a_row([])
        counts = np.concatenate([each.counts for each in found])
        of_texts = np.bincount(np.concatenate(owners), weights=counts, minlength=len(texts)).astype(np.int64)
        return TokenIds(np.concatenate([each.ids for each in found]), of_texts)

    def _encode_block(self, texts: Sequence[str]) -> TokenIds:
        encoded = [text.encode("utf-8", "replace") for text in texts]
        pieces = _find_pieces(encoded, self._fold)
        whole = self._as_wholes(texts, encoded, pieces)
        pieces = pieces.of(~whole[pieces.texts])
        ids, per_piece = self._ids_of(pieces)
        counts = np.bincount(pieces.texts, weights=per_piece, minlength=len(texts)).astype(np.int64)
        rows = np.flatnonzero(whole)
        return _filled_in(TokenIds(ids, counts), rows, self._tokenise([texts[row] for row in rows.tolist()]))

    def _ids_of(self, pieces: "_Pieces") -> TokenIds:
        """Ids of each piece; what is not known is learnt.

        While that is tokenised another thread may make the table forget: what is known is taken from it before.
        """
        with self._lock:
            numbers = self._table.find(pieces.hashes)
            ids, known_counts = self._table.ids(numbers[numbers >= 0])
        counts = np.zeros(len(numbers), dtype=np.int64)
        counts[numbers >= 0] = known_counts
        unknown = np.flatnonzero(numbers < 0)
        new, first, which = np.unique(pieces.hashes[unknown], return_index=True, return_inverse=True)
        learnt = self._tokenise([pieces.word(place) for place in unknown[first]])
        self._remember(new, learnt)
        return _filled_in(TokenIds(ids, counts), unknown, [learnt[number] for number in which.tolist()])

    def _remember(self, hashes: UInt64s, ids: Sequence[Sequence[int]]) -> None:
        """Forgets all others where there is no room; more than there could ever be room for is not remembered."""
        tokens = sum(map(len, ids))
        with self._lock:
            # Another thread may have learnt some of them meanwhile.
            absent = np.flatnonzero(self._table.find(hashes) < 0)
            if not self._table.has_room(len(absent), tokens):
                self._table.clear()
                absent = np.arange(len(hashes))
            if self._table.has_room(len(absent), tokens):
                self._table.add(hashes[absent], [ids[place] for place in absent.tolist()])

    def _as_wholes(
        self, texts: Sequence[str], encoded: Sequence[bytes], pieces: "_Pieces"
    ) -> npt.NDArray[np.bool_]:
        """Which texts the tokenizer must see as they are, bool (n,): those of overlong pieces or with added tokens."""
        whole = np.zeros(len(texts), dtype=np.bool_)
        whole[pieces.texts[pieces.lengths > MAX_WORD_BYTES]] = True
        for token in self._added:
            if token in pieces.raw:
                whole |= np.array([token in text for text in encoded])
        return whole

    def _blocks(self, texts: Sequence[str]) -> Iterator[tuple[list[str], list[int]]]:
        """Texts or parts of them, and which text each belongs to."""
        block: list[str] = []
        owners: list[int] = []
        characters = 0
        for number, text in enumerate(texts):
            for part in self._parts(text):
                if block and characters + len(part) > _BLOCK_CHARACTERS:
                    yield block, owners
                    block, owners, characters = [], [], 0
                block.append(part)
                owners.append(number)
                characters += len(part)
        if block:
            yield block, owners

    def _parts(self, text: str) -> Iterator[str]:
        """A text in parts of a block, and of what is left of the piece at its end."""
        begin, end = 0, _BLOCK_CHARACTERS
        while end < len(text):
            if text[end] in self._ends:
                yield text[begin:end]
                begin, end = end, end + _BLOCK_CHARACTERS
            else:
                end += 1
        yield text[begin:]

    def _tokenise(self, texts: Sequence[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)]


class _Pieces(NamedTuple):
    """Pieces of some texts. raw : the texts, a space between; hashes, starts, lengths (bytes), texts : of each piece"""

    raw: bytes
    hashes: UInt64s
    starts: Int64s
    lengths: Int64s
    texts: Int64s

    def of(self, wanted: npt.NDArray[np.bool_]) -> "_Pieces":
        """Some of them."""
        if wanted.all():
            return self
        return _Pieces(self.raw, self.hashes[wanted], self.starts[wanted], self.lengths[wanted], self.texts[wanted])

    def word(self, number: int) -> str:
        """A piece as text."""
        start = int(self.starts[number])
        return self.raw[start : start + int(self.lengths[number])].decode()


def _find_pieces(encoded: Sequence[bytes], fold: bytes | None) -> _Pieces:
    """What stands between spaces, divided at ASCII punctuation, of which each character is a piece."""
    raw = b" " + b" ".join(encoded) + b" " * STRIDE
    folded = np.frombuffer(bytearray(raw.translate(fold)), dtype=np.uint8)
    kinds = _KINDS[folded]
    inside = (kinds[1:] == _LETTER) & (kinds[:-1] == _LETTER)
    starts = np.flatnonzero((kinds[1:] != _SPACE) & ~inside) + 1
    lengths = np.flatnonzero((kinds[:-1] != _SPACE) & ~inside) + 1 - starts
    text_starts = np.cumsum([1] + [len(text) + 1 for text in encoded])
    per_text = np.diff(np.searchsorted(starts, text_starts))
    # The length beside the bytes: a zero byte at a piece's end is no padding.
    hashes = join(hash_runs(folded, starts, lengths), lengths.view(np.uint64))
    return _Pieces(raw, hashes, starts, lengths, np.repeat(np.arange(len(encoded)), per_text))


def _filled_in(found: TokenIds, rows: Int64s, ids: Sequence[Sequence[int]]) -> TokenIds:
    """The same with the ids of some texts (or pieces) in their place, of which there are none yet."""
    if not len(rows):
        return found
    extra = _in_a_row(ids)
    places = np.concatenate([[0], np.cumsum(found.counts)])[rows]
    counts = found.counts.copy()
    counts[rows] = extra.counts
    return TokenIds(np.insert(found.ids, np.repeat(places, extra.counts), extra.ids), counts)


def _piece_ends(added: str) -> frozenset[str]:
    """Characters before which a text can be divided: none of a word, none that stands in an added token."""
    ends = {chr(byte) for byte in np.flatnonzero(_KINDS != _LETTER)}
    return frozenset(ends - {"_"} - set(added))  # for added tokens "_" is of a word


def _in_a_row(ids: Sequence[Sequence[int]]) -> TokenIds:
    counts = np.array([len(each) for each in ids], dtype=np.int64)
    return TokenIds(np.fromiter((token for each in ids for token in each), np.int64, int(counts.sum())), counts)


def _splits_at_pieces(pipeline: _Pipeline) -> bool:
    """Whether a text's tokens are those of its pieces in a row: known of BERT's pipeline alone.

    Added tokens that are looked for after normalising could hide in any text.
    """
    normalizer = pipeline["normalizer"] or {"type": None}
    pre_tokenizer = pipeline["pre_tokenizer"] or {"type": None}
    return (
        normalizer["type"] in (None, "BertNormalizer", "Lowercase")
        and pre_tokenizer["type"] == "BertPreTokenizer"
        and pipeline["model"]["type"] == "WordPiece"
        and not any(token["normalized"] for token in pipeline["added_tokens"])
    )
