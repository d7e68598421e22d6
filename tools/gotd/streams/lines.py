"""Lines of text files as tools and systems leave them: less what stands around a record."""

#: Longest record read, in bytes: a line is held whole, parsed and copied, and 64 MiB become a few hundred.
MAX_RECORD_BYTES = 1 << 26
BOM = b"\xef\xbb\xbf"
#: JSON's white space, and the ^Z with which DOS ends a file.
_AROUND = b" \t\r\x1a"


def stripped(lines: list[bytes]) -> list[bytes]:
    """Return lines less white space, ^Z and the byte order marks of joined files; of blank ones nothing is left."""
    found = [line.strip(_AROUND) for line in lines]
    for place, line in enumerate(found):
        if line.startswith(BOM):
            found[place] = _without_marks(line)
    return found


def _without_marks(line: bytes) -> bytes:
    """A line less the byte order marks before it: files of nothing else leave several."""
    while line.startswith(BOM):
        line = line.removeprefix(BOM).strip(_AROUND)
    return line
