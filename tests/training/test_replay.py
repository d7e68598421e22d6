"""General text mixed into a warm-up: how much of it, which, counted, and the same after a stop."""

import json
import signal
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from gotd.cli._frame import Terminated
from gotd.errors import GotdError, UsageError
from gotd.training.examples import NOTHING, Blocks, Mixed, Order, Pick, Replay
from gotd.training.stopping import last_checkpoint
from gotd.training.tokenizers import Frame
from gotd.training.tokens import TokenStore, TokenWriter
from workdir import records, texts

from .conftest import Train, same
from .test_resume import signal_at

BARE = Frame((), (), (), (), 0)
LINE = "--init bert.json --objective mlm --epochs 3 --replay general.jsonl --replay-share 0.25 pool.jsonl"


@pytest.fixture
def general(folder: Path) -> None:
    """General text beside the other files, and more of it that is held out."""
    (folder / "general.jsonl").write_bytes(records(texts(9, seed=7, words=40)))
    (folder / "held-general.jsonl").write_bytes(records(texts(6, seed=8, words=40)))


def store(folder: Path, first: int, tokens: int) -> TokenStore:
    """A folder of tokens that count up from a number."""
    with TokenWriter(folder, 1 << 16, labelled=False) as writer:
        writer.add([list(range(first, first + tokens))])
        return writer.finish("", 0, 0)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.9])
def test_its_share_of_every_epoch_is_what_was_asked(share: float) -> None:
    replay = Replay.of(share, 700, 50)
    assert replay.an_epoch / (700 + replay.an_epoch) == pytest.approx(share, abs=1 / 700)
    order = Order(700 + replay.an_epoch, together=8, seed=3, replay=replay)
    for epoch in range(3):
        order.epoch = epoch
        places = [pick.place for pick in order]
        of_data = sorted(place for place in places if 0 <= place < 700)
        assert of_data == list(range(700))
        assert sum(place >= 700 for place in places) == replay.an_epoch
        assert all(place < 750 for place in places)


def test_all_of_it_is_read_before_any_comes_again() -> None:
    replay = Replay(0.1, blocks=23, an_epoch=9)
    epochs = [replay.places(5, epoch) for epoch in range(23)]
    counts = Counter(np.concatenate(epochs).tolist())
    assert set(counts.values()) == {9}
    assert sorted(np.concatenate(epochs)[:23]) == list(range(23))
    assert not np.array_equal(np.concatenate(epochs)[:23], np.concatenate(epochs)[23:46])
    assert np.array_equal(replay.places(5, 3), epochs[3])
    assert not np.array_equal(replay.places(6, 3), epochs[3])


def test_what_was_read_is_counted_as_it_came() -> None:
    replay = Replay.of(0.2, 41, 6)
    order = Order(41 + replay.an_epoch, together=8, seed=1, replay=replay)
    picks = []
    for epoch in range(3):
        order.epoch = epoch
        picks += list(order)
    for count in (0, 8, len(order), len(order) + 16, 3 * len(order)):
        assert order.replayed(count) == sum(pick.place >= 41 for pick in picks[:count])


def test_blocks_come_from_where_their_place_says(tmp_path: Path) -> None:
    data = Blocks(store(tmp_path / "data", 1000, 64), 8, BARE)
    other = Blocks(store(tmp_path / "other", 5000, 40), 8, BARE)
    mixed = Mixed(data, other, 0.2)
    assert len(mixed) == 8 + 2
    assert mixed[Pick(0, 7)].tokens.tolist() == list(range(1056, 1064))
    last = mixed[Pick(2, 8 + 4)]
    assert last.tokens.tolist() == list(range(5032, 5040))
    assert last.pick == Pick(2, 12)  # masks are by the place among all
    assert not mixed[Pick(0, NOTHING)].tokens.size


def test_without_replay_the_order_is_as_it_was() -> None:
    order = np.arange(20, dtype=np.uint32)
    np.random.default_rng([4, 0]).shuffle(order)
    assert [pick.place for pick in Order(20, together=4, seed=4)] == order.tolist()


@pytest.mark.usefixtures("general")
@pytest.mark.slow
def test_stopped_and_gone_on_with_it_is_the_same(train: Train, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(f"{LINE} -o whole")
    train(f"{LINE.replace('--replay general.jsonl --replay-share 0.25', '')} -o without")
    assert not same(folder / "whole", folder / "without")
    steps = json.loads(Path("whole/metrics.json").read_text())["runs"][0]["steps"]
    for step in (steps // 3 - 2, steps // 2 + 1):
        with monkeypatch.context() as once:
            signal_at(step, signal.SIGTERM, once)
            with pytest.raises(Terminated):
                train(f"{LINE} -o stopped")
        assert last_checkpoint(folder / "stopped/work/seed-0") is not None
    train(f"{LINE} -o stopped")
    assert same(folder / "whole", folder / "stopped")
    mixes = [json.loads(Path(name, "run.json").read_text())["data"]["mix"] for name in ("whole", "stopped")]
    assert mixes[0] == mixes[1]
    assert mixes[0]["read"] == {"0": 3 * mixes[0]["an_epoch"]}


@pytest.mark.heavy
@pytest.mark.usefixtures("general")
def test_the_record_says_what_was_mixed(train: Train, folder: Path) -> None:
    train(f"{LINE} --eval held.jsonl --eval-general held-general.jsonl -o made")
    record = json.loads((folder / "made/run.json").read_text())
    mix = record["data"]["mix"]
    assert mix["share"] == 0.25
    assert mix["an_epoch"] / (mix["an_epoch"] + mix["data_blocks"]) == pytest.approx(0.25, abs=0.01)
    assert record["data"]["replay"]["documents"] == 9
    assert record["identity"]["replay_share"] == 0.25
    assert len(record["identity"]["replay"]) == 64
    assert mix["shared_with"] == {"eval": 0, "eval-general": 0}
    measured = json.loads((folder / "made/metrics.json").read_text())["eval"]
    for when in ("before", "after"):
        assert {"loss", "general_loss", "perplexity", "general_perplexity"} <= set(measured[when])
    assert measured["after"]["general_loss"]["mean"] < measured["before"]["general_loss"]["mean"]
    with pytest.raises(GotdError, match=r"holds another run .*replay_share 0.25 there, 0.5 now"):
        train(f"{LINE.replace('0.25', '0.5')} --eval held.jsonl --eval-general held-general.jsonl -o made")


@pytest.mark.heavy
@pytest.mark.usefixtures("general")
def test_replay_of_what_judges_is_told(train: Train, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(f"{LINE.replace('general.jsonl', 'held-general.jsonl')} --eval-general held-general.jsonl -o made")
    record = json.loads((folder / "made/run.json").read_text())
    assert record["data"]["mix"]["shared_with"] == {"eval-general": 6}
    assert record["data"]["shared_with"] == {"eval-general": 0}
    assert capsys.readouterr().err == ""  # -q


@pytest.mark.usefixtures("general")
def test_shares_and_files_that_cannot_be(train: Train, folder: Path) -> None:
    (folder / "empty.jsonl").write_bytes(b"")
    causal = "--init gpt2.json --objective clm --steps 2"
    for line, said, kind in [
        (f"{causal} --replay general.jsonl --replay-share 0.0001 pool.jsonl", "is not one block; give", UsageError),
        (f"{causal} --replay-share 0.5 pool.jsonl", "does nothing without --replay", UsageError),
        (f"{causal} --replay empty.jsonl pool.jsonl", "empty.jsonl: no text", GotdError),
        (f"{causal} --replay nowhere.jsonl pool.jsonl", "nowhere.jsonl", (GotdError, OSError)),
        ("--init bert.json --objective classify --replay general.jsonl labelled.jsonl", "--replay is text", UsageError),
        ("--init bert.json --objective classify --eval-general general.jsonl labelled.jsonl", "--eval-general is",
         UsageError),
    ]:
        with pytest.raises(kind, match=said):
            train(f"{line} -o made")
        assert not (folder / "made").exists()


@pytest.mark.parametrize("share", ["0", "1", "-0.1", "nan", "inf"])
def test_a_share_is_between_none_and_all(train: Train, share: str) -> None:
    with pytest.raises(Exception, match=r"range|finite"):
        train(f"--init gpt2.json --objective clm --replay general.jsonl --replay-share {share} pool.jsonl -o made")
