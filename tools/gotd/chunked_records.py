"""Records as documents to be chunked, and chunks as lines: every field's bytes as they came."""

from collections.abc import Sequence

from gotd.chunking import Chunk, Document, Fields
from gotd.streams.json_fields import quoted, raw_fields, texts_object, with_field, with_value, without_path
from gotd.streams.locations import escaped
from gotd.streams.raw_fields import fields_beside
from gotd.streams.record_text import TEXT_FIELD, RecordText
from gotd.streams.records import Record


def document_of(record: Record[str], text: RecordText) -> Document:
    """Return a record's text and other fields, less those that the text is made from; without an id it is called by
    its place. A whole line has text that is made in a field of its own."""
    line, name = record.line, record.fields.get("id")
    made, in_place = record.value, text.is_in_place(record.fields)
    if in_place and text.key in record.fields:
        fields = fields_beside(line, text.key)
    else:
        taken = text.paths if in_place else [*text.paths, TEXT_FIELD]
        fields = [(key, _without_text(key, value, text.paths)) for key, value in raw_fields(line) if key not in taken]
    if not isinstance(name, str):
        if name is None:
            name = escaped(record.place.rsplit("/", 1)[-1])
        else:  # as it stands there: 7, 1.50
            name = next(value for key, value in reversed(fields) if key == "id").decode()
        splice = with_value if "id" in record.fields else with_field
        line = splice(line, "id", quoted(name))
    if not in_place:
        splice = with_value if TEXT_FIELD in record.fields else with_field
        line = splice(line, TEXT_FIELD, quoted(made))
    others = tuple([field for field in fields if field[0] != "id"])
    return Document(name, made, others, line)


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
