"""The Python face gives what the commands give, from whatever holds texts and vectors."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gotd
from workdir import Workdir, records, texts


def lines_of(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]


def test_what_is_public_is_there_and_documented() -> None:
    assert all((getattr(gotd, name).__doc__ or "").strip() for name in gotd.__all__ if name != "__version__")
    assert set(gotd.__all__) <= set(dir(gotd))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        gotd.nothing  # noqa: B018


@pytest.mark.heavy
def test_the_chain_step_by_step_is_the_commands(work: Workdir) -> None:
    pool, target = texts(300), texts(60, seed=1)[::5]
    pool[7], pool[9], target[2] = "...", pool[8].upper(), " - "
    work.write("pool.jsonl", records(pool))
    work.write("target.jsonl", records(target))
    work.ok("ds-embed pool.jsonl -o pool.npy && ds-embed target.jsonl -o target.npy")
    work.ok("ds-target-stats --target target.npy pool.npy -o target.npz")
    work.ok("ds-score --target target.npz pool.npy -o scores.npy")
    work.ok("ds-topk -k 40 --scores scores.npy pool.jsonl -o best.jsonl")

    vectors, of_target = gotd.embed(pool), gotd.embed(target)
    assert vectors.vectors.dtype == np.float16
    assert (vectors.empty, of_target.empty) == (1, 1)
    assert np.array_equal(vectors, np.load(work.path / "pool.npy"))
    fitted = gotd.fit(of_target, vectors)
    fitted.save(work.path / "python.npz")
    assert work.read("python.npz") == work.read("target.npz")
    assert fitted.counts["source_blank"] == 1
    assert any("only 11 texts" in each for each in fitted.warnings)
    scores = gotd.Target.load(work.path / "python.npz").score(vectors)
    assert scores.tobytes() == np.load(work.path / "scores.npy").tobytes()
    assert fitted.score(pool, model="hash").tobytes() == scores.tobytes()
    best = gotd.topk(pool, scores, k=40)
    chosen = lines_of(work.read("best.jsonl"))
    assert [f"d{place}" for place in best.indices] == [each["id"] for each in chosen]
    assert np.allclose(best.scores, [each["gotd_score"] for each in chosen])
    whole = gotd.select(pool, target, k=40)
    assert whole.indices.tolist() == best.indices.tolist()
    assert whole.records == best.records == [each["text"] for each in chosen]
    assert whole.target is not None
    assert np.array_equal(whole.target.arrays["potentials"], fitted.arrays["potentials"])


@pytest.mark.heavy
@pytest.mark.parametrize(("options", "line"), [
    ({}, ""), ({"epsilon": 0.5, "whiten": False}, "--epsilon 0.5 --no-whiten"), ({"method": "mean"}, "--method mean"),
    ({"method": "classifier", "seed": 3}, "--method classifier --seed 3"),
    ({"method": "round-robin"}, "--method round-robin"), ({"method": "random"}, "--method random"),
    ({"passes": 3, "pool_sample": 100}, "--passes 3 --pool-sample 100"),
])  # fmt: skip
def test_files_arrays_and_commands_fit_alike(chain: Workdir, options: dict[str, Any], line: str) -> None:
    chain.ok(f"ds-target-stats {line} --target target.npy pool.npy -o command.npz")
    gotd.fit(chain.path / "target.npy", str(chain.path / "pool.npy"), **options).save(chain.path / "files.npz")
    assert chain.read("files.npz") == chain.read("command.npz")
    arrays = [np.load(chain.path / name) for name in ("target.npy", "pool.npy")]
    for name, array in zip(("t.npy", "p.npy"), arrays, strict=True):
        np.save(chain.path / name, array)
    chain.ok(f"ds-target-stats {line} --target t.npy p.npy -o command.npz")
    gotd.fit(*arrays, **options).save(chain.path / "arrays.npz")
    assert chain.read("arrays.npz") == chain.read("command.npz")


def test_a_source_weights_and_masses_are_the_commands(chain: Workdir) -> None:
    chain.ok("ds-embed --dimension 64 target.jsonl pool.jsonl -o source.npy")
    weights = np.linspace(0.5, 2.0, 308)
    np.save(chain.path / "w.npy", weights)
    chain.ok("ds-target-stats --target target.npy --source source.npy --weights w.npy --target-mass sqrt-words "
             "--target-texts target.jsonl pool.npy -o command.npz")
    held = lines_of(chain.read("target.jsonl"))
    words = np.array([len(each["text"].replace(".", " .").split()) for each in held])
    gotd.fit(chain.path / "target.npy", chain.path / "pool.npy", source=chain.path / "source.npy", weights=weights,
             target_mass=np.sqrt(words)).save(chain.path / "python.npz")
    assert chain.read("python.npz") == chain.read("command.npz")


def test_a_mixture_is_the_commands(chain: Workdir) -> None:
    vectors = np.load(chain.path / "pool.npy")
    np.save(chain.path / "p.npy", vectors)
    np.save(chain.path / "chosen.npy", vectors[:20])
    np.save(chain.path / "t.npy", target := np.load(chain.path / "target.npy"))
    chain.ok("ds-target-stats --target t.npy --mix chosen.npy:0.3 p.npy -o command.npz")
    gotd.fit(target, vectors, mix=[(vectors[:20], 0.3)]).save(chain.path / "python.npz")
    assert chain.read("python.npz") == chain.read("command.npz")
    for masses in ([0.6, 0.6], [0.0]):
        with pytest.raises(gotd.UsageError, match="masses sum to"):
            gotd.fit(target, vectors, mix=[(vectors[:20], mass) for mass in masses])


def test_texts_fit_with_a_model_and_with_a_rule_that_reads_them(chain: Workdir) -> None:
    held, pool = chain.path / "target.jsonl", chain.path / "pool.jsonl"
    fitted = gotd.fit(held, pool, model="hash", target_mass="words")
    assert len(fitted.arrays["weights"]) == 8
    chain.ok("ds-target-stats --method dsir --target target.jsonl pool.jsonl -o dsir.npz")
    dsir = gotd.fit(held, pool, method="dsir")
    dsir.save(chain.path / "python.npz")
    assert chain.read("python.npz") == chain.read("dsir.npz")
    chain.ok("ds-score --target dsir.npz pool.jsonl -o scores.npy")
    assert np.array_equal(dsir.score(pool), np.load(chain.path / "scores.npy"))
    assert len(gotd.select(pool, held, k=5, method="dsir")) == 5


class Frame:
    """As a data frame of pandas behaves: iterating over it yields the names of its columns."""

    columns = ("id", "text")

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows

    def __iter__(self) -> Any:
        return iter(self.columns)

    def to_dict(self, orient: str) -> list[dict[str, Any]]:
        assert orient == "records"
        return self.rows


@pytest.mark.parametrize("held", [
    list, iter, tuple, lambda found: np.array(found), lambda found: [{"text": text, "n": 1} for text in found],
    lambda found: Frame([{"id": 1, "text": text} for text in found]), lambda found: (text for text in found),
])  # fmt: skip
def test_texts_in_whatever_holds_them(held: Callable[[list[str]], Any]) -> None:
    found = texts(20, words=8)
    assert np.array_equal(gotd.embed(held(found)), gotd.embed(found))


def test_records_keep_their_fields() -> None:
    pool = [{"body": text, "source": {"n": place}} for place, text in enumerate(texts(50))]
    best = gotd.select(pool, [{"body": each["body"]} for each in pool[::5]], k=7, text_key="body")
    assert best.records == [pool[place] for place in best.indices.tolist()]


def test_pandas_and_datasets() -> None:
    pandas, datasets = pytest.importorskip("pandas"), pytest.importorskip("datasets")
    found = texts(20, words=8)
    frame, data = pandas.DataFrame({"text": found}), datasets.Dataset.from_dict({"text": found})
    for each in (frame, frame["text"], data, data["text"]):
        assert np.array_equal(gotd.embed(each), gotd.embed(found))


def test_topk_by_other_measures_and_what_is_left_out() -> None:
    pool = ["a b c", "A  b C", "d e", "", "f g h i j"]
    assert gotd.topk(pool, [5, 4, 3, 9, 1], k=2).indices.tolist() == [0, 2]
    assert gotd.topk(pool, [5, 4, 3, 9, 1], k=2, keep_copies=True).indices.tolist() == [0, 1]
    assert gotd.topk(pool, [5, 4, 3, 9, 1], fraction=0.3).indices.tolist() == [0, 2]
    assert gotd.topk(pool, [5, 4, 3, 9, 1], budget_chars=8).indices.tolist() == [0, 2]
    assert gotd.topk(pool, [5, 4, 3, 9, 1], k=9, exclude=["d e"]).left_out == {
        "without content": 1, "copies": 1, "excluded": 1}


def test_topk_by_quotas_chance_and_several_targets() -> None:
    pool = [{"text": f"text {row}", "meta": {"source": "web" if row < 7 else "code"}} for row in range(10)]
    scores = np.arange(10, 0, -1)
    best = gotd.topk(pool, scores, k=4, per="meta.source", at_most=0.5)
    assert (best.indices.tolist(), best.kinds) == ([0, 1, 7, 8], {"web": 2, "code": 2})
    shares = {"web": 0.25, "code": 0.75}
    assert gotd.topk(pool, scores, k=4, per="meta.source", shares=shares).indices.tolist() == [0, 7, 8, 9]
    assert gotd.topk(pool, scores, budget_words=5).indices.tolist() == [0, 1]
    drawn = [gotd.topk(pool, scores, k=4, temperature=2.0, seed=seed).indices.tolist() for seed in (0, 0, 1, 2)]
    assert drawn[0] == drawn[1]
    assert len({tuple(each) for each in drawn}) == 3
    both = gotd.topk(pool, {"down": scores, "up": -scores}, k=4, split={"up": 0.25, "down": 0.75})
    assert both.indices.tolist() == [0, 9, 1, 2]
    assert both.targets == ["down", "up", "down", "down"]
    assert both.scores.tolist() == [10.0, -1.0, 9.0, 8.0]
    found = gotd.select(texts(40), texts(10, seed=1), budget_words=200, temperature=1.0, seed=1)
    assert len(found) == 3


def test_a_choice_is_judged_as_the_command_judges_it(chain: Workdir) -> None:
    chain.ok("head -60 pool.jsonl > a.jsonl")
    line = "ds-probe --json --resamples 200 --target target.jsonl --source pool.jsonl a.jsonl"
    command = json.loads(chain.ok(line).out)
    found = gotd.probe({"a": chain.path / "a.jsonl"}, chain.path / "target.jsonl", chain.path / "pool.jsonl",
                       resamples=200)
    assert [row.by_word.nats.value for row in found.rows] == [row["nats_per_token"]["value"] for row in command["rows"]]
    chosen = gotd.select(chain.path / "pool.jsonl", chain.path / "target.jsonl", k=20)
    assert gotd.probe({"got": chosen}, chain.path / "target.jsonl", chain.path / "pool.jsonl").rows[-1].documents == 20


VECTORS = np.eye(4, dtype="f4")


@pytest.mark.parametrize(("call", "said"), [
    (lambda: gotd.embed([{"body": "x"}]), r'texts\[0\]: no "text" field'),
    (lambda: gotd.embed(["x", 3]), r"texts\[1\]: int, and no text or record"),
    (lambda: gotd.embed({"text": "x"}), "one mapping, where many records"),
    (lambda: gotd.embed(["x"], dtype="int8"), "wanted float16 or float32"),
    (lambda: gotd.embed(["x"], model="/no/such/folder"), "/no/such/folder"),
    (lambda: gotd.fit(VECTORS, VECTORS, method="best"), "no rule 'best'"),
    (lambda: gotd.fit(VECTORS), "give a pool"),
    (lambda: gotd.fit(["a", "b"], ["c"]), "say model="),
    (lambda: gotd.fit(VECTORS, np.ones((3, 5))), "dimension 5, the target has 4"),
    (lambda: gotd.fit(VECTORS, np.full((3, 4), np.nan)), "pool: row 0: a number that is NaN"),
    (lambda: gotd.select([], ["a b"], k=1), "pool: no rows; give at least one"),
    (lambda: gotd.fit(VECTORS, VECTORS, epsilon=-1.0), "epsilon"),
    (lambda: gotd.fit(VECTORS, VECTORS, target_mass="words"), "counts words, and the target is vectors"),
    (lambda: gotd.fit(VECTORS, VECTORS, target_mass=[1.0, -1.0, 1.0, 1.0]), "a mass below 0"),
    (lambda: gotd.fit(np.zeros((2, 4)), VECTORS), "none of the 2 rows has content"),
    (lambda: gotd.fit(["a"], ["b"], method="dsir", model="hash"), "'dsir' reads texts"),
    (lambda: gotd.fit(VECTORS, VECTORS, method="mean").save("x.txt"), "name it so"),
    (lambda: gotd.fit(VECTORS, VECTORS, method="mean").score(np.ones((1, 3))), "dimension 3"),
    (lambda: gotd.fit(gotd.embed(["a b"]), gotd.embed(["c"]), method="mean").score(gotd.embed(["d"], dimension=64)),
     "dimension 64"),
    (lambda: gotd.fit(VECTORS, VECTORS, method="mean").score(["a"], model="hash"), "does not say what made"),
    (lambda: gotd.fit(gotd.embed(["a b"]), gotd.embed(["c"]), method="mean").score(["d"], model="."), "made by hash"),
    (lambda: gotd.fit(["a b"], ["c"], method="dsir").score(["d"], model="hash"), "'dsir' reads texts"),
    (lambda: gotd.topk(["a"], [1.0]), "give one of k"), (lambda: gotd.topk(["a"], [1.0], k=0), "give one of k"),
    (lambda: gotd.topk(["a"], [1.0, 2.0], k=1), "give one for each record"),
    (lambda: gotd.topk(["a"], [1.0], k=1, per="kind"), "give both"),
    (lambda: gotd.topk(["a"], [1.0], k=1, at_most=0.5), "give both"),
    (lambda: gotd.topk(["a"], [1.0], k=1, per="x", at_most=0.5, shares={"a": 1}), "give one"),
    (lambda: gotd.topk(["a"], [1.0], budget_tokens=5), "--tokenizer FOLDER"),
    (lambda: gotd.topk(["a"], [1.0], k=1, temperature=float("inf")), "finite"),
    (lambda: gotd.topk(["a"], [1.0], k=1, seed=3), "--temperature"),
    (lambda: gotd.topk(["a"], {"a": [1.0], "b": [1.0]}, k=1, split=[1.0]), "1 shares for 2 targets"),
    (lambda: gotd.topk(["a"], {"a": [1.0], "b": [1.0]}, k=1, split={"a": 0.5, "c": 0.5}), "the targets are a, b"),
    (lambda: gotd.topk(["a"], [float("nan")], k=1), r"scores\[0\]: NaN"),
])  # fmt: skip
def test_what_cannot_be_is_an_error_with_its_place(call: Callable[[], object], said: str) -> None:
    with pytest.raises(gotd.GotdError, match=said):
        call()


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(gotd.GotdError, match=r"gone\.jsonl"):
        gotd.embed(tmp_path / "gone.jsonl")
    with pytest.raises(gotd.GotdError, match=r"gone\.npy: no such file"):
        gotd.fit(tmp_path / "gone.npy", VECTORS)
