"""What a name on the command line can stand for, a file, a URL, a standard stream, and how messages write it."""

import re
from collections.abc import Sequence

from gotd.types import JSON

STANDARD = "-"
#: Field that holds the vector of a record, unless another is named: what most APIs and data sets call it.
VECTOR_FIELD = "embedding"
#: Bytes moved at a time.
PIECE_BYTES = 1 << 20
#: Names in one message: more would push what is wrong off the screen.
_MOST_NAMES = 20
_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")
#: Endings of records without and with compression, and of arrays.
PLAIN_RECORDS = (".jsonl", ".json", ".ndjson")
COMPRESSED = (".zst", ".gz", ".xz", ".bz2")
#: Of tables that are written.
TABLE = ".parquet"
#: Endings of all that records are read from, the longest first.
RECORD_ENDINGS = tuple(sorted(
    [plain + packed for plain in (*PLAIN_RECORDS, ".csv", ".tsv", ".txt") for packed in ("", *COMPRESSED)]
    + [kind + packed for kind in (".warc.wet", ".wet", ".warc") for packed in ("", *COMPRESSED)]
    + [".parquet", ".arrow", ".feather"], key=len, reverse=True))
#: Endings of all that is read: records, vectors and scores.
READ_ENDINGS = (*RECORD_ENDINGS, ".npy")


def is_url(path: str) -> bool:
    """Whether a store, not the file system, has this."""
    return bool(_URL.match(path))


def is_table(name: str) -> bool:
    """Return True if a name ends as Parquet does."""
    return name.lower().endswith(TABLE)


def is_hub(path: str) -> bool:
    """Whether it is of a data set on the Hugging Face hub."""
    return path.startswith("hf://")


def is_plain_records(name: str) -> bool:
    """Return True if a name ends as JSON Lines without compression do."""
    return name.lower().endswith(PLAIN_RECORDS)


def without_compression(name: str) -> str:
    """Return a name less the ending that says how it is compressed."""
    return next((name[: -len(ending)] for ending in COMPRESSED if name.lower().endswith(ending)), name)


def some_names(names: Sequence[str]) -> str:
    """Return names with commas between; of many the first, and how many more there are."""
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more:,} more" if more > 0 else "")


def escaped(name: str) -> str:
    """Return a name as Unicode text: bytes of it that are not UTF-8 become \\xNN, which every encoding can hold."""
    try:
        return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half a surrogate pair that stands for no byte
        return name.encode("utf-8", "backslashreplace").decode("utf-8")


def escaped_names(value: JSON) -> JSON:
    """Return a value for JSON with all text in it escaped."""
    if isinstance(value, dict):
        return {escaped(key): escaped_names(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [escaped_names(each) for each in value]
    return escaped(value) if isinstance(value, str) else value
