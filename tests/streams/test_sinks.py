"""Outputs appear whole or not at all, whoever else writes them and whatever a killed run left."""

import socket
from pathlib import Path

import pytest

from gotd.errors import GotdError
from gotd.streams import sinks
from gotd.streams.sinks import open_output


def write(path: Path, data: bytes) -> None:
    with open_output(str(path)) as sink:
        sink.write(data)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_nothing_stands_under_the_final_name_before_the_end(tmp_path: Path) -> None:
    write(tmp_path / "x", b"old")
    with open_output(str(tmp_path / "x")) as sink:
        sink.write(b"new")
        assert (tmp_path / "x").read_bytes() == b"old"
    assert (tmp_path / "x").read_bytes() == b"new"


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    write(tmp_path / "x", b"old")
    with pytest.raises(ValueError, match="a bug"), open_output(str(tmp_path / "x")) as sink:
        sink.write(b"new")
        raise ValueError("a bug")
    assert names(tmp_path) == ["x"]
    assert (tmp_path / "x").read_bytes() == b"old"


def test_of_two_writers_at_once_each_writes_a_whole_file_and_the_last_stays(tmp_path: Path) -> None:
    with open_output(str(tmp_path / "x")) as first:
        first.write(b"1" * 10)
        with open_output(str(tmp_path / "x")) as second:
            second.write(b"2")
        assert (tmp_path / "x").read_bytes() == b"2"
        first.write(b"1" * 10)
    assert (tmp_path / "x").read_bytes() == b"1" * 20
    assert names(tmp_path) == ["x"]


def test_what_a_killed_run_left_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / f".x.{socket.gethostname()}.tmp").write_bytes(b"half a file, longer than the whole")
    write(tmp_path / "x", b"whole")
    assert (tmp_path / "x").read_bytes() == b"whole"
    assert names(tmp_path) == ["x"]


def test_a_link_stays_a_link_and_its_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    write(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(GotdError, match="nowhere"):
        write(tmp_path / "nowhere" / "x", b"")


@pytest.mark.parametrize("planted", ["folder", "link"])
def test_a_temporary_name_that_cannot_be_had_is_left_alone(tmp_path: Path, planted: str) -> None:
    name = tmp_path / f".x.{socket.gethostname()}.tmp"
    (tmp_path / "other").write_bytes(b"other")
    if planted == "folder":
        name.mkdir()
    else:
        name.symlink_to("other")
    write(tmp_path / "x", b"whole")
    assert (tmp_path / "x").read_bytes() == b"whole"
    assert (tmp_path / "other").read_bytes() == b"other"
    assert names(tmp_path) == sorted([name.name, "other", "x"])
    name.rmdir() if planted == "folder" else name.unlink()


def test_a_temporary_file_renamed_before_it_was_locked_is_another_runs(tmp_path: Path,
                                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    name = tmp_path / f".x.{socket.gethostname()}.tmp"

    def lock(*_: object) -> None:
        name.rename(tmp_path / "y")
        name.write_bytes(b"a third run's")

    monkeypatch.setattr(sinks.fcntl, "flock", lock)
    write(tmp_path / "x", b"whole")
    assert (tmp_path / "x").read_bytes() == b"whole"
    assert name.read_bytes() == b"a third run's"
    name.unlink()
