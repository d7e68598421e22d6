"""ds-embed as a user runs it: what it makes of any text, in any order, stopped at any moment."""

import json
import random
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import load_file, save_file

from workdir import Workdir, records, texts

Folder = Callable[..., Path]
#: "Good morning, how are you?" and the like, in scripts and languages as different as can be.
LANGUAGES = (
    "Good morning, how are you?|Guten Morgen, wie geht's?|Bonjour, comment ça va ?|Buenos días, ¿cómo estás?|Bom dia|"
    "Buongiorno, come va?|Goedemorgen|God morgon, hur mår du?|Hyvää huomenta|Jó reggelt, hogy vagy?|Dzień dobry|"
    "Dobré ráno|Доброе утро, как дела?|Добрий ранок|Добро утро|Καλημέρα, τι κάνεις;|Günaydin|İyi günler|"
    "صباح الخير، كيف حالك؟|صبح بخیر|שלום, מה שלומך?|नमस्ते, आप कैसे हैं?|সুপ্রভাত|காலை வணக்கம்|శుభోదయం|"
    "ಶುಭೋದಯ|സുപ്രഭാതം|ગુડ મોર્નિંગ|ਸ਼ੁਭ ਸਵੇਰ|สวัสดีตอนเช้า|ສະບາຍດີ|မင်္ဂလာပါ|អរុណសួស្តី|早上好吗？|"
    "おはようございます|좋은 아침이에요|Chào buổi sáng|Selamat pagi|Habari za asubuhi|ደህና አደርክ|დილა მშვიდობისა|"
    "Բարի լույս|Өглөөний мэнд|བཀྲ་ཤིས་བདེ་ལེགས"
).split("|")
SHORT = ["a", "é", "語", "🧬", " ", "\n\n \t", "", "🙂👍🏽👨‍👩‍👧 🇩🇪" * 40, "\ufeff", "\u200b", "e\u0301" * 50]
LONG = ["the lazy dog jumps over the quick brown fox. " * 230_000, "x" * 10_000_000, " " * 10_000_000,
        "語" * 3_000_000, "🧬" * 2_500_000, "a," * 5_000_000]


def vectors(path: Path) -> npt.NDArray[np.float32]:
    return np.load(path).astype(np.float32)


def notes(path: Path) -> dict[str, Any]:
    """What the seal behind the vectors tells."""
    with path.open("rb") as file:
        np.load(file)
        found: dict[str, Any] = json.loads(np.load(file).tobytes())["notes"]
    return found


def cosines(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> npt.NDArray[Any]:
    lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return np.asarray((left * right).sum(axis=1) / lengths)


@pytest.fixture(params=["hash", "static", pytest.param("transformer", marks=pytest.mark.slow)])
def model(request: pytest.FixtureRequest) -> str:
    """What --model names: one of each kind."""
    if request.param == "hash":
        return "hash"
    if request.param == "static":
        return str(request.getfixturevalue("static"))
    return str(request.getfixturevalue("tiny")("Bert"))


@pytest.mark.heavy
def test_no_text_stops_it_or_is_dropped_or_takes_out_of_proportion(work: Workdir, model: str) -> None:
    pool = [*LANGUAGES, *SHORT, *LONG, *texts(50)]
    random.Random(0).shuffle(pool)
    work.write("pool.jsonl", records(pool))
    work.write("short.jsonl", records([text for text in pool if len(text) < 10_000]))
    done = work.ok(f"ds-embed --model {model} pool.jsonl -o pool.npy && ds-embed --model {model} short.jsonl -o s.npy")
    found = vectors(work.path / "pool.npy")
    assert len(found) == len(pool)
    assert np.isfinite(found).all()
    blank = [row for row, text in enumerate(pool) if not text.strip()]
    assert not found[blank].any()
    told = notes(work.path / "pool.npy")
    assert told["documents"] == len(pool)
    assert told["empty"] == np.count_nonzero(~found.any(axis=1)) >= len(blank)
    # 54 MB of text: a rate under 1 MB/s would be out of proportion.
    seconds = [float(found) for found in re.findall(r"rows in ([\d.]+) s", done.err)]
    assert seconds[0] - seconds[1] < 60
    # What stands beside long texts is embedded as if it stood alone.
    alone = vectors(work.path / "s.npy")
    beside = found[[row for row, text in enumerate(pool) if len(text) < 10_000]]
    there = alone.any(axis=1)
    assert (beside.any(axis=1) == there).all()
    assert cosines(beside[there], alone[there]).min() > 0.9999


@pytest.mark.slow
def test_a_vector_does_not_depend_on_order_shards_or_batches(work: Workdir, model: str) -> None:
    pool = [text[: 20 + 7 * number] for number, text in enumerate(texts(60))]
    order = np.random.default_rng(0).permutation(len(pool))
    work.write("pool.jsonl", records(pool))
    work.write("mixed.jsonl", records([pool[row] for row in order]))
    (work.path / "parts").mkdir()
    for number in range(3):
        work.write(f"parts/{number}.jsonl", records(pool[number * 20 : number * 20 + 20]))
    line = f"ds-embed --model {model} --dtype float32"
    work.ok(f"{line} pool.jsonl -o pool.npy && {line} pool.jsonl -o again.npy && {line} mixed.jsonl -o mixed.npy")
    work.ok(f"for i in 0 1; do {line} --shard $i/2 --threads 1 parts/*.jsonl -o emb/; done")
    batches = "--batch-tokens 300" if "Bert" in model else ""
    work.ok(f"{line} {batches} pool.jsonl -o small.npy")
    assert work.read("pool.npy") == work.read("again.npy")
    whole = vectors(work.path / "pool.npy")
    shards = np.concatenate([vectors(work.path / f"emb/{number}.npy") for number in range(3)])
    others = [vectors(work.path / "mixed.npy")[np.argsort(order)], shards, vectors(work.path / "small.npy")]
    for other in others:
        assert cosines(whole, other).min() > 0.9999
    if not (Path(model) / "modules.json").exists() and "Bert" not in model:
        assert all((other == whole).all() for other in others)


@pytest.mark.slow
def test_what_was_lost_is_counted_at_the_end_and_in_the_seal(work: Workdir, tiny: Folder) -> None:
    work.write("pool.jsonl", records(["cat " * 100, "cat", "", "a cat " * 31, "dog " * 5000]))
    done = work.ok(f"ds-embed --model {tiny('Bert')} pool.jsonl -o pool.npy")
    last = done.err.splitlines()[-1]
    told = notes(work.path / "pool.npy")
    assert (told["documents"], told["empty"], told["truncated"]) == (5, 1, 2)
    assert told["tokens"] == 64 * 3 + 3
    assert told["truncated_tokens"] > 38
    assert told["precision"] in ("float32", "bfloat16")
    for part in ("1 texts without content", "2 texts truncated", "tokens/s",
                 f"{told['truncated_tokens']:,} tokens cut off",
                 f"{told['unread_characters']:,} characters not even tokenised"):
        assert part in last
    assert re.search(r"; \d+\.\d% padding", last)


def test_counts_are_each_outputs_own(work: Workdir) -> None:
    work.write("a.jsonl", records(["one two", "?", "three"]))
    work.write("b.jsonl", records(["four"]))
    done = work.ok("ds-embed a.jsonl b.jsonl -o emb/")
    assert [notes(work.path / f"emb/{name}.npy")["tokens"] for name in "ab"] == [3, 1]
    assert notes(work.path / "emb/a.npy")["empty"] == 1
    assert "1 texts without content" in done.err


def test_what_was_complete_before_a_bad_record_is_kept(work: Workdir) -> None:
    for number in range(4):
        work.write(f"{number}.jsonl", records(texts(30, seed=number)) + (b"{}\n" if number == 3 else b""))
    work.fails("ds-embed *.jsonl -o emb/", "3.jsonl:31", 'no "text" field')
    assert work.names() >= {f"emb/{number}.npy" for number in range(3)}
    assert "emb/3.npy" not in work.names()


def killed_again_and_again(work: Workdir, model: str, files: int, kills: int) -> None:
    """Kills the command at random moments, then lets it finish, and compares with a run that nobody disturbed."""
    chance = random.Random(kills)
    for number in range(files):
        work.write(f"{number}.jsonl", records(texts(150, seed=number)))
    line = f"ds-embed --model {model} " + " ".join(f"{number}.jsonl" for number in range(files)) + " -o emb/"
    start = time.monotonic()
    work.ok(line.replace("emb/", "quiet/"))
    seconds = time.monotonic() - start
    seen: dict[str, int] = {}
    for _ in range(kills):
        process = work.start(line)
        time.sleep(chance.uniform(0, seconds))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        finished = {path.name: path.stat().st_ino for path in (work.path / "emb").glob("[0-9]*.npy")}
        assert finished.items() >= seen.items(), "a finished output was made again"
        seen = finished
    work.ok(line)
    assert {path.name: path.stat().st_ino for path in (work.path / "emb").glob("*.npy")}.items() >= seen.items()
    for number in range(files):
        assert work.read(f"emb/{number}.npy") == work.read(f"quiet/{number}.npy")


def test_killed_at_any_moment_the_same_line_finishes(work: Workdir) -> None:
    killed_again_and_again(work, "hash", files=8, kills=4)


@pytest.mark.slow
def test_killed_twenty_times_the_same_line_finishes(work: Workdir, model: str) -> None:
    killed_again_and_again(work, model, files=12, kills=20)


@pytest.mark.slow
def test_a_signal_ends_it_soon_and_leaves_nothing_half_made(work: Workdir, tiny: Folder) -> None:
    work.write("pool.jsonl", records(texts(4_000, words=200)))
    folder = tiny("Bert", max_position_embeddings=512)
    process = work.start(f"ds-embed --model {folder} pool.jsonl -o pool.npy")
    deadline = time.monotonic() + 120
    while not list(work.path.glob(".pool.npy.*")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 143
    assert "pool.npy" not in work.names()


@pytest.mark.slow
def test_several_devices_are_named_with_commas(work: Workdir, tiny: Folder) -> None:
    work.write("pool.jsonl", records(texts(100)))
    line = f"ds-embed --model {tiny('Bert')} --batch-tokens 256 --dtype float32 pool.jsonl"
    work.ok(f"{line} --device cpu -o one.npy && {line} --device cpu,cpu,cpu -o three.npy")
    assert cosines(vectors(work.path / "one.npy"), vectors(work.path / "three.npy")).min() > 0.9999
    work.fails(f"{line} --device cpu,toaster -o other.npy", "toaster: no such device here")


@pytest.mark.slow
def test_a_model_tuned_on_the_target_embeds_as_the_paper_has_it(work: Workdir, tiny: Folder) -> None:
    base = tiny("DistilBert", max_position_embeddings=512)
    labelled = [{"text": text, "label": str(number % 3)} for number, text in enumerate(texts(60))]
    work.write("target.jsonl", b"".join(json.dumps(record).encode() + b"\n" for record in labelled))
    classify = "--objective classify --label-key label --steps 4 --batch 8 --length 64"
    work.ok(f"ds-train --threads 1 --model {base} {classify} target.jsonl -o tuned/")
    work.ok("ds-chunk --chars 1000 target.jsonl -o pieces.jsonl.zst")
    work.ok("ds-embed --model tuned/ --pooling padded-mean --max-tokens 295 pieces.jsonl.zst -o pieces.npy")
    work.ok("ds-embed --model tuned/ target.jsonl -o usual.npy")
    found = vectors(work.path / "pieces.npy")
    assert not np.allclose(np.linalg.norm(found, axis=1), 1, atol=0.01)
    told = notes(work.path / "pieces.npy")
    assert told["tokens"] + told["padding"] == 295 * told["documents"]


@pytest.mark.heavy
@pytest.mark.parametrize(("line", "words"), [
    ("--model nowhere/at/all", ["no such folder in", "nowhere/at/all"]),
    ("--model owner/model", ["no such folder in", "Hugging Face hub", "give the path of a folder"]),
    ("--model .", ["no config.json: not a model's folder"]),
    ("--model pool.jsonl", ["a file; a model is a folder"]),
])
def test_what_is_no_model_is_named(work: Workdir, line: str, words: list[str]) -> None:
    work.write("pool.jsonl", records(texts(3)))
    work.fails(f"ds-embed {line} pool.jsonl -o pool.npy", *words)
    assert work.names() == {"pool.jsonl"}


@pytest.mark.slow
@pytest.mark.parametrize(("line", "words"), [
    ("--pooling median", ["median: not a way of pooling; known are cls, max, mean"]),
    ("--max-tokens 600", ["reads at most 64"]),
])
def test_options_no_model_can_follow_are_usage_errors(work: Workdir, tiny: Folder, line: str, words: list[str]) -> None:
    work.write("pool.jsonl", records(texts(3)))
    work.fails(f"ds-embed --model {tiny('Bert')} {line} pool.jsonl -o pool.npy", *words, status=2)


def test_options_of_transformers_need_one(work: Workdir, static: Path) -> None:
    work.write("pool.jsonl", records(texts(3)))
    line = "ds-embed pool.jsonl -o pool.npy"
    work.fails(f"{line} --pooling mean", "--pooling mean can only be chosen for transformers, not for hash", status=2)
    work.fails(f"{line} --model hash --model {static} --pooling cls", f"not for hash and {static}", status=2)
    work.fails(f"{line} --batch-tokens 5", "--batch-tokens 5 can only be chosen for transformers", status=2)
    work.fails(f"{line} --device cuda", "--device cuda can only be chosen for transformers, not for hash", status=2)
    work.fails(f"{line} --precision bfloat16", "--precision bfloat16 can only be chosen for transformers", status=2)
    work.ok(f"{line} --device cpu --precision float32")


def test_records_carry_float16_alone(work: Workdir) -> None:
    work.write("pool.jsonl", records(texts(3)))
    work.fails("ds-embed --dtype float32 pool.jsonl -o pool.jsonl.zst", "records carry float16", status=2)


@pytest.mark.slow
def test_a_network_that_gives_no_numbers_names_the_record(work: Workdir, tiny: Folder) -> None:
    folder = tiny("Bert")
    tokens = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    weights = load_file(folder / "model.safetensors")
    weights["embeddings.word_embeddings.weight"][tokens["cat"]] = np.nan
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    work.write("pool.jsonl", records(["the dog", "a cat"]))
    line = f"ds-embed --model {folder} pool.jsonl -o pool.npy --precision"
    work.fails(f"{line} float32", "pool.jsonl:2: ", "NaN or infinite values in float32; choose another model")
    work.fails(f"{line} bfloat16", "pool.jsonl:2: ", "in bfloat16; use --precision float32")


def peak_megabytes(work: Workdir, line: str) -> int:
    work.may_fork = False  # a fork's memory is in part its server's
    found = re.search(r"peak memory (\d+) MB", work.ok(line).err.splitlines()[-1])
    assert found
    return int(found[1])


@pytest.mark.slow
def test_memory_is_the_same_for_twenty_times_the_documents(work: Workdir, model: str) -> None:
    few, many = (20_000, 400_000) if "Bert" not in model else (4_000, 80_000)
    pool = texts(1000, words=12)
    peaks = []
    for count in (few, many):
        with (work.path / "pool.jsonl").open("w") as file:
            file.writelines(json.dumps({"text": f"{pool[i % 1000]} {i}"}) + "\n" for i in range(count))
        peaks.append(peak_megabytes(work, f"ds-embed --model {model} pool.jsonl -o {count}.npy"))
    assert peaks[1] <= 1.1 * peaks[0]
