"""The seal: what a stream says about itself at its end, and what a pipe announces at its start.

A seal is one line of JSON. Inside zstd it travels in a skippable frame, after an array as one more array of bytes
(`compression.py`, `arrays.py`), so plain tools never see it. It holds

    gotd     version of this format
    kind     "records", "vectors" or "scores"
    rows     how many rows the stream holds
    digest   SHA-256 of the rows themselves
    records  whose rows these are, row i of record i, as runs [rows, SHA-256, text]: the digest is of the texts that
             are made so (`RecordText.spec`, `digests.py`), and null where nothing says what the run was made from. Of
             records themselves at most one run, of their own texts
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
from dataclasses import dataclass, field, fields
from typing import Self, TypeVar

import orjson

from gotd.errors import DataError, GotdError
from gotd.streams.digests import Digest, RecordRun, content_of
from gotd.streams.record_text import is_spec
from gotd.types import JSON, EmbedderIdentity

FORMAT = 2
_READ_FORMATS = (1, 2)
PREFIX = b'{"gotd":'
#: Longest seal we write or believe, in bytes; a longer skippable frame belongs to somebody else. Scores of 200,000
#: shards in one file have a run of records for each, of 75 bytes.
MAX_SEAL_BYTES = 1 << 24
_CHECK_HEX_DIGITS = 16

Kind = TypeVar("Kind")


@dataclass(frozen=True)
class MadeBy:
    """Who made a stream: only what its bytes depend on, so no paths, threads, times or version of the package.

    tool, revision : of it, one more whenever it makes other bytes of the same input and options; none in format 1
    options : by name
    target : digest of the target file that scores are of. embedder : what made the vectors
    pool_rows, excluded : of a choice: how many records it is of, and the texts that it shares no run of words with
    tokenizer : of a choice: digest of what counted its tokens
    inputs : digest of all that was read, where a later run can tell by it that the output is there
    others : what another version of gotd said besides
    """

    tool: str = ""
    revision: int | None = None
    options: Mapping[str, JSON] = field(default_factory=dict)
    target: str | None = None
    embedder: EmbedderIdentity | None = None
    pool_rows: int | None = None
    excluded: Mapping[str, JSON] | None = None
    tokenizer: str | None = None
    inputs: str | None = None
    others: Mapping[str, JSON] = field(default_factory=dict)

    def as_json(self) -> dict[str, JSON]:
        """Return what a seal says of it: what is known, in the order of the fields."""
        named = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "others"}
        return {name: value for name, value in named.items() if value not in (None, "")} | dict(self.others)

    @classmethod
    def read(cls, said: Mapping[str, JSON]) -> Self:
        """Return what a seal says. Raises: TypeError for what cannot be."""
        known = {each.name for each in fields(cls)} - {"others"}
        rows, others = said.get("pool_rows"), {name: value for name, value in said.items() if name not in known}
        return cls(_optional(said, "tool", str) or "", _optional(said, "revision", int),
                   _optional(said, "options", dict) or {}, _optional(said, "target", str),
                   _optional(said, "embedder", dict), None if rows is None else _count(rows),
                   _optional(said, "excluded", dict), _optional(said, "tokenizer", str),
                   _optional(said, "inputs", str), others)


@dataclass(frozen=True)
class Announcement:
    """The start of a stream in a pipe."""

    kind: str
    made_by: MadeBy = MadeBy()


@dataclass(frozen=True)
class Seal:
    """The end of a stream (fields: see the module's text)."""

    kind: str
    rows: int
    digest: str
    records: tuple[RecordRun, ...] = ()
    made_by: MadeBy = MadeBy()
    notes: Mapping[str, JSON] = field(default_factory=dict)
    position: int | None = None

    @property
    def content(self) -> str:
        """Names the rows and the texts they belong to, whoever wrote them when."""
        if self.kind == "records":
            return self.digest
        return content_of(self.digest, orjson.dumps([[*map(list, self.records)], self.made_by.embedder]))


def encode(message: Seal | Announcement) -> bytes:
    """One line of JSON without the newline, the same bytes for the same message.

    Raises: GotdError where it would be longer than any reader believes.
    """
    body: dict[str, JSON] = {"gotd": FORMAT, "kind": message.kind}
    if isinstance(message, Seal):
        runs = [[*run] if run.text_key is not None else [run.rows, run.digest] for run in message.records]
        body |= {"rows": message.rows, "digest": message.digest, "records": runs}
        body |= {} if message.position is None else {"position": message.position}
    else:
        body |= {"opens": True}
    body["made_by"] = message.made_by.as_json()
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


def _message(body: Mapping[str, JSON], place: str) -> Seal | Announcement:
    """The message in a parsed payload; ValueError, KeyError or TypeError where it holds none."""
    if body["gotd"] not in _READ_FORMATS:
        what = f"sealed in format {body['gotd']}, this gotd reads {' and '.join(map(str, _READ_FORMATS))}"
        raise DataError(place, what, "use the gotd that made it")
    kind, made_by = _typed(body, "kind", str), MadeBy.read(_typed(body, "made_by", dict))
    if "opens" in body:
        return Announcement(kind, made_by)
    runs = tuple(RecordRun(_count(rows), *rest) for rows, *rest in _typed(body, "records", list))
    if not all(isinstance(run.digest, str | None) and is_spec(run.text_key or "") for run in runs):
        raise TypeError("records")
    position = None if body.get("position") is None else _count(body["position"])
    return Seal(kind, _count(body["rows"]), _typed(body, "digest", str), runs, made_by,
                _optional(body, "notes", dict) or {}, position)


def _typed(body: Mapping[str, JSON], name: str, kind: type[Kind]) -> Kind:
    """A field of that type."""
    value = body.get(name)
    if not isinstance(value, kind):
        raise TypeError(name)
    return value


def _optional(body: Mapping[str, JSON], name: str, kind: type[Kind]) -> Kind | None:
    """A field of that type, which may be null or missing."""
    return None if body.get(name) is None else _typed(body, name, kind)


def _count(value: JSON) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError("rows")
    return value


def _check(line: bytes) -> bytes:
    return hashlib.sha256(line).hexdigest()[:_CHECK_HEX_DIGITS].encode()


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
        tool = (self.announced.made_by.tool if self.announced else "") or "the command before this one"
        remedy = f"{tool} stopped early: see its message, then run the whole line again"
        raise DataError(self.name, f"cut short after {self.digest.rows} rows: {what}", remedy)

    def _compare(self, seal: Seal) -> None:
        if seal.rows != self.digest.rows:
            what = f"its seal says {seal.rows} rows, {self.digest.rows} were read"
            raise DataError(self.name, what, "make the file again")
        if seal.digest != self.digest.hexdigest():
            raise DataError(self.name, "its rows are not the ones it was sealed with", "make the file again")
