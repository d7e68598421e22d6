"""Bytes made wrong: what a bad disk, a bad cable or somebody's editor does to any file."""

from random import Random

#: Numbers where things break: lengths, counts and sizes are written as these.
_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 62, (1 << 64) - 1)
_TOKENS = (b"\n", b"\r\n", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"{", b"}", b'"', b"\\", b"\\u0000", b"NaN", b"-",
           b"[[", b"\x28\xb5\x2f\xfd", b"\x5d\x2a\x4d\x18", b"\x1f\x8b", b"\x93NUMPY", b"PK\x03\x04", b'{"gotd":',
           b"\xe2\x80\xa8")


def damaged(data: bytes, other: bytes, source: Random) -> bytes:
    """One to three wounds. other : a valid file of another kind, to splice in."""
    for _ in range(source.choice((1, 1, 1, 2, 3))):
        data = source.choice(_WOUNDS)(data, other, source)
    return data


def _place(data: bytes, source: Random) -> int:
    """Anywhere, but more often near the ends, where headers and seals are."""
    end = len(data)
    near = min(end, 400)
    return source.choice((source.randint(0, end), source.randint(0, near), source.randint(end - near, end)))


def _flip(data: bytes, _: bytes, source: Random) -> bytes:
    if not data:
        return data
    made = bytearray(data)
    for _i in range(source.choice((1, 1, 8, 64))):
        made[min(_place(data, source), len(data) - 1)] ^= 1 << source.randrange(8)
    return bytes(made)


def _cut(data: bytes, _: bytes, source: Random) -> bytes:
    return data[: _place(data, source)]


def _lose(data: bytes, _: bytes, source: Random) -> bytes:
    start = _place(data, source)
    return data[:start] + data[start + source.choice((1, 4, 100, 10_000)) :]


def _insert(data: bytes, _: bytes, source: Random) -> bytes:
    start = _place(data, source)
    what = source.choice((source.choice(_TOKENS), source.randbytes(source.choice((1, 8, 1000)))))
    return data[:start] + what + data[start:]


def _overwrite(data: bytes, _: bytes, source: Random) -> bytes:
    size = source.choice((1, 2, 4, 8))
    value = (source.choice(_EXTREMES) & ((1 << 8 * size) - 1)).to_bytes(size, source.choice(("little", "big")))
    start = _place(data, source)
    return data[:start] + value + data[start + size :]


def _repeat(data: bytes, _: bytes, source: Random) -> bytes:
    start = _place(data, source)
    end = start + source.choice((1, 100, len(data)))
    return data[:end] + data[start:end] * source.choice((1, 2, 9)) + data[end:]


def _splice(data: bytes, other: bytes, source: Random) -> bytes:
    return data[: _place(data, source)] + other[_place(other, source) :]


def _follow(data: bytes, other: bytes, source: Random) -> bytes:
    return data + source.choice((other, data, b"\n", b"\x00" * 100, source.randbytes(50)))


_WOUNDS = (_flip, _flip, _cut, _cut, _lose, _insert, _insert, _overwrite, _overwrite, _repeat, _splice, _follow)
