"""The dataset card beside a choice: the hub reads its head, strangers' texts stay texts, its commands run."""

import json
import re
import shutil
from pathlib import Path

import pytest
from huggingface_hub import DatasetCard

from workdir import Workdir, records, texts

HOSTILE = ["<script>alert(1)</script>", "[x](http://evil.example)", "a | b `c` |", "# no heading\n---\n",
           "'\"{{ 7*7 }}", "\u202eabc\x1b[31m"]
LINE = "ds-report -q --choice selected.jsonl.zst --scores scores/ --target target.npz chunks/*.jsonl.zst"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Workdir:
    """The chain by hand, on a pool whose documents have sources with names of every kind."""
    work = Workdir(tmp_path_factory.mktemp("card"))
    (work.path / "pool").mkdir()
    for shard in range(2):
        lines = [json.loads(line) for line in records(texts(150, seed=shard)).splitlines()]
        for number, record in enumerate(lines):
            record["source"] = HOSTILE[number % len(HOSTILE)]
        work.write(f"pool/{shard}.jsonl", b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    work.write("target.jsonl", records(texts(60, seed=9)[::5]))
    work.ok("set -e\nds-chunk pool/*.jsonl -o chunks/\nds-embed --dimension 64 chunks/*.zst -o emb/\n"
            "ds-embed --dimension 64 target.jsonl -o target.npy\n"
            "ds-target-stats --target target.npy --seed 3 emb/*.npy -o target.npz\n"
            "ds-score --target target.npz emb/*.npy -o scores/\n"
            "ds-topk -k 20 --distinct 0.8 --scores scores/ chunks/*.zst -o selected.jsonl.zst\n"
            f"{LINE} -o README.md")
    return work


def test_the_hub_reads_its_head(made: Workdir) -> None:
    card = DatasetCard.load(made.path / "README.md")
    assert card.data.pretty_name == "selected"
    assert card.data.size_categories == ["n<1K"]
    assert card.data.to_dict()["configs"] == [{"config_name": "default", "data_files": "selected.jsonl.zst"}]
    assert "data-selection" in card.data.tags
    assert card.text.strip().startswith("# `selected`")


@pytest.mark.parametrize("name", ["a: b # c - [x]", "it's \"quoted\"", "über\u202e 文", "{{ x }}", "---"])
def test_any_name_of_a_choice_is_read_as_it_is(made: Workdir, tmp_path: Path, name: str) -> None:
    shutil.copy(made.path / "selected.jsonl.zst", tmp_path / f"{name}.jsonl.zst")
    work = Workdir(tmp_path)
    work.ok("ds-report -q --choice *.jsonl.zst -o README.md")
    card = DatasetCard.load(tmp_path / "README.md")
    shown = name.replace("\u202e", "\\u202e")
    assert card.data.pretty_name == shown
    assert card.data.to_dict()["configs"][0]["data_files"] == f"{shown}.jsonl.zst"


def test_texts_of_strangers_are_code(made: Workdir) -> None:
    text = made.read("README.md").decode()
    for shown in ("<script>alert(1)</script>", "[x](http://evil.example)", "a \\| b 'c' \\|", "\\u202eabc\\x1b[31m"):
        assert f"`{shown}`" in text
    outside = re.sub(r"`[^`\n]*`", "", text.split("---\n", 2)[2])
    assert not re.search(r"[<>{}]|\]\(|http|no heading|\u202e|\x1b", outside)


def test_its_commands_make_the_choice_again(made: Workdir, tmp_path: Path) -> None:
    text = made.read("README.md").decode()
    (commands,) = re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)
    shutil.copytree(made.path / "pool", tmp_path / "pool")
    shutil.copy(made.path / "target.jsonl", tmp_path)
    work = Workdir(tmp_path)
    work.ok("set -e\n" + commands.replace("POOL", "pool/*.jsonl").replace("TARGET", "target.jsonl"))
    assert work.read("target.npz") == made.read("target.npz")
    assert work.read("selected.jsonl.zst") == made.read("selected.jsonl.zst")


@pytest.mark.parametrize("options", ["--method dsir --min-words 5", "--method dsir --gumbel --seed 4 --min-words 5",
                                     "--method nearest --metric cosine", "--share 0.5 --choose 20"])
def test_the_fit_of_any_rule_is_made_again(made: Workdir, options: str) -> None:
    read = "--target target.jsonl chunks/*.zst" if "dsir" in options else "--target target.npy emb/*.npy"
    files = "chunks/*.zst" if "dsir" in options else "emb/*.npy"
    made.ok(f"set -e; rm -rf other; mkdir other; ds-target-stats {options} {read} -o other/target.npz\n"
            f"ds-score --target other/target.npz {files} -o other/scores/\n"
            "ds-topk -k 20 --scores other/scores/ chunks/*.zst -o other/selected.jsonl.zst\n"
            "ds-report -q --choice other/selected.jsonl.zst --scores other/scores/ --target other/target.npz "
            "chunks/*.zst -o other/README.md")
    (line,) = re.findall(r"^ds-target-stats .*$", made.read("other/README.md").decode(), flags=re.MULTILINE)
    made.ok(line.replace("TARGET", "target.jsonl").replace("-o target.npz", "-o other/again.npz"))
    assert made.read("other/again.npz") == made.read("other/target.npz")


def test_it_says_what_was_made_how(made: Workdir) -> None:
    text = made.read("README.md").decode()
    assert text.startswith("---\n")
    assert "20 documents out of" in text
    assert "rule `got`" in text
    for tool in ("ds-chunk", "ds-score", "ds-topk"):
        assert f"| `{tool}` | `0." in text
    digest = re.search(r"SHA-256 `([0-9a-f]{64})`", text)
    assert digest is not None
    assert made.ok("sha256sum target.npz").out.decode().split()[0] == digest[1]


def test_a_choice_alone_has_a_card_as_well(work: Workdir) -> None:
    work.write("some.jsonl", records(texts(1200, words=3)))
    work.ok("ds-report -q --choice some.jsonl -o README.md")
    assert DatasetCard.load(work.path / "README.md").data.size_categories == ["1K<n<10K"]
    assert "```sh" not in work.read("README.md").decode()
