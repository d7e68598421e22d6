"""Descriptors that others share or wait for: none is read as if it had ended."""

import os
from pathlib import Path

import pytest

from gotd.streams import sinks, sources
from gotd.streams.sources import ByteSource, StandardInput, read_tail


@pytest.fixture
def pipe() -> tuple[int, int]:
    """A pipe to read from and to write to, where neither waits."""
    ours, theirs = os.pipe()
    os.set_blocking(ours, False)
    os.set_blocking(theirs, False)
    return ours, theirs


def test_an_input_that_has_nothing_yet_is_waited_for(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pipe
    pieces = [b"ab", b"cd"]

    def wait(*_: object) -> None:
        if pieces:
            os.write(theirs, pieces.pop(0))
        else:
            os.close(theirs)

    monkeypatch.setattr(sources.select, "select", wait)
    source = ByteSource(StandardInput(ours), "<stdin>")
    assert source.read_exactly(4) == b"abcd"
    assert source.read_some() == b""
    os.close(ours)


def test_an_output_that_takes_nothing_yet_is_waited_for(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pipe
    read = bytearray()
    monkeypatch.setattr(sinks.select, "select", lambda *_: read.extend(os.read(ours, 1 << 20)))
    data = os.urandom(1 << 19)
    sinks._DescriptorSink(theirs, "<stdout>", is_pipe=True).write(data)
    os.close(theirs)
    while piece := os.read(ours, 1 << 20):
        read += piece
    assert read == data
    os.close(ours)


def test_a_pipe_has_no_end_to_look_at(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    held = os.open(tmp_path / "pipe", os.O_RDWR)  # so that opening it would not wait
    assert read_tail(str(tmp_path / "pipe"), 10) == (b"", 0)
    os.close(held)
