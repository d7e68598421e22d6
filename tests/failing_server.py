"""HTTP servers on this machine that fail as networks do, each in a thread of the test."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HOST = "127.0.0.1"


@dataclass
class Fault:
    """What happens to the next `times` requests of a method whose path (with its query) holds some text.

    status : answer this and nothing else; cut : close the connection after so many bytes of the answer's body
    stall : wait so many seconds at that point instead of closing; drop : close it before anything is answered
    """

    method: str
    path: str = ""
    status: int = 0
    cut: int = -1
    stall: float = 0.0
    drop: bool = False
    times: int = 1


@dataclass
class FailingServer:
    """A server that does what its `faults` say. `seen` : method and path of every request."""

    faults: list[Fault] = field(default_factory=list)
    seen: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    def fault_of(self, method: str, path: str) -> Fault | None:
        """The first fault that is meant for this request and not used up."""
        self.seen.append((method, path))
        for fault in self.faults:
            if fault.method == method and fault.path in path and fault.times:
                fault.times -= 1
                return fault
        return None


class Handler(BaseHTTPRequestHandler):
    """A request to `state`, the FailingServer that is running."""

    state: Any
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the library's name
        """No lines on stderr."""


@contextmanager
def running(state: FailingServer, handler: type[Handler]) -> Iterator[None]:
    """A thread answers requests to `state.url`, which is set here, while the block lasts."""
    server = _Server((HOST, 0), type("Handler", (handler,), {"state": state}))
    state.url = f"http://{HOST}:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are what the tests are about."""
