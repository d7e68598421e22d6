"""Shards without records: files of zero bytes that are named as JSON Lines, through the whole chain."""

import json

import numpy as np
import pytest

from workdir import Workdir


def test_an_empty_shard_goes_through_the_chain_with_the_others(chain: Workdir) -> None:
    chain.ok("mkdir pool; head -150 pool.jsonl > pool/a.jsonl; : > pool/b.jsonl; tail -150 pool.jsonl > pool/c.jsonl")
    chain.ok("ds-embed --dimension 64 pool/*.jsonl -o emb/")
    assert np.load(chain.path / "emb/b.npy").shape == (0, 64)
    chain.ok("ds-target-stats --target target.npy emb/*.npy -o t.npz && ds-score --target t.npz emb/*.npy -o scores/")
    chain.ok("ds-topk -k 9 --scores scores/ pool/*.jsonl -o best.jsonl")
    chain.ok("ds-target-stats --target target.npy pool.npy -o t.npz && ds-score --target t.npz pool.npy -o s.npy")
    chain.ok("ds-topk -k 9 --scores s.npy pool.jsonl -o same.jsonl && cmp best.jsonl same.jsonl")
    assert "0\t0\temb" in chain.ok("ds-embed --dimension 64 --dry-run pool/*.jsonl -o emb2/").out.decode()


@pytest.mark.parametrize("line", [
    "ds-chunk {} -o made.jsonl", "ds-embed {} -o made.npy", "ds-embed {} -o made.jsonl",
    "ds-score --target target.npz {} -o made.npy", "ds-score --target target.npz {} -o made.jsonl",
    "ds-topk -k 3 {} -o made.jsonl", "ds-topk --fraction 0.5 {} -o made.jsonl",
    "ds-target-stats --method dsir --target pool.jsonl pool.jsonl {} -o made.npz",
    "ds-probe --target target.jsonl --source {} --source pool.jsonl pool.jsonl",
])
def test_every_command_reads_it(chain: Workdir, line: str) -> None:
    chain.write("empty.jsonl", b"")
    chain.ok(line.format("empty.jsonl"))


def test_what_one_command_leaves_empty_the_next_one_reads(work: Workdir) -> None:
    work.write("in.jsonl", json.dumps({"text": "  "}).encode())
    work.ok("ds-chunk in.jsonl -o out.jsonl && ds-embed out.jsonl -o v.npy")
    assert work.read("out.jsonl") == b""
    assert np.load(work.path / "v.npy").shape == (0, 1024)
