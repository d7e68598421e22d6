"""An object store on this machine: moto's S3 server, and a proxy before it that fails as networks do."""

import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from failing_server import HOST, FailingServer, Handler, running
from workdir import Workdir

#: What a user sets; the server believes anybody.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1",
               "AWS_EC2_METADATA_DISABLED": "true"}
_HOP = {"connection", "transfer-encoding", "keep-alive", "content-length", "date", "server"}


@contextmanager
def s3_server() -> Iterator[str]:
    """The URL of an S3 server with nothing in it, for as long as the block lasts."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", HOST, "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait_for(port, server)
            yield f"http://{HOST}:{port}"
        finally:
            server.kill()


def _wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            socket.create_connection((HOST, port)).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the S3 server did not start")


@dataclass
class Proxy(FailingServer):
    """A server that passes requests on, or does what its `faults` say."""

    upstream: str = ""


@contextmanager
def failing_proxy(upstream: str) -> Iterator[Proxy]:
    """A proxy that runs while the block lasts."""
    proxy = Proxy(upstream=upstream)
    with running(proxy, _Handler):
        yield proxy


class _Handler(Handler):
    def _pass(self) -> None:
        self.close_connection = True
        fault = self.state.fault_of(self.command, self.path)
        if fault and fault.drop:
            self.rfile.read(int(self.headers.get("Content-Length", 0)) // 2)
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if fault and fault.status:
            self.send_response(fault.status)
            self.send_header("Content-Length", "0")
            # Unsaid, the next try may be sent into a connection that is about to close, and tell of that instead.
            self.send_header("Connection", "close")
            self.end_headers()
            return
        status, headers, data = self._upstream(body)
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in _HOP:
                self.send_header(name, value)
        length = dict(headers).get("Content-Length", "0") if self.command == "HEAD" else str(len(data))
        self.send_header("Content-Length", length)
        self.send_header("Connection", "close")
        self.end_headers()
        if fault and fault.cut >= 0:
            self.wfile.write(data[: fault.cut])
            self.wfile.flush()
            time.sleep(fault.stall)
        elif self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _pass  # noqa: N815 - names of the library

    def _upstream(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self.state.upstream.removeprefix("http://"), timeout=60)
        try:
            kept = {name: value for name, value in self.headers.items() if name.lower() not in {"connection", "expect"}}
            connection.request(self.command, self.path, body, kept)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()


class Bucket:
    """A bucket of the server, and what stands in it, past the proxy."""

    def __init__(self, server: str, name: str) -> None:
        import boto3

        self.name, self.url = name, f"s3://{name}"
        self.client = boto3.client("s3", endpoint_url=server, aws_access_key_id="test", aws_secret_access_key="test",
                                   region_name="us-east-1")
        self.client.create_bucket(Bucket=name)

    def put(self, key: str, data: bytes) -> None:
        """An object."""
        self.client.put_object(Bucket=self.name, Key=key, Body=data)

    def get(self, key: str) -> bytes:
        """An object's bytes."""
        return bytes(self.client.get_object(Bucket=self.name, Key=key)["Body"].read())

    def names(self) -> set[str]:
        """The names of all objects."""
        return {found["Key"] for found in self.client.list_objects_v2(Bucket=self.name).get("Contents", ())}

    def unfinished(self) -> list[str]:
        """Objects whose upload has begun and was neither finished nor aborted."""
        return [found["Key"] for found in self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", ())]


def use_store(work: Workdir, endpoint: str) -> None:
    """The environment of a user of that store."""
    work.environment |= CREDENTIALS | {"AWS_ENDPOINT_URL": endpoint}
