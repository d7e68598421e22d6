"""The output folder: what is ours goes away when it should, and nothing else does."""

import contextlib
import fcntl
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gotd.errors import GotdError
from gotd.training.folder import PREPARED, RECORD, OutputFolder, write_json

IDENTITY = {"data": "a digest"}


class Killed(BaseException):
    """Stands for SIGKILL."""


def claim(path: Path, identity: dict[str, str]) -> bool | None:
    """What the next command finds."""
    with contextlib.closing(OutputFolder(path)) as folder:
        return folder.claim(identity)


def begun(path: Path) -> OutputFolder:
    """A folder whose run has begun, let go of."""
    folder = OutputFolder(path)
    folder.claim(IDENTITY)
    write_json(folder.work / PREPARED, {})
    folder.begin(IDENTITY)
    folder.close()
    return folder


@pytest.mark.parametrize("name", ["work/thesis.tex", "work/seed-0/thesis.tex", "work/tokens/thesis.tex", "work"])
def test_a_work_folder_of_someone_else_is_left_alone(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("years of work")
    with pytest.raises(GotdError, match="holds files that are not of ds-train"):
        claim(tmp_path, IDENTITY)
    assert file.read_text() == "years of work"


def test_what_a_run_left_that_was_killed_before_it_began_is_taken_over(tmp_path: Path) -> None:
    killed = OutputFolder(tmp_path)
    killed.claim(IDENTITY)
    (killed.work / "tokens").mkdir()
    (tmp_path / f".{RECORD}.draft").write_text("{")
    (killed.work / f".{PREPARED}.draft").write_text("{")
    killed.close()
    assert claim(tmp_path, {"data": "another digest"}) is False
    assert [entry.name for entry in killed.work.iterdir()] == ["lock"]


def test_a_kill_while_a_failed_run_is_cleared_leaves_a_folder_to_begin_in(tmp_path: Path,
                                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_off(*_: object, **__: object) -> None:
        raise Killed

    folder = begun(tmp_path)
    (folder.work / "seed-0").mkdir()
    with monkeypatch.context() as once:
        once.setattr("shutil.rmtree", cut_off)
        with pytest.raises(Killed), folder.cleared_on_failure(GotdError):
            raise GotdError("the loss is nan")
    assert claim(tmp_path, {"data": "another digest"}) is False
    assert not (folder.work / "seed-0").exists()


def test_a_run_without_its_tokens_begins_anew(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    (folder.work / PREPARED).unlink()
    assert claim(tmp_path, IDENTITY) is False


@pytest.mark.parametrize("name", ["seed-0", "thesis"])
def test_what_a_complete_run_did_not_come_to_remove_goes_and_nothing_else(tmp_path: Path, name: str) -> None:
    folder = begun(tmp_path)
    (folder.work / name).mkdir()
    write_json(tmp_path / RECORD, {"complete": True, "identity": IDENTITY})
    assert claim(tmp_path, IDENTITY) is None
    assert folder.work.exists() is (name == "thesis")


def while_waiting(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], None]) -> None:
    """Something that another run does just before the lock is asked for."""
    real, left = fcntl.flock, [happens]

    def flock(file: object, how: int) -> None:
        if left:
            left.pop()()
        real(file, how)  # type: ignore[arg-type]

    monkeypatch.setattr(fcntl, "flock", flock)


@pytest.mark.parametrize("complete", [True, False])
def test_a_run_that_came_before_the_lock_is_not_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                             complete: bool) -> None:
    def other_run() -> None:
        write_json(tmp_path / RECORD, {"complete": complete, "identity": {"data": "another digest"}})
        write_json(tmp_path / "work" / PREPARED, {})

    while_waiting(monkeypatch, other_run)
    with pytest.raises(GotdError, match="other data records"):
        claim(tmp_path, IDENTITY)
    assert (tmp_path / "work" / PREPARED).is_file()


def test_the_same_run_that_ended_before_the_lock_is_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    while_waiting(monkeypatch, lambda: write_json(tmp_path / RECORD, {"complete": True, "identity": IDENTITY}))
    assert claim(tmp_path, IDENTITY) is None
    assert {entry.name for entry in tmp_path.iterdir()} == {RECORD}


def test_a_lock_that_was_taken_away_is_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    while_waiting(monkeypatch, lambda: shutil.rmtree(tmp_path / "work"))
    first = OutputFolder(tmp_path)
    assert first.claim(IDENTITY) is False
    with pytest.raises(GotdError, match="another ds-train writes there"):
        claim(tmp_path, IDENTITY)
    first.close()


def test_a_complete_run_is_known_where_nobody_may_write(tmp_path: Path) -> None:
    write_json(tmp_path / RECORD, {"complete": True, "identity": IDENTITY})
    before = tmp_path.stat().st_mtime_ns
    assert claim(tmp_path, IDENTITY) is None
    assert tmp_path.stat().st_mtime_ns == before
