"""A hub on this machine: data sets of files, over the requests that huggingface_hub makes of the Hugging Face hub."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from object_store import Fault

_HOST = "127.0.0.1"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """Files of one public data set, org/set at COMMIT or main; org/gated and org/secret answer as such do.

    faults : what happens to requests; seen : method and path of each
    """

    files: dict[str, bytes] = field(default_factory=dict)
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

    def fetched(self) -> list[str]:
        """Files whose bytes were asked for."""
        return [path.partition(f"/resolve/{COMMIT}/")[2] for method, path in self.seen
                if method == "GET" and "/resolve/" in path]

    def tree(self, folder: str, recursive: bool) -> list[dict[str, Any]] | None:
        """What a folder holds; None where it is none."""
        prefix = f"{folder}/" if folder else ""
        inside = [name for name in sorted(self.files) if name.startswith(prefix)]
        if not inside:
            return None
        found: dict[str, dict[str, Any]] = {}
        for name in inside:
            parts = name[len(prefix) :].split("/")
            for depth in range(1, len(parts)):
                path = prefix + "/".join(parts[:depth])
                found[path] = {"type": "directory", "oid": "0", "size": 0, "path": path}
            data = self.files[name]
            found[name] = {"type": "file", "oid": hashlib.sha1(data).hexdigest(), "size": len(data), "path": name}
        return [each for path, each in found.items() if recursive or "/" not in path[len(prefix) :]]


@contextmanager
def hub_server() -> Iterator[Hub]:
    """A hub that runs while the block lasts."""
    hub = Hub()
    server = _Server((_HOST, 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.url = f"http://{_HOST}:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are what the tests are about."""


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Information about a data set, its tree, or bytes of a file."""
        parts = urlsplit(self.path)
        path, fault = unquote(parts.path).strip("/").split("/"), self.hub.fault_of(self.command, self.path)
        if fault and fault.drop:
            self.close_connection = True
        elif fault and fault.status:
            self._answer(fault.status, b"{}")
        elif path[0] == "api" and (refused := self._refused("/".join(path[2:4]), path[5:6])):
            self._answer(refused[0], b"{}", {"X-Error-Code": refused[1], "X-Error-Message": "no"})
        elif path[0] == "api" and path[4:5] in ([], ["revision"]):
            self._answer(200, json.dumps({"id": "org/set", "sha": COMMIT, "siblings": []}).encode())
        elif path[0] == "api" and path[4] == "tree":
            found = self.hub.tree("/".join(path[6:]), "recursive=true" in parts.query.lower())
            self._answer(404 if found is None else 200, json.dumps(found or {}).encode(),
                         {"X-Error-Code": "EntryNotFound"} if found is None else {})
        elif path[0] == "datasets" and path[3] == "resolve":
            self._send_file("/".join(path[5:]), fault)
        else:
            self._answer(404, b"{}")

    do_HEAD = do_GET  # noqa: N815 - the library's name

    def _refused(self, name: str, revision: list[str]) -> tuple[int, str] | None:
        """Status and code of the error for a data set that is not there for everybody."""
        if name == "org/gated":
            return 401, "GatedRepo"
        if name == "org/secret":
            return 401, "RepoNotFound"
        if name != "org/set":
            return 404, "RepoNotFound"
        return None if not revision or revision[0] in (COMMIT, "main") else (404, "RevisionNotFound")

    def _send_file(self, name: str, fault: Fault | None) -> None:
        data, asked = self.hub.files[name], self.headers.get("range")
        start, _, end = (asked or "bytes=0-").removeprefix("bytes=").partition("-")
        part = data[int(start) : int(end) + 1 if end else None]
        headers = {"Content-Range": f"bytes {start}-{int(start) + len(part) - 1}/{len(data)}"} if asked else {}
        cut = fault.cut if fault and fault.cut >= 0 else None
        self._answer(206 if asked else 200, part, headers, cut)

    def _answer(self, status: int, data: bytes, headers: dict[str, str] | None = None, cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        if cut is not None:
            self.close_connection = True
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data[:cut])

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the library's name
        """No lines on stderr."""
