"""ds-score from texts: vectors made on the way as those of the target were; another embedder is refused."""

from pathlib import Path

import numpy as np
import pytest

from gotd.streams.file_seal import end_seal
from workdir import Workdir, records, texts

SCORE = "ds-score --target target.npz"


def test_by_files_and_by_pipes_the_scores_are_those_of_vectors(chain: Workdir) -> None:
    chain.ok(f"{SCORE} pool.jsonl -o texts.npy")
    by_texts, by_vectors = (np.load(chain.path / name) for name in ("texts.npy", "scores.npy"))
    assert by_texts.tobytes() == by_vectors.tobytes()
    seals = [found.seal for name in ("texts.npy", "scores.npy") if (found := end_seal(str(chain.path / name)))]
    assert seals[0].records == seals[1].records
    chain.ok(f"ds-chunk pool.jsonl | {SCORE} > one.zst")
    chain.ok(f"ds-chunk pool.jsonl | ds-embed --dimension 64 | {SCORE} > two.zst && cmp one.zst two.zst")


def test_finished_scores_are_recognised_by_their_texts(chain: Workdir) -> None:
    line = f"{SCORE} pool.jsonl -o s/"
    chain.ok(line)
    assert "1 outputs were already complete" in chain.ok(line).err
    chain.ok("""sed -i 's/"id"/"name"/' pool.jsonl""")
    assert "1 outputs were already complete" in chain.ok(line).err
    chain.ok("sed -i s/protein/lemon/ pool.jsonl")
    assert "complete" not in chain.ok(line).err


def test_bad_records_and_those_without_content_are_counted(chain: Workdir) -> None:
    chain.write("odd.jsonl", records(["protein kinase", "?!"]) + b'{"text": 3}\n')
    chain.fails(f"{SCORE} odd.jsonl -o s.npy", "odd.jsonl:3", '"text" is a JSON number')
    said = chain.ok(f"{SCORE} --skip-invalid 1 odd.jsonl -o s.npy").err
    assert "1 bad records skipped; 1 rows without content rank last" in said
    chain.write("odd.jsonl", b'{"body": "protein kinase"}\n')
    chain.fails(f"{SCORE} odd.jsonl -o s.npy", 'no "text" field, but "body"', "--text-key")
    chain.ok(f"{SCORE} --text-key body odd.jsonl -o s.npy")


def test_records_with_vectors_and_without_do_not_mix(chain: Workdir) -> None:
    chain.ok("(cat pool.jsonl; zstdcat carried.jsonl.zst) > mixed.jsonl; zstdcat carried.jsonl.zst > other.jsonl")
    chain.fails(f"{SCORE} mixed.jsonl -o s.npy", "mixed.jsonl:301", 'a "gotd_embedding", and records before it')
    chain.ok("cat pool.jsonl >> other.jsonl")
    chain.fails(f"{SCORE} other.jsonl -o s.npy", "other.jsonl:301", 'no "gotd_embedding" field')
    assert "s.npy" not in chain.names()


@pytest.mark.parametrize(("line", "words"), [
    (f"{SCORE} --model hash --text-key text pool.npy -o s.npy", ["--model does nothing where vectors are read"]),
    (f"{SCORE} --model hash carried.jsonl.zst -o s.npy", ["--model does nothing where records carry vectors"]),
    (f"{SCORE} --model folder pool.jsonl -o s.npy", ["made by hash", "give no --model"]),
    ("ds-score --target plain.npz pool.jsonl -o s.npy", ["plain.npz does not say what made its vectors"]),
    ("ds-score --target dsir.npz --model hash pool.jsonl -o s.npy", ["--model does nothing with dsir.npz"]),
    ("ds-score --target dsir.npz --target target.npz pool.jsonl -o s/", ["dsir.npz scores texts, target.npz vectors"]),
])
def test_what_does_nothing_or_cannot_be_known_is_refused(chain: Workdir, line: str, words: list[str]) -> None:
    if "plain" in line:
        for name in ("target", "pool"):
            np.save(chain.path / f"{name}.npy", np.load(chain.path / f"{name}.npy"))
        chain.ok("ds-target-stats --target target.npy pool.npy -o plain.npz")
    if "dsir" in line:
        chain.ok("ds-target-stats --method dsir --target target.jsonl pool.jsonl -o dsir.npz")
    chain.fails(line, *words, status=2)


def test_a_models_folder_is_named_and_must_be_the_same(work: Workdir, static_model: Path) -> None:
    work.write("pool.jsonl", records(texts(200)))
    work.write("target.jsonl", records(texts(40, seed=1)[::5]))
    work.ok(f"ln -s {static_model} model && cp -r {static_model} other && sed -i 's/true/false/' other/config.json")
    both = "--model hash --dimension 32 --model model"
    work.ok(f"ds-embed {both} pool.jsonl -o pool.npy && ds-embed {both} target.jsonl -o target.npy")
    work.ok(f"ds-target-stats --target target.npy pool.npy -o target.npz && {SCORE} pool.npy -o scores.npy")
    work.ok(f"{SCORE} --model model pool.jsonl -o texts.npy && {SCORE} --model hash --model model pool.jsonl -o t.npy")
    assert np.load(work.path / "texts.npy").tobytes() == np.load(work.path / "scores.npy").tobytes()
    work.fails(f"{SCORE} pool.jsonl -o s.npy", "made by hash", "and model2vec (revision", "--model FOLDER", status=2)
    work.fails(f"{SCORE} --model other pool.jsonl -o s.npy", "another embedder (other: normalised False, wanted True, "
               "revision", "give the --model that the target was embedded with")
    assert "s.npy" not in work.names()
