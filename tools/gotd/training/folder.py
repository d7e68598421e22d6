"""The output folder: whose it is, what is done of it, and how the model gets into it whole."""

import contextlib
import errno
import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from gotd.errors import GotdError
from gotd.training.run_record import DONE, METRICS, RECORD, RECORDS, Metrics, RunRecord, draft_of, sync, write_json
from gotd.training.stopping import last_checkpoint
from gotd.types import JSON

#: In work/, when tokenizer and tokens are there.
PREPARED = "prepared.json"
_WORK = "work"
_LOCK = "lock"
#: Last to arrive in a model's folder: nothing loads a model without it.
_LAST = "config.json"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
#: In the messages of torch.save, which does not pass on the system's.
_TORCH_WRITER = "inline_container"
#: What may stand in work/.
_OWN = re.compile(r"lock|tokens|tokenizer|\.?prepared\.json(\.draft)?|seed-[0-9]+")


class OutputFolder:
    """OUT/: the model, run.json, metrics.json; and OUT/work/ while the run is not complete."""

    def __init__(self, path: Path) -> None:
        self.path, self.work = path, path / _WORK
        self._lock: IO[bytes] | None = None

    def claim(self, identity: Mapping[str, JSON]) -> bool | None:
        """Lock the folder and make it this run's. Returns whether the run has begun; None where it is complete.

        Raises: GotdError where the folder holds something else, another run, or one that is going on.
        """
        record = self.record()
        if record is not None and record.complete:  # nothing changes it any more
            self._compare(record.identity, identity)
            self._clear_up()
            return None
        if record is None:
            self._check_new()  # before anything of ours is put there
        self._take_lock()
        # Another run may have begun, or ended, while the lock was waited for: only what is read under it counts.
        record = self.record()
        if record is None:
            self._check_new()
        else:
            self._compare(record.identity, identity)
            if record.complete:
                self._clear_up()
                return None
        begun = record is not None and (self.work / PREPARED).is_file()
        if not begun:
            self._empty_work()  # what a run that was cut off left may be of other records
        return begun

    def _clear_up(self) -> None:
        """Remove what a complete run was killed before it could remove; not while one is at it."""
        if self.work.exists() and self._foreign() is None:
            with contextlib.suppress(GotdError):
                self._take_lock()
                self._remove_work()

    def _check_new(self) -> None:
        """GotdError where the folder holds what no ds-train leaves that was cut off before it began."""
        if self.path.exists() and not self.path.is_dir():
            raise GotdError(f"{self.path}: Not a directory; choose another folder")
        ours = (_WORK, draft_of(self.path / RECORD).name)
        others = [entry for entry in _entries(self.path) if entry.name not in ours]
        foreign = others[0] if others else self._foreign()
        if foreign is not None:
            raise GotdError(f"{self.path}: holds files that are not of ds-train ({foreign}); choose another folder")

    def _foreign(self) -> Path | None:
        """Something under the name work/ that ds-train did not put there: it must not go away with our own."""
        if self.work.exists() and not self.work.is_dir():
            return self.work
        entries = _entries(self.work)
        locked = (self.work / _LOCK).is_file()  # the first to come and the last to go
        return next((entry for entry in entries if not locked or not _OWN.fullmatch(entry.name)), None)

    def _take_lock(self) -> None:
        """Raises: GotdError where another run has it, or the folder cannot be written to."""
        try:
            while self._lock is None:
                self._lock = self._locked()
        except BlockingIOError as error:
            raise GotdError(f"{self.path}: another ds-train writes there; wait, or choose another folder") from error
        except OSError as error:
            raise GotdError(f"{self.path}: {error.strerror}; the output cannot be created there") from error

    def _locked(self) -> IO[bytes] | None:
        """Return the lock; None where whoever had it took it away with the rest of work/ before it was ours."""
        self.work.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            lock = (self.work / _LOCK).open("ab")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(lock.fileno()), (self.work / _LOCK).stat()):
                    return lock
            except OSError:
                lock.close()
                raise
            lock.close()
        return None

    def _empty_work(self) -> None:
        for entry in _entries(self.work):
            if entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            elif entry.name != _LOCK:
                entry.unlink()

    def _remove_work(self) -> None:
        self._empty_work()
        shutil.rmtree(self.work, ignore_errors=True)

    def begin(self, identity: Mapping[str, JSON]) -> None:
        """From now on the folder is this run's."""
        RunRecord(False, identity).write(self.path)

    @contextlib.contextmanager
    def cleared_on_failure(self, kind: type[BaseException]) -> Iterator[None]:
        """What fails in here before any training was saved leaves no folder behind."""
        try:
            yield
        except kind:
            seeds = list(self.work.glob("seed-*"))
            if not any(last_checkpoint(seed) or (seed / DONE).is_file() for seed in seeds):
                # In this order: a record without work/ would be of a run that can never go on.
                (self.path / RECORD).unlink(missing_ok=True)
                self._remove_work()
                with contextlib.suppress(OSError):
                    self.path.rmdir()
            raise

    def record(self) -> RunRecord | None:
        """The run record that is there."""
        return RunRecord.read(self.path)

    def _compare(self, before: Mapping[str, JSON], now: Mapping[str, JSON]) -> None:
        now = json.loads(json.dumps(now))
        differing = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
        data = [key for key in differing if key in RECORDS]
        if data and len(data) == len(differing):
            raise GotdError(f"{self.path}: the run that began there read other {' and '.join(data)} records; "
                            "put them back, or choose another folder")
        if differing:
            pairs = ((key, _short(before.get(key)), _short(now.get(key))) for key in differing)
            details = ", ".join(f"{key} {there} there, {here} now" for key, there, here in pairs)
            raise GotdError(f"{self.path}: holds another run ({details}); choose another folder")

    def move_in(self, model: Path, into: Path) -> None:
        """A finished model from work/ to where it belongs."""
        if not model.exists():  # a run that was killed here had moved it
            return
        into.mkdir(parents=True, exist_ok=True)
        for file in sorted(model.iterdir(), key=lambda file: file.name == _LAST):
            sync(file)
            file.chmod(_mode())  # safetensors writes for its owner alone
            file.replace(into / file.name)
        model.rmdir()

    def finish(self, record: RunRecord, metrics: Metrics) -> None:
        """The run is complete: what it was, what came of it; what it worked with goes away."""
        write_json(self.path / METRICS, metrics.as_json())
        record.write(self.path)
        self._remove_work()

    def close(self) -> None:
        """Let others in."""
        if self._lock is not None:
            self._lock.close()


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """A disk that fills while torch or safetensors write to it is an error with a remedy, whatever they call it."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, SafetensorError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno not in _FULL:
            raise
        if isinstance(error, RuntimeError) and _TORCH_WRITER not in str(error):
            raise
        raise GotdError(f"{folder}: {str(error).strip()}; free space there: the same command goes on") from error


def _short(value: JSON) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={inner}" for key, inner in value.items())[:200]
    return str(value)


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _mode() -> int:
    """What a new file may be read by."""
    mask = os.umask(0o022)
    os.umask(mask)
    return 0o666 & ~mask
