"""What Python users bring: texts and vectors, in memory or in files, in whatever holds them."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from gotd.errors import DataError, UsageError
from gotd.streams.finite import wrong_row
from gotd.streams.json_fields import RecordError
from gotd.streams.record_files import ReadOptions, RecordFiles
from gotd.streams.record_text import MESSAGE_TEMPLATE, TEXT_FIELD, RecordText
from gotd.streams.records import Skipping
from gotd.streams.sources import expanded
from gotd.streams.vector_files import Embedders, VectorFiles
from gotd.types import JSON, EmbedderIdentity

#: A file of records, several (as pathlib.Path), or anything that yields texts or records: a list, a column of pandas or
#: datasets, a data set, a data frame.
Given: TypeAlias = str | Mapping[str, JSON] | os.PathLike[str]
TextSource: TypeAlias = str | os.PathLike[str] | Iterable[Given]
#: A text, or a record with all its fields.
Item: TypeAlias = str | Mapping[str, JSON]


@dataclass(frozen=True)
class Embeddings:
    """Vectors with what made them; numpy takes it for the array.

    vectors   : float16 or float32 (n, d), row i of text i; zero for a text without a letter or digit.
    embedder  : identity of what made them: model, revision, dimension and so on; None where it is not known.
    empty     : texts without content, whose vectors are zero.
    truncated : texts longer than the model reads.
    """

    vectors: np.ndarray
    embedder: EmbedderIdentity | None = None
    empty: int = 0
    truncated: int = 0

    def __len__(self) -> int:
        return len(self.vectors)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        """Return the vectors."""
        return np.array(self.vectors, dtype=dtype, copy=copy)


#: Vectors: of gotd.embed, an array, a file, or several.
VectorSource: TypeAlias = Embeddings | np.ndarray | str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


class Documents(NamedTuple):
    """Texts in order.

    texts : strings. items : what each was given as: a string, or a record with all its fields.
    """

    texts: list[str]
    items: list[Item]


def record_text(text_key: str | None, text_template: str | None, message_template: str | None) -> RecordText:
    """Return how texts are made of records. Raises: UsageError for a template that is none, or beside a key."""
    if text_key is not None and text_template is not None:
        raise UsageError("text_key and text_template: give one")
    return RecordText(text_key or TEXT_FIELD, text_template, message_template or MESSAGE_TEMPLATE)


def read_documents(source: TextSource, text: RecordText, what: str) -> Documents:
    """Return the texts of a source. what : what it is, for messages

    Raises: DataError where an item is no text, and no record with one.
    """
    if isinstance(source, str | os.PathLike):
        return _of_files([source], text)
    if isinstance(source, Mapping):
        raise UsageError(f"{what}: one mapping, where many records are wanted; give a list of them")
    given = list(_items(source))
    paths = [item for item in given if isinstance(item, os.PathLike)]
    if paths and len(paths) == len(given):
        return _of_files(paths, text)
    texts = [_text(item, text, f"{what}[{place}]") for place, item in enumerate(given)]
    return Documents(texts, [item for item in given if not isinstance(item, os.PathLike)])


def _items(source: Iterable[Given]) -> Iterable[Given]:
    """A data frame yields the names of its columns: its rows are wanted."""
    to_dict = getattr(source, "to_dict", None)
    return cast("Iterable[Given]", to_dict("records")) if hasattr(source, "columns") and callable(to_dict) else source


def _of_files(names: Sequence[str | os.PathLike[str]], text: RecordText) -> Documents:
    files = RecordFiles(expanded([os.fspath(name) for name in names]), ReadOptions(text, Skipping()))
    records = [record for batch in files.batches() for record in batch]
    return Documents([record.value for record in records], [record.fields for record in records])


def _text(item: Given, text: RecordText, place: str) -> str:
    fields = {TEXT_FIELD: item} if isinstance(item, str) else item
    if not isinstance(fields, Mapping):
        raise DataError(place, f"{type(item).__name__}, and no text or record", "give strings, or mappings with a text")
    try:
        made = RecordText() if isinstance(item, str) else text
        return made.of(dict(fields), "name the field with text_key=, or mend text_template=")
    except RecordError as error:
        raise DataError(place, str(error), error.remedy) from error


class Vectors(NamedTuple):
    """Vectors to read, as often as needed.

    name : for messages. embedder : what made them, once they were read; None where that is not known.
    """

    name: str
    held: np.ndarray | None
    files: VectorFiles | None
    embedders: Embedders
    made_by: EmbedderIdentity | None

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield rows in order, float16 or float32 (n, d)."""
        if self.held is not None:
            return iter([self.held])
        return self.files.blocks() if self.files else iter(())

    @property
    def size(self) -> int | None:
        """Bytes of all rows, about, where that is known."""
        return self.files.size if self.files else None if self.held is None else self.held.nbytes

    def all_rows(self) -> np.ndarray:
        """Return all rows. Shapes: -> float16 or float32 (n, d)."""
        blocks = list(self.blocks())
        return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)

    @property
    def embedder(self) -> EmbedderIdentity | None:
        """What made them, as far as is known by now."""
        return self.made_by if self.files is None else self.embedders.identity


def open_vectors(source: VectorSource, name: str, width: int | None = None) -> Vectors:
    """Return vectors ready to be read. width : the dimension they must have

    Raises: DataError for an array that holds no vectors.
    """
    if isinstance(source, str | os.PathLike):
        source = [source]
    if isinstance(source, Embeddings):
        return Vectors(name, _checked(source.vectors, name, width), None, Embedders(), source.embedder)
    if not isinstance(source, np.ndarray) and source and all(isinstance(each, str | os.PathLike) for each in source):
        names, embedders = expanded([os.fspath(each) for each in source]), Embedders()
        absent = [each for each in names if "://" not in each and not Path(each).exists()]
        if absent:
            raise DataError(absent[0], "no such file", f"{name}: vectors are wanted; of texts, say model=")
        return Vectors(names[0], None, VectorFiles(names, embedders, width), embedders, None)
    return Vectors(name, _checked(np.asarray(source), name, width), None, Embedders(), None)


def _checked(rows: np.ndarray, name: str, width: int | None) -> np.ndarray:
    if rows.ndim == 2 and not len(rows):
        raise DataError(name, "no rows", "give at least one text or vector")
    if rows.ndim != 2 or rows.dtype.kind not in "fiu" or not rows.size:
        what = f"{rows.dtype} {rows.shape}; vectors are numbers of shape (rows, dimension)"
        raise DataError(name, what, "of texts, say model=, or embed them with gotd.embed")
    if width is not None and rows.shape[1] != width:
        raise DataError(name, f"dimension {rows.shape[1]}, the target has {width}", "embed both alike")
    rows = np.ascontiguousarray(rows, dtype=np.float16 if rows.dtype == np.float16 else np.float32)
    if (wrong := wrong_row(rows)) is not None:
        raise DataError(f"{name}: row {wrong}", "a number that is NaN or infinite", "embed that text again")
    return rows
