"""Errors of libraries that speak to servers: what of them becomes ours, and the status that they were answered with."""

from types import SimpleNamespace

import pytest

from gotd.errors import DataError, GotdError
from gotd.streams.remote_errors import http_status, remote_errors


class LibraryError(Exception):
    """An error with attributes, as each library's own."""

    def __init__(self, **attributes: object) -> None:
        super().__init__("no")
        vars(self).update(attributes)


BOTO = LibraryError(response={"ResponseMetadata": {"HTTPStatusCode": 404}})


@pytest.mark.parametrize(("error", "status"), [
    (BOTO, 404), (LibraryError(backend_error=BOTO), 404),
    (LibraryError(response=SimpleNamespace(status_code=503)), 503),
    (LibraryError(response={}), None), (LibraryError(response=None), None), (OSError("broken"), None), (None, None)])
def test_the_status_is_read_as_each_library_keeps_it(error: Exception | None, status: int | None) -> None:
    assert http_status(error) == status


@pytest.mark.parametrize(("raised", "said"), [
    (LibraryError(), "x: no luck"),
    (ImportError("No module named 'boto3'"), "x: No module named 'boto3'; pip install y"),
    (DataError("x", "cut", "fetch it"), "x: cut; fetch it")])
def test_every_error_is_ours(raised: Exception, said: str) -> None:
    with pytest.raises(GotdError) as caught, remote_errors("x", "y", lambda error: GotdError(f"x: {error} luck")):
        raise raised
    assert str(caught.value) == said
