"""A hub on this machine: data sets of files, over the requests that huggingface_hub makes of the Hugging Face hub."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from failing_server import FailingServer, Fault, Handler, running

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub(FailingServer):
    """Files of one public data set, org/set at COMMIT or main; org/gated and org/secret answer as such do."""

    files: dict[str, bytes] = field(default_factory=dict)

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
    with running(hub, _Handler):
        yield hub


class _Handler(Handler):
    def _get(self) -> None:
        """Information about a data set, its tree, or bytes of a file."""
        parts = urlsplit(self.path)
        path, fault = unquote(parts.path).strip("/").split("/"), self.state.fault_of(self.command, self.path)
        if fault and fault.drop:
            self.close_connection = True
        elif fault and fault.status:
            self._answer(fault.status, b"{}")
        elif path[0] == "api" and (refused := self._refused("/".join(path[2:4]), path[5:6])):
            self._answer(refused[0], b"{}", {"X-Error-Code": refused[1], "X-Error-Message": "no"})
        elif path[0] == "api" and path[4:5] in ([], ["revision"]):
            self._answer(200, json.dumps({"id": "org/set", "sha": COMMIT, "siblings": []}).encode())
        elif path[0] == "api" and path[4] == "tree":
            found = self.state.tree("/".join(path[6:]), "recursive=true" in parts.query.lower())
            self._answer(404 if found is None else 200, json.dumps(found or {}).encode(),
                         {"X-Error-Code": "EntryNotFound"} if found is None else {})
        elif path[0] == "datasets" and path[3] == "resolve":
            self._send_file("/".join(path[5:]), fault)
        else:
            self._answer(404, b"{}")

    do_GET = do_HEAD = _get  # noqa: N815 - names of the library

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
        data, asked = self.state.files[name], self.headers.get("range")
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
