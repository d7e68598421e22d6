"""The target as a rule is fitted to it: rows that have content, and the mass of each."""

from typing import TYPE_CHECKING, NamedTuple

from gotd.errors import UsageError
from gotd.streams.digests import TextDigest
from gotd.streams.record_files import ReadOptions, RecordFiles
from gotd.streams.vector_files import Embedders, VectorFiles, WeightFiles

if TYPE_CHECKING:
    import numpy as np

    from gotd.methods.target_points import TargetRows

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


def read_target(name: str, embedders: Embedders, wanted: TargetMasses,
                vector_key: str | None = None) -> "TargetRows":
    """Return the rows of the file with the masses that are wanted.

    Raises: DataError where no row has content, or masses do not fit the rows.
    """
    from gotd.methods.target_points import rows_with_content

    files = VectorFiles([name], embedders, key=vector_key)
    rows = files.all_rows()
    return rows_with_content(name, rows, _masses(files, len(rows), wanted))


def _masses(files: VectorFiles, rows: int, wanted: TargetMasses) -> "np.ndarray":
    """Return the mass of each row, zero rows among them. Shapes: -> float64 (rows,)."""
    import numpy as np

    from gotd.methods.target_points import check_masses

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
    masses = np.concatenate([np.empty(0), *WeightFiles([how]).blocks()])
    return check_masses(how, masses, rows, files.names[0])


def _words(files: VectorFiles, texts: str, reading: ReadOptions) -> "np.ndarray":
    """Return the words of each text, as ds-probe counts them. Shapes: -> float64 (n,)."""
    import numpy as np

    from gotd.methods.ngrams import word_counts

    digests = [TextDigest(reading.text), TextDigest(None)]
    counts = [word_counts(batch) for batch in RecordFiles([texts], reading).texts(digests)]
    files.require_records([digest.run for digest in digests], texts)
    return np.concatenate([np.empty(0), *counts])
