"""The commands that are fuzzed: how each is called, which of its files is made wrong, and what is right if it is taken.

The file made wrong is always called `wrong`, so that an error that names the place holds that word.
"""

import importlib
import json
import re
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np

from fuzzing.arrays_wrong import wrong_array, wrong_seal, wrong_target
from fuzzing.damage import damaged
from fuzzing.forks import run
from fuzzing.forms import good_forms, is_table, wrong_form
from fuzzing.reading import lines_of, records_of, rows_of, scores_by_formula, text_of, texts_of
from fuzzing.records_wrong import wrapped, wrong_array_of, wrong_lines
from workdir import records, texts

WRONG = "wrong"
PRINTED = "out"
_ROWS = 60
CONFIG = {"model_type": "gpt2", "vocab_size": 300, "n_positions": 64, "n_embd": 16, "n_layer": 1, "n_head": 2}


class Case(NamedTuple):
    """One way to call a command.

    line : its words; base : the good file that `wrong` is made from
    kind : records (lines of JSON), arrays (JSON in one, or over several lines), forms, vectors, scores or target
    made : what it writes, PRINTED for what it prints
    judge : AssertionError where an output that was made is not the right one
    """

    line: str
    base: str
    kind: str
    made: str
    judge: Callable[[Path, "Case"], None]

    @property
    def tool(self) -> str:
        return self.line.split()[0]


def main_of(tool: str) -> Callable[[], None]:
    """What the console script of that name calls."""
    name = tool.removeprefix("ds-").replace("-", "_")
    return importlib.import_module(f"gotd.cli.{name}").main


def call(line: str, folder: Path) -> None:
    """A command that must succeed."""
    ended = run(main_of(line.split()[0]), line.split(), folder, seconds=300)  # it may have to import first
    assert ended.status == 0, f"{line}: {ended.status} {ended.err}"


def make_files(folder: Path, tokens: bool) -> None:
    """Good files of every kind. tokens : a tokenizer, too"""
    (folder / "pool.jsonl").write_bytes(records(texts(_ROWS, words=20)))
    (folder / "target.jsonl").write_bytes(records(texts(40, seed=1)[::5]))
    (folder / "config.json").write_text(json.dumps(CONFIG))
    for line in (
        "ds-chunk pool.jsonl -o pool.zst", "ds-embed --dimension 64 pool.zst -o pool.npy",
        "ds-embed --dimension 64 target.jsonl -o target.npy", "ds-embed --dimension 64 pool.zst -o carried.zst",
        "ds-target-stats --no-center --target target.npy pool.npy -o target.npz",
        "ds-target-stats --method nearest --metric cosine --target target.npy pool.npy -o nearest.npz",
        "ds-target-stats --method round-robin --rounds 3 --target target.npy pool.npy -o turns.npz",
        "ds-target-stats --method classifier --target target.npy pool.npy -o classifier.npz",
        "ds-target-stats --method dsir --min-words 3 --target target.jsonl pool.jsonl -o dsir.npz",
        "ds-target-stats --method random --target target.npy pool.npy -o random.npz",
        "ds-score --target target.npz pool.npy -o scores.npy",
        "ds-score --target target.npz carried.zst -o scored.zst",
    ):
        call(f"{line} -q", folder)
    rows = [{"id": row["id"], "text": row["text"]} for row in records_of(folder / "pool.jsonl")]
    for name, data in good_forms(rows).items():
        (folder / name).write_bytes(data)
    (folder / "chat.jsonl").write_text("".join(json.dumps({"id": row["id"], "title": row["text"][:9], "messages": [
        {"role": "user", "content": row["text"][:40]}, {"role": "assistant", "content": row["text"]}]}) + "\n"
        for row in rows))
    np.save(folder / "weights.npy", np.linspace(0.0, 2.0, 60, dtype="<f4"))
    if tokens:
        call("ds-train -q --init config.json --objective clm --length 32 --steps 1 pool.jsonl -o first", folder)
        (folder / "tokens").mkdir()
        for file in (folder / "first").glob("tokenizer*"):
            file.rename(folder / "tokens" / file.name)
        shutil.rmtree(folder / "first")
    for name in ("out", "err"):
        (folder / name).unlink()


def _again(folder: Path, case: Case, write: Callable[[Path], None]) -> Path:
    """The output for an input that says the same in the plainest words."""
    plain = folder / "plain"
    plain.mkdir()
    for file in folder.iterdir():
        if file.is_file() and file.name not in (WRONG, case.made):
            (plain / file.name).symlink_to(file)
    write(plain / WRONG)
    call(re.sub(r"--text-\S+ \S+ ", "", case.line), plain)
    return plain / case.made


def _as_texts(found: list[str]) -> Callable[[Path], None]:
    return lambda path: path.write_text("".join(json.dumps({"text": text}) + "\n" for text in found))


def _all_texts(path: Path, text_of: Callable[[dict[str, Any]], Any] = text_of) -> list[str]:
    """The texts of a file: of a table, whose own figures say how many there are, none may have got lost."""
    found = texts_of(path, text_of)
    assert not is_table(path.read_bytes()) or len(found) >= _ROWS, f"{len(found)} rows of {_ROWS} were accepted"
    return found


def _of_messages(record: dict[str, Any]) -> Any:
    """The text of a chat, as the documentation says it."""
    value = record["messages"]
    if isinstance(value, str):
        return value
    found = []
    for message in value:
        if "role" not in message:
            roles = {"human": "user", "gpt": "assistant"}
            message = {"role": roles.get(message["from"], message["from"]), "content": message.get("value")}
        content = message.get("content")
        content = [] if content is None else [content] if isinstance(content, str) else content
        parts = [part if isinstance(part, str) else part["text"] for part in content]
        found.append(f"{message['role']}: {''.join(parts)}\n\n")
    return "".join(found).rstrip()


def _of_template(record: dict[str, Any]) -> Any:
    """The text of "{title}:{text?}"."""
    values = [record["title"], record.get("text")]
    texts = [_of_messages({"messages": value}) if isinstance(value, str | list) else json.dumps(value)
             for value in values if value is not None]
    return f"{texts[0]}:{''.join(texts[1:])}"


def _chunks(folder: Path, case: Case) -> None:
    made = texts_of(folder / case.made)
    assert all(len(text) <= 200 for text in made), "a chunk is too long"
    before, after = ("".join(filter(str.isalnum, "".join(each))) for each in (_all_texts(folder / WRONG), made))
    assert before == after, "letters or digits were lost or changed"


def _vectors(folder: Path, case: Case, text_of: Callable[[dict[str, Any]], Any] = text_of) -> None:
    found = _all_texts(folder / WRONG, text_of)
    rows = rows_of(folder / case.made) if found else np.empty((0, 64))
    assert len(rows) == len(found), "rows were lost"
    if found:
        expected = rows_of(_again(folder, case, _as_texts(found)))
        assert np.array_equal(rows, expected), "other vectors than of these texts"


def _fitted(folder: Path, case: Case) -> None:
    rows = rows_of(folder / WRONG)
    other = _again(folder, case, lambda path: np.save(path.open("wb"), rows))
    with np.load(folder / case.made) as made, np.load(other) as expected:
        assert sorted(made.files) == sorted(expected.files)
        for name in set(made.files) - {"run"}:
            assert np.array_equal(made[name], expected[name]), f"another {name} than of these rows"


def _scores(folder: Path, case: Case) -> None:
    rows = rows_of(folder / (WRONG if case.kind == "vectors" else "pool.npy"))
    target = folder / (WRONG if case.kind == "target" else "target.npz")
    scores = rows_of(folder / case.made)
    assert len(scores) == len(rows), "rows were lost"
    _compare(scores, target, rows)


def _compare(scores: np.ndarray, target: Path, rows: np.ndarray) -> None:
    with np.errstate(all="ignore"):
        found = scores_by_formula(target, rows)
    if found is not None:
        expected, allowed = found
        assert np.allclose(scores, expected, rtol=1e-4, atol=allowed), f"scores are off: {scores[:3]} {expected[:3]}"


def _scored_texts(folder: Path, case: Case) -> None:
    assert len(rows_of(folder / case.made)) == 60, "rows were lost"


def _scores_of_texts(folder: Path, case: Case) -> None:
    found = texts_of(folder / WRONG)
    scores = rows_of(folder / case.made) if found else np.empty(0)
    assert len(scores) == len(found), "rows were lost"
    if found:
        expected = rows_of(_again(folder, case, _as_texts(found)))
        assert np.array_equal(scores, expected), "other scores than of these texts"


def _scored_records(folder: Path, case: Case) -> None:
    import base64

    before, after = records_of(folder / WRONG), records_of(folder / case.made)
    assert len(before) == len(after), "records were lost"
    if not before:
        return
    rows = np.stack([np.frombuffer(base64.b64decode(each.pop("gotd_embedding")), "<f2") for each in before])
    _compare(np.array([each.pop("gotd_score") for each in after]), folder / "target.npz", rows)
    for each in before:
        each.pop("gotd_score", None)
    assert repr(before) == repr(after), "other fields have changed"


def _best_carried(folder: Path, case: Case) -> None:
    found = records_of(folder / WRONG)
    lines = [line.strip(b" \t\r") for line in lines_of((folder / WRONG).read_bytes())]
    best = _best([float(np.float32(each["gotd_score"])) for each in found], [each["text"] for each in found])
    assert lines_of((folder / case.made).read_bytes()) == [lines[i] for i in best], "not the best"


def _best(scores: Sequence[float], found: list[str]) -> list[int]:
    """The rows of the 20 best texts that say something, and no two of them the same."""
    best: dict[str, int] = {}
    for i in sorted(range(len(found)), key=lambda i: (-scores[i], i)):
        if any(character.isalnum() for character in found[i]):
            best.setdefault(" ".join(found[i].casefold().split()), i)
    return list(best.values())[:20]


def _best_of_scores(folder: Path, case: Case) -> None:
    scores = rows_of(folder / (WRONG if case.kind == "scores" else "scores.npy"))
    names = texts_of(folder / (WRONG if case.kind == "records" else "pool.zst"))
    assert len(scores) == len(names), "scores of other records were taken"
    best = _best(scores, names)
    made = records_of(folder / case.made)
    assert [each.get("text") for each in made] == [names[i] for i in best], "not the best"
    assert [np.float32(each["gotd_score"]) for each in made] == [np.float32(scores[i]) for i in best], "other scores"


def _trained(folder: Path, case: Case) -> None:
    found = texts_of(folder / WRONG)
    meta = json.loads((folder / case.made / "run.json").read_text())["data"]["data"]
    assert meta["documents"] + meta["empty"] == len(found), "documents were lost"


def _compared(folder: Path, case: Case) -> None:
    found = json.loads((folder / case.made).read_text())
    again = _again(folder, case, _as_texts(texts_of(folder / WRONG)))
    assert found == json.loads(again.read_text()), "other figures than of these texts"


_STATS = "ds-target-stats -q --threads 1 --no-center -o made.npz"
_SCORE = "ds-score -q --threads 1"
_EMBED = "ds-embed -q --threads 1 --dimension 64"
_TOPK = "ds-topk -q -k 20 -o made.zst"
_TRAIN = "ds-train -q --threads 1 --init config.json --tokenizer tokens --objective clm --length 32 --batch 8 --steps 1"
_PROBE = "ds-probe -q --threads 1 --json --resamples 100 --budget 50"
_POOLS = ("pool.jsonl", "pool.zst")
_ARRAYS = ("array.json", "pretty.json", "spread.json")
_FORMS = ("pool.parquet", "pool.parquet.zst", "pool.feather", "pool.arrow", "pool.csv", "pool.tsv", "pool.csv.gz",
          "pool.wet", "pool.wet.gz")
#: Every form that records come in, by the kind of what can be wrong about it.
_ALL = [*((base, "records") for base in (*_POOLS, "pool.jsonl.xz", "pool.jsonl.bz2")),
        *((base, "arrays") for base in _ARRAYS), *((base, "forms") for base in _FORMS)]
#: Those that import least come first.
SUBJECTS: dict[str, Sequence[Case]] = {
    "ds-chunk": [Case(f"ds-chunk -q --chars 200 {WRONG} -o made.zst", base, kind, "made.zst", _chunks)
                 for base, kind in _ALL],
    "ds-embed": [
        *(Case(f"{_EMBED} {WRONG} -o made.npy", base, kind, "made.npy", _vectors) for base, kind in _ALL),
        *2 * [Case(f"{_EMBED} --text-key messages {WRONG} -o made.npy", "chat.jsonl", "records", "made.npy",
                   partial(_vectors, text_of=_of_messages))],
        Case(f"{_EMBED} --text-template {{title}}:{{text?}} {WRONG} -o made.npy", "chat.jsonl", "records", "made.npy",
             partial(_vectors, text_of=_of_template)),
    ],
    "ds-topk": [
        Case(f"{_TOPK} {WRONG}", "scored.zst", "records", "made.zst", _best_carried),
        Case(f"{_TOPK} --scores {WRONG} pool.zst", "scores.npy", "scores", "made.zst", _best_of_scores),
        Case(f"{_TOPK} --scores scores.npy {WRONG}", "pool.zst", "records", "made.zst", _best_of_scores),
    ],
    "ds-score": [
        *(Case(f"{_SCORE} --target {WRONG} pool.npy -o made.npy", base, "target", "made.npy", _scores)
          for base in ("target.npz", "target.npz", "nearest.npz", "turns.npz", "random.npz")),
        Case(f"{_SCORE} --target {WRONG} pool.npy -o made.npy", "classifier.npz", "target", "made.npy", _scores),
        Case(f"{_SCORE} --target {WRONG} pool.jsonl -o made.npy", "dsir.npz", "target", "made.npy", _scored_texts),
        *2 * [Case(f"{_SCORE} --target target.npz {WRONG} -o made.npy", "pool.npy", "vectors", "made.npy", _scores)],
        Case(f"{_SCORE} --target target.npz {WRONG} -o made.npy", "pool.jsonl", "records", "made.npy",
             _scores_of_texts),
        Case(f"{_SCORE} --target target.npz {WRONG} -o made.zst", "carried.zst", "records", "made.zst",
             _scored_records),
    ],
    "ds-target-stats": [
        Case(f"{_STATS} --target target.npy {WRONG}", "pool.npy", "vectors", "made.npz", _fitted),
        Case(f"{_STATS} --target {WRONG} pool.npy", "target.npy", "vectors", "made.npz", _fitted),
        Case(f"{_STATS} --target target.npy --weights {WRONG} pool.npy", "weights.npy", "weights", "made.npz", _fitted),
    ],
    "ds-probe": [Case(f"{_PROBE} {words}", base, "records", PRINTED, _compared) for base in _POOLS for words in (
        f"--target {WRONG} --source pool.jsonl carried.zst", f"--target target.jsonl --source {WRONG} carried.zst",
        f"--target target.jsonl --source pool.jsonl {WRONG}")],
    "ds-train": [Case(f"{_TRAIN} {WRONG} -o made", base, "records", "made", _trained) for base in _POOLS],
}


def made_wrong(case: Case, good: Path, source: Random) -> bytes:
    """The case's file, wrong in one way or another; once in fifty as it was."""
    data = (good / case.base).read_bytes()
    others = [path for path in sorted(good.iterdir()) if path.is_file()]
    if source.random() < 0.02:
        return data
    if source.random() < 0.4:
        return damaged(data, source.choice(others).read_bytes(), source)
    if b'{"gotd":' in data and source.random() < 0.3:
        return wrong_seal(data, source)
    if case.kind == "forms":
        return wrong_form(case.base, records_of(good / "pool.jsonl"), source)
    if case.kind == "arrays":
        lines = wrong_lines(lines_of((good / "pool.jsonl").read_bytes()), source)
        return wrapped(wrong_array_of(lines, source), source)
    if case.kind == "records":
        return wrapped(b"\n".join(wrong_lines(lines_of(data), source)) + source.choice((b"\n", b"\n", b"")), source)
    if case.kind == "target":
        return wrong_target(data, source)
    return wrong_array(rows_of(good / case.base), source)


#: What a line of error may name instead of the file: figures that depend on all of the input.
NO_PLACE = re.compile(r"not converged: |the target: |the source: ")
