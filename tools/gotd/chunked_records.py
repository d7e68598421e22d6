"""Records as documents to be chunked, and chunks as lines: every field's bytes as they came."""

from collections.abc import Sequence

from gotd.chunking import Chunk, Document
from gotd.streams.json_fields import quoted, raw_fields, texts_object, with_field, with_value, without_path
from gotd.streams.locations import escaped
from gotd.streams.raw_fields import Fields, FieldsBeside
from gotd.streams.record_text import TEXT_FIELD, RecordText
from gotd.streams.records import Record


class DocumentReader:
    """Makes records documents: their text, and their other fields less those that it is made from."""

    def __init__(self, text: RecordText) -> None:
        self._text = text
        self._beside = FieldsBeside(text.key)

    def document(self, record: Record[str]) -> Document:
        """Return a record's document. Without an id it is called by its place; text that is made stands in a field of
        its own."""
        line, fields, text, name = record.line, record.fields, record.value, record.fields.get("id")
        if self._text.template is None and fields.get(self._text.key) is text:
            in_place, others = True, self._beside.of(line)
        else:
            in_place = self._text.is_in_place(fields)
            others = self._others(line, in_place)
        if not isinstance(name, str):
            if name is None:
                name = escaped(record.place.rsplit("/", 1)[-1])
            else:  # as it stands there: 7, 1.50
                name = next(value for key, value in reversed(raw_fields(line)) if key == "id").decode()
            splice = with_value if "id" in fields else with_field
            line = splice(line, "id", quoted(name))
        if not in_place:
            splice = with_value if TEXT_FIELD in fields else with_field
            line = splice(line, TEXT_FIELD, quoted(text))
        return Document(name, text, others, line)

    def _others(self, line: bytes, in_place: bool) -> Fields:
        """Return the fields of a record whose text lies under some of them, less the text."""
        paths = self._text.paths
        taken = {"id", *paths} if in_place else {"id", *paths, TEXT_FIELD}
        return tuple([(key, _without_text(key, value, paths)) for key, value in raw_fields(line) if key not in taken])


def _without_text(key: str, value: bytes, paths: Sequence[str]) -> bytes:
    """Return a field's value less what the text is made from, where that lies under it."""
    for path in paths:
        if path.startswith(f"{key}."):
            value = without_path(value, path.removeprefix(f"{key}."))
    return value


def lines_of(chunks: Sequence[Chunk], text_key: str) -> tuple[list[bytes], list[str]]:
    """Return a line for each chunk, and the texts on them."""
    lines, texts = [], []
    fields: Fields | None = None
    for chunk in chunks:
        if chunk.whole:
            lines.append(chunk.whole.line)
            texts.append(chunk.whole.text)
            continue
        if chunk.fields is not fields:  # the pieces of a document share them
            fields, tail = chunk.fields, _further_fields(chunk)
        parts = b',"parts":' + quoted(chunk.parts) if len(chunk.parts) > 1 else b""
        lines.append(texts_object({"id": chunk.id, text_key: chunk.text})[:-1] + tail + parts + b"}")
        texts.append(chunk.text)
    return lines, texts


def _further_fields(chunk: Chunk) -> bytes:
    replaced = "parts" if len(chunk.parts) > 1 else None
    return b"".join([b"," + quoted(key) + b":" + value for key, value in chunk.fields if key != replaced])
