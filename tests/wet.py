"""Records of WARC files."""


def record(kind: str, content: bytes, **headers: str) -> bytes:
    """A record of a WARC file."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = "\r\n".join(["WARC/1.0", f"WARC-Type: {kind}", *lines, f"Content-Length: {len(content)}"])
    return head.encode() + b"\r\n\r\n" + content + b"\r\n\r\n"
