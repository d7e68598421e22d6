"""Records made wrong as JSON, and wrapped in compression that is legal, odd or lying."""

import base64
import bz2
import gzip
import json
import lzma
import re
import struct
from random import Random

import numpy as np
import zstandard

_VALUES = (
    b"null", b"true", b"[]", b"{}", b"7", b"-0.0", b"1e999", b"1e39", b"1e-50", b"NaN", b"Infinity", b"-Infinity",
    b'""', b'" "', b'"\\ud800"', b'"\\u0000"', b'"\\ud83d\\ude00"', b'"\xff"', b'"\xed\xa0\x80"', b"'x'", b'"a\x01b"',
    b'"a\xe2\x80\xa8b"',
    b"9" * 400, b"9" * 5000, b"-" + b"9" * 20, b"1." + b"1" * 3000, b"[" * 900 + b"]" * 900, b"[" * 1020 + b"]" * 1020,
    b"[" * 60000 + b"]" * 60000, b'{"a":' * 1000 + b"1" + b"}" * 1000, b'"' + b"word " * 30000 + b'"',
    b'"' + b"x" * 5000 + b'"',
    b"01", b"+1", b".5", b"0x10", b"undefined", b'{"text":"inner"}', b'"}{"', b'",\\"gotd_score\\":1}"',
    b'"a\\/b\\"c\\\\"',
    b'"\\u0041\\u00e9"', b'"' + "\u00e9\u4e2d\U0001f600".encode() * 300 + b'"', b"{} {}", b'"a" "b"', b"",
)
_KEYS = ("id", "text", "te\\u0078t", "gotd_embedding", "gotd_score", "embedding", "score", "parts", "", "label",
         "\\ud800", "gotd_sc\\u006fre", "messages", "title")
_FIELD = re.compile(rb'"(?:id|text|gotd_score|gotd_embedding|domain|messages|role|content|title)": ?'
                    rb'("(?:[^"\\]|\\.)*"|[^,}]*)')


def wrong_lines(lines: list[bytes], source: Random) -> list[bytes]:
    """The same lines, some of them changed, one or two in most cases."""
    lines = list(lines)
    for _ in range(source.choice((1, 1, 2, 5))):
        place = source.randrange(len(lines)) if lines else 0
        change = source.choice((*3 * [_new_value], *2 * [_new_field], _carried, _whole, _line_list))
        if change is _line_list or not lines:
            lines = _line_list(lines, source)
        else:
            lines[place] = change(lines[place], source)
    return lines


def _new_value(line: bytes, source: Random) -> bytes:
    """Another value for a field that is there."""
    found = list(_FIELD.finditer(line))
    if not found:
        return line
    match = source.choice(found)
    return line[: match.start(1)] + source.choice(_VALUES) + line[match.end(1) :]


def _new_field(line: bytes, source: Random) -> bytes:
    """A field more, at either end: it may be there already."""
    field = b'"' + source.choice(_KEYS).encode() + b'":' + source.choice(_VALUES)
    if source.random() < 0.5:
        return b"{" + field + b"," + line.lstrip()[1:]
    return line.rstrip()[:-1] + source.choice((b",", b" , ", b"")) + field + source.choice((b"}", b" }", b""))


def _carried(_: bytes, source: Random) -> bytes:
    """An embedding or a score that cannot be one."""
    width = source.choice((64, 64, 63, 65, 0, 1))
    row = np.full(width, source.choice((0.5, np.nan, np.inf, 65504.0, 0.0)), "<f2").tobytes()
    text = base64.b64encode(row).decode()
    value = source.choice((text, text[:-1], text + "=", text + "\n", "*" * 172, text.replace("A", " ")))
    made: dict[str, object] = {"id": "new", "text": "market shares"}
    made["gotd_embedding" if source.random() < 0.7 else "gotd_score"] = value
    return json.dumps(made).encode()


def _whole(_: bytes, source: Random) -> bytes:
    """Another line altogether."""
    return source.choice((*_VALUES, b"{", b"}", b'{"text"}', b'{"text":"a"', b'{"text":"a",}', b'{"text":"a"}}',
                          b'{"text":"a"} // c', b"\x00" * 50, b" " * 100_000, source.randbytes(40), b'["text","a"]'))


def _line_list(lines: list[bytes], source: Random) -> list[bytes]:
    """Lines in another order, twice, none, or joined."""
    how = source.randrange(5)
    if how == 0:
        return []
    if how == 1:
        return lines[::-1]
    if how == 2:
        return lines + lines[: source.randint(0, len(lines))]
    if how == 3:
        return [b" ".join(lines[:2]), *lines[2:]]
    return source.sample(lines, len(lines))


def wrong_array_of(lines: list[bytes], source: Random) -> bytes:
    """The values of these lines in one array, or over several lines, with what is between them right or not."""
    comma = b"," + source.choice((b"", b"\n", b" \r\n"))
    end = source.choice((b"]", b"]", b"]\n", b"\n]\n\n", b"]]", b",]", b""))
    if source.random() < 0.3:
        return source.choice((b"\n", b"\n\n", b" ", b"")).join(line.replace(b", ", b",\n ") for line in lines)
    if lines and source.random() < 0.3:
        place = source.randrange(len(lines))
        line = lines[place]
        lines[place] = source.choice((line + b",", b",", line[:-1], b"[" + line, b"// c\n" + line))
    return source.choice((b"[", b"[", b" [\n", b"[[", b"")) + comma.join(lines) + end


def wrapped(plain: bytes, source: Random) -> bytes:
    """Plain, gzip, xz, bzip2 or zstd in its many forms."""
    return source.choice((_as_is, _as_is, _zstd, _zstd, _frames, _strange, _gzip, _xz, _bzip2))(plain, source)


def _as_is(plain: bytes, source: Random) -> bytes:
    return source.choice((b"", b"", b"\xef\xbb\xbf", b"\n")) + plain


def _zstd(plain: bytes, source: Random) -> bytes:
    made = zstandard.ZstdCompressor(level=source.choice((1, 3, 19)), write_checksum=source.random() < 0.5,
                                    write_content_size=source.random() < 0.5)
    return made.compress(plain)


def _frames(plain: bytes, source: Random) -> bytes:
    step = max(1, len(plain) // source.choice((1, 2, 7, 50)))
    frames = [zstandard.compress(plain[start : start + step]) for start in range(0, len(plain), step)]
    if source.random() < 0.5:
        length = source.choice((0, 10, 70_000, 0xFFFFFFFF))
        skip = struct.pack("<II", 0x184D2A50 + source.randrange(16), length) + bytes(min(length, 70_000))
        frames.insert(source.randint(0, len(frames)), skip)
    return b"".join(frames)


def _strange(plain: bytes, source: Random) -> bytes:
    """A frame header that asks for a window or a dictionary, or lies about the size; a bomb."""
    if source.random() < 0.2:
        return zstandard.ZstdCompressor(level=3).compress(source.choice((b" ", b"\n", b"a")) * (1 << 27))
    body = zstandard.compress(plain)
    header = source.choice((b"\x00\xf8", b"\x00\xa0", b"\x00\x98", b"\x03\x58\x01\x02\x03\x04",
                            b"\xe0" + b"\xff" * 8, b"\xff"))
    return body[:4] + header + body[6:]


def _gzip(plain: bytes, source: Random) -> bytes:
    whole = gzip.compress(plain, 6, mtime=0)
    return source.choice((whole, whole + gzip.compress(plain), whole + bytes(9), whole[:-4] + bytes(4),
                          whole[:3] + b"\x1f" + whole[4:], gzip.compress(whole), whole + b"x"))


def _xz(plain: bytes, source: Random) -> bytes:
    check = source.choice((lzma.CHECK_NONE, lzma.CHECK_CRC32, lzma.CHECK_CRC64, lzma.CHECK_SHA256))
    whole = lzma.compress(plain, check=check)
    return source.choice((whole, whole + lzma.compress(plain), whole + bytes(4), whole + bytes(6), whole[:-12],
                          whole + bytes(4) + whole, lzma.compress(whole), lzma.compress(plain, lzma.FORMAT_ALONE),
                          whole + b"x", whole[:6] + b"\x00\x0f" + whole[8:]))


def _bzip2(plain: bytes, source: Random) -> bytes:
    whole = bz2.compress(plain, source.choice((1, 9)))
    return source.choice((whole, whole + bz2.compress(plain), whole + bytes(9), whole[:-4], bz2.compress(whole),
                          whole + b"x", whole + b"BZh", whole[:3] + b"0" + whole[4:], bz2.compress(b"") + whole))
