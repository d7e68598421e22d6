"""The text of a record: what stands under a key, or a template filled with its fields; messages become text, too.

A template holds fields in braces, by names or by paths with dots: "{title}\\n\\n{data.body}". A record without one of
them is an error, unless it is written "{title?}": then nothing stands there. "{{" and "}}" are braces.

Where a field holds messages, a list of objects with "role" and "content" (or "from" and "value", as ShareGPT has them),
each is filled into a template of its own and they are put one after the other.
"""

import functools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import orjson

from gotd.errors import UsageError
from gotd.streams.json_fields import RecordError, json_type, named_fields, value_at
from gotd.types import JSON

#: What a message becomes; white space at the end of the last one is cut off.
MESSAGE_TEMPLATE = "{role}: {content}\n\n"
#: The field in which ds-chunk writes text that it has made.
TEXT_FIELD = "text"
NAME_THE_FIELD = "name the field that holds the text with --text-key, or make it of several with --text-template"
_MEND_TEMPLATE = "mend --text-template; {NAME?} is a field that some records lack"
_MEND_MESSAGE = "mend that line, or --message-template; {NAME?} is a field that some messages lack"
#: Names of roles in ShareGPT's lists.
_ROLES = {"human": "user", "gpt": "assistant"}
_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\"}


class _Part(NamedTuple):
    """A piece of a template: text as it is, or a field."""

    literal: str = ""
    path: str = ""
    optional: bool = False


def unescaped(template: str) -> str:
    """Return a template as shells pass it with its \\n, \\t, \\r and \\\\ as what they stand for.

    Raises: UsageError for another letter after a backslash.
    """

    def meaning(found: re.Match[str]) -> str:
        if found[1] not in _ESCAPES:
            raise UsageError(f"{found[0]} in a template: \\n, \\t and \\r are known, and \\\\ for a backslash")
        return _ESCAPES[found[1]]

    return _ESCAPE.sub(meaning, template)


@functools.cache
def _parts(template: str) -> tuple[_Part, ...]:
    """Return the pieces of a template. Raises: UsageError where braces do not match, or name no field."""
    found, end = [], 0
    for token in _TOKEN.finditer(template):
        found.append(_Part(template[end : token.start()]))
        end = token.end()
        if token[0] in ("{{", "}}"):
            found.append(_Part(token[0][0]))
        elif token[0] in ("{", "}"):
            what = f'a lone "{token[0]}" at character {token.start() + 1}'
            raise UsageError(f"template {template!r}: {what}; write {token[0] * 2} for a brace")
        elif token[1].removesuffix("?"):
            found.append(_Part(path=token[1].removesuffix("?"), optional=token[1].endswith("?")))
        else:
            raise UsageError(f"template {template!r}: {token[0]} names no field; write {{NAME}}")
    found.append(_Part(template[end:]))
    if not any(part.path for part in found):
        raise UsageError(f"template {template!r}: no field in it; write {{NAME}} for the text of a field")
    return tuple(part for part in found if part != _Part())


@dataclass(frozen=True)
class RecordText:
    """How the text of records is made: from the field under `key`, or by `template` where there is one.

    Raises: UsageError for a template that is none.
    """

    key: str = TEXT_FIELD
    template: str | None = None
    message_template: str = MESSAGE_TEMPLATE

    def __post_init__(self) -> None:
        _parts(self.message_template)
        if self.template is not None:
            _parts(self.template)

    @property
    def spec(self) -> str:
        """What seals say of it: the key, or JSON of all that differs from one."""
        others = {"template": self.template} if self.template is not None else {}
        if self.message_template != MESSAGE_TEMPLATE:
            others["message_template"] = self.message_template
        if not others and not self.key.startswith("{"):
            return self.key
        return orjson.dumps(({} if self.template is not None else {"key": self.key}) | others).decode()

    @classmethod
    def of_spec(cls, spec: str) -> Self:
        """Return what a `spec` was made of. Raises: ValueError for what never was one."""
        if not spec.startswith("{"):
            return cls(spec)
        try:
            known = orjson.loads(spec)
            if not all(isinstance(value, str) for value in known.values()):
                raise TypeError("a value that is no text")
            return cls(**known)
        except (ValueError, TypeError, AttributeError, UsageError) as error:
            raise ValueError(f"text made by {spec[:80]!r}") from error

    @property
    def paths(self) -> list[str]:
        """Keys, or paths of keys, of the fields that the text is made from."""
        return [self.key] if self.template is None else [part.path for part in _parts(self.template) if part.path]

    @property
    def option(self) -> str:
        """As it is given on a command line, for messages."""
        return f"--text-key {self.key}" if self.template is None else f"--text-template {self.template!r}"

    def of(self, fields: Mapping[str, JSON], remedy: str = "") -> str:
        """Return the text. remedy : what to do where a field is missing

        Raises: RecordError, a ValueError, where there is none that could be embedded.
        """
        if self.template is None:
            value = fields.get(self.key)
            if isinstance(value, str) and value.isascii():
                return value
            value = value_at(fields, self.key)
            if value is None:
                null = ", it is null" if self.key in fields else ""
                raise RecordError(f'no "{self.key}" field{null or named_fields(fields, self.key)}',
                                  remedy or NAME_THE_FIELD)
            text = value if isinstance(value, str) else self._as_text(value, self.key)
        else:
            text = self._filled(_parts(self.template), fields, remedy or _MEND_TEMPLATE)
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError as error:
                what = f'"{self.key}" holds' if self.template is None else "its text holds"
                raise ValueError(f"{what} half a surrogate pair, which is no Unicode text") from error
        return text

    def is_in_place(self, fields: Mapping[str, JSON]) -> bool:
        """Return whether the text stands in a field of its own."""
        return self.template is None and isinstance(value_at(fields, self.key), str)

    def find(self, fields: Mapping[str, JSON]) -> str | None:
        """Return the text, whatever characters it holds; None where there is none."""
        if self.template is None:
            value = fields.get(self.key)
            if isinstance(value, str) or isinstance(value := value_at(fields, self.key), str):
                return value
        try:
            return self.of(fields)
        except ValueError:
            return None

    def _as_text(self, value: JSON, name: str) -> str:
        if isinstance(value, str):
            return value
        if not (isinstance(value, list) and value and isinstance(value[0], dict)):
            raise ValueError(f'"{name}" is a JSON {json_type(value)}, not a string')
        messages = [_message(item, f'"{name}": message {number}') for number, item in enumerate(value, 1)]
        parts = _parts(self.message_template)
        return "".join(self._filled(parts, message, _MEND_MESSAGE) for message in messages).rstrip()

    def _filled(self, parts: Sequence[_Part], fields: Mapping[str, JSON], remedy: str) -> str:
        found = []
        for part in parts:
            if not part.path:
                found.append(part.literal)
                continue
            value = value_at(fields, part.path)
            if isinstance(value, bool | int | float):
                found.append(json.dumps(value))
            elif value is not None:
                found.append(self._as_text(value, part.path))
            elif not part.optional:
                null = ", it is null" if part.path in fields else ""
                raise RecordError(f'no "{part.path}" field{null or named_fields(fields, part.path)}', remedy)
        return "".join(found)


def is_spec(spec: object) -> bool:
    """Return whether it is text that says how a text is made."""
    try:
        RecordText.of_spec(str(spec))
    except ValueError:
        return False
    return isinstance(spec, str)


def _message(item: JSON, place: str) -> Mapping[str, JSON]:
    """Return a message with its "role" and its "content" as text. Raises: ValueError for what is none."""
    if isinstance(item, dict) and "role" not in item and isinstance(item.get("from"), str):
        item = {**item, "role": _ROLES.get(item["from"], item["from"]), "content": item.get("value")}
    if not (isinstance(item, dict) and isinstance(item.get("role"), str)):
        raise ValueError(f'{place} has no "role" and "content", and no "from" and "value"')
    return {**item, "content": _content(item.get("content"), place)}


def _content(content: JSON, place: str) -> str:
    """Return what a message says; nothing where it calls a tool and is silent."""
    if content is None:
        return ""
    parts = [content] if isinstance(content, str) else content
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts] if isinstance(parts, list) else []
    if not isinstance(parts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f'{place} has "content" that is no text')
    return "".join(map(str, texts))
