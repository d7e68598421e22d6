"""Tokens on disk, blocks of them, and the order they are read in."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate.data_loader import BatchSamplerShard
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import BatchSampler

from gotd.errors import GotdError
from gotd.streams.record_text import RecordText
from gotd.streams.records import Skipping
from gotd.training.examples import NOTHING, Blocks, Order, Pick, Texts
from gotd.training.reading import Reading, labels_of, uncounted
from gotd.training.tokenizers import Frame
from gotd.training.tokens import TokenStore, TokenWriter

BARE = Frame((), (), (), (), 0)


def store(folder: Path, documents: list[list[int]], labels: list[int] | None = None,
          vocabulary: int = 300) -> TokenStore:
    with TokenWriter(folder, vocabulary, labels is not None) as writer:
        for start in range(0, len(documents), 3):
            writer.add(documents[start : start + 3], (labels or [])[start : start + 3])
        return writer.finish("digest", 0, 0)


@pytest.mark.parametrize(("vocabulary", "size"), [(1 << 16, 2), ((1 << 16) + 1, 4)])
def test_documents_come_back(tmp_path: Path, vocabulary: int, size: int) -> None:
    documents = [[1, 2, 3], [], [vocabulary - 1], [5] * 400, [7]]
    made = store(tmp_path, documents, [0, 1, 2, 3, 4], vocabulary)
    assert [made.document(i).tolist() for i in range(5)] == documents
    assert [made.label(i) for i in range(5)] == [0, 1, 2, 3, 4]
    assert (tmp_path / "tokens.bin").stat().st_size == size * 405


def test_pages_that_were_let_go_are_read_again(tmp_path: Path) -> None:
    made = store(tmp_path, [[i % 300] * 50 for i in range(1000)])
    for _ in range(2):
        assert all(made.document(i)[49] == i % 300 for i in range(1000))


def test_unfinished_or_cut_tokens_are_refused(tmp_path: Path) -> None:
    with TokenWriter(tmp_path / "a", 300, False) as writer:
        writer.add([[1, 2]])
    with pytest.raises(GotdError, match="no finished tokens"):
        TokenStore(tmp_path / "a")
    store(tmp_path / "b", [[1, 2, 3]])
    (tmp_path / "b/tokens.bin").write_bytes(b"\0\0")
    with pytest.raises(GotdError, match="not what was written"):
        TokenStore(tmp_path / "b")


@pytest.mark.parametrize("length", [4, 5, 7, 100])
def test_blocks_hold_every_token_once_and_the_tail_too(tmp_path: Path, length: int) -> None:
    documents = [[i] * (i % 9) for i in range(40)]
    made = store(tmp_path, documents)
    frame = Frame((), (), (250,), (251,), 0)
    blocks = Blocks(made, length, frame)
    parts = [blocks[i].tokens.tolist() for i in range(len(blocks))]
    assert [token for part in parts for token in part] == [token for document in documents for token in document]
    assert {len(part) for part in parts[:-1]} <= {length - 2}
    assert 0 < len(parts[-1]) <= length - 2
    assert blocks[Pick(0, NOTHING)].tokens.tolist() == []


def test_labels_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    labels = ["10", "2", "-1", "--1", "\u00b2", "b"]
    lines = (json.dumps({"text": "a", "label": label}) for label in labels)
    (tmp_path / "labelled.jsonl").write_text("\n".join(lines))
    reading = Reading(RecordText(), "label", Skipping(), False, uncounted)
    assert labels_of([str(tmp_path / "labelled.jsonl")], reading) == ["-1", "2", "10", "--1", "b", "\u00b2"]


def test_nothing_is_a_text_without_a_label(tmp_path: Path) -> None:
    texts = Texts(store(tmp_path, [[1, 2], [3]], [4, 5]))
    assert texts[Pick(0, 1)].label == 5
    assert texts[Pick(0, NOTHING)].label == -100


@given(examples=st.integers(1, 60), each=st.integers(1, 5), processes=st.integers(1, 4), parts=st.integers(1, 3))
def test_every_process_takes_as_many_steps_and_each_example_comes_once(examples: int, each: int, processes: int,
                                                                       parts: int) -> None:
    order = Order(examples, each * processes * parts, seed=1)
    shards = [list(BatchSamplerShard(BatchSampler(order, each, drop_last=False), processes, rank))
              for rank in range(processes)]
    assert len({len(shard) for shard in shards}) == 1
    assert len(shards[0]) % parts == 0
    seen = [pick.place for shard in shards for batch in shard for pick in batch if pick.place != NOTHING]
    assert sorted(seen) == list(range(examples))


def test_the_order_is_of_the_seed_and_the_epoch_alone() -> None:
    def places(seed: int, epoch: int) -> list[int]:
        order = Order(100, 1, seed)
        order.epoch = epoch
        torch.manual_seed(0)
        np.random.seed(0)
        return [pick.place for pick in order]

    assert places(0, 0) == places(0, 0)
    assert len({tuple(places(seed, epoch)) for seed in range(3) for epoch in range(3)}) == 9
