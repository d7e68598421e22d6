"""One object read to its end: connections that stall, and a store of another kind."""

import contextlib
import io
from collections.abc import Iterator

import pytest

from failing_server import Fault
from gotd.errors import GotdError
from gotd.streams import stores
from gotd.streams.stores import RemoteObject
from object_store import CREDENTIALS, Bucket, Proxy, failing_proxy, s3_server

DATA = bytes(range(256)) * 2000


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    """A proxy before a bucket that holds `x`."""
    with s3_server() as server, failing_proxy(server) as made:
        bucket = Bucket(server, "bucket")
        bucket.put("x", DATA)
        bucket.client.put_object_acl(Bucket="bucket", Key="x", ACL="public-read")
        yield made


@pytest.fixture
def near(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Proxy:
    """The same, where this process looks for stores, and where a second of silence is long."""
    for name, value in (CREDENTIALS | {"AWS_ENDPOINT_URL": proxy.url, "AWS_MAX_ATTEMPTS": "2"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(stores, "SECONDS_OF_SILENCE", 1)
    proxy.faults.clear()
    return proxy


def whole(url: str) -> bytes:
    with RemoteObject(url) as remote:
        assert remote.size == len(DATA)
        return b"".join(iter(lambda: remote.read(1 << 16), b""))


@pytest.mark.long
def test_a_connection_that_stalls_is_given_up_and_made_again(near: Proxy) -> None:
    near.faults.append(Fault("GET", "/x", cut=140_000, stall=4))
    assert whole("s3://bucket/x") == DATA
    assert [method for method, _ in near.seen][-2:] == ["GET", "GET"]


@pytest.mark.long
def test_a_store_that_never_answers_is_an_error(near: Proxy) -> None:
    near.faults.append(Fault("GET", "/x", cut=0, stall=4, times=99))
    near.faults.append(Fault("HEAD", "/x", status=503, times=99))
    with pytest.raises(GotdError, match=r"s3://bucket/x: could not be opened: .*503"):
        whole("s3://bucket/x")


@pytest.mark.parametrize(("limit", "length"), [(1, 1), (1000, 1000), (len(DATA), len(DATA)), (1 << 20, len(DATA))])
def test_the_end_of_an_object_is_read_alone(near: Proxy, limit: int, length: int) -> None:
    near.seen.clear()
    with RemoteObject("s3://bucket/x") as remote:
        assert remote.tail(limit) == (DATA[-length:], len(DATA))
    assert [method for method, _ in near.seen] == ["HEAD", "GET"]


@pytest.mark.long
def test_a_file_over_http_that_is_cut_is_an_error(near: Proxy) -> None:
    url = f"{near.url}/bucket/x"
    assert whole(url) == DATA
    near.faults.append(Fault("GET", "/x", cut=140_000))
    with pytest.raises(GotdError, match="could not be read past byte"):
        whole(url)


class Writer:
    """What smart-open gives to write to a store of another kind: closing it finishes the object."""

    def __init__(self, fails: bool) -> None:
        self.fails, self.done = fails, ""

    def write(self, _: bytes) -> None:
        if self.fails:
            raise OSError("the network is down")

    def close(self) -> None:
        self.done = "closed"

    def terminate(self) -> None:
        self.done = "terminated"


@pytest.mark.parametrize("fails", [False, True])
def test_an_upload_elsewhere_is_finished_only_when_it_is_whole(fails: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    import smart_open

    writer = Writer(fails)
    monkeypatch.setattr(smart_open, "open", lambda *_, **__: writer)
    with pytest.raises(GotdError, match="upload failed") if fails else contextlib.nullcontext():
        stores.upload("gs://bucket/x", io.BytesIO(DATA))
    assert writer.done == ("terminated" if fails else "closed")
