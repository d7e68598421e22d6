"""The README and the help: what they name exists, what they show runs."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from workdir import BIN, Workdir, records, texts

pytestmark = pytest.mark.xdist_group("documentation")  # they share the folder of examples

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
COMMANDS = sorted(path.name for path in BIN.glob("ds-*"))
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
#: With options of their own, which they explain in their text.
SCRIPTS = [ROOT / "scripts/slurm/submit", ROOT / "scripts/growth.py"]
#: Of other programs the README shows.
FOREIGN = {"--help", "--index-url", "--nproc-per-node", "--no-python", "--export"}


def help_of(command: str) -> str:
    return subprocess.run([BIN / command, "--help"], capture_output=True, text=True, check=True).stdout


HELP = {command: help_of(command) for command in COMMANDS}
EXAMPLES = [line.strip() for text in HELP.values() for line in text.splitlines() if re.match(r"    (ds-|zcat )", line)]
BLOCKS = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)


def test_every_command_is_in_the_readme_and_shows_two_examples() -> None:
    assert len(COMMANDS) >= 5
    for command, text in HELP.items():
        assert f"| `{command}` |" in README
        assert text.count("\n    ") >= 2, command
        assert "Holds" in text, command


def test_every_option_the_readme_names_exists() -> None:
    sources = [*HELP.values(), *(script.read_text() for script in SCRIPTS)]
    known = {option for text in sources for option in OPTION.findall(text)} | FOREIGN
    assert set(OPTION.findall(README)) <= known


def test_every_option_is_explained() -> None:
    for command, text in HELP.items():
        options = text.split("Options:\n", 1)[1]
        for entry in re.split(r"\n  (?=-)", options.strip()):
            assert len(entry.split()) > 2, f"{command}: {entry}"


def test_the_demos_need_nothing_but_python_and_make() -> None:
    for script in ROOT.glob("scripts/demo/*.sh"):
        assert not re.search(r"zstd|\bjq\b", script.read_text()), script


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Workdir:
    """A folder with a file of every name that the examples use."""
    made = Workdir(tmp_path_factory.mktemp("readme"))
    (made.path / "pool").mkdir()
    for number in range(2):
        made.write(f"pool/{number}.jsonl", records(texts(400, seed=number)))
    made.ok("zstd -q --rm pool/*.jsonl && cat pool/*.zst > pool.jsonl.zst")
    made.ok("zstdcat pool.jsonl.zst | gzip > reviews.jsonl.gz")
    made.write("target.jsonl", records(texts(100, seed=3)[::5]))
    made.ok(f"set -e\n{BLOCKS[0]}\ncp selected.jsonl.zst by-files.jsonl.zst")
    # The help's examples go without ds-chunk: vectors and scores of the pool itself.
    made.ok("ds-embed pool/*.jsonl.zst -o emb/ && ds-score --target target.npz emb/*.npy -o scores/")
    made.ok("ds-embed pool/0.jsonl.zst -o pretraining.npy")
    # A model so small that training it costs less than importing torch.
    config = {"model_type": "gpt2", "n_positions": 64, "n_embd": 16, "n_layer": 1, "n_head": 2, "vocab_size": 300}
    made.write("config.json", json.dumps(config).encode())
    made.environment["DS_STEPS"] = "2"
    made.ok("ds-train --init config.json --objective clm target.jsonl -o base/ && cp target.jsonl held-out.jsonl")
    made.ok("cp target.jsonl test.jsonl")
    return made


def test_the_readmes_chains_agree(folder: Workdir) -> None:
    for block in BLOCKS[1:]:
        folder.ok(f"set -e\n{block}")
        folder.ok("cmp selected.jsonl.zst by-files.jsonl.zst")


@pytest.mark.parametrize("line", EXAMPLES)
def test_the_examples_in_the_help_run(folder: Workdir, line: str) -> None:
    folder.ok(line)
