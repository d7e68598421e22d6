"""No number that is NaN or infinite passes, and no other is taken for one."""

from pathlib import Path

import numpy as np
import pytest

from gotd.errors import DataError
from gotd.streams.arrays import ArrayReader, ArrayWriter
from gotd.streams.embedded_records import with_embeddings
from gotd.streams.records import Record
from gotd.streams.seal import MadeBy
from gotd.streams.sinks import open_output
from gotd.streams.sources import open_input


def rows(path: Path) -> np.ndarray:
    with open_input(str(path)) as source:
        return np.concatenate(list(ArrayReader(source, "vectors").blocks()))


def test_every_float16_there_is(tmp_path: Path) -> None:
    every = np.arange(1 << 16, dtype="<u2").view("<f2")[:, None]
    fine = every[np.isfinite(every[:, 0])]
    np.save(tmp_path / "fine.npy", fine)
    assert rows(tmp_path / "fine.npy").tobytes() == fine.tobytes()
    np.save(tmp_path / "one.npy", every)
    with pytest.raises(DataError, match="row 31744: a number that is NaN or infinite"):  # 0x7C00, infinity
        rows(tmp_path / "one.npy")
    for wrong in every[~np.isfinite(every[:, 0])][::97]:
        np.save(tmp_path / "one.npy", np.vstack([fine[:9], wrong[None], fine[9:12]]))
        with pytest.raises(DataError, match="row 9:"):
            rows(tmp_path / "one.npy")


@pytest.mark.long
@pytest.mark.parametrize("dtype", ["<f2", "<f4"])
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_the_row_is_named(tmp_path: Path, dtype: str, wrong: float) -> None:
    array = np.random.default_rng(0).normal(size=(5000, 700)).astype(dtype)
    array[4321, 699] = wrong
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(DataError, match="row 4321:"):
        rows(tmp_path / "a.npy")


@pytest.mark.parametrize(("number", "words"), [(1e5, "NaN or infinite in float16"), (1e-9, "nothing but zeros")])
def test_what_float16_cannot_hold_is_not_written(tmp_path: Path, number: float, words: str) -> None:
    fine, wrong = np.ones((2, 3), dtype=np.float32), np.zeros((2, 3), dtype=np.float32)
    wrong[1, 2] = number
    with pytest.raises(DataError, match=rf"a\.npy: row 3: .*{words}.*--dtype float32"), \
            open_output(str(tmp_path / "a.npy")) as sink:
        writer = ArrayWriter(sink, "vectors", "<f2", 3, MadeBy("test"))
        writer.write(fine)
        writer.write(wrong)
    assert not list(tmp_path.iterdir())
    with pytest.raises(DataError, match=rf"b\.jsonl:2: .*{words}.*--dtype float32"):
        with_embeddings([Record(b"{}", {}, f"b.jsonl:{line}", None) for line in (1, 2)], wrong)


def test_float32_holds_what_float16_cannot(tmp_path: Path) -> None:
    array = np.array([[1e5, 0], [1e-9, 0], [0, 0]], dtype=np.float32)
    with open_output(str(tmp_path / "a.npy")) as sink:
        writer = ArrayWriter(sink, "vectors", "<f4", 2, MadeBy("test"))
        writer.write(array)
        writer.finish()
    assert (rows(tmp_path / "a.npy") == array).all()
