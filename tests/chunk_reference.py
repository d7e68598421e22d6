"""What ds-chunk writes, by its definition: one document after the other, one field after the other, nothing saved."""

import json
import math
import re
from typing import Any, NamedTuple

BOUNDARIES = (r"\n[ \t]*\n\s*", r"\n\s*", r"(?<=[.!?])[\"')\]]*\s+|(?<=[。！？])", r"\s+")
SPACE = re.compile(r"[ \t]*")


class Options(NamedTuple):
    """As of the command."""

    chars: int
    min_chars: int
    join: str
    text_key: str


class Piece(NamedTuple):
    """A piece of a document: its other fields as raw JSON; line where it is the whole record."""

    id: str
    text: str
    fields: list[tuple[str, str]]
    line: str | None


def pieces_of(text: str, chars: int) -> list[str]:
    """Return pieces of about equal length, each cut at the best kind of boundary in the second half of what may be."""
    text = text.strip()
    if len(text) <= chars:
        return [text] if text else []
    ideal = math.ceil(len(text) / math.ceil(len(text) / chars))
    for boundary in BOUNDARIES:
        matches = re.compile(boundary).finditer(text[: chars + 1], ideal // 2)
        cuts = [(match.start() + len(match[0].rstrip()), match.end()) for match in matches]
        cuts = [cut for cut in cuts if cut[0] <= chars]
        if cuts:
            end, following = min(cuts, key=lambda cut: abs(cut[0] - ideal))
            return [text[:end].rstrip(), *pieces_of(text[following:], chars)]
    return [text[:ideal].rstrip(), *pieces_of(text[ideal:], chars)]


def raw(line: str) -> list[tuple[str, str]]:
    """Return the fields of an object on a line, values as they stand."""
    decoder, fields, at = json.JSONDecoder(), [], _space(line, 1)
    while line[at] != "}":
        key, at = decoder.raw_decode(line, at)
        start = _space(line, _space(line, at) + 1)
        _, end = decoder.raw_decode(line, start)
        fields.append((key, line[start:end]))
        at = _space(line, end)
        at = _space(line, at + 1) if line[at] == "," else at
    return fields


def _space(line: str, at: int) -> int:
    match = SPACE.match(line, at)
    assert match
    return match.end()


def chunked(lines: list[bytes], options: Options) -> list[bytes]:
    """Return the lines of the chunks of one file, whose records all have an id that is a string."""
    pieces = [piece for line in lines for piece in _pieces(line.decode(), options)]
    groups: list[list[Piece]] = []
    for piece in pieces:
        text = "\n\n".join(each.text for each in (*groups[-1], piece)) if groups else ""
        if groups and len(text) <= options.chars and _may_join(groups[-1][0], piece, options.join):
            groups[-1].append(piece)
        else:
            groups.append([piece])
    return [_line(group, options.text_key).encode() for group in groups
            if sum(len(piece.text) + 2 for piece in group) - 2 >= options.min_chars]


def _pieces(line: str, options: Options) -> list[Piece]:
    record: dict[str, Any] = json.loads(line)
    fields = [(key, value) for key, value in raw(line) if key not in ("id", options.text_key)]
    text: str = record[options.text_key]
    whole = pieces_of(text, options.chars)
    names = [record["id"]] if len(whole) == 1 else [f'{record["id"]}#{number}' for number in range(1, len(whole) + 1)]
    untouched = line if len(whole) == 1 and len(text) <= options.chars else None
    return [Piece(name, piece, fields, untouched) for name, piece in zip(names, whole, strict=True)
            if any(map(str.isalnum, piece))]


def _may_join(first: Piece, second: Piece, join: str) -> bool:
    one, other = dict(first.fields), dict(second.fields)
    return {"never": False, "all": True, "same": one == other}.get(join, join in one and one[join] == other.get(join))


def _line(group: list[Piece], text_key: str) -> str:
    first = group[0]
    if len(group) == 1 and first.line is not None:
        return first.line
    fields = [field for field in first.fields if all(field in other.fields for other in group)]
    name, parts = first.id, ""
    if len(group) > 1:
        fields = [field for field in fields if field[0] != "parts"]
        name, parts = f"{name}+{len(group) - 1}", _dumped([piece.id for piece in group])
    text = "\n\n".join(piece.text for piece in group)
    every = [("id", _dumped(name)), (text_key, _dumped(text)), *fields, *([("parts", parts)] if parts else [])]
    return "{" + ",".join(f"{_dumped(key)}:{value}" for key, value in every) + "}"


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
