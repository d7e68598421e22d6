"""The study of a pre-trained model, on a tiny causal one: its losses are the model's own, and nothing is made twice."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from workdir import texts

from .conftest import module

pytestmark = [pytest.mark.usefixtures("study_modules"), pytest.mark.xdist_group("experiments")]

TASKS = ("chemprot", "rct_ei", "agnews", "amazon_helpfulness")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of two small layers with random weights, and its tokenizer."""
    from transformers import LlamaConfig, LlamaForCausalLM

    from gotd.training.tokenizers import train_tokenizer

    folder = tmp_path_factory.mktemp("models") / "tiny-llama"
    tokenizer = train_tokenizer(texts(200, seed=9, words=40), 500, False, 64)
    torch.manual_seed(0)
    end = tokenizer.eos_token_id
    LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                                 num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=64,
                                 bos_token_id=end, eos_token_id=end, pad_token_id=end)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def settings(**other: Any) -> Any:
    values = {"model": "tiny-llama", "weights": "0", "device": "cpu", "precision": "float32", "length": 32,
              "rate": 1e-2, "held_out": 10}
    return module("pretrained_bench").Settings(**{**values, **other})


def bench_of(folder: Path, model: Path, **other: Any) -> Any:
    study, machine, deadline = module("data").Study(folder), module("machine").Machine(), module("deadline").Deadline
    return module("pretrained_bench").Pretrained(study, model, settings(**other), machine, deadline(None))


def jsonl(path: Path, some: list[str]) -> None:
    module("data").write(path, [json.dumps({"text": text}).encode() for text in some])


def test_a_cut_text_keeps_its_separator() -> None:
    tokens = module("tokens").Tokens(np.array([1, 2, 3, 0, 4, 0, 5, 6, 7, 8, 0], np.uint16), np.array([4, 2, 5]))
    cut = tokens.cut(3)
    assert cut.flat.tolist() == [1, 2, 0, 4, 0, 5, 6, 0]
    assert cut.lengths.tolist() == [3, 2, 3]


def test_losses_are_those_that_the_model_itself_reports(tmp_path: Path, model: Path) -> None:
    bench, held_out = bench_of(tmp_path, model), texts(25, seed=3, words=12)
    jsonl(tmp_path / "held-out/agnews.jsonl.zst", held_out)
    costs, wanted = module("pretrained").costs_before(bench, "agnews"), []
    network, end = bench.base().eval(), bench.tokenizer.eos_token_id
    for text in held_out[::3]:
        ids = torch.tensor([[end, *bench.tokenizer(text)["input_ids"], end]])
        wanted.append((ids.shape[1] - 1) * network(input_ids=ids, labels=ids).loss.item())
    assert costs == pytest.approx(wanted, rel=1e-5)


def test_a_step_in_parts_is_the_step(tmp_path: Path, model: Path) -> None:
    bench = bench_of(tmp_path, model)
    flat, found = np.random.default_rng(0).integers(1, 400, 32 * 16 - 5), []
    for at_once in (0, 3):
        bench.shape, network = bench.shape._replace(at_once=at_once), bench.base()
        bench.train(network, flat, 1e-3, seed=0)
        found.append(network.get_input_embeddings().weight.detach())
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-6)
    assert not torch.equal(found[0], bench.base().get_input_embeddings().weight)


def test_each_epoch_reads_every_block_once(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench, seen = bench_of(tmp_path, model, epochs=3), []
    flat = np.repeat(np.arange(1, 7, dtype=np.int64), 32)
    losses = bench._losses
    monkeypatch.setattr(bench, "_losses", lambda network, rows: seen.append(rows[:, 0]) or losses(network, rows))
    bench.shape = bench.shape._replace(batch=2)
    bench.train(bench.base(), flat, 1e-3, seed=0)
    epochs = torch.cat(seen).view(3, 6).tolist()
    assert [sorted(epoch) for epoch in epochs] == [[1, 2, 3, 4, 5, 6]] * 3
    assert len({*map(tuple, epochs)}) > 1


def test_runs_of_several_epochs_lie_apart(tmp_path: Path, model: Path) -> None:
    study = module("pretrained_bench")
    assert bench_of(tmp_path, model).folder == tmp_path / "pretrained/tiny-llama"
    assert bench_of(tmp_path, model, epochs=4).folder == tmp_path / "pretrained/tiny-llama-4-epochs"
    # Lines of before --epochs do not say how many.
    assert study.folder_of(module("data").Study(tmp_path), {"model": "a"}) == tmp_path / "pretrained/a"


def test_lines_of_other_settings_are_not_added_to(tmp_path: Path) -> None:
    study, results = module("pretrained_bench"), tmp_path / "train.jsonl"
    results.write_text(json.dumps(settings()._asdict()) + "\n")
    study.refuse_others(results, settings())
    for other in ({"device": "cuda"}, {"precision": "bfloat16"}, {"weights": "1"}, {"rate": 1e-4}, {"epochs": 2}):
        with pytest.raises(study.UsageError, match=f"train.jsonl:1: made with {next(iter(other))}"):
            study.refuse_others(results, settings(**other))
    older = settings()._asdict()
    del older["epochs"]
    results.write_text(json.dumps(older) + "\n")
    study.refuse_others(results, settings())
    with pytest.raises(study.UsageError, match="made with epochs 1, and now 2"):
        study.refuse_others(results, settings(epochs=2))


def test_options_of_a_model_need_one(tmp_path: Path) -> None:
    study, parser = module("pretrained_bench"), module("arguments").of_a_study("")
    study.add_pretrained(parser)
    given = parser.parse_args([str(tmp_path), str(tmp_path), "--held-out", "7"])
    with pytest.raises(study.UsageError, match="--held-out is of a --model"):
        study.bench_of(given, module("data").Study(tmp_path), module("deadline").Deadline(None))


def test_continuations_in_parts_are_those_of_all_at_once(model: Path, tmp_path: Path,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    made, bench = module("continuations"), bench_of(tmp_path, model)
    greedy = made.Sampling(samples=2, sample_tokens=5, top_p=1e-6)
    starts = [[5, 6, 7], [8, 9, 10], [11, 12, 13]]
    at_once = made.continuations(bench.base(), bench.tokenizer, starts, greedy, 0)
    monkeypatch.setattr(made, "_LOGITS", 1)
    assert made.continuations(bench.base(), bench.tokenizer, starts, greedy, 0) == at_once
    assert len(at_once) == 6 and at_once[::2] == at_once[1::2] and len(set(at_once)) > 1


def test_weights_that_predict_no_english_are_not_kept(tmp_path: Path, model: Path) -> None:
    smollm2, bench = module("smollm2"), bench_of(tmp_path, model)
    with pytest.raises(smollm2.DataError, match=r"x\.gguf: loses \d\.\d\d nats"):
        smollm2.save_sane(bench.base(), bench.tokenizer, tmp_path / "out", Path("x.gguf"))
    assert not list(tmp_path.iterdir())


def test_a_folder_must_have_one_gguf_file(tmp_path: Path) -> None:
    smollm2 = module("smollm2")
    with pytest.raises(smollm2.DataError, match="no such file"):
        smollm2.gguf_file(tmp_path / "none")
    with pytest.raises(smollm2.DataError, match=r"there are 0 \(none\)"):
        smollm2.gguf_file(tmp_path)
    (tmp_path / "a.gguf").touch()
    assert smollm2.gguf_file(tmp_path) == smollm2.gguf_file(tmp_path / "a.gguf") == tmp_path / "a.gguf"
    (tmp_path / "b.gguf").touch()
    with pytest.raises(smollm2.DataError, match=r"there are 2 \(a.gguf, b.gguf\)"):
        smollm2.gguf_file(tmp_path)


@pytest.mark.slow
def test_every_rule_is_trained_once(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, task in enumerate(TASKS):
        for seed, split in enumerate(("train", "test")):
            jsonl(tmp_path / f"tasks/{task}/{split}.jsonl.zst", texts(40, seed=10 * number + seed, words=12)[number::2])
    for name, seed in (("pool", 50), ("source", 60)):
        jsonl(tmp_path / f"work/tiny/{name}.jsonl.zst", texts(200, seed=seed, words=40))
    (tmp_path / "rules.txt").write_text("got\nrandom\n")
    line = ["pretrained.py", tmp_path, tmp_path / "work", "--model", model, "--rules", tmp_path / "rules.txt",
            "--tasks", "agnews", "mixed", "--budgets", "20", "40", "--length", "32", "--rate", "1e-2",
            "--held-out", "9"]
    results = tmp_path / "work/tiny/pretrained/tiny-llama/train.jsonl"
    for _ in range(2):
        monkeypatch.setattr(sys, "argv", [str(word) for word in line])
        module("pretrained").main()
        found = [json.loads(each) for each in results.read_text(encoding="utf-8").splitlines()]
        assert len(found) == 2 * 2 * 2
        assert {(each["task"], each["rule"], each["chunks"]) for each in found} == {
            (task, rule, chunks) for task in ("agnews", "mixed") for rule in ("got", "random") for chunks in (20, 40)}
    assert len({(each["tokens"], each["chunks"]) for each in found}) == 2
    assert all(each["nats_per_token"] < each["base_nats_per_token"] and each["held_out_texts"] <= 9 for each in found)
    assert all(each[f"{what}_cpu_seconds"] >= 0.0 for each in found for what in ("choose", "train"))
    monkeypatch.setattr(sys, "argv", [*map(str, line), "--precision", "bfloat16"])
    with pytest.raises(module("pretrained_bench").UsageError, match="made with precision float32"):
        module("pretrained").main()
