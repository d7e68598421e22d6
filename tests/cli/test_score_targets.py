"""ds-score by several targets in one reading: the same bytes as by each alone."""

from pathlib import Path

import pytest

from workdir import Workdir, records, texts


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shards with vectors, and targets: a and b of one source and space, c of another, n of another rule."""
    made = Workdir(tmp_path_factory.mktemp("targets"))
    (made.path / "pool").mkdir()
    for name in "01":
        made.write(f"pool/{name}.jsonl", records(texts(150, seed=int(name))))
    made.ok("ds-embed -q --dimension 64 pool/* -o emb/")
    fits = {"a": "emb/*", "b": "emb/*", "c": "emb/1.npy", "n": "emb/* --method random"}
    for place, (name, rest) in enumerate(fits.items()):
        made.write(f"{name}.jsonl", records(texts(40, seed=5 + place)[place::5]))
        made.ok(f"ds-embed -q --dimension 64 {name}.jsonl -o {name}.npy")
        made.ok(f"ds-target-stats -q --target {name}.npy {rest} -o {name}.npz")
    return made.path


@pytest.fixture
def targets(work: Workdir, fitted: Path) -> Workdir:
    work.ok(f"cp -r {fitted}/. .")
    return work


@pytest.mark.heavy
@pytest.mark.parametrize("inputs", ["emb/*.npy", "pool/*"])
def test_the_bytes_are_those_of_single_runs(targets: Workdir, inputs: str) -> None:
    for name in "abcn":
        targets.ok(f"ds-score --target {name}.npz {inputs} -o alone/{name}/")
    line = f"ds-score --target a.npz --target b.npz --target c.npz --target n.npz {inputs} -o s/"
    targets.ok(line)
    targets.ok("diff -r alone s && rm s/b/1.npy s/c/0.npy")
    assert "6 outputs were already complete" in targets.ok(line).err
    targets.ok("diff -r alone s")


@pytest.mark.heavy
def test_targets_of_texts_are_scored_together_too(targets: Workdir) -> None:
    for name in "ab":
        targets.ok(f"ds-target-stats --method dsir --min-words 9 --target {name}.jsonl pool/* -o {name}.npz"
                   f" && ds-score --target {name}.npz pool/* -o alone/{name}/")
    targets.ok("ds-score --target a.npz --target b.npz pool/* -o s/ && diff -r alone s")


def test_outputs_must_be_folders_of_different_names(targets: Workdir) -> None:
    targets.ok("mkdir d && cp b.npz d/a.npz")
    several = "ds-score --target a.npz --target"
    targets.fails(f"{several} b.npz emb/0.npy -o s.npy", "-o s.npy", "give -o DIR/", status=2)
    targets.fails(f"cat pool/* | {several} b.npz", "give -o DIR/", status=2)
    targets.fails(f"{several} d/a.npz emb/0.npy -o s/", "several targets are called a", "rename one", status=2)
    targets.fails(f"{several} b.npz --dry-run emb/0.npy -o s/", "one --target at a time", status=2)
    assert "s" not in targets.names()
