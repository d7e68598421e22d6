"""ds-train as a user runs it: behind a pipe, stopped by a signal, gone on with."""

import contextlib
import json
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from workdir import Workdir, records, texts

CONFIG = {"model_type": "gpt2", "vocab_size": 300, "n_positions": 64, "n_embd": 16, "n_layer": 1, "n_head": 2}
LINE = "ds-train --threads 1 --init config.json --objective clm --length 32 --batch 8"


def prepared(work: Workdir) -> None:
    work.write("config.json", json.dumps(CONFIG).encode())
    work.write("pool.jsonl", records(texts(80)))
    work.write("held.jsonl", records(texts(10, seed=1)))


def test_behind_a_pipe(chain: Workdir) -> None:
    prepared(chain)
    done = chain.ok(f"ds-topk -k 50 scored.jsonl.zst | {LINE} --steps 12 --eval held.jsonl -o warm/")
    said = [line for line in done.err.splitlines() if line.startswith("ds-train: ")]
    assert said == done.err.splitlines()[-len(said):], done.err
    assert said[0].startswith("ds-train: recipe got-d-clm: objective clm, steps 12, batch 8, length 32")
    assert said[1].startswith("ds-train: 50 documents, ")
    assert said[-1].startswith("ds-train: 50 rows in ")
    assert done.out == b""
    assert chain.names() >= {"warm/config.json", "warm/model.safetensors", "warm/tokenizer.json", "warm/metrics.json"}
    assert not {name for name in chain.names() if name.startswith("warm/work") or name.endswith((".bin", ".pt"))}
    record = json.loads(chain.read("warm/run.json"))
    assert record["data"]["seals"][0]["tool"] == "ds-topk"
    assert record["recipe"]["name"] == "got-d-clm"
    assert record["recipe"]["learning_rate"] == 2e-5
    assert "epochs" not in record["recipe"]
    assert record["versions"].keys() >= {"gotd", "torch", "transformers", "accelerate"}
    assert json.loads(chain.read("warm/metrics.json"))["runs"][0]["steps"] == 12
    chain.fails(f"{LINE} -o other < /dev/null", "ds-train: error: <stdin>: zero bytes")
    assert "other" not in chain.names()


@pytest.mark.slow
def test_a_signal_is_143_and_the_same_line_goes_on(work: Workdir) -> None:
    prepared(work)
    line = f"{LINE} --epochs 20 pool.jsonl -o made"
    process = work.start(line)
    started = work.path / "made/run.json"
    stop_after(process, started, signal.SIGTERM)
    last = process.communicate(timeout=60)[1].decode().splitlines()[-1]
    assert last.startswith("ds-train: stopped; the same command")
    assert process.returncode == 143
    assert list((work.path / "made/work/seed-0").glob("checkpoint-*/whole"))
    done = work.ok(line)
    assert "going on from step" in done.err
    assert "made/model.safetensors" in work.names()


def stop_after(process: "subprocess.Popen[bytes]", file: Path, number: signal.Signals) -> None:
    """A signal some time after training has begun."""
    deadline = time.monotonic() + 120
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(2)
    process.send_signal(number)


@pytest.mark.slow
def test_killed_at_ten_random_moments_it_makes_the_same_model(work: Workdir) -> None:
    prepared(work)
    line = f"{LINE} --epochs 12 --save-steps 7 --eval held.jsonl pool.jsonl"
    work.ok(f"{line} -o whole")
    draw, kills = random.Random(0), 0
    while kills < 10:
        process = work.start(f"{line} -o killed")
        # From before the libraries are there to well into training; the longer ones let it get on.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=draw.uniform(4, 16))
            assert process.returncode == 0, process.stderr
            work.ok("rm -r killed")  # it was through: once more from the start
        process.kill()
        process.communicate()
        kills += 1
    work.ok(f"{line} -o killed")
    assert work.read("whole/model.safetensors") == work.read("killed/model.safetensors")
    after = [json.loads(work.read(f"{name}/metrics.json"))["eval"] for name in ("whole", "killed")]
    assert after[0] == after[1]
