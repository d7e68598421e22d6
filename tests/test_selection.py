"""Rules by name and options: what a command line leaves out has the same default in Python, to the last byte."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from gotd.errors import GotdError, UsageError
from gotd.methods.base import TextProblem, VectorProblem
from gotd.methods.got import GotOptions
from gotd.methods.options import default_epsilon
from gotd.ot.blocks import Workers
from gotd.ot.source import Part
from gotd.selection import fit, load, resolve, save
from gotd.streams.file_seal import end_seal
from gotd.streams.sinks import open_output
from workdir import Workdir

HASH = {"name": "hash"}


def problem(folder: Path) -> VectorProblem:
    """The pool and the target of a folder, in memory."""
    pool, target = np.load(folder / "pool.npy"), np.load(folder / "target.npy").astype("f4")
    part = Part("pool.npy", 1.0, lambda: iter([pool]))
    return VectorProblem(target, np.ones(len(target)), [part], Workers(2), torch.device("cpu"))


def texts(file: Path) -> list[str]:
    return [json.loads(line)["text"] for line in file.read_text().splitlines()]


@pytest.mark.heavy
@pytest.mark.parametrize(("name", "options"), [
    ("got", {}), ("got", {"whiten": False}), ("got", {"center": False}), ("got", {"epsilon": 0.0}),
    ("got", {"epsilon": 0.7, "metric": "cosine", "whiten": False}), ("got", {"share": 0.5, "choose": 20.0}),
    ("got", {"pool_sample": 100, "passes": 2, "tol": 1e-3, "seed": 3}), ("got", {"max_target": 10}),
    ("mean", {}), ("mean", {"whiten": True}), ("nearest", {}), ("nearest", {"center": False}), ("round-robin", {}),
    ("round-robin", {"rounds": 3, "whiten": True, "seed": 5}), ("best-match", {"rounds": 3}), ("classifier", {}),
    ("random", {"seed": 7}),
])  # fmt: skip
def test_python_writes_what_the_command_writes(chain: Workdir, name: str, options: dict[str, object]) -> None:
    words = {True: "--{}", False: "--no-{}"}
    line = " ".join(words[value].format(option) if isinstance(value, bool) else f"--{option.replace('_', '-')} {value}"
                    for option, value in options.items())
    done = chain.ok(f"ds-target-stats --method {name} {line} --target target.npy pool.npy -o command.npz")
    seal = end_seal(str(chain.path / "target.npy"))
    assert seal is not None
    fitted = fit(name, problem(chain.path), options, seal.seal.made_by.embedder)
    with open_output(str(chain.path / "python.npz")) as sink:
        save(sink, fitted.arrays, fitted.summary)
    assert chain.read("python.npz") == chain.read("command.npz")
    printed = json.loads(done.out)
    assert {key: printed[key] for key in fitted.summary} | {"warnings": []} == fitted.summary | {"warnings": []}


@pytest.mark.parametrize(("name", "line", "options"), [
    ("dsir", "--gumbel --min-words 5", {"gumbel": True, "min_words": 5}), ("cross-entropy", "", {}),
])  # fmt: skip
def test_texts_too(chain: Workdir, name: str, line: str, options: dict[str, object]) -> None:
    chain.ok(f"ds-target-stats --method {name} {line} --target target.jsonl pool.jsonl -o command.npz")
    target, pool = (texts(chain.path / name) for name in ("target.jsonl", "pool.jsonl"))
    fitted = fit(name, TextProblem([target], [pool], 2), options)
    with open_output(str(chain.path / "python.npz")) as sink:
        save(sink, fitted.arrays, fitted.summary)
    assert chain.read("python.npz") == chain.read("command.npz")
    assert load(str(chain.path / "python.npz")).rule.name == name


@pytest.mark.parametrize(("name", "options", "embedder", "whiten", "center"), [
    ("got", {}, None, True, True), ("got", {"center": False}, HASH, False, False),
    ("got", {"whiten": False}, HASH, False, True), ("got", {"whiten": False}, {"name": "minilm"}, False, False),
    ("got", {"whiten": False, "center": True}, None, False, True), ("mean", {}, None, False, False),
    ("mean", {}, HASH, False, True), ("mean", {"whiten": True}, None, True, True),
])  # fmt: skip
def test_what_is_whitened_and_centred(name: str, options: dict[str, object], embedder: dict[str, object] | None,
                                      whiten: bool, center: bool) -> None:
    rule = resolve(name, options, embedder)
    assert (rule.options.whiten, rule.options.center) == (whiten, center)  # type: ignore[attr-defined]


def test_the_default_epsilon_follows_the_rows_that_whiten() -> None:
    assert default_epsilon(False, 100, 64) == 0.05
    assert default_epsilon(True, 256, 64) == pytest.approx(2.0 / 1.5)


@pytest.mark.parametrize(("name", "options", "said"), [
    ("mean", {"epsilon": 1.0}, "--epsilon does nothing with --method mean"), ("got", {"epsilon": -1.0}, "--epsilon -1"),
    ("got", {"share": 1.5, "choose": 9.0}, "--share 1.5: wanted a number above 0 up to 1"),
    ("got", {"share": 0.5}, "give --choose K"), ("got", {"whiten": True, "center": False}, "leave out --no-center"),
    ("got", {"tol": float("nan")}, "--tol nan"), ("dsir", {"min_words": -1}, "--min-words -1"),
    ("mean", GotOptions(), "has SpaceOptions, not GotOptions"),
])  # fmt: skip
def test_options_that_cannot_be(name: str, options: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        resolve(name, options)


def test_a_rule_that_does_not_exist_or_reads_something_else() -> None:
    with pytest.raises(UsageError, match="no rule 'nothing'; there are got"):
        resolve("nothing")
    with pytest.raises(UsageError, match="'got' reads vectors"):
        fit("got", TextProblem([["a"]], [["b"]], 1))


def test_what_did_not_converge_is_no_fit(chain: Workdir) -> None:
    options = {"tol": 1e-9, "max_iterations": 2}
    with pytest.raises(GotdError, match="not converged"):
        fit("got", problem(chain.path), options, HASH)
    assert fit("got", problem(chain.path), options | {"allow_unconverged": True}, HASH).summary["converged"] is False
