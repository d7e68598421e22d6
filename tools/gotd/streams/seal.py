"""The seal: what a stream says about itself at its end, and what a pipe announces at its start.

A seal is one line of JSON. Inside zstd it travels in a skippable frame, after an array as one more array of bytes
(`compression.py`, `arrays.py`), so plain tools never see it. It holds

    gotd     version of this format
    kind     "records", "vectors" or "scores"
    rows     how many rows the stream holds
    digest   SHA-256 of the rows themselves
    records  whose rows these are, row i of record i, as runs [rows, SHA-256, text key]: the digest is of the texts
             under that key (`text_digest.py`), and null where nothing says what the run was made from. Of records
             themselves at most one run, of their own texts
    position bytes of its stream before this line: where several streams stand in one file, one after the other, the
             last seal is elsewhere, and speaks for the last stream only
    made_by  tool, its revision, options, whatever identifies its models, and a digest of its inputs
    notes    counts and the like, to be read by people: nothing is ever compared with them
    check    digest of the line itself, so that a flipped bit in the seal does not pass for another truth

An announcement is the same without the figures: who is writing, so that a reader can refuse at once, and knows that
a stream which ends without its seal is short.

In format 1 runs were [rows, SHA-256] of the records' lines, and `made_by` held the version of the package: what was
made then is read and paired by its lines, and made anew where a command is asked to make it again.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from gotd.errors import DataError, GotdError

FORMAT = 2
_READ_FORMATS = (1, 2)
PREFIX = b'{"gotd":'
#: Longest seal we write or believe, in bytes; a longer skippable frame belongs to somebody else. Scores of 200,000
#: shards in one file have a run of records for each, of 75 bytes.
MAX_SEAL_BYTES = 1 << 24
_CHECK_HEX_DIGITS = 16

MadeBy = Mapping[str, Any]


def made_by(tool: str, revision: int, options: Mapping[str, Any], **identities: Any) -> dict[str, Any]:
    """Who made a stream: only what its bytes depend on, so no paths, threads, times or version of the package.

    revision : of the tool, one more whenever it makes other bytes of the same input and options
    """
    known = {name: value for name, value in identities.items() if value is not None}
    return {"tool": tool, "revision": revision, "options": dict(options), **known}


class RecordRun(NamedTuple):
    """Consecutive records that rows were made from.

    digest : as `TextDigest` makes it of the texts under `text_key`, or `Digest.add_lines` of the lines where that is
        None (format 1); None where unknown
    """

    rows: int
    digest: str | None
    text_key: str | None = None


@dataclass(frozen=True)
class Announcement:
    """The start of a stream in a pipe."""

    kind: str
    made_by: MadeBy = field(default_factory=dict)


@dataclass(frozen=True)
class Seal:
    """The end of a stream (fields: see the module's text)."""

    kind: str
    rows: int
    digest: str
    records: tuple[RecordRun, ...] = ()
    made_by: MadeBy = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)
    position: int | None = None

    @property
    def content(self) -> str:
        """Names the rows and the texts they belong to, whoever wrote them when."""
        if self.kind == "records":
            return self.digest
        return content_of(self.digest, orjson.dumps([[*map(list, self.records)], self.made_by.get("embedder")]))


def encode(message: Seal | Announcement) -> bytes:
    """One line of JSON without the newline, the same bytes for the same message.

    Raises: GotdError where it would be longer than any reader believes.
    """
    body: dict[str, Any] = {"gotd": FORMAT, "kind": message.kind}
    if isinstance(message, Seal):
        runs = [[*run] if run.text_key is not None else [run.rows, run.digest] for run in message.records]
        body |= {"rows": message.rows, "digest": message.digest, "records": runs}
        body |= {} if message.position is None else {"position": message.position}
    else:
        body |= {"opens": True}
    body["made_by"] = message.made_by
    if isinstance(message, Seal) and message.notes:
        body["notes"] = message.notes
    line = orjson.dumps(body)
    line = line[:-1] + b',"check":"' + _check(line) + b'"}'
    if len(line) > MAX_SEAL_BYTES:
        what = f"its seal would take {len(line):,} bytes, the most is {MAX_SEAL_BYTES:,}"
        raise GotdError(f"too many inputs for one output: {what}; write one output for each input with -o DIR/")
    return line


def decode(payload: bytes, place: str) -> Seal | Announcement:
    """The message in a payload that starts with PREFIX; a damaged one is a DataError."""
    head, found, tail = payload.rpartition(b',"check":"')
    if not found or tail != _check(head + b"}") + b'"}':
        raise DataError(place, "its seal is damaged", "make the file again")
    try:
        return _message(orjson.loads(payload), place)
    except (ValueError, KeyError, TypeError) as error:
        # Whole, and not what any gotd writes: somebody made it by hand.
        raise DataError(place, f"its seal makes no sense ({error})", "make the file again") from error


def _message(body: dict[str, Any], place: str) -> Seal | Announcement:
    """The message in a parsed payload; ValueError, KeyError or TypeError where it holds none."""
    if body["gotd"] not in _READ_FORMATS:
        what = f"sealed in format {body['gotd']}, this gotd reads {' and '.join(map(str, _READ_FORMATS))}"
        raise DataError(place, what, "use the gotd that made it")
    made_by = _typed(body, "made_by", dict)
    _typed(made_by, "embedder", dict | None)
    _typed(made_by, "target", str | None)
    if "opens" in body:
        return Announcement(_typed(body, "kind", str), made_by)
    runs = tuple(RecordRun(_count(rows), *rest) for rows, *rest in _typed(body, "records", list))
    if not all(isinstance(run.digest, str | None) and isinstance(run.text_key, str | None) for run in runs):
        raise TypeError("records")
    notes = _typed(body, "notes", dict | None) or {}
    position = None if body.get("position") is None else _count(body["position"])
    return Seal(_typed(body, "kind", str), _count(body["rows"]), _typed(body, "digest", str), runs, made_by, notes,
                position)


def _typed(body: dict[str, Any], name: str, kind: Any) -> Any:
    """A field of that type; one that may be None may be missing."""
    value = body.get(name)
    if not isinstance(value, kind):
        raise TypeError(name)
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError("rows")
    return value


def _check(line: bytes) -> bytes:
    return hashlib.sha256(line).hexdigest()[:_CHECK_HEX_DIGITS].encode()


class Digest:
    """Running SHA-256 of rows, counted."""

    def __init__(self) -> None:
        self.rows = 0
        self._hash = hashlib.sha256()

    def add_lines(self, lines: list[bytes]) -> bytes:
        """Records: each line's bytes and one newline, which are returned."""
        block = b"\n".join([*lines, b""])
        self._hash.update(block)
        self.rows += len(lines)
        return block

    def add_rows(self, payload: bytes | memoryview, rows: int) -> None:
        """Array rows, as their bytes lie on disk."""
        self._hash.update(payload)
        self.rows += rows

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def content_of(digest: str, *others: bytes) -> str:
    """One name for rows of that digest and what else tells them from others."""
    return hashlib.sha256(b"\n".join([digest.encode(), *others])).hexdigest()


class Verifier:
    """Checks a stream against the seals in it: one digest from seal to seal, a verdict at the end."""

    def __init__(self, name: str, kind: str) -> None:
        self.name = name
        self.kind = kind
        self.digest = Digest()
        self.announced: Announcement | None = None
        self.seals: list[Seal] = []

    def meet(self, payload: bytes) -> Seal | Announcement:
        """Take in a seal or an announcement found in the stream."""
        message = decode(payload, self.name)
        if message.kind != self.kind:
            raise DataError(self.name, f"holds {message.kind}, {self.kind} are wanted here", "check the order of files")
        if isinstance(message, Announcement):
            if self.announced or self.digest.rows:
                self._short("another stream begins before this one's seal")
            self.announced = message
            return message
        self._compare(message)
        self.seals.append(message)
        self.announced, self.digest = None, Digest()
        return message

    def end(self) -> None:
        """The stream is over; an announced one must have been sealed."""
        if self.announced:
            self._short("the stream ended without its seal")

    @property
    def sealed(self) -> bool:
        """Whether every row so far stands under a seal."""
        return bool(self.seals) and not self.digest.rows

    @property
    def content(self) -> str:
        """Names the content of a stream that was read to its end: of one under one seal what the seal alone says."""
        if not self.seals:
            return self.digest.hexdigest()
        if self.sealed and len(self.seals) == 1:
            return self.seals[0].content
        return content_of(self.digest.hexdigest(), *(seal.content.encode() for seal in self.seals))

    def _short(self, what: str) -> None:
        tool = (self.announced or Announcement("")).made_by.get("tool", "the command before this one")
        remedy = f"{tool} stopped early: see its message, then run the whole line again"
        raise DataError(self.name, f"cut short after {self.digest.rows} rows: {what}", remedy)

    def _compare(self, seal: Seal) -> None:
        if seal.rows != self.digest.rows:
            what = f"its seal says {seal.rows} rows, {self.digest.rows} were read"
            raise DataError(self.name, what, "make the file again")
        if seal.digest != self.digest.hexdigest():
            raise DataError(self.name, "its rows are not the ones it was sealed with", "make the file again")
