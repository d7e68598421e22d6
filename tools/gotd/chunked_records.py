"""Records as documents to be chunked, and chunks as lines: every field's bytes as they came."""

from collections.abc import Sequence

from gotd.chunking import Chunk, Document, Fields
from gotd.streams.json_fields import quoted, raw_fields, texts_object, value_at, with_field, with_value, without_path
from gotd.streams.locations import escaped
from gotd.streams.raw_fields import fields_beside
from gotd.streams.records import Record


def document_of(record: Record, text_key: str) -> Document:
    """Return a record's text and other fields; without an id it is called by its place."""
    line, name = record.line, record.fields.get("id")
    if text_key in record.fields:
        fields = fields_beside(line, text_key)
    else:
        fields = [(key, _without_text(key, value, text_key)) for key, value in raw_fields(line)]
    if not isinstance(name, str):
        if name is None:
            name = escaped(record.place.rsplit("/", 1)[-1])
        else:  # as it stands there: 7, 1.50
            name = next(value for key, value in reversed(fields) if key == "id").decode()
        splice = with_value if "id" in record.fields else with_field
        line = splice(line, "id", quoted(name))
    others = tuple([field for field in fields if field[0] != "id"])
    return Document(name, value_at(record.fields, text_key), others, line)


def _without_text(key: str, value: bytes, path: str) -> bytes:
    """Return a field's value less the text, where that lies under it."""
    return without_path(value, path.removeprefix(f"{key}.")) if path.startswith(f"{key}.") else value


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
