"""The seal at the end of a file: found without the rest, and believed only where it speaks for all of it."""

from pathlib import Path

import numpy as np
import pytest

from gotd.errors import GotdError
from gotd.streams import seal as seals
from gotd.streams.arrays import ArrayReader, ArrayWriter
from gotd.streams.digests import RecordRun
from gotd.streams.file_seal import end_seal
from gotd.streams.records import RecordWriter
from gotd.streams.seal import MadeBy, Seal, encode
from gotd.streams.sinks import open_output
from gotd.streams.sources import open_input

RUNS = [RecordRun(1, f"{number:064x}") for number in range(1000)]


def records(path: Path) -> bytes:
    with open_output(str(path)) as sink:
        writer = RecordWriter(sink, MadeBy("test"))
        writer.write([b'{"a":1}', b'{"a":2}'])
        writer.finish()
    return path.read_bytes()


def scores(path: Path, runs: list[RecordRun]) -> bytes:
    with open_output(str(path)) as sink:
        writer = ArrayWriter(sink, "scores", "<f4", None, MadeBy("test"))
        writer.write(np.arange(len(runs), dtype="<f4"))
        writer.records += runs
        writer.finish()
    return path.read_bytes()


@pytest.mark.parametrize("name", ["x.zst", "x.npy"])
def test_files_one_after_the_other_have_no_seal_for_all(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    data = records(path) if name == "x.zst" else scores(path, RUNS[:2])
    found = end_seal(str(path))
    assert found is not None
    assert (found.seal.rows, found.size) == (2, len(data))
    path.write_bytes(data + data)
    assert end_seal(str(path)) is None


def test_the_scores_of_a_thousand_shards_are_sealed_and_read(tmp_path: Path) -> None:
    assert len(scores(tmp_path / "x.npy", RUNS)) > 1 << 16
    found = end_seal(str(tmp_path / "x.npy"))
    assert found is not None
    assert list(found.seal.records) == RUNS
    with open_input(str(tmp_path / "x.npy")) as source:
        reader = ArrayReader(source, "scores")
        assert sum(len(block) for block in reader.blocks()) == 1000
    assert reader.verifier.seals == [found.seal]


def test_a_seal_nobody_would_read_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seals, "MAX_SEAL_BYTES", 1 << 16)
    with pytest.raises(GotdError, match=r"too many inputs for one output.* -o DIR/"):
        scores(tmp_path / "x.npy", RUNS)
    assert not list(tmp_path.iterdir())


def test_a_seal_without_its_position_is_read_and_not_believed_for_the_whole_file(tmp_path: Path) -> None:
    """As gotd wrote them at first."""
    data = scores(tmp_path / "x.npy", RUNS[:2])
    found = end_seal(str(tmp_path / "x.npy"))
    assert found is not None
    told = found.seal
    old = encode(Seal(told.kind, told.rows, told.digest, told.records, told.made_by))
    start = data.rindex(b"\x93NUMPY")
    np.save(tmp_path / "seal.npy", np.frombuffer(old, "u1"))
    (tmp_path / "x.npy").write_bytes(data[:start] + (tmp_path / "seal.npy").read_bytes())
    with open_input(str(tmp_path / "x.npy")) as source:
        reader = ArrayReader(source, "scores")
        assert sum(len(block) for block in reader.blocks()) == 2
    assert reader.verifier.sealed
    assert end_seal(str(tmp_path / "x.npy")) is None
