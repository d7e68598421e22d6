"""What cannot be trained on is named, and leaves nothing behind."""

import errno
import json
from pathlib import Path
from typing import Any

import pytest
from safetensors import SafetensorError
from transformers import PreTrainedTokenizerFast

from gotd.errors import GotdError, UsageError
from gotd.streams.sources import shown
from gotd.training.run import Outcome

from .conftest import Train

CLM = "--init gpt2.json --objective clm --steps 2"


def refused(train: Train, folder: Path, line: str, said: str, kind: type[Exception] = GotdError) -> None:
    with pytest.raises(kind, match=said):
        train(f"{line} -o made")
    assert not (folder / "made").exists()


def test_fewer_tokens_than_a_block(train: Train, folder: Path) -> None:
    (folder / "few.jsonl").write_text('{"text": "protein kinase"}\n')
    refused(train, folder, f"{CLM} few.jsonl", r"few.jsonl: \d+ tokens in 1 documents, a block has 32")
    (folder / "none.jsonl").write_text('{"text": ""}\n')
    refused(train, folder, f"{CLM} none.jsonl", "none.jsonl: 0 tokens")
    refused(train, folder, f"{CLM} --eval none.jsonl pool.jsonl", "none.jsonl: no text")
    # One token of text and none to end it, masked with a probability of next to nothing.
    refused(train, folder, "--init bert.json --objective mlm --mlm-probability 1e-9 --eval few.jsonl pool.jsonl",
            "--eval or --dev: nothing to predict")


def test_labels_missing_unknown_or_too_few(train: Train, folder: Path) -> None:
    train("--init bert.json --objective mlm --steps 1 pool.jsonl -o warm")
    line = "--model warm --objective classify --steps 2"
    (folder / "missing.jsonl").write_bytes((folder / "labelled.jsonl").read_bytes() + b'{"text": "no label"}\n')
    refused(train, folder, f"{line} missing.jsonl", 'missing.jsonl:61: no "label" field')
    (folder / "other.jsonl").write_text('{"text": "a", "label": "subject 9"}\n')
    refused(train, folder, f"{line} --eval other.jsonl labelled.jsonl", 'other.jsonl:1: label "subject 9" is unknown')
    refused(train, folder, f"{line} --eval missing.jsonl labelled.jsonl", 'missing.jsonl:61: no "label" field')
    refused(train, folder, f"{line} other.jsonl", "other.jsonl: 1 different labels")
    refused(train, folder, f"{line} --label-key tag labelled.jsonl", 'labelled.jsonl:1: no "tag" field')
    (folder / "list.jsonl").write_text('{"text": "a", "label": [1]}\n')
    refused(train, folder, f"{line} list.jsonl", r"list.jsonl:1: \"label\" is \[1\]")


def test_models_that_do_not_fit_the_objective(train: Train, folder: Path) -> None:
    refused(train, folder, "--init gpt2.json --objective mlm pool.jsonl", "gpt2 is not a masked language model")
    refused(train, folder, "--init bert.json --objective clm pool.jsonl", "bert is not a causal language model")
    train("--init gpt2.json --objective clm --steps 1 pool.jsonl -o causal")
    refused(train, folder, "--init bert.json --tokenizer causal --objective mlm pool.jsonl", "no mask token")
    refused(train, folder, "--init bert.json --objective classify labelled.jsonl", "no tokenizer beside it")
    refused(train, folder, f"{CLM} --tokenizer . pool.jsonl", "no tokenizer there")


def test_tokenizers_and_models_that_do_not_fit_each_other(train: Train, folder: Path) -> None:
    train("--init bert.json --objective mlm --steps 1 pool.jsonl -o masked")
    tokenizer = PreTrainedTokenizerFast(tokenizer_file="masked/tokenizer.json", model_max_length=64)
    tokenizer.save_pretrained("bare")  # no special token has its part
    refused(train, folder, "--init bert.json --tokenizer bare --objective classify labelled.jsonl", "fill up texts")
    tokenizer.add_special_tokens({"eos_token": "</s>", "sep_token": "</s>", "mask_token": "<mask>"})
    tokenizer.save_pretrained("unpadded")
    line = "--init roberta.json --objective mlm pool.jsonl --tokenizer"
    refused(train, folder, f"{line} unpadded", "the tokenizer has no padding token")
    tokenizer.add_special_tokens({"pad_token": "kinase of a high number"})
    tokenizer.save_pretrained("late")
    refused(train, folder, f"{line} late", r"has its padding token at \d+; give a --tokenizer with one before 62")


@pytest.mark.parametrize("objective", ["mlm", "classify"])
def test_an_encoder_with_a_decoder_is_refused(train: Train, folder: Path, objective: str) -> None:
    (folder / "bart.json").write_text('{"model_type": "bart", "d_model": 16, "vocab_size": 300}')
    refused(train, folder, f"--init bart.json --objective {objective} labelled.jsonl", "an encoder with a decoder")


def test_models_that_are_not_there_or_damaged(train: Train, folder: Path) -> None:
    refused(train, folder, "--model ./nowhere --objective clm pool.jsonl", "no such folder")
    refused(train, folder, "--init nowhere.json --objective clm pool.jsonl", "nowhere.json: No such file")
    (folder / "half.json").write_text('{"model_type": "gpt2", ')
    refused(train, folder, "--init half.json --objective clm pool.jsonl", "half.json: no model configuration")
    train("--init gpt2.json --objective clm --steps 1 pool.jsonl -o base")
    (folder / "base/model.safetensors").write_bytes(b"not weights")
    with pytest.raises(GotdError, match="base"):
        train("--model base --objective clm pool.jsonl -o made")
    (folder / "base/model.safetensors").unlink()
    with pytest.raises(GotdError, match="base"):
        train("--model base --objective clm pool.jsonl -o made")


def test_folders_that_hold_something_else(train: Train, folder: Path) -> None:
    (folder / "made").mkdir()
    (folder / "made/thesis.tex").write_text("years of work")
    with pytest.raises(GotdError, match="made: holds files that are not of ds-train"):
        train(f"{CLM} pool.jsonl -o made")
    (folder / "made/run.json").write_text("[]")
    with pytest.raises(GotdError, match="not a run record"):
        train(f"{CLM} pool.jsonl -o made")
    assert (folder / "made/thesis.tex").read_text() == "years of work"
    assert len(list((folder / "made").iterdir())) == 2
    with pytest.raises(GotdError, match="a model is written to a folder"):
        train(f"{CLM} pool.jsonl -o pool.jsonl")


def test_what_two_options_cannot_mean(train: Train, folder: Path) -> None:
    for line, said in [
        ("--init gpt2.json pool.jsonl", "give --objective"),
        ("--objective clm pool.jsonl", "give one of --model"),
        ("--init gpt2.json --model x --objective clm pool.jsonl", "give one of --model"),
        (f"{CLM} --epochs 2 pool.jsonl", "--epochs or --steps"),
        ("--init gpt2.json --recipe got-d-mlm --objective clm pool.jsonl", "is for --objective mlm"),
        (f"{CLM} --mlm-probability 0.3 pool.jsonl", "--mlm-probability does nothing"),
        (f"{CLM} --schedule constant --warmup 0.5 pool.jsonl", "--warmup does nothing"),
        (f"{CLM} --seed 4294967295 --seeds 2 pool.jsonl", "seeds go up to 4294967295"),
        (f"{CLM} --label-key tag pool.jsonl", "--label-key does nothing"),
        (f"{CLM} --patience 2 pool.jsonl", "do nothing without --dev"),
        (f"{CLM} --dev held.jsonl --save-steps 5 pool.jsonl", "--dev-steps, not --save-steps"),
        (f"{CLM} --fsdp --lora 2 pool.jsonl", "cannot merge"),
        (f"{CLM} --device cpu --fsdp pool.jsonl", "there are none"),
        (f"{CLM} --eval - -", "at most once"),
        (f"{CLM} --length 65 pool.jsonl", "reads at most 64 tokens"),
        (f"{CLM} --accumulate 3 pool.jsonl", "cannot be shared out over 3"),
    ]:
        refused(train, folder, line, said, UsageError)


def test_a_loss_that_is_no_number_ends_the_run(train: Train, folder: Path) -> None:
    with pytest.raises(GotdError, match=r"the loss is (nan|inf); lower --learning-rate"):
        train("--init gpt2.json --objective clm --epochs 9 --schedule constant --learning-rate 1e30 pool.jsonl -o made")
    assert not (folder / "made/config.json").exists()


def test_weights_ruined_by_the_last_step_are_not_kept(train: Train, folder: Path) -> None:
    line = "--init gpt2.json --objective clm --steps 1 --eval held.jsonl --learning-rate 1e30 pool.jsonl"
    refused(train, folder, line, "step 1: the weights have grown out of bounds; lower --learning-rate")


@pytest.mark.heavy
@pytest.mark.parametrize("error", [
    OSError(errno.EFBIG, "File too large"),
    SafetensorError("Error while serializing: I/O error: File too large (os error 27)"),
    RuntimeError("[enforce fail at inline_container.cc:664] . unexpected pos 2560 vs 2454"),
])
def test_a_disk_that_fills_up_is_named_and_training_goes_on_later(train: Train, folder: Path, error: Exception,
                                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise error

    line = f"{CLM} --save-steps 1 pool.jsonl -o made"
    for where in ("trainer.OrderedTrainer._save_optimizer_and_scheduler", "train_seed._save"):
        with monkeypatch.context() as once:
            once.setattr(f"gotd.training.{where}", full)
            with pytest.raises(GotdError, match=r"made/work/seed-0: .*; free space there: the same command goes on"):
                train(line)
    train(line)
    assert (folder / "made/config.json").exists()


def test_records_that_change_while_they_are_read(train: Train, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gotd.training.run.digest_of", lambda *_: "of other records")
    refused(train, folder, f"{CLM} pool.jsonl", "pool.jsonl: changed while being read")


def test_two_runs_do_not_write_into_one_folder(train: Train, folder: Path) -> None:
    from gotd.training.folder import OutputFolder

    first = OutputFolder(folder / "made")
    first.claim({})
    with pytest.raises(GotdError, match="another ds-train writes there"):
        train(f"{CLM} pool.jsonl -o made")
    first.close()


def test_standard_input_is_read_again_and_by_the_first_process_alone(train: Train, folder: Path,
                                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr("gotd.training.run.run", lambda request: asked.append(request) or Outcome(complete=True))
    for option in ("--eval", "--dev"):
        with (folder / "held.jsonl").open() as held, monkeypatch.context() as once:
            once.setattr("sys.stdin", held)
            train(f"{CLM} {option} - pool.jsonl -o made")
            assert held.buffer.raw.tell() == held.seek(0, 2)
        (copy,) = asked[-1].inputs[option[2:]]
        assert copy != "-"
        assert shown(copy) == "<stdin>"
    with (folder / "pool.jsonl").open() as pool, monkeypatch.context() as once:
        once.setattr("sys.stdin", pool)
        once.setenv("RANK", "1")
        train(f"{CLM} -o made")
        assert pool.buffer.raw.tell() == 0


def test_bad_records_are_counted_once(train: Train, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (folder / "pool.jsonl").open("a") as pool:
        pool.write("{half\n" + json.dumps({"text": "   "}) + "\n")
    refused(train, folder, f"{CLM} pool.jsonl", "pool.jsonl:61: not JSON")
    train(f"{CLM} --skip-invalid 1 pool.jsonl -o made")
    assert json.loads((folder / "made/run.json").read_text())["data"]["data"]["documents"] == 61
    assert capsys.readouterr().err == ""  # -q
