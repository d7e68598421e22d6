"""A model's folder that brings code of its own: nobody is asked whether to run it, and it is never run."""

import ast
import json
import os
import pty
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import gotd
from gotd.embedders.loading import load
from gotd.pretrained import CodeRefusedError
from workdir import Workdir, records, texts

PACKAGE = Path(gotd.__file__).parent
SCRIPTS = PACKAGE.parent.parent / "scripts"
#: Of transformers; those of other libraries have the same names for other things (model2vec's reads no code).
LOADERS = {"from_pretrained", "from_config", "_from_config", "get_class_from_dynamic_module", "pipeline"}
CODE = """
from pathlib import Path
Path({mark!r}).touch()
from transformers import BertConfig, BertForMaskedLM, BertForSequenceClassification, BertModel, PreTrainedTokenizerFast
class Config(BertConfig):
    model_type = {kind!r}
class Model(BertModel):
    config_class = Config
class Masked(BertForMaskedLM):
    config_class = Config
class Labels(BertForSequenceClassification):
    config_class = Config
class Tokens(PreTrainedTokenizerFast):
    pass
"""
CLASSES = {"AutoConfig": "own.Config", "AutoModel": "own.Model", "AutoModelForMaskedLM": "own.Masked",
           "AutoModelForSequenceClassification": "own.Labels"}


@pytest.fixture
def model(work: Workdir) -> Workdir:
    """A folder with model/, a tiny BERT, and its own.py, which leaves a mark; and pool.jsonl."""
    from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

    from gotd.training.tokenizers import train_tokenizer

    tokenizer: PreTrainedTokenizerFast = train_tokenizer(texts(20), 300, True, 64)
    tokenizer.save_pretrained(work.path / "model")
    BertForMaskedLM(BertConfig(vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                               intermediate_size=16, max_position_embeddings=64)).save_pretrained(work.path / "model")
    work.write("model/own.py", CODE.format(mark=str(work.path / "ran"), kind="own").encode())
    work.write("pool.jsonl", records(texts(20)))
    work.write("labelled.jsonl", b"".join(json.dumps({"text": text, "label": str(number % 2)}).encode() + b"\n"
                                          for number, text in enumerate(texts(20))))
    # Where transformers copies code to before it runs it.
    work.environment |= {"HF_HOME": str(work.path / "home"), "COLUMNS": "80"}
    return work


def change(work: Workdir, file: str, **values: object) -> None:
    """Sets fields of a JSON file."""
    work.write(file, json.dumps(json.loads(work.read(file)) | values).encode())


_TRAIN = "ds-train --threads 1 -q --steps 1 --length 16 --batch 4 --objective mlm pool.jsonl -o made/ --model model"
LINES = {
    "train": _TRAIN,
    "tokenizer": f"{_TRAIN} --tokenizer tokens",
    "embed": "ds-embed --threads 1 -q --model model pool.jsonl -o made.npy",
}
NEEDED = "needs code from its folder, which is never run; choose a model whose architecture transformers itself has"


def typed_yes(work: Workdir, line: str) -> tuple[int, str]:
    """Runs a command on a terminal where "y" is typed. Returns its status and all it said."""
    ours, theirs = pty.openpty()
    os.write(ours, b"y\ny\ny\n")
    done = subprocess.run(line.split(), cwd=work.path, env=work.environment, stdin=theirs, timeout=300,
                          capture_output=True, check=False)
    os.close(theirs)
    os.close(ours)
    return done.returncode, (done.stdout + done.stderr).decode()


@pytest.mark.heavy
@pytest.mark.parametrize("line", [
    pytest.param(line, marks=[pytest.mark.slow] if line != "embed" else []) for line in LINES])
def test_on_a_terminal_nobody_is_asked(model: Workdir, line: str) -> None:
    tokens = {"tokenizer_class": "OwnTokens", "auto_map": {"AutoTokenizer": ["own.Slow", "own.Tokens"]}}
    if line == "tokenizer":
        model.ok("mkdir tokens && cp model/tok* model/own.py tokens")
        change(model, "tokens/tokenizer_config.json", **tokens)
    else:
        change(model, "model/config.json", model_type="own", auto_map=CLASSES)
    status, out = typed_yes(model, LINES[line])
    assert not (model.path / "ran").exists(), out
    assert (status, len(out.splitlines())) == (1, 1), out
    assert f"error: {'tokens' if line == 'tokenizer' else 'model'}" in out
    assert NEEDED in out
    assert not [name for name in model.names() if name.startswith("made")]


@pytest.mark.slow
def test_the_mark_can_be_left(model: Workdir) -> None:
    """Else none of these tests could fail."""
    change(model, "model/config.json", model_type="own", auto_map=CLASSES)
    load = "from transformers import AutoModel; AutoModel.from_pretrained(\'model\', trust_remote_code=True)"
    model.ok(f'python -c "{load}"')
    assert (model.path / "ran").exists()


@pytest.fixture
def trained(model: Workdir, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Runs ds-train in this process with the words of a line; a question is answered with "y"."""
    from gotd.cli.train import command

    monkeypatch.chdir(model.path)
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(model.path / "home"))
    before = torch.get_num_threads()
    quick = "--threads 1 -q --steps 1 --length 16 --batch 4 -o made".split()

    def run(line: str) -> None:
        try:
            command.main([*quick, *line.split()], "ds-train", standalone_mode=False)
        finally:
            torch.set_num_threads(before)
            assert not (model.path / "ran").exists()

    return run


@pytest.mark.parametrize("line", ["--model model --objective classify labelled.jsonl",
                                  "--init model --objective mlm pool.jsonl",
                                  "--init model/config.json --objective mlm pool.jsonl"])
def test_code_for_the_network(model: Workdir, trained: Callable[[str], None], line: str) -> None:
    change(model, "model/config.json", model_type="own", auto_map=CLASSES)
    with pytest.raises(CodeRefusedError, match=f"^model/config.json: {NEEDED}$"):
        trained(line)
    assert "made" not in model.names()


def test_code_of_a_repository_that_a_configuration_names(model: Workdir, trained: Callable[[str], None]) -> None:
    change(model, "model/config.json", attn_implementation="somebody/attention")
    said = "names layers of somebody/attention, whose code is never run"
    for line in ("--model model", "--init model/config.json"):
        with pytest.raises(CodeRefusedError, match=said):
            trained(f"{line} --objective mlm pool.jsonl")
    with pytest.raises(CodeRefusedError, match=said):
        load([str(model.path / "model")], device="cpu")


def test_a_known_architecture_does_without_its_folders_code(model: Workdir, trained: Callable[[str], None]) -> None:
    change(model, "model/config.json", auto_map=CLASSES)
    trained("--model model --objective mlm pool.jsonl")
    assert "made/model.safetensors" in model.names()


def test_weights_that_only_its_code_would_read(model: Workdir, trained: Callable[[str], None]) -> None:
    change(model, "model/config.json", auto_map=CLASSES, num_hidden_layers=2)
    with pytest.raises(CodeRefusedError, match="for code in its folder, which is never run"):
        trained("--model model --objective mlm pool.jsonl")


def test_one_place_loads_models() -> None:
    others = [f"{path.name}:{node.lineno}" for path in [*PACKAGE.rglob("*.py"), *SCRIPTS.rglob("*.py")]
              if path != PACKAGE / "pretrained.py"
              for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
              if isinstance(node, ast.Attribute) and node.attr in LOADERS
              and not (isinstance(node.value, ast.Name) and node.value.id == "StaticModel")]
    assert not others
