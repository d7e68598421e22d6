"""Which inputs make which output: with thousands of them, and with files that change under their names."""

import contextlib
import os
from pathlib import Path

import pytest

from gotd.cli._contents import whole_content
from gotd.cli._jobs import Job, Making, Provenance, jobs
from gotd.errors import GotdError
from gotd.streams.pairing import pairs
from gotd.streams.seal import MadeBy, Seal, encode
from workdir import Workdir


def many(folder: Path, count: int) -> list[str]:
    """So many tiny files, no two alike."""
    names = [folder / f"{number}.jsonl" for number in range(count)]
    for number, name in enumerate(names):
        name.write_text(f'{{"text":"{number}"}}\n')
    return list(map(str, names))


def test_the_seal_of_an_output_does_not_grow_with_its_inputs(tmp_path: Path) -> None:
    names = many(tmp_path, 1000)
    made_by = provenance(names)
    assert len(encode(Seal("vectors", 0, "", made_by=made_by))) < 300
    Path(names[500]).write_text('{"text":"another"}\n')
    assert provenance(names) != made_by
    assert provenance(names[::-1]) != provenance(names)


def provenance(names: list[str]) -> MadeBy:
    """What the seal of an output of these inputs says of its making."""
    making = Making(MadeBy(), lambda _job, name: whole_content(name, False))
    return Provenance(Job(names, "x.npy"), making, [whole_content(name, False) for name in names]).complete


def test_every_name_is_looked_up_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = many(tmp_path, 50)
    looked: list[str] = []
    find = os.path.realpath
    monkeypatch.setattr(os.path, "realpath", lambda name: looked.append(name) or find(name))
    assert len(jobs(names, f"{tmp_path}/out/", ".npy", None)) == 50
    assert len(looked) == 100


def test_files_of_one_name_are_called_by_their_folders_too(tmp_path: Path) -> None:
    names = ["pool/2026-11/a.jsonl", "pool/b.jsonl", "./pool/2026-12/x/a.jsonl.zst"]
    called = [f"{tmp_path}/out/{name}.npy" for name in ("2026-11/a", "b", "2026-12/x/a")]
    assert [job.output for job in jobs(names, f"{tmp_path}/out/", ".npy", None)] == called
    assert [job.output for job in jobs(names, f"{tmp_path}/out/", ".npy", "1/2")] == called[1:2]
    for name in [*called, *names]:
        Path(tmp_path, name).parent.mkdir(parents=True, exist_ok=True)
        Path(tmp_path, name).touch()
    with contextlib.chdir(tmp_path):
        assert [pair.scores for pair in pairs(f"{tmp_path}/out/", names)] == called
    urls = ["s3://one/a.jsonl", "s3://two/a.jsonl"]
    assert [job.output for job in jobs(urls, f"{tmp_path}/out/", ".npy", None)] == [
        f"{tmp_path}/out/one/a.npy", f"{tmp_path}/out/two/a.npy"]


@pytest.mark.parametrize("names", [["x/a.jsonl", "b.jsonl", "x/a.jsonl.zst"], ["x/a.jsonl", "s3://x/a.jsonl"]])
def test_two_of_one_name_are_refused_by_name(tmp_path: Path, names: list[str]) -> None:
    with pytest.raises(GotdError, match=r"several inputs are called (x/)?a"):
        jobs(names, f"{tmp_path}/out/", ".npy", None)
    with pytest.raises(GotdError, match=r"a\.npy: two files of records have that name"):
        pairs(str(tmp_path), names)


def test_a_changed_part_of_files_put_together_is_seen(chain: Workdir) -> None:
    chain.ok("head -150 pool.jsonl | ds-embed --dimension 64 -o a.npy && cp a.npy b.npy")
    chain.ok("tail -150 pool.jsonl | ds-embed --dimension 64 -o c.npy")
    line = "ds-score --target target.npz all.npy -o s.npy"
    chain.ok(f"cat a.npy b.npy > all.npy && {line}")
    assert chain.run("ds-score --target target.npz all.npy --dry-run").out.splitlines()[1].split(b"\t")[1] == b"?"
    assert "already complete" in chain.ok(line).err
    chain.ok("cat c.npy b.npy > all.npy")
    assert "already complete" not in chain.ok(line).err
    chain.ok("ds-score --target target.npz c.npy b.npy -o expected.npy")
    chain.ok("python -c \"import numpy as np; assert (np.load('s.npy') == np.load('expected.npy')).all()\"")
