"""What is wrong with a target, a source and a pool, if anything: warnings, each with its number and a remedy."""

from collections.abc import Iterator, Sequence

from gotd.methods.base import Read, SourceCounts
from gotd.types import JSON

#: With fewer texts a target is whatever those few happen to be about.
_FEW_TARGET_TEXTS = 50
#: Of all rows, and of the sampled ones.
_MANY_BLANK, _MANY_COPIES = 0.01, 0.05


def counted(target_blank: int, read: Read) -> dict[str, JSON]:
    """Return the counts for a summary: they say what was met, and nothing that was fitted depends on them."""
    source = read.source
    found: dict[str, JSON] = {
        "target_blank": target_blank, "source_read": source.rows, "source_blank": source.blank,
        "source_distinct": source.distinct, "source_copies": _share(source.copies, source.sampled),
    }
    if read.pool is not None:
        found["target_in_pool"] = read.pool.watched
        if read.pool is not source:
            found |= {"pool_read": read.pool.rows, "pool_blank": read.pool.blank,
                      "pool_copies": _share(read.pool.copies, read.pool.sampled)}
    return found


def _share(part: int, whole: int) -> float:
    return round(part / whole, 6) if whole else 0.0


def input_warnings(target_rows: int, target_blank: int, read: Read) -> list[str]:
    """Return the warnings. target_rows : those with content; target_blank : those without."""
    warnings = []
    if target_rows < _FEW_TARGET_TEXTS:
        warnings.append(f"the target has only {target_rows:,} texts with content, and the choice will follow them "
                        f"closely: give at least {_FEW_TARGET_TEXTS}, better some hundreds")
    if target_blank > _MANY_BLANK * (target_rows + target_blank):
        warnings.append(f"{target_blank:,} of {target_rows + target_blank:,} rows of the target have no content and "
                        "were left out: check its texts, and --text-key")
    if read.pool is None or read.pool is read.source:
        return warnings + list(_of_rows("pool", target_rows, read.source))
    return warnings + list(_of_rows("source", 0, read.source)) + list(_of_rows("pool", target_rows, read.pool))


def _of_rows(what: str, target_rows: int, counts: SourceCounts) -> Iterator[str]:
    content = counts.rows - counts.blank
    if counts.watched:
        yield (f"{counts.watched:,} of the {target_rows:,} target texts stand in the {what} and will rank among its "
               "best: leave them out with ds-topk --exclude TEXTS, the records the target was embedded from")
    if target_rows > content:
        yield (f"the target has {target_rows:,} rows and the {what} {content:,}: if they are exchanged, give the "
               "task's texts as --target and what is chosen from as POOL")
    if counts.blank > _MANY_BLANK * counts.rows:
        yield (f"{counts.blank:,} of {counts.rows:,} rows of the {what} ({counts.blank / counts.rows:.1%}) have no "
               "content; they take no part and rank last: ds-chunk leaves such texts out")
    if counts.copies > _MANY_COPIES * counts.sampled:
        yield (f"{counts.copies / counts.sampled:.1%} of the rows of the {what} are copies of others, by the sample; "
               "each text counts once here, but as often as it stands in --passes: ds-topk leaves copies out")
    if counts.distinct == 1 and content > 1:
        yield (f"all {content:,} rows of the {what} are one and the same vector, so that nothing can be told apart: "
               "check the model, and --text-key")


def misplaced(target: str, names: Sequence[str]) -> list[str]:
    """Return a warning where --target took one file of a folder, and others of it became the pool, beside more folders.

    That is what a shell makes of `--target tasks/*.npy pool/*.npy`.
    """
    folder = target.rpartition("/")[0]
    beside = [name for name in names if name.rpartition("/")[0] == folder]
    if not beside or len(beside) == len(names):
        return []
    return [f"{beside[0]} stands beside the target {target} and is taken for the pool, as are {len(names) - 1:,} other "
            "files: --target takes one file; join several with ds-embed -o ONE.npy"]
