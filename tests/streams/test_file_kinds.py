"""Files that are no JSON Lines are called what they are, and text by its first lines."""

import gzip
import io
import tarfile

import numpy as np
import pytest

from gotd.streams.file_kinds import ARRAY, SPREAD, layout_of
from workdir import Workdir


def test_layouts_of_text() -> None:
    assert layout_of(b"Hello, world", b"and so on") == ""
    assert layout_of(b'{"text": "cut in the mid', b'{"text": "b"}') == ""
    assert layout_of(b'{"text": "a"}', b'{"text": "b"}') == layout_of(b"[1, 2]", b"") == ""
    assert layout_of(b"[", b"{") == layout_of(b'[{"text":', b"") == layout_of(b"[]", b"") == ARRAY
    assert layout_of(b"{", b'"text": "a"') == layout_of(b'{"text": "a",', b'"b": 1') == SPREAD
    assert [layout_of(header, b"") for header in (b"id,text", b"id\ttext", b'"id";text')] == [",", "\t", ";"]


def tar(work: Workdir) -> bytes:
    work.write("a.jsonl", b'{"text":"a"}\n')
    with tarfile.open(work.path / "x.tar", "w") as archive:
        archive.add(work.path / "a.jsonl", "a.jsonl")
    return work.read("x.tar")


@pytest.mark.long
def test_binary_files(work: Workdir) -> None:
    npy = io.BytesIO()
    np.save(npy, np.zeros((2, 3), "f4"))
    kinds = {
        b"\x04\x22\x4d\x18" + bytes(9): "lz4, which is not read",
        tar(work): "a tar archive", gzip.compress(tar(work)): "a tar archive", b"PK\x03\x04": "zip",
        npy.getvalue(): "an array of vectors or scores, not records", '{"text":"a"}'.encode("utf-16"): "UTF-16",
    }
    for data, said in kinds.items():
        work.write("x", data)
        work.fails("ds-embed x -o made.npy", f"ds-embed: error: x: {said}")


def test_a_folder_with_nothing_that_is_read(work: Workdir) -> None:
    for name in ("pool", "empty", "other"):
        (work.path / name).mkdir()
    work.write("pool/a.jsonl.zst", b"")
    work.write("other/a.html", b"")
    work.fails("ds-embed empty -o made.npy", "empty: a folder; nothing in it is read by its name, it is empty")
    work.fails("ds-embed other -o made.npy", "it holds a.html")
    work.fails("ds-score --target pool x.npy -o made.npy", "pool: a folder; name the files in it: pool/*.jsonl.zst")
