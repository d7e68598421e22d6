"""ds-target-stats: solve the potentials of a target against a pool."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from gotd.cli import _options as options
from gotd.cli._frame import Run, entry_point, print_text
from gotd.errors import DataError, GotdError, UsageError
from gotd.streams.arrays import ArrayReader
from gotd.streams.locations import STANDARD
from gotd.streams.seal import Seal, one_embedder
from gotd.streams.sinks import open_output
from gotd.streams.sources import open_input

if TYPE_CHECKING:
    import numpy as np


@click.command("ds-target-stats")
@click.option("--target", required=True, metavar="FILE.npy", help="Vectors of the task's texts.")
@click.option("--source", multiple=True, metavar="FILE.npy",
              help="Vectors of the model's own training text; may be given again. Default: the pool.")
@click.argument("pool", nargs=-1, metavar="POOL.npy...")
@click.option("-o", "--output", required=True, metavar="FILE.npz", help="The target file, for ds-score.")
@click.option("--epsilon", type=click.FloatRange(0), default=0.05, show_default=True,
              help="Regularisation, in standard deviations of the cost; 0 is exact.")
@click.option("--metric", type=click.Choice(["sqeuclidean", "cosine"]), default="sqeuclidean", show_default=True)
@click.option("--center/--no-center", default=None, help="Subtract the source's mean vector. Default: for hash only.")
@click.option("--pool-sample", type=click.IntRange(1), default=65536, show_default=True, help="Rows solved on.")
@click.option("--passes", type=click.IntRange(0), default=0, show_default=True, help="Readings of the whole source.")
@click.option("--tol", type=click.FloatRange(0, min_open=True), default=1e-4, show_default=True,
              help="Marginal error to reach.")
@click.option("--max-iterations", type=click.IntRange(1), default=1000, show_default=True)
@click.option("--max-target", type=click.IntRange(0), default=4096, show_default=True,
              help="Compress a larger target to so many weighted points; 0 keeps all.")
@click.option("--allow-unconverged", is_flag=True, help="Write the file all the same.")
@click.option("--seed", type=int, default=0, show_default=True)
@options.threads
@options.common
def command(target: str, source: tuple[str, ...], pool: tuple[str, ...], output: str, center: bool | None,
            threads: int | None, allow_unconverged: bool, quiet: bool, **how: Any) -> None:
    """Solve the optimal-transport potentials of a target; print a JSON summary.

    Reads .npy vectors, each file once and once more for each of --passes. Writes one .npz of the size of the target.
    Holds the target (rows x dimension), the sample (--pool-sample x dimension, float16) and at most 256 MiB of
    products; never the pool.

    \b
    Examples:
      ds-target-stats --target target.npy emb/*.npy -o target.npz
      ds-target-stats --target target.npy --source pretraining.npy --passes 3 emb/*.npy -o target.npz
    """
    run = Run("ds-target-stats", quiet)
    names = list(source or pool) or [STANDARD]
    if STANDARD in names and how["passes"]:
        raise UsageError("--passes reads the source again, and standard input can be read only once: give files")
    import numpy as np
    import orjson
    import torch

    from gotd.methods.got import Settings, fit
    from gotd.ot.blocks import Workers
    from gotd.ot.source import Part
    from gotd.streams.targets import write_target

    seals: list[tuple[str, Seal]] = []
    rows = list(_blocks([target], seals, None)())
    vectors = np.concatenate(rows).astype(np.float32)
    if not len(vectors):
        raise DataError(target, "no rows: there is nothing to move towards", "embed at least one target text")
    if center is None:
        center = (one_embedder(seals) or {}).get("name") == "hash"
    settings = Settings(
        epsilon=how["epsilon"], metric=how["metric"], center=center, sample=how["pool_sample"], passes=how["passes"],
        tolerance=how["tol"], max_iterations=how["max_iterations"], max_target=how["max_target"], seed=how["seed"],
    )
    part = Part("the source", 1.0, _blocks(names, seals, vectors.shape[1]))
    fitted = fit(vectors, part, not source, settings, Workers(options.thread_count(threads)), torch.device("cpu"))
    run.advance(fitted.summary["source_rows"])
    if source and pool:
        run.say("the pool's vectors are not read: --source is what the gradient is taken at")
    _judge(fitted.summary, settings.tolerance, allow_unconverged, run)
    with open_output(output) as sink:
        write_target(sink, fitted.arrays, fitted.summary | {"embedder": one_embedder(seals)})
    print_text(orjson.dumps(fitted.summary, option=orjson.OPT_INDENT_2).decode())
    run.close()


def _judge(summary: dict[str, Any], tolerance: float, allow_unconverged: bool, run: Run) -> None:
    """Says the warnings; an error where the potentials are not what was asked for."""
    for warning in summary["warnings"]:
        run.say(f"warning: {warning}")
    if not summary["converged"] and not allow_unconverged:
        raise GotdError(
            f"not converged: marginal error {summary['marginal_error']:.2g} after {summary['iterations']} iterations, "
            f"{tolerance:g} was asked; raise --max-iterations, --tol or --epsilon, or pass --allow-unconverged"
        )


def _blocks(
    names: Sequence[str], seals: list[tuple[str, Seal]], width: int | None
) -> "Callable[[], Iterator[np.ndarray]]":
    """The rows of all files, readable again; embedders and dimensions are held against the target's."""

    def read() -> "Iterator[np.ndarray]":
        rows = 0
        for name in names:
            with open_input(name) as opened:
                reader = ArrayReader(opened, "vectors")
                for block in reader.blocks():
                    if width is not None and block.shape[1] != width:
                        raise DataError(name, f"dimension {block.shape[1]}, the target has {width}", "embed both alike")
                    rows += len(block)
                    yield block
                seals.extend((name, seal) for seal in reader.verifier.seals)
                one_embedder(seals)
        if width is not None and not rows:
            raise GotdError(f"{names[0]}: the source has no rows; give vectors made by ds-embed")

    return read


main = entry_point(command)
