"""Files of data sets on the Hugging Face hub: hf://datasets/ORG/NAME[@REVISION]/PATTERN, read by huggingface_hub.

Names that were expanded hold the commit: what is read is one state of the data set, whatever happens to it meanwhile.
Endpoint, token and the like are the usual variables (HF_ENDPOINT, HF_TOKEN, HF_HUB_DOWNLOAD_TIMEOUT ...).
"""

import contextlib
import functools
import re
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import IO, TYPE_CHECKING, NamedTuple, Self, TypeVar
from urllib.parse import unquote

from gotd.errors import GotdError, UsageError
from gotd.streams.locations import some_names
from gotd.streams.remote_errors import http_status, remote_errors

if TYPE_CHECKING:
    from huggingface_hub import HfFileSystem

Answer = TypeVar("Answer")

_NAME = re.compile(r"hf://datasets/([^/@]+/[^/@]+)(?:@(refs/[^/]+/[^/]+|[^/]+))?(?:/(.*))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
#: Tries of a request that the library makes once, and seconds before the second, which double.
_TRIES, _PAUSE = 5, 1.0
#: Bytes of a request: each is made again by the library, whole, where its connection breaks.
_BLOCK_BYTES = 1 << 24
#: Answers after which the same request may be answered otherwise.
_PASSING = (429, 500, 502, 503, 504)
_TOKEN = "give a token that may read it: hf auth login, or HF_TOKEN"
#: What errors of the library say, by the names of their classes, the most special first.
_REASONS = {
    "OfflineModeIsEnabled": "HF_HUB_OFFLINE is set; unset it to read from the hub",
    "GatedRepoError": f"gated; accept its terms on its page, and {_TOKEN}",
    "RepositoryNotFoundError": f"no such data set, or a private one; check the name, or {_TOKEN}",
    "RevisionNotFoundError": "no such revision; name a branch, a tag or a commit",
    "EntryNotFoundError": "no such file; check the name",
    "FileNotFoundError": "no such file; check the name",
}


class _Place(NamedTuple):
    """A data set, a revision of it, and a path or pattern in it."""

    repository: str
    revision: str | None
    path: str


def _place(url: str) -> _Place:
    found = _NAME.fullmatch(url)
    if not found:
        raise UsageError(f"{url}: wanted hf://datasets/ORG/NAME[@REVISION]/FILE, with a pattern or a folder for FILE")
    return _Place(found[1], unquote(found[2]) if found[2] else None, found[3] or "")


@functools.cache
def _file_system() -> "HfFileSystem":
    from huggingface_hub import HfFileSystem
    from huggingface_hub.utils import logging

    logging.set_verbosity(logging.CRITICAL + 1)  # what comes of its tries is told by us
    return HfFileSystem()


@functools.cache
def _folder(repository: str, revision: str | None) -> str:
    """Return a data set at one commit, as the file system calls it."""
    from huggingface_hub import HfApi

    if revision and _COMMIT.fullmatch(revision):
        return f"datasets/{repository}@{revision}"
    commit = _tried(lambda: HfApi().dataset_info(repository, revision=revision).sha)
    return f"datasets/{repository}@{commit}"


def _path(url: str) -> str:
    place = _place(url)
    return f"{_folder(place.repository, place.revision)}/{place.path}".rstrip("/")


def hub_files(url: str, endings: Sequence[str], others: list[str] | None = None) -> list[str]:
    """Return the files that a name stands for, by the names that hold the commit, in the order of their paths.

    A pattern stands for the files it matches, a folder for those in it and its folders with one of some endings.
    others : gets the files of a folder that are passed over
    Raises: GotdError where there are none, UsageError for what is no name of a data set.
    """
    place = _place(url)
    with _told(url, "could not be listed"):
        files, root = _file_system(), _folder(place.repository, place.revision)
        if re.search(r"[*?[]", place.path):
            entries = _tried(lambda: files.glob(f"{root}/{place.path}", detail=True))
            found = [name for name, entry in entries.items() if entry["type"] == "file"]
        else:
            found = _tried(lambda: files.find(_path(url)))
        if found != [_path(url)] and not re.search(r"[*?[]", place.path):
            visible = [name for name in found if not re.search(r"/[._]", name.removeprefix(root))]
            found = [name for name in visible if name.lower().endswith(tuple(endings))]
            if others is not None:
                others += sorted({f"hf://{name}" for name in visible} - {f"hf://{name}" for name in found})
        if not found:
            there = [name.removeprefix(f"{root}/") for name in _tried(lambda: files.find(root))]
            raise GotdError(f"{url}: no such file; there {'are ' + some_names(there) if there else 'is nothing'}")
    return [f"hf://{name}" for name in sorted(found, key=str.encode)]


def hub_content(url: str) -> str:
    """Return what names the content of a file, without reading it: its blob."""
    with _told(url, "could not be looked up"):
        return f"blob {_tried(lambda: _file_system().info(_path(url)))['blob_id']}"


class HubFile:
    """A file's bytes from the first to the last, some megabytes a request.

    size : in bytes
    """

    def __init__(self, url: str) -> None:
        self._url, self._position = url, 0
        with _told(url, "could not be opened"):
            self._path, files = _path(url), _file_system()
            information = _tried(lambda: files.info(self._path))
            if information["type"] != "file":
                raise GotdError(f"{url}: a folder; name one file of it")
            self.size = int(information["size"])
            self._raw: IO[bytes] = files.open(self._path, "rb", block_size=_BLOCK_BYTES)

    def read(self, limit: int) -> bytes:
        """Between 1 and `limit` bytes; none at the end. Raises: GotdError where it cannot be read to its end."""
        if self._position == self.size:
            return b""
        how_far = f"could not be read past byte {self._position:,} of {self.size:,}"
        with _told(self._url, how_far):
            piece = bytes(self._raw.read(min(limit, self.size - self._position)))
        self._position += len(piece)
        if not piece:
            raise GotdError(f"{self._url}: {how_far}: the connection ended; run the same command again")
        return piece

    def tail(self, limit: int) -> tuple[bytes, int]:
        """Return the last `limit` bytes, all of a shorter file, and its size."""
        with _told(self._url, "its end could not be read"):
            self._position = self._raw.seek(max(0, self.size - limit))
            return bytes(self._raw.read(self.size - self._position)) if self.size else b"", self.size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._raw.close()


def _tried(request: Callable[[], Answer]) -> Answer:
    """Return the answer of a request, made again where another answer may come."""
    for attempt in range(_TRIES):
        try:
            return request()
        except Exception as error:  # of whichever library speaks HTTP
            if attempt == _TRIES - 1 or not _may_pass(error):
                raise
            time.sleep(_PAUSE * 2**attempt)
    raise AssertionError("the last try returns or raises")


def _may_pass(error: BaseException) -> bool:
    names = {kind.__name__ for kind in type(error).__mro__}
    return http_status(error) in _PASSING or ("OfflineModeIsEnabled" not in names and not names.isdisjoint(
        ("TransportError", "ConnectionError", "Timeout", "ChunkedEncodingError")))


def _told(url: str, what: str) -> contextlib.AbstractContextManager[None]:
    """Turn what the library raises into a GotdError: the name, what did not work, why, and what to do."""
    return remote_errors(url, "'gotd[hub]'", lambda error: GotdError(f"{url}: {_reason(error, what)}"))


def _reason(error: BaseException, what: str) -> str:
    chain = [each for each in (error, error.__cause__) if each is not None]
    names = {kind.__name__ for each in chain for kind in type(each).__mro__}
    for name, reason in _REASONS.items():
        if name in names:
            return reason
    if any(http_status(each) in (401, 403) for each in chain):
        return f"access is denied; {_TOKEN}"
    words = " ".join(str(error).split()) or type(error).__name__
    return f"{what}: {words[:200]}; run the same command again"
