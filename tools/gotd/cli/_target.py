"""The target as a rule is fitted to it: rows that have content, and the mass of each."""

from typing import TYPE_CHECKING, NamedTuple

from gotd.errors import DataError, UsageError
from gotd.streams.record_files import ReadOptions, RecordFiles
from gotd.streams.text_digest import TextDigest
from gotd.streams.vector_files import Embedders, VectorFiles, WeightFiles

if TYPE_CHECKING:
    import numpy as np

#: Ways to weigh the target's texts; anything else that --target-mass names is a file.
TEXT, WORDS, ROOT_WORDS = "text", "words", "sqrt-words"


class TargetMasses(NamedTuple):
    """What each row of the target weighs. how : of --target-mass; texts : the records whose words are counted"""

    how: str
    texts: str | None
    reading: ReadOptions

    @property
    def files(self) -> list[str]:
        """What is read for it."""
        masses = [] if self.how in (TEXT, WORDS, ROOT_WORDS) else [self.how]
        return [*masses, *([self.texts] if self.texts else [])]


class TargetRows(NamedTuple):
    """The target.

    rows : float32 (m, d), none of them zero. masses : float64 (m,), at least 0, some above.
    blank : how many more rows had no content, and were left out.
    """

    rows: "np.ndarray"
    masses: "np.ndarray"
    blank: int


def read_target(name: str, embedders: Embedders, wanted: TargetMasses) -> TargetRows:
    """Return the rows of the file with the masses that are wanted.

    Raises: DataError where no row has content, or masses do not fit the rows.
    """
    import numpy as np

    from gotd.ot.blocks import has_content

    files = VectorFiles([name], embedders)
    rows = files.all_rows()
    masses = _masses(files, len(rows), wanted)
    kept = has_content(rows)
    if not kept.any():
        raise DataError(name, f"none of the {len(rows):,} rows has content, all are zero",
                        "check the texts they were embedded from, and --text-key")
    if not (masses[kept] > 0.0).any():
        raise DataError(name, "no row with content has a mass above 0", "check what --target-mass gives")
    return TargetRows(rows[kept], masses[kept], int(np.count_nonzero(~kept)))


def _masses(files: VectorFiles, rows: int, wanted: TargetMasses) -> "np.ndarray":
    """Return the mass of each row, zero rows among them. Shapes: -> float64 (rows,)."""
    import numpy as np

    how, texts, reading = wanted
    if how in (WORDS, ROOT_WORDS):
        if texts is None:
            raise UsageError(f"--target-mass {how} counts the words of the target's texts: give --target-texts FILE, "
                             "the records that --target was embedded from")
        words = _words(files, texts, reading)
        return words if how == WORDS else np.sqrt(words)
    if texts is not None:
        raise UsageError(f"--target-texts does nothing with --target-mass {how}; leave it out")
    if how == TEXT:
        return np.ones(rows)
    masses = np.concatenate([np.empty(0), *WeightFiles([how]).blocks()]).astype(np.float64)
    if len(masses) != rows:
        raise DataError(how, f"{len(masses)} masses for the {rows} rows of {files.names[0]}", "give one for each row")
    if masses.min() < 0.0 or masses.sum() <= 0.0:
        raise DataError(how, "a mass below 0, or none above it", "masses are at least 0, and some are more")
    return masses


def _words(files: VectorFiles, texts: str, reading: ReadOptions) -> "np.ndarray":
    """Return the words of each text, as ds-probe counts them. Shapes: -> float64 (n,)."""
    import numpy as np

    from gotd.methods.ngrams import Classes, find_words, text_blocks

    classes, counts = Classes(), [np.empty(0)]
    digests = [TextDigest(reading.text_key), TextDigest(None)]
    for batch in RecordFiles([texts], reading).texts(digests):
        counts += [np.diff(find_words(block, classes).offsets) for block in text_blocks(batch)]
    files.require_records([digest.run for digest in digests], texts)
    return np.concatenate(counts).astype(np.float64)
