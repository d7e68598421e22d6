"""Arrays as others read them: whole from files, refused by numpy from pipes and where the writer was killed."""

import io

import numpy as np
import pytest

from gotd.errors import DataError
from gotd.streams.arrays import ArrayReader, ArrayWriter
from gotd.streams.seal import MadeBy
from gotd.streams.sources import ByteSource
from workdir import Workdir

ROWS = np.arange(12, dtype="f4").reshape(3, 4)


class Memory:
    """A sink that keeps its bytes."""

    name = "<stdout>"

    def __init__(self, is_pipe: bool) -> None:
        self.is_pipe, self.data, self.written = is_pipe, bytearray(), 0

    def write(self, data: bytes | memoryview) -> None:
        self.data += bytes(data)
        self.written = len(self.data)

    def patch(self, offset: int, data: bytes) -> None:
        self.data[offset : offset + len(data)] = data


def written(is_pipe: bool, finish: bool = True, rows: np.ndarray = ROWS) -> bytes:
    sink = Memory(is_pipe)
    writer = ArrayWriter(sink, "vectors", "<f4", 4, MadeBy("ds-embed"))
    writer.write(rows)
    if finish:
        writer.finish()
    return bytes(sink.data)


def read(data: bytes, kind: str = "vectors") -> np.ndarray:
    return np.concatenate(list(ArrayReader(ByteSource(io.BytesIO(data), "x.npy"), kind).blocks()))


def test_numpy_reads_a_file_and_refuses_what_went_through_a_pipe() -> None:
    assert np.array_equal(np.load(io.BytesIO(written(is_pipe=False))), ROWS)
    for rows in (ROWS, ROWS[:0]):
        with pytest.raises(ValueError, match="gotd wrote this to a pipe, as several arrays"):
            np.load(io.BytesIO(written(is_pipe=True, rows=rows)))
    assert np.array_equal(read(written(is_pipe=True)), ROWS)
    assert np.array_equal(read(written(is_pipe=True) + written(is_pipe=False)), np.concatenate([ROWS, ROWS]))


def test_numpy_refuses_a_file_whose_writer_was_killed() -> None:
    cut = written(is_pipe=False, finish=False)
    with pytest.raises(ValueError, match="cut short: gotd did not finish it"):
        np.load(io.BytesIO(cut))
    with pytest.raises(DataError, match="cut short: the command that wrote it did not finish"):
        read(cut)


def test_pipes_of_before_are_read() -> None:
    """Their first array was an empty one of version 2, which numpy read as no rows."""
    new, old = written(is_pipe=True), io.BytesIO()
    np.lib.format.write_array_header_2_0(old, {"descr": "<f4", "fortran_order": False, "shape": (0, 4)})
    first = 10 + int.from_bytes(new[8:10], "little")
    assert np.array_equal(read(old.getvalue() + new[first:]), ROWS)
    with pytest.raises(DataError, match="before it has said what it is"):
        read(old.getvalue())


@pytest.mark.parametrize("extra", [b"x", b"\n", b"\x93NUMPX" + bytes(200), b'{"text":"a"}'])
def test_bytes_after_the_rows_are_called_that(extra: bytes) -> None:
    with pytest.raises(DataError, match=r"bytes that are no \.npy array follow its 3 rows"):
        read(written(is_pipe=False) + extra)


@pytest.mark.parametrize(("kind", "remedy"), [("vectors", "embed"), ("scores", "score"), ("weights", "weight of 0")])
def test_a_row_that_is_no_number_has_a_remedy_of_its_kind(kind: str, remedy: str) -> None:
    out = io.BytesIO()
    np.save(out, np.full((2, 3) if kind == "vectors" else 2, np.nan, "f4"))
    with pytest.raises(DataError, match=f"row 0: a number that is NaN or infinite; .*{remedy}"):
        read(out.getvalue(), kind)


@pytest.mark.parametrize(("data", "said"), [
    (b'{"text":"a"}', "but JSON, vectors are wanted"), (b"\x1f\x8b", "but gzip"),
    (b"hello", "not a .npy array, vectors"),
])
def test_what_is_no_array_is_called_what_it_is(data: bytes, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read(data)


@pytest.mark.long
def test_scores_that_reach_a_file_in_any_way(chain: Workdir) -> None:
    line = "ds-score -q --target target.npz pool.npy"
    chain.ok(f"{line} > redirected.npy && {line} | tee piped.npy > /dev/null && {line} >> appended.npy")
    chain.ok(f"cat scores.npy > two.npy && {line} >> two.npy")
    scores = np.load(chain.path / "scores.npy")
    assert len(scores) == 300
    for name in ("redirected.npy", "appended.npy"):
        assert np.array_equal(np.load(chain.path / name), scores)
    with pytest.raises(ValueError, match="pipe"):
        np.load(chain.path / "piped.npy")
    for name, rows in (("piped.npy", 300), ("appended.npy", 300), ("two.npy", 600)):
        pools = "pool.jsonl " * (rows // 300)
        assert f"{rows} rows" in chain.ok(f"ds-topk -k 1 --scores {name} {pools} -o best.jsonl").err
    assert chain.read("two.npy") == chain.read("scores.npy") + chain.read("redirected.npy")
