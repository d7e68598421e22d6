"""Several processes, as torchrun starts them."""

import json
from pathlib import Path

import pytest
import torch

from workdir import Workdir, records, texts

from .conftest import CONFIGS, weights

LINE = ("ds-train --threads 2 --init config.json --objective clm --length 32 --batch 8 --epochs 2 "
        "--learning-rate 0.003 --eval held.jsonl --device cpu pool.jsonl")
TORCHRUN = "torchrun --nproc-per-node 2 --master-port {} --no-python "

#: Writes which examples each process saw, batch by batch, and does nothing else.
SPY = """
import os, sys
from gotd.training import examples
plain = examples.BlockBatches.__call__
def call(self, found):
    with open(f"seen-{os.environ.get('RANK', 0)}", "a") as file:
        file.write(" ".join(f"{one.pick.epoch}:{one.pick.place}" for one in found) + "\\n")
    return plain(self, found)
examples.BlockBatches.__call__ = call
from gotd.cli.train import main
sys.argv[0] = "ds-train"
main()
"""


@pytest.mark.slow
def test_two_processes_see_every_block_once_and_make_one_model(work: Workdir) -> None:
    config = {**CONFIGS["gpt2"], "embd_pdrop": 0.0, "attn_pdrop": 0.0, "resid_pdrop": 0.0}
    work.write("config.json", json.dumps(config).encode())
    work.write("spy.py", SPY.encode())
    work.write("pool.jsonl", records(texts(61)))
    work.write("held.jsonl", records(texts(9, seed=1)))
    work.ok(f"{LINE} -o one")
    # One pipe for both: the first alone may read it.
    two = LINE.replace("ds-train", "python spy.py").replace("pool.jsonl", "-")
    done = work.ok(f"cat pool.jsonl | {TORCHRUN.format(29511)} {two} -o two")
    assert done.err.count("ds-train: 61 rows") == 1  # one of them speaks
    seen = [[batch.split() for batch in work.read(f"seen-{rank}").decode().splitlines()] for rank in range(2)]
    training = [[batch for batch in shard if not batch[0].startswith("-1:")] for shard in seen]
    assert len(training[0]) == len(training[1])
    blocks = json.loads(work.read("two/run.json"))["data"]["data"]["tokens"] // 32 + 1
    for epoch in range(2):
        places = [int(pick.split(":")[1]) for shard in training for batch in shard for pick in batch
                  if pick.startswith(f"{epoch}:")]
        assert sorted(place for place in places if place >= 0) == list(range(blocks))
    # The same sums in another order.
    one, other = weights(work.path / "one"), weights(work.path / "two")
    assert all(torch.allclose(one[name], other[name], atol=1e-2) for name in one)
    losses = [json.loads(work.read(f"{name}/metrics.json"))["eval"]["after"] for name in ("one", "two")]
    assert losses[0]["tokens"] == losses[1]["tokens"]
    assert losses[0]["loss"]["mean"] == pytest.approx(losses[1]["loss"]["mean"], abs=5e-3)


@pytest.mark.slow
def test_a_batch_that_cannot_be_shared_out_is_refused(work: Workdir) -> None:
    work.write("config.json", json.dumps(CONFIGS["gpt2"]).encode())
    work.write("pool.jsonl", records(texts(61)))
    work.write("held.jsonl", records(texts(9, seed=1)))
    done = work.run(f"{TORCHRUN.format(29512)} {LINE} --batch 9 -o two")
    assert done.status != 0
    assert "--batch 9 cannot be shared out over 2" in done.err
    assert not (Path(work.path) / "two").exists()
