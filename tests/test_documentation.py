"""The doors and the help: every option has its place, what they name exists, what they show runs."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

import gotd
from gotd.cli._options import SectionedCommand
from workdir import Workdir, records, texts

pytestmark = pytest.mark.xdist_group("documentation")  # they share the folder of examples

ROOT = Path(__file__).parent.parent
#: The face, and the doors behind it.
DOORS = {name: (ROOT / name).read_text() for name in (
    "README.md", "CONTRIBUTING.md", "tools/README.md", "tools/gotd/ot/README.md", "scripts/README.md",
    "scripts/experiments/README.md", "scripts/bench/README.md", "tests/README.md")}
README, REFERENCE = DOORS["README.md"], DOORS["tools/README.md"]
COMMANDS: dict[str, click.Command] = {
    name: importlib.import_module(point.partition(":")[0]).command
    for name, point in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"].items()}
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
#: With options of their own, which they explain in their text.
SCRIPTS = [path for folder in (ROOT / "scripts", ROOT / "tests/faults", ROOT / "tests/fuzzing")
           for path in folder.rglob("*") if path.suffix in (".py", ".sh") or path.name == "submit"]
#: Of other programs that the doors show.
FOREIGN = {"--config", "--export", "--help", "--index-url", "--no-python", "--nproc-per-node", "--rerun-incomplete",
           "--unlock"}


def help_of(command: str) -> str:
    """What a command prints for --help."""
    program = f"from {COMMANDS[command].callback.__module__} import main; main()"
    return subprocess.run([sys.executable, "-c", program, "--help"], capture_output=True, text=True, check=True).stdout


HELP = {command: help_of(command) for command in COMMANDS}
#: Those of ds-pipeline are whole runs: the README shows them, and tests/cli/test_pipeline.py.
EXAMPLES = [line.strip() for command, text in HELP.items() if command != "ds-pipeline"
            for line in text.splitlines() if re.match(r"    (ds-|zcat )", line)]
#: Of the reference; those of the README run from the installed wheel (test_package.py).
BLOCKS = re.findall(r"```sh\n(.*?)```", REFERENCE, flags=re.DOTALL)


def test_the_face_is_short() -> None:
    assert len(README.splitlines()) <= 180


BENCHES = sorted(path for path in (ROOT / "scripts/bench").glob("*.py"))


@pytest.mark.parametrize("bench", BENCHES, ids=lambda path: path.name)
def test_every_bench_is_in_its_readme(bench: Path) -> None:
    assert f"`{bench.name}`" in DOORS["scripts/bench/README.md"]


@pytest.mark.slow
@pytest.mark.parametrize("bench", BENCHES, ids=lambda path: path.name)
def test_every_bench_starts(bench: Path) -> None:
    said = subprocess.run([sys.executable, str(bench), "--help"], capture_output=True, text=True, check=True).stdout
    assert "usage: " in said or '__name__ == "__main__"' not in bench.read_text()


def test_every_command_is_in_the_readme_and_shows_two_examples() -> None:
    assert len(COMMANDS) >= 5
    for command, text in HELP.items():
        assert f"| `{command}` |" in README
        assert text.count("\n    ") >= 2, command
        assert "Holds" in text, command


def section(heading: str) -> str:
    """The text under a heading of the reference, down to the next one."""
    assert f"\n{heading}\n" in REFERENCE, heading
    return re.split(r"\n##+ ", REFERENCE.split(f"\n{heading}\n", 1)[1], maxsplit=1)[0]


def options_of(command: click.Command) -> set[str]:
    """The long names of a command's options, both of a flag that can be switched off; -k has no other."""
    names = [option.opts + option.secondary_opts for option in command.params if isinstance(option, click.Option)]
    return {name for some in names for name in ([each for each in some if each.startswith("--")] or some)}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_stands_in_its_commands_section(command: str) -> None:
    there = section(f"### `{command}`")
    of_all = section("## Every option").split("\n\n")[1]
    missing = {option for option in options_of(COMMANDS[command])
               if not re.search(rf"(?<![\w-]){option}(?![\w-])", there + of_all)}
    assert not missing


def test_every_public_name_of_python_stands_in_its_section() -> None:
    words = set(re.findall(r"\w+", section("## From Python")))
    assert set(gotd.__all__) <= words


def test_every_variable_that_is_read_stands_in_its_section() -> None:
    code = "".join(path.read_text() for path in (ROOT / "tools/gotd").rglob("*.py"))
    read = set(re.findall(r'(?:environ(?:\.get\(|\[)|(?=.SLURM_))"([A-Z_]+)"', code))
    assert {"DS_DEBUG", "SLURM_CPUS_PER_TASK"} <= read
    missing = {name for name in read if name not in section("## The environment")}
    assert not missing


def test_every_option_the_doors_name_exists() -> None:
    sources = [*HELP.values(), *(script.read_text() for script in SCRIPTS)]
    known = {option for text in sources for option in OPTION.findall(text)} | FOREIGN
    for name, text in DOORS.items():
        assert set(OPTION.findall(text)) <= known, name


def test_every_file_the_doors_name_exists() -> None:
    wrong = []
    for door, text in DOORS.items():
        beside = (ROOT / door).parent
        links = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
        names = re.findall(r"`((?:tools|scripts|tests)/[\w./*-]+)`", text)
        wrong += [f"{door}: {link}" for link in links if link and not (beside / link).exists()]
        wrong += [f"{door}: {name}" for name in names if not list(ROOT.glob(name.rstrip("/")))]
        here = re.findall(r"^\| `([\w./*-]+)`", text, flags=re.MULTILINE) if door not in ("README.md",) else []
        wrong += [f"{door}: {name}" for name in here
                  if ("/" in name or "." in name) and not list(beside.glob(name.rstrip("/")))]
    assert not wrong


def test_every_option_is_explained() -> None:
    for command, text in HELP.items():
        options = text.split("Options:\n", 1)[1].split("\nCommands:\n")[0]
        for entry in re.split(r"\n  (?=-)", options.strip()):
            assert len(entry.split()) > 2, f"{command}: {entry}"


def test_the_man_pages_say_what_the_help_says() -> None:
    specification = importlib.util.spec_from_file_location("make_man", ROOT / "tools/man/make.py")
    assert specification is not None
    assert specification.loader is not None
    made = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(made)
    pages = made.pages()
    stale = [name for name in pages if (ROOT / "tools/man" / name).read_text() != pages[name]]
    assert not stale, "run `make man`"
    assert {path.name for path in (ROOT / "tools/man").glob("*.1")} == set(pages)


@pytest.mark.skipif(shutil.which("man") is None, reason="no man here")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_man_page_is_rendered_with_every_option(command: str) -> None:
    done = subprocess.run(["man", "--warnings", "-l", str(ROOT / f"tools/man/{command}.1")], capture_output=True,
                          text=True, check=True, env=os.environ | {"MANWIDTH": "200", "LC_ALL": "C.UTF-8"})
    assert not done.stderr
    shown = re.sub(r".\x08", "", done.stdout)
    assert all(re.search(rf"(?<![\w-]){option}(?![\w-])", shown) for option in options_of(COMMANDS[command]))
    lines = [line.strip() for line in HELP[command].splitlines() if line.startswith("    ds-")]
    assert lines
    assert all(line in shown for line in lines)


@pytest.mark.parametrize("command", ["ds-train", "ds-target-stats"])
def test_long_help_begins_with_five_options(command: str) -> None:
    found = COMMANDS[command]
    assert isinstance(found, SectionedCommand)
    shown = found.options_by_section(click.Context(found))
    first, *others = shown
    assert first == "Options"
    assert len(shown[first]) == 5
    assert len(others) >= 3
    assert {name for names in found.sections.values() for name in names} <= {each.name for each in found.params}
    every = [option.name for options in shown.values() for option in options]
    assert sorted(every) == sorted(each.name for each in found.get_params(click.Context(found))
                                   if isinstance(each, click.Option))


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
    made.ok("ds-embed pool/0.jsonl.zst -o pretraining.npy && cp target.npz law.npz && cp target.npz news.npz")
    # A model so small that training it costs less than importing torch.
    config = {"model_type": "gpt2", "n_positions": 64, "n_embd": 16, "n_layer": 1, "n_head": 2, "vocab_size": 300}
    made.write("config.json", json.dumps(config).encode())
    made.environment["DS_STEPS"] = "2"
    made.ok("ds-train --init config.json --objective clm target.jsonl -o base/ && cp target.jsonl held-out.jsonl")
    made.ok("cp target.jsonl test.jsonl")
    made.write("faq.csv", b"question,answer\nWhat is it?,A test.\n")
    return made


@pytest.mark.slow
def test_the_chains_of_the_reference_agree(folder: Workdir) -> None:
    for block in BLOCKS[1:]:
        folder.ok(f"set -e\n{block}")
        folder.ok("cmp selected.jsonl.zst by-files.jsonl.zst")


@pytest.mark.heavy
@pytest.mark.parametrize("line", EXAMPLES)
def test_the_examples_in_the_help_run(folder: Workdir, line: str) -> None:
    if line.startswith("ds-report"):  # which wants a choice, scores and a target that belong together
        folder.ok("set -e\nds-embed pool/*.jsonl.zst -o emb/\nds-embed target.jsonl -o target.npy\n"
                  "ds-target-stats --target target.npy emb/*.npy -o target.npz\n"
                  "ds-score --target target.npz emb/*.npy -o scores/\n"
                  "ds-topk -k 100 --scores scores/ pool/*.jsonl.zst -o selected.jsonl.zst")
    if line.endswith(".html"):
        pytest.importorskip("matplotlib", reason="the page is of the extra gotd[report]")
    folder.ok(line)
