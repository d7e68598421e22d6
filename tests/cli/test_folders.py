"""A folder in place of files: all that is in it and in its folders, in the order of names."""

import json

import numpy as np
import pytest

from workdir import Workdir, records, texts


@pytest.fixture
def pool(work: Workdir) -> Workdir:
    """Files of several kinds in folders of folders; each text says where it stands."""
    for folder in ("pool/b/c", "pool/a", "pool/.cache", "pool/_delta_log"):
        (work.path / folder).mkdir(parents=True)
    for name in ("pool/b/c/1.jsonl", "pool/b/x.jsonl", "pool/a/1.jsonl", "pool/B.jsonl", "pool/b.jsonl",
                 "pool/.cache/1.jsonl", "pool/_delta_log/1.json"):
        work.write(name, json.dumps({"id": name, "text": f"the text of {name}"}).encode())
    work.write("pool/a/2.csv", b"id,text\npool/a/2.csv,the text of it\n")
    work.write("pool/notes.md", b"# Notes")
    work.write("pool/a/picture.png", b"\x89PNG")
    return work


ORDER = ["pool/B.jsonl", "pool/a/1.jsonl", "pool/a/2.csv", "pool/b.jsonl", "pool/b/c/1.jsonl", "pool/b/x.jsonl"]


def test_all_files_in_the_order_of_their_names(pool: Workdir) -> None:
    done = pool.ok("ds-chunk --min-chars 1 pool -o made.jsonl")
    assert [json.loads(line)["id"] for line in pool.read("made.jsonl").splitlines()] == ORDER
    assert "not read, as their names end like no records: 2 files, pool/a/picture.png, pool/notes.md" in done.err
    assert "not read" not in pool.ok("ds-chunk -q --min-chars 1 pool/ -o made.jsonl").err


def test_outputs_are_called_as_the_files_in_their_folders(pool: Workdir) -> None:
    pool.ok("ds-chunk -q --min-chars 1 pool/ -o made/")
    made = {name for name in pool.names() if name.startswith("made/") and name.endswith(".jsonl.zst")}
    assert made == {f"made/{name.removeprefix('pool/').rsplit('.', 1)[0]}.jsonl.zst" for name in ORDER}


def test_vectors_in_folders(work: Workdir) -> None:
    (work.path / "emb" / "inner").mkdir(parents=True)
    for name, count in (("a", 20), ("inner/b", 30)):
        work.write("x.jsonl", records(texts(count)))
        work.ok(f"ds-embed -q --dimension 64 x.jsonl -o emb/{name}.npy")
    work.ok("ds-target-stats -q --method nearest --target emb/a.npy emb/ -o t.npz")
    work.ok("ds-score -q --target t.npz emb/ -o scores.npy --threads 1")
    assert len(np.load(work.path / "scores.npy")) == 50
    work.ok("ds-score -q --target t.npz emb/ -o scores/")
    assert {"scores/a.npy", "scores/b.npy"} <= work.names()


def test_a_saved_dataset_is_its_data_in_the_order_of_its_state(work: Workdir) -> None:
    datasets = pytest.importorskip("datasets")
    rows = [{"id": f"d{number}", "text": text} for number, text in enumerate(texts(40, words=8))]
    saved = datasets.DatasetDict(train=datasets.Dataset.from_list(rows))
    saved.save_to_disk(work.path / "saved", num_shards={"train": 3})
    work.write("saved/train/cache-1.arrow", b"")
    work.write("a.jsonl", records(texts(40, words=8)))
    work.ok("ds-embed -q --dimension 64 a.jsonl -o a.npy")
    for folder in ("saved", "saved/train"):
        work.ok(f"ds-embed -q --dimension 64 {folder} -o made/")
        found = [np.load(work.path / f"made/data-0000{part}-of-00003.npy") for part in range(3)]
        assert np.array_equal(np.concatenate(found), np.load(work.path / "a.npy"))
    state = json.loads(work.read("saved/train/state.json"))
    state["_data_files"].reverse()
    work.write("saved/train/state.json", json.dumps(state).encode())
    work.ok("ds-chunk -q --min-chars 1 --chars 60 saved -o made.jsonl")
    assert json.loads(work.read("made.jsonl").splitlines()[0])["id"].split("#")[0] == "d27"
    work.write("saved/train/state.json", b"{}")
    work.fails("ds-embed saved -o made/", "saved/train/state.json: names no data files")


def test_a_link_that_leads_back_is_an_error(work: Workdir) -> None:
    (work.path / "pool").mkdir()
    (work.path / "pool" / "again").symlink_to("../pool")
    work.fails("ds-chunk pool -o made.jsonl", "pool/again: a link to a folder that it is in")
