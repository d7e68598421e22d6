"""What a name on the command line can stand for: a file, a URL, a standard stream."""

import re
from typing import Any

from gotd.errors import GotdError

STANDARD = "-"
#: Bytes moved at a time.
PIECE_BYTES = 1 << 20
_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")


def is_url(path: str) -> bool:
    """Whether smart-open, not the file system, opens this."""
    return bool(_URL.match(path))


def open_url(url: str, mode: str) -> Any:
    """A binary file object for `rb` or `wb`, bytes as they are in the store."""
    try:
        import smart_open

        # "disable": gotd recognises compression by the bytes themselves and checks where frames end.
        return smart_open.open(url, mode, compression="disable")
    except ImportError as error:
        raise GotdError(f"{url}: {error}; pip install 'gotd[s3]' (or gcs, azure)") from error
    except Exception as error:
        raise GotdError(f"{url}: could not be opened: {error}") from error
