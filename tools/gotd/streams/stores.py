"""Object stores and other URLs, opened by smart-open: one object read to its end, or one put there whole.

Endpoint, region, credentials and number of tries are the usual variables of AWS (AWS_ENDPOINT_URL, AWS_PROFILE,
AWS_MAX_ATTEMPTS ...) and of the other stores.
"""

import contextlib
import functools
import logging
from types import TracebackType
from typing import IO, TYPE_CHECKING, NamedTuple, Self

from gotd.errors import GotdError, UsageError
from gotd.streams.locations import PIECE_BYTES
from gotd.streams.remote_errors import http_status, remote_errors

if TYPE_CHECKING:
    from botocore.client import BaseClient

_S3 = ("s3", "s3a", "s3n")
#: Stores in which an object appears when the last request says so, and not before.
_WRITABLE = (*_S3, "gs", "gcs", "azure")
#: A connection on which nothing moves for so long is taken for dead, and the request is made again.
SECONDS_OF_SILENCE = 60


class NoSuchObject(GotdError):  # noqa: N818 - what it is says more than "error"
    """The store answers, and has nothing under that name."""


class _Place(NamedTuple):
    """Where an object of S3 is, and who asks for it."""

    client: "BaseClient"
    bucket: str
    key: str
    version: dict[str, str]


class RemoteObject:
    """An object's bytes from the first to the last; an object that is cut, or replaced meanwhile, is an error.

    size : in bytes; None where the server does not say
    """

    def __init__(self, url: str) -> None:
        self.size: int | None = None
        self._url, self._position = url, 0
        with _told(url, "could not be opened"):
            self._raw = self._open_s3() if _scheme(url) in _S3 else self._open_other()

    def _open_s3(self) -> IO[bytes]:
        import smart_open

        place = _place(self._url)
        head = place.client.head_object(Bucket=place.bucket, Key=place.key, **place.version)
        self.size = head["ContentLength"]
        # smart-open goes on where a connection broke, several times, with pauses. With the tag in every request it
        # cannot go on in another object that has taken the name since.
        pinned = {"S3.Client.get_object": {"IfMatch": head["ETag"]}}
        params = {"client": place.client, "client_kwargs": pinned, "defer_seek": True}
        opened: IO[bytes] = smart_open.open(self._url, "rb", compression="disable", transport_params=params)
        return opened

    def _open_other(self) -> IO[bytes]:
        import smart_open

        # "disable": gotd recognises compression by the bytes themselves and checks where frames end.
        raw: IO[bytes] = smart_open.open(self._url, "rb", compression="disable")
        length = getattr(raw, "content_length", -1)
        self.size = length if isinstance(length, int) and length >= 0 else None
        return raw

    def read(self, limit: int) -> bytes:
        """Between 1 and `limit` bytes; none at the end. Raises: GotdError where it cannot be read to its end."""
        if self._position == self.size:
            return b""
        with _told(self._url, self._how_far()):
            piece = bytes(self._raw.read(limit))
        self._position += len(piece)
        if not piece and self.size is not None:
            raise GotdError(f"{self._url}: {self._how_far()}: the connection ended; run the same command again")
        return piece

    def _how_far(self) -> str:
        total = "" if self.size is None else f" of {self.size:,}"
        return f"could not be read past byte {self._position:,}{total}"

    def tail(self, limit: int) -> tuple[bytes, int]:
        """The last `limit` bytes, all of a shorter object, and its size."""
        with _told(self._url, "its end could not be read"):
            size = self._raw.seek(0, 2) if self.size is None else self.size
            self._position = self._raw.seek(max(0, size - limit)) if size else 0
        pieces = []
        while piece := self.read(PIECE_BYTES):
            pieces.append(piece)
        return b"".join(pieces), size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._raw.close()


def require_writable(url: str) -> None:
    """Says before the work, not after it, that an object cannot be written there.

    Raises: UsageError for what cannot write whole or not at all, GotdError for a bucket that is not there.
    """
    if _scheme(url) not in _WRITABLE:
        raise UsageError(f"{url}: can be read only (written are {', '.join(_WRITABLE)}); write a file and copy it")
    if _scheme(url) in _S3:
        with _told(url, "cannot be written"):
            place = _place(url)
            _require_bucket(place.client, place.bucket)


@functools.cache
def _require_bucket(client: "BaseClient", bucket: str) -> None:
    from botocore.exceptions import ClientError

    try:
        client.head_bucket(Bucket=bucket)
    except ClientError as error:
        if http_status(error) == _NOT_FOUND:
            raise NoSuchObject(f"s3://{bucket}: no such bucket; make it first") from error
        # Whoever may write need not be allowed to look.


def upload(url: str, whole: IO[bytes]) -> None:
    """Put a file there. Raises: GotdError, and then there is nothing new under that name."""
    with _told(url, "upload failed, nothing of it is there"):
        if _scheme(url) in _S3:
            # boto3's own transfer and not smart-open's writer: it takes a part again that failed, and aborts what it
            # cannot finish. The writer's `close` finishes what there is, and Python calls it when it forgets a writer.
            place = _place(url)
            place.client.upload_fileobj(whole, place.bucket, place.key)
        else:
            _write(url, whole)


def _write(url: str, whole: IO[bytes]) -> None:
    import smart_open

    remote = smart_open.open(url, "wb", compression="disable")
    try:
        while piece := whole.read(PIECE_BYTES):
            remote.write(piece)
    except BaseException:
        remote.terminate()  # closing would finish the object
        raise
    remote.close()


def objects_under(url: str) -> list[str]:
    """The objects right under a URL that ends in a slash, in the order of their names.

    Raises: NoSuchObject where there are none, UsageError for what cannot list them.
    """
    if _scheme(url) not in _S3:
        raise UsageError(f"{url}: only s3:// can be listed; name the objects")
    with _told(url, "could not be listed"):
        place = _place(url)
        pages = place.client.get_paginator("list_objects_v2").paginate(Bucket=place.bucket, Prefix=place.key,
                                                                       Delimiter="/")
        keys = [found["Key"] for page in pages for found in page.get("Contents", ())]
    stem = url.removesuffix(place.key)
    names = [stem + key for key in sorted(keys) if not key.endswith("/")]
    if not names:
        raise NoSuchObject(f"{url}: no objects there; check the name")
    return names


def _scheme(url: str) -> str:
    return url.partition("://")[0].lower()


def _place(url: str) -> _Place:
    from smart_open import s3

    try:
        parsed = s3.parse_uri(url)
    except ValueError as error:
        raise UsageError(f"{url}: names a bucket and nothing in it; add /NAME, or / for a folder") from error
    version = {"VersionId": parsed["version_id"]} if parsed["version_id"] else {}
    client = _client(parsed["access_id"], parsed["access_secret"], SECONDS_OF_SILENCE)
    return _Place(client, parsed["bucket_id"], parsed["key_id"], version)


@functools.cache
def _client(access: str | None, secret: str | None, silence: int) -> "BaseClient":
    """One client for each identity: making one takes longer than many requests."""
    import boto3
    from botocore.config import Config

    logging.getLogger("smart_open").setLevel(logging.CRITICAL + 1)  # what comes of its tries is told by us
    config = Config(connect_timeout=silence, read_timeout=silence, tcp_keepalive=True)
    return boto3.client("s3", aws_access_key_id=access, aws_secret_access_key=secret, config=config)


def _told(url: str, what: str) -> contextlib.AbstractContextManager[None]:
    """Turn what libraries raise into a GotdError: the URL, what did not work, and why."""
    return remote_errors(url, "'gotd[s3]' (or gcs, azure)", lambda error: _error(url, what, error))


def _error(url: str, what: str, error: Exception) -> GotdError:
    status = http_status(error)
    if status == _NOT_FOUND:
        return NoSuchObject(f"{url}: no such object; check bucket and name")
    return GotdError(f"{url}: {what}: {_REASONS.get(status or 0) or _words(error)}")


_NOT_FOUND = 404
_REASONS: dict[int, str] = {
    412: "it was replaced while it was read; run the same command again",
    403: "access is denied; check the credentials and what they allow",
}


def _words(error: BaseException) -> str:
    """Their words, less the names of their classes."""
    text = str(getattr(error, "backend_error", None) or error) or type(error).__name__
    return text.split("): ", 1)[-1] if text.startswith("smart_open.") else text
