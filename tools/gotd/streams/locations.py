"""What a name on the command line can stand for: a file, a URL, a standard stream."""

import re

STANDARD = "-"
#: Bytes moved at a time.
PIECE_BYTES = 1 << 20
_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")


def is_url(path: str) -> bool:
    """Whether a store, not the file system, has this."""
    return bool(_URL.match(path))
