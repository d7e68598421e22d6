"""Rules that read vectors: from files and options to rows, weights and parts."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gotd.cli._frame import Run
from gotd.cli._target import read_target
from gotd.cli._vectors import Embedders, VectorFiles, WeightFiles
from gotd.errors import UsageError
from gotd.methods.registry import Rule, module
from gotd.methods.settings import Settings
from gotd.streams.locations import some_names

if TYPE_CHECKING:
    from gotd.methods.protocol import Fitted
    from gotd.ot.source import Part

#: What --screen listens to.
SCREEN_OPTIONS = frozenset({
    "epsilon", "metric", "center", "whiten", "device", "pool_sample", "tol", "max_iterations", "max_target", "seed",
    "target_mass", "target_texts",
})
#: Decimals that sum to 1 may be off by this much.
_ROUNDING = 1e-9


def fit_rows(rule: Rule, target: str, names: Sequence[str], ranked: Sequence[str], embedders: Embedders, threads: int,
             how: Mapping[str, Any]) -> "tuple[Fitted, dict[str, Any]]":
    """Fit a rule that reads vectors to the rows of the files `names`; return it, and what was met in the inputs.

    ranked : files of what will be scored, where that is something else and gives the space; else none.
    """
    from gotd.devices import find_device
    from gotd.methods.input_warnings import counted, input_warnings, misplaced
    from gotd.ot.blocks import Workers
    from gotd.ot.source import Part

    device = find_device(how["device"])
    rows, masses, blank = read_target(target, embedders, how)
    parts = _parts(names, embedders, rows.shape[1], how, rule.looks)
    settings = _settings(embedders, how, rule.whitens)
    pool = Part(some_names(ranked), 1.0, VectorFiles(ranked, embedders, rows.shape[1]).blocks) if ranked else None
    workers, source_is_pool = Workers(threads, device), not how["source"]
    fitted: Fitted = module(rule).fit(rows, masses, parts, source_is_pool, settings, workers, device, pool)
    if fitted.read is None:
        return fitted, {"target_blank": blank}
    warnings = [*misplaced(target, [*names, *ranked]), *input_warnings(len(rows), blank, fitted.read)]
    return fitted, counted(blank, fitted.read) | {"warnings": [*fitted.summary["warnings"], *warnings]}


def screened_table(target: str, pool: Sequence[str], threads: int, how: Mapping[str, Any], run: Run) -> str:
    """Every file's distance to the target, nearest first, in columns with tabs between."""
    from gotd.devices import find_device
    from gotd.methods.screen import screen
    from gotd.ot.blocks import Workers
    from gotd.ot.source import Part

    if not pool:
        raise UsageError("--screen compares files: name them")
    device = find_device(how["device"])
    embedders = Embedders()
    rows, weights, blank = read_target(target, embedders, how)
    run.note(blank, "rows of the target without content left out")
    parts = [Part(name, 1.0, VectorFiles([name], embedders, rows.shape[1]).blocks) for name in pool]
    found = screen(rows, weights, parts, _settings(embedders, how, whiten=False), Workers(threads, device), device)
    run.advance(sum(each.rows for each in found))
    lines = [f"{each.distance:.6g}\t{each.low:.6g}\t{each.high:.6g}\t{each.rows}\t{each.sampled}\t{each.name}"
             for each in found]
    return "\n".join(["distance\tlow\thigh\trows\tsampled\tfile", *lines])


def _settings(embedders: Embedders, how: Mapping[str, Any], whiten: bool) -> Settings:
    """whiten : whether rows are whitened unless the options say otherwise."""
    center = how["center"]
    if how["whiten"] and center is False:
        raise UsageError("--whiten centers: leave out --no-center")
    if how["whiten"] is not None or center is False:
        whiten = bool(how["whiten"])
    if center is None:
        center = whiten or (embedders.identity or {}).get("name") == "hash"
    if how["source"] and how["choose"] >= 1.0:
        raise UsageError("--choose: with --source the pool is not counted; give the fraction of it, below 1")
    return Settings(
        epsilon=how["epsilon"], metric=how["metric"], center=center, whiten=whiten, sample=how["pool_sample"],
        passes=how["passes"], tolerance=how["tol"], max_iterations=how["max_iterations"],
        max_target=how["max_target"], choose=how["choose"], share=how["share"] or 0.0, seed=how["seed"],
        rounds=how["rounds"] or 0,
    )


def _parts(names: Sequence[str], embedders: Embedders, width: int, how: Mapping[str, Any],
           looks: bool) -> "list[Part]":
    """The source: what --mix names with its masses, the rest of the mass on the source, or the pool."""
    from gotd.ot.source import Part

    others = [mixed(item) for item in how["mix"]]
    total = math.fsum(mass for _, mass in others)
    if total > 1.0 + _ROUNDING:
        raise UsageError(f"--mix: masses sum to {total:g}; they share the mass 1 with the source")
    rest = 1.0 - total if total < 1.0 - _ROUNDING else 0.0
    weights = WeightFiles(how["weights"]).blocks if how["weights"] else None
    name = some_names(names) + (f" with weights {some_names(how['weights'])}" if how["weights"] else "")
    base = Part(name, rest, VectorFiles(names, embedders, width, looks).blocks, weights)
    return [base, *(Part(name, mass, VectorFiles([name], embedders, width).blocks) for name, mass in others)]


def mixed(item: str) -> tuple[str, float]:
    """File and mass of a --mix. Raises: UsageError where it is not FILE:MASS."""
    name, _, mass = item.rpartition(":")
    try:
        share = float(mass)
    except ValueError:
        share = -1.0
    if not name or not 0.0 < share <= 1.0:
        raise UsageError(f"--mix {item}: wanted FILE.npy:MASS with a mass from 0 to 1, as chosen.npy:0.3")
    return name, share
