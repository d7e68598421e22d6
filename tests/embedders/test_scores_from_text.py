"""Scores of texts are those of the vectors that ds-embed makes of them, whatever the embedder, interrupted or not."""

import os
import signal

import numpy as np
import pytest

from workdir import Workdir, records, texts, wait_until_idle


def fit(work: Workdir, model: str) -> str:
    """The line that scores three shards of texts by a target of that model's vectors, without outputs."""
    (work.path / "pool").mkdir()
    for number in range(3):
        work.write(f"pool/{number}.jsonl", records(texts(100, seed=number)))
    work.write("target.jsonl", records(texts(40, seed=9)[::2]))
    work.ok(f"ds-embed -q {model} pool/ -o emb/ && ds-embed -q {model} target.jsonl -o target.npy")
    work.ok("ds-target-stats -q --target target.npy emb/ -o t.npz && ds-score -q --target t.npz emb/ -o wanted/")
    return f"ds-score -q --target t.npz {model.replace('--dimension 64', '')} pool/"


def arrays(work: Workdir, folder: str) -> list[bytes]:
    return [np.load(path).tobytes() for path in sorted((work.path / folder).iterdir())]


@pytest.mark.parametrize("kind", ["hash", "static", pytest.param("transformer", marks=pytest.mark.slow)])
def test_bytes_are_those_by_files(work: Workdir, kind: str, request: pytest.FixtureRequest) -> None:
    if kind == "static":
        model = f"--model {request.getfixturevalue('static')}"
    elif kind == "transformer":
        model = f"--model {request.getfixturevalue('tiny')('Bert', initializer_range=0.2)}"
    else:
        model = "--model hash --dimension 64"
    work.ok(f"{fit(work, model)} -o made/")
    assert arrays(work, "made") == arrays(work, "wanted")


def test_taken_up_after_kill_9_the_bytes_are_the_same(work: Workdir) -> None:
    line = f"{fit(work, '--model hash --dimension 64')} -o made/"
    second = work.path / "pool/1.jsonl"
    whole = second.read_bytes()
    second.unlink()
    os.mkfifo(second)
    with work.start(line) as process, second.open("wb") as pipe:
        pipe.write(whole[:9000])
        pipe.flush()
        wait_until_idle(process.pid)
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = {name for name in work.names() if name.startswith("made/")}
    assert "made/0.npy" in done
    assert not {"made/1.npy", "made/2.npy"} & done
    second.unlink()
    second.write_bytes(whole)
    assert "1 outputs were already complete" in work.ok(line.replace("-q ", "")).err
    assert arrays(work, "made") == arrays(work, "wanted")
