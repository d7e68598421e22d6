"""Pools that nobody cleaned: what has no content, stands twice, leaks or is exchanged."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from workdir import Workdir, records, texts

#: Texts without a letter or digit.
BLANK = ["", " \n", "* * *\n----", "___", "?!", "🙂"]


def fit(work: Workdir, options: str = "", pool: str = "pool.npy", target: str = "target.npy") -> dict[str, object]:
    done = work.ok(f"ds-target-stats -q --target {target} {options} {pool} -o target.npz")
    return json.loads(done.out)


@pytest.fixture
def clean(work: Workdir) -> Workdir:
    """A pool of 240 texts, a target of 60, and their vectors."""
    work.write("pool.jsonl", records(texts(240)))
    work.write("target.jsonl", records(texts(60, seed=1)))
    for name in ("pool", "target"):
        work.ok(f"ds-embed -q --dimension 64 {name}.jsonl -o {name}.npy")
    return work


def with_blanks(lines: bytes, every: int = 10) -> bytes:
    """A record without content after every so many."""
    found = []
    for number, line in enumerate(lines.splitlines()):
        found.append(line)
        if number % every == every - 1:
            found.append(json.dumps({"text": BLANK[number // every % len(BLANK)], "blank": True}).encode())
    return b"\n".join(found) + b"\n"


def text_rows(path: Path) -> list[int]:
    """Which records have content."""
    return [i for i, line in enumerate(path.read_bytes().splitlines()) if b'"blank"' not in line]


@pytest.mark.parametrize("rule", ["got", "random"])  # all: tests/methods/test_unclean_rows.py
def test_rows_without_content_rank_last_and_change_no_score(clean: Workdir, rule: str) -> None:
    method = f"--method {rule}"
    first = fit(clean, method)
    clean.ok("ds-score -q --target target.npz pool.npy -o clean-scores.npy")
    clean_file = clean.path.joinpath("target.npz").read_bytes()
    clean.write("dirty.jsonl", with_blanks(clean.path.joinpath("pool.jsonl").read_bytes()))
    clean.ok("ds-embed -q --dimension 64 dirty.jsonl -o dirty.npy")
    second = fit(clean, method, "dirty.npy")
    assert clean.path.joinpath("target.npz").read_bytes() == clean_file
    done = clean.ok("ds-score --target target.npz dirty.npy -o dirty-scores.npy")
    assert "24 rows without content rank last" in done.err
    scores, kept = np.load(clean.path / "dirty-scores.npy"), text_rows(clean.path / "dirty.jsonl")
    assert scores[kept].tobytes() == np.load(clean.path / "clean-scores.npy").tobytes()
    assert (np.delete(scores, kept) == np.finfo("f4").min).all()
    if rule != "random":  # it reads no pool
        assert (second["source_read"], second["source_blank"], first["source_blank"]) == (264, 24, 0)
        assert any("24 of 264 rows of the pool" in warning for warning in second["warnings"])


def test_dsir_ranks_texts_without_content_last(clean: Workdir) -> None:
    clean.write("dirty.jsonl", with_blanks(clean.path.joinpath("pool.jsonl").read_bytes()))
    files = []
    for name in ("pool", "dirty"):
        clean.ok(f"ds-target-stats -q --method dsir --min-words 0 --target target.jsonl {name}.jsonl -o {name}.npz")
        clean.ok(f"ds-score -q --target {name}.npz {name}.jsonl -o {name}-scores.npy")
        files.append(clean.path.joinpath(f"{name}.npz").read_bytes())
    assert files[0] == files[1]
    scores, kept = np.load(clean.path / "dirty-scores.npy"), text_rows(clean.path / "dirty.jsonl")
    assert scores[kept].tobytes() == np.load(clean.path / "pool-scores.npy").tobytes()
    assert (np.delete(scores, kept) == np.finfo("f4").min).all()


def test_a_target_with_texts_without_content_gives_the_same_file(clean: Workdir) -> None:
    fit(clean)
    before = clean.path.joinpath("target.npz").read_bytes()
    clean.write("dirty.jsonl", with_blanks(clean.path.joinpath("target.jsonl").read_bytes(), 3))
    clean.ok("ds-embed -q --dimension 64 dirty.jsonl -o dirty.npy")
    summary = fit(clean, target="dirty.npy")
    assert clean.path.joinpath("target.npz").read_bytes() == before
    assert summary["target_blank"] == 20
    assert any("20 of 80 rows of the target have no content" in warning for warning in summary["warnings"])


def test_a_target_or_pool_of_nothing_else_is_an_error(clean: Workdir) -> None:
    np.save(clean.path / "zeros.npy", -0.0 * np.ones((5, 64), "f4"))
    for options in ("", "--method classifier"):
        clean.fails(f"ds-target-stats {options} --target zeros.npy pool.npy -o t.npz", "zeros.npy: none of the 5 rows")
        clean.fails(f"ds-target-stats {options} --target target.npy zeros.npy -o t.npz", "zeros.npy: none of the 5")


def test_shuffled_copied_and_sharded_pools_give_the_same_file(clean: Workdir) -> None:
    fit(clean)
    before = clean.path.joinpath("target.npz").read_bytes()
    random, rows = np.random.default_rng(0), np.load(clean.path / "pool.npy")
    order = random.permutation(np.concatenate([np.arange(240), random.integers(0, 100, 400)]))
    for shards in (1, 3, 7):
        for number, piece in enumerate(np.array_split(rows[order], shards)):
            np.save(clean.path / f"part{shards}-{number}.npy", piece)
        summary = fit(clean, pool=f"part{shards}-*.npy")
        assert clean.path.joinpath("target.npz").read_bytes() == before
        assert (summary["source_read"], summary["source_distinct"]) == (640, 240)
        assert any("62.5% of the rows of the pool are copies" in warning for warning in summary["warnings"])


def test_target_rows_in_the_pool_few_texts_and_exchanged_files_are_said(clean: Workdir) -> None:
    assert not fit(clean)["warnings"]
    pool, target = (np.load(clean.path / name) for name in ("pool.npy", "target.npy"))
    np.save(clean.path / "leaky.npy", np.concatenate([target[:17], pool]))
    leaky = fit(clean, pool="leaky.npy")
    assert leaky["target_in_pool"] == 17
    assert "17 of the 60 target texts stand in the pool" in leaky["warnings"][0]
    np.save(clean.path / "few.npy", target[:49])
    assert "only 49 texts with content" in fit(clean, target="few.npy")["warnings"][0]
    exchanged = fit(clean, pool="target.npy", target="pool.npy")
    assert "the target has 240 rows and the pool 60" in exchanged["warnings"][0]
    np.save(clean.path / "same.npy", np.tile(pool[:1], (90, 1)))
    for options in ("", "--no-whiten --epsilon 0"):
        warnings = fit(clean, options, "same.npy")["warnings"]
        assert any("all 90 rows of the pool are one and the same vector" in warning for warning in warnings)


def test_a_glob_after_target_is_said(clean: Workdir) -> None:
    clean.ok("mkdir tasks emb && cp target.npy tasks/a.npy && cp target.npy tasks/b.npy && cp pool.npy emb/x.npy")
    summary = fit(clean, pool="emb/*.npy", target="tasks/*.npy")
    assert any("tasks/b.npy stands beside the target tasks/a.npy" in warning for warning in summary["warnings"])
    assert not fit(clean, pool="emb/*.npy", target="tasks/a.npy")["warnings"]


def test_target_mass_by_words_is_that_of_a_file_of_the_same_numbers(clean: Workdir) -> None:
    documents = [*texts(30, 1), *texts(30, 2, words=9)]
    clean.write("target.jsonl", records(documents))
    clean.ok("ds-embed -q --dimension 64 target.jsonl -o target.npy")
    words = np.array([len(re.findall(r"\w+|[^\w\s]+", text)) for text in documents], "f8")
    np.save(clean.path / "words.npy", words)
    np.save(clean.path / "roots.npy", np.sqrt(words))
    files = {}
    for name in ("text", "words --target-texts target.jsonl", "words.npy", "sqrt-words --target-texts target.jsonl",
                 "roots.npy"):
        fit(clean, f"--target-mass {name}")
        files[name.split()[0]] = clean.path.joinpath("target.npz").read_bytes()
    assert files["words"] == files["words.npy"]
    assert files["sqrt-words"] == files["roots.npy"]
    assert len(set(files.values())) == 3
    for wrong, message in (("--target-mass words", "give --target-texts"),
                           ("--target-texts target.jsonl", "does nothing")):
        clean.fails(f"ds-target-stats --target target.npy {wrong} pool.npy -o t.npz", message, status=2)
    clean.fails("ds-target-stats --target target.npy --target-mass words --target-texts pool.jsonl pool.npy -o t.npz",
                "60 rows for the 240 records")
