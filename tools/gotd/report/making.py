"""From inputs to a report: what is there is read, what belongs to other records is refused, the rest is left out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from gotd import __version__
from gotd.errors import DataError, GotdError
from gotd.ot.blocks import has_content
from gotd.ot.source import Part
from gotd.report.coverage import Coverage, cover
from gotd.report.distance import Distances, distances
from gotd.report.examples import SHOWN_OF_TARGET, examples, in_words, pick, ranking
from gotd.report.fields import FieldCounts, compare
from gotd.report.figures import (
    PoolFigures,
    Report,
    Unserved,
    Why,
    histogram_of,
    lengths_of,
    scores_of,
    summary_of_lengths,
)
from gotd.report.hygiene import examine
from gotd.report.probe_file import ProbeTable
from gotd.report.provenance import Provenance
from gotd.report.reading import Choice, Membership, Pool
from gotd.report.served import TextsOfPoints, plan_of, texts_of_points
from gotd.selection import TargetFile
from gotd.streams.record_text import RecordText

#: Target texts for each document, and of the least served.
REASONS, LEAST_SERVED = 3, 10


@dataclass(frozen=True)
class Aim:
    """The target, as far as it is known.

    name, file : of the target file. texts_name, texts : of the target. vectors : float (m, d), of all its texts
    chosen   : float (k, d), vectors of the choice
    missing  : why vectors are not there
    pool     : vectors of the pool's rows, or of some of its texts, given these and the number of rows; None where
        nothing can make them
    """

    name: str
    file: TargetFile
    texts_name: str
    texts: list[str] | None
    vectors: np.ndarray | None
    chosen: np.ndarray | None
    missing: dict[str, str]
    pool: Callable[[list[str], int], Part | None] = lambda _texts, _rows: None


@dataclass(frozen=True)
class Material:
    """What there is to report on. files : that it was read from"""

    choice: Choice
    pool: Pool | None
    aim: Aim | None
    files: Provenance
    target_texts: Sequence[str] | None
    probes: Sequence[ProbeTable]


@dataclass(frozen=True)
class Shown:
    """What is shown. fields : none finds them. each : documents of each kind"""

    fields: Sequence[str]
    each: int
    seed: int
    text: RecordText
    threads: int = 1


def require_target(choice: Choice, pool: Pool, aim: Aim | None) -> None:
    """Raise DataError where the choice or the scores were made with another target file."""
    if aim is None:
        return
    for name, digests in ((choice.name, {choice.target} - {None}), ("the scores", pool.targets)):
        if digests and digests != {aim.file.digest}:
            what = f"{name}: made with another target file, by the seals"
            raise DataError(aim.name, what, "give the one they were made with")


def make(material: Material, shown: Shown) -> Report:
    """Return the report. Raises: DataError where the inputs do not belong together."""
    choice, pool, aim = material.choice, material.pool, material.aim
    missing: dict[str, str] = {}
    of_pool = _read(pool, choice, shown) if pool else None
    if pool is not None:
        require_target(choice, pool, aim)
    has_texts = of_pool is not None and of_pool.fields.rows > 0
    asked = of_pool.fields.names if of_pool and has_texts else shown.fields
    counts = FieldCounts(shown.text, asked)
    if not has_texts or asked:
        counts.add(choice.records)
    else:
        counts.rows = len(choice.records)
    (of_pool.fields if of_pool and has_texts else counts).require_asked()
    lengths, _, logs = lengths_of(choice.texts)
    if not has_texts:
        missing["pool"] = "shares of the pool: give the records of the pool"
    scores = scores_of(of_pool, choice) if of_pool else None
    if scores is None:
        missing["scores"] = "the scores of the pool: give --scores, or records that carry them"
    coverage, why, compressed, unserved, order, picked = _served(choice, aim, shown, missing)
    pool_lengths = summary_of_lengths(of_pool.lengths) if of_pool else None
    return Report(
        choice.name, __version__, len(choice.texts), pool.rows if pool else choice.pool_rows,
        _share(len(choice.texts), pool.rows if pool else choice.pool_rows), lengths, pool_lengths,
        histogram_of(of_pool.log_lengths, logs) if of_pool and pool_lengths else None, scores,
        compare(counts, of_pool.fields if of_pool and has_texts else None),
        (of_pool.fields if of_pool and has_texts else counts).left_out,
        examples(choice, picked, order, counts.names, why), coverage, compressed, unserved,
        examine(choice.texts, choice.left_out, material.target_texts), material.files, shown.seed,
        _distances(aim, of_pool, pool.rows if pool else 0, shown, missing), list(material.probes), missing)


def _distances(aim: Aim | None, pool: PoolFigures | None, rows: int, shown: Shown,
               missing: dict[str, str]) -> Distances | None:
    if aim is None or aim.vectors is None or aim.chosen is None:
        if aim is not None:
            missing["distance"] = "distances to the target: they take its texts, and vectors"
        return None
    part = None if pool is None else aim.pool(pool.some_texts, rows)
    if part is None:
        missing["distance"] = ("distances to the target before and after: give the records of the pool, and --model or "
                               "--pool-vectors")
        return None
    try:
        return distances(aim.vectors, part, aim.chosen, aim.file.embedder, shown.seed, shown.threads)
    except DataError:
        raise
    except GotdError as error:
        missing["distance"] = f"distances to the target: {error}"
        return None


def _share(part: int, whole: int | None) -> float | None:
    return part / whole if whole else None


def _read(pool: Pool, choice: Choice, shown: Shown) -> PoolFigures:
    """Read the pool, and hold the choice against it."""
    figures, membership = PoolFigures(shown.text, shown.fields, shown.seed), Membership(choice, pool)
    for batch in pool.batches():
        membership.add(batch)
        figures.add(batch)
    membership.require()
    return figures


def _served(choice: Choice, aim: Aim | None, shown: Shown, missing: dict[str, str]
            ) -> tuple[Coverage | None, dict[int, list[Why]], bool, list[Unserved], np.ndarray, list[tuple[str, int]]]:
    """Return the coverage, the reasons of the documents that are shown, and which these are."""
    order, picked = ranking(choice), pick(choice, shown.each, shown.seed)
    nothing = None, dict[int, list[Why]](), False, list[Unserved](), order, picked
    if aim is None:
        missing["target"] = "why documents were chosen, and coverage: give --target"
        return nothing
    missing |= aim.missing
    if aim.chosen is None:
        return nothing
    rows = None if aim.vectors is None else aim.vectors[has_content(aim.vectors)]
    plan = plan_of(aim.file, rows)
    if plan is None:
        return nothing
    documents = [int(order[rank]) for _, rank in picked]
    coverage, reasons = cover(plan, aim.chosen, documents, REASONS, LEAST_SERVED)
    if aim.texts is None or aim.vectors is None:
        return coverage, {}, False, [], order, picked
    points = texts_of_points(plan, aim.vectors, aim.file, aim.texts_name)
    return (coverage, in_words(reasons, aim.texts, points), points.compressed,
            _unserved(coverage, aim.texts, points), order, picked)


def _unserved(coverage: Coverage, texts: Sequence[str], points: TextsOfPoints) -> list[Unserved]:
    found = []
    for point in coverage.least:
        text = texts[int(points.nearest[point.point])]
        found.append(Unserved(point.wanted, point.given, text[:SHOWN_OF_TARGET], len(text)))
    return found
