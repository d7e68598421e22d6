"""Inputs made to hurt: each is refused, or streamed, soon and within a gigabyte."""

import gzip
import io
import os
import struct
import subprocess
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import zstandard

from fuzzing.arrays_wrong import header
from workdir import Workdir

MOST_BYTES = 1 << 30
MOST_SECONDS = 60  # on a busy machine; alone it takes one or two


def refuses(work: Workdir, line: str, *words: str) -> None:
    """One line of error that holds the words, no traceback, within the bounds."""
    begin = time.monotonic()
    with subprocess.Popen(line.split(), cwd=work.path, env=work.environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        peak = 0
        status = Path(f"/proc/{process.pid}/status")
        while process.poll() is None:
            peak = max([peak, *(int(each.split()[1]) << 10 for each in status.read_text().splitlines()
                                if each.startswith("VmHWM:"))])
            time.sleep(0.01)
        said = process.stderr.read().decode()
    assert process.returncode == 1, said
    assert len(said.splitlines()) == 1, said
    assert all(word in said for word in words), said
    assert peak < MOST_BYTES, f"{peak >> 20} MiB"
    assert time.monotonic() - begin < MOST_SECONDS


def zstd_bomb(byte: bytes, size: int) -> bytes:
    """One frame of `size` times a byte: blocks of 4 bytes that each stand for 128 KiB (RFC 8878, 3.1.1.2)."""
    block = 1 << 17
    repeated = ((block << 3) | 0b010).to_bytes(3, "little") + byte
    last = ((block << 3) | 0b011).to_bytes(3, "little") + byte
    return b"\x28\xb5\x2f\xfd\x00\x38" + repeated * (size // block - 1) + last


READERS = ["ds-chunk {} -o made.zst", "ds-embed {} -o made.npy", "ds-score --target target.npz {} -o made.zst",
           "ds-topk -k 5 {} -o made.zst", "ds-topk -k 5 --scores scores.npy {} -o made.zst"]


@pytest.mark.heavy
@pytest.mark.parametrize("line", READERS)
@pytest.mark.parametrize("byte", [b"a", b"\n"], ids=["a line", "empty lines"])
def test_a_zstd_bomb_of_a_hundred_gigabytes(chain: Workdir, line: str, byte: bytes) -> None:
    bomb = zstd_bomb(byte, 100 << 30)
    assert len(bomb) < 10 << 20
    chain.write("bomb.zst", bomb)
    refuses(chain, line.format("bomb.zst"), "bomb.zst")


def test_a_gzip_bomb_of_ten_gigabytes(chain: Workdir) -> None:
    chain.write("bomb.gz", gzip.compress(b"a" * (1 << 26)) * 160)
    refuses(chain, "ds-chunk bomb.gz -o made.zst", "bomb.gz: a line over 64 MiB")


@pytest.mark.parametrize("line", READERS)
def test_a_record_of_two_gigabytes(chain: Workdir, line: str) -> None:
    with (chain.path / "long.jsonl").open("wb") as file:
        file.write(b'{"text":"')
        os.truncate(file.fileno(), 2 << 30)  # zeros that take no room
    refuses(chain, line.format("long.jsonl"), "long.jsonl")


@pytest.mark.heavy
def test_records_that_unpack_to_much_more_are_streamed(chain: Workdir) -> None:
    line = b'{"id":"x","text":"' + b"market shares " * 70 + b'"}\n'
    packed = zstandard.ZstdCompressor(level=19).compressobj()
    chain.write("many.zst", b"".join(packed.compress(line * 1000) for _ in range(150)) + packed.flush())
    assert (chain.path / "many.zst").stat().st_size < 1 << 17
    chain.may_fork = False  # a fork's memory is in part its server's
    done = chain.ok("ds-chunk many.zst -o made.zst")
    assert "150,000 rows" in done.err
    assert int(done.err.split("peak memory ")[1].split(" ")[0]) < 300


def npz(members: dict[str, bytes], how: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=True)
    return out.getvalue()


PICKLE = npy(np.array([print], dtype=object))
ARRAYS = {
    "a pickle": (PICKLE, "dtype |O"), "a shape of 10^15": (header("(10**15, 64)", "'<f4'"), "damaged"),
    "the same as a number": (header("(1000000000000000, 64)", "'<f4'") + bytes(256), "promises 1000000000000000 rows"),
    "rows below 0": (header("(-4, 64)", "'<f4'") + bytes(1024), "shape (-4, 64)"),
    "both below 0": (header("(-4, -64)", "'<f4'") + bytes(1024), "shape (-4, -64)"),
    "rows of nothing": (header("(1000000000, 0)", "'<f4'"), "shape (1000000000, 0)"),
    "one row that is too wide": (header("(1, 1000000000000)", "'<f4'") + bytes(100), "cut short"),
    "a header of code": (header("(4, 64)", "'<f4'", extra="'x': __import__('os')") + bytes(1024), "damaged"),
}


@pytest.mark.heavy
@pytest.mark.parametrize("kind", ARRAYS)
def test_hostile_arrays(chain: Workdir, kind: str) -> None:
    data, said = ARRAYS[kind]
    chain.write("bad.npy", data)
    refuses(chain, "ds-score --target target.npz bad.npy -o made.npy", "bad.npy", said)
    # From a pipe nobody knows how much will come.
    chain.fails("cat bad.npy | ds-score --target target.npz - -o made.npy", "<stdin>", said.split(" ")[0]
                if "promises" not in said else "cut short")


@pytest.mark.slow
def test_hostile_arrays_for_the_other_commands(chain: Workdir) -> None:
    chain.write("bad.npy", PICKLE)
    refuses(chain, "ds-target-stats --target bad.npy pool.npy -o made.npz", "bad.npy", "dtype |O")
    refuses(chain, "ds-target-stats --target target.npy bad.npy -o made.npz", "bad.npy", "dtype |O")
    refuses(chain, "ds-topk -k 3 --scores bad.npy pool.jsonl -o made.zst", "bad.npy", "dtype |O")


def changed(members: dict[str, bytes], **arrays: np.ndarray | bytes) -> bytes:
    return npz(members | {f"{name}.npy": data if isinstance(data, bytes) else npy(data)
                          for name, data in arrays.items()})


def lying(data: bytes) -> bytes:
    """A member that claims, in the list at the end, to be a gigabyte."""
    place = data.find(b"PK\x01\x02")
    return data[: place + 20] + struct.pack("<II", 1 << 30, 1 << 30) + data[place + 28 :]


def targets(chain: Workdir) -> dict[str, tuple[bytes, str]]:
    """Target files that are none, and what is said of them."""
    with zipfile.ZipFile(chain.path / "target.npz") as archive:
        good = {name: archive.read(name) for name in archive.namelist()}
    points, weights, g = (np.load(io.BytesIO(good[f"{name}.npy"])) for name in ("points", "weights", "potentials"))
    run = np.load(io.BytesIO(good["run.npy"])).tobytes()

    def told(old: bytes, new: bytes) -> bytes:
        assert old in run
        return changed(good, run=np.frombuffer(run.replace(old, new), "u1"))

    return {
        "a pickle": (changed(good, weights=PICKLE), '"weights" is not as long as its header says'),
        "a shape of 10^15": (changed(good, weights=header("(1000000000000000,)", "'<f8'")), "not as long as its"),
        "a bomb": (npz(good | {"x.npy": bytes(1 << 27)}, zipfile.ZIP_DEFLATED), "compressed members"),
        "lies about sizes": (lying(npz(good)), "not a whole target file"),
        "weights of others": (changed(good, weights=weights[:-1]), '"weights" has shape'),
        "potentials of others": (changed(good, potentials=np.concatenate([g, g])), '"potentials" has shape'),
        "another dtype": (changed(good, points=points.astype("<f8")), '"points" is <f8'),
        "NaN": (changed(good, potentials=g * np.nan), '"potentials" holds numbers that cannot be'),
        "no weight": (changed(good, weights=weights * 0), '"weights" holds numbers that cannot be'),
        "no member": (npz({name: data for name, data in good.items() if name != "points.npy"}), 'no array "points"'),
        "no run record": (npz({name: data for name, data in good.items() if name != "run.npy"}), 'no member "run"'),
        "unknown method": (told(b'"method":"got"', b'"method":"gut"'), "made by method 'gut'"),
        "another method": (told(b'"method":"got"', b'"method":"dsir"'), 'no array "log_ratio"'),
        "a field missing": (told(b'"epsilon":', b'"epsilom":'), 'no "epsilon"'),
        "a field of another type": (told(b'"metric":"sqeuclidean"', b'"metric":["sqeucl"]'), '"metric" is'),
        "vectors": (chain.read("pool.npy"), "no zip archive"),
    }


@pytest.mark.slow
def test_hostile_target_files(chain: Workdir) -> None:
    for kind, (data, said) in targets(chain).items():
        chain.write("bad.npz", data)
        try:
            refuses(chain, "ds-score --target bad.npz pool.npy -o made.npy", "bad.npz", said)
        except AssertionError as error:
            raise AssertionError(f"{kind}: {error}") from error
    assert "made.npy" not in chain.names()


@pytest.mark.slow
def test_a_record_of_sixty_megabytes_is_read(work: Workdir) -> None:
    text = "market shares of the quarter profit " * 1_700_000
    work.write("long.jsonl", b'{"id":"a","text":"' + text.encode() + b'"}\n')
    work.may_fork = False
    done = work.ok("ds-chunk long.jsonl -o long.zst && ds-embed long.jsonl -o long.npy")
    assert all(int(each.split(" ")[0]) < 1024 for each in done.err.split("peak memory ")[1:])
    assert len(work.ok("zstdcat long.zst").out.splitlines()) > 60_000
