"""Rules fitted to files: from names and options to vectors, weights and parts, or to texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from gotd.cli._frame import Run
from gotd.cli._target import TargetMasses, read_target
from gotd.errors import UsageError
from gotd.methods.base import Fitted, TextProblem, TextRule, VectorProblem, VectorRule
from gotd.methods.options import TransportOptions
from gotd.selection import AnyRule, made_of, resolve_vectors
from gotd.streams.locations import some_names
from gotd.streams.record_files import ReadOptions, RecordFiles
from gotd.streams.vector_files import Embedders, VectorFiles, WeightFiles
from gotd.types import JSON

if TYPE_CHECKING:
    from gotd.ot.source import Part


class Fit(NamedTuple):
    """A rule with its options, what was fitted, and what was met in the inputs."""

    rule: AnyRule
    fitted: Fitted
    counts: dict[str, JSON]

    @property
    def printed(self) -> dict[str, JSON]:
        """The summary that is printed."""
        return self.fitted.summary | self.counts

    @property
    def warnings(self) -> list[str]:
        """Of the fit and of the inputs."""
        warnings = self.printed["warnings"]
        return [str(each) for each in warnings] if isinstance(warnings, Sequence) else []

    def count(self, name: str) -> int:
        """Return a count of what was met; 0 where it was not counted."""
        count = self.counts.get(name, 0)
        return count if isinstance(count, int) else 0


@dataclass(frozen=True)
class Inputs:
    """Files that a rule is fitted to.

    names  : of the source, or, with `source_is_pool`, of the pool that is the source; ranked : of the pool else.
    mixes  : as --mix gives them; weights : of the rows of `names`; masses : of the rows of the target.
    vector_key : of the field that holds vectors in records and tables; None for the usual ones.
    """

    target: str
    names: Sequence[str]
    ranked: Sequence[str]
    mixes: Sequence[str]
    weights: Sequence[str]
    masses: TargetMasses
    vector_key: str | None
    source_is_pool: bool

    @property
    def mixed_files(self) -> list[str]:
        """Files of --mix."""
        return [mixed(item)[0] for item in self.mixes]

    @property
    def files(self) -> list[str]:
        """All that is read."""
        return [self.target, *self.names, *self.ranked, *self.mixed_files, *self.weights, *self.masses.files]


class Posed(NamedTuple):
    """A rule and the vectors that it is fitted to. blank : rows of the target that were left out"""

    rule: VectorRule
    problem: VectorProblem
    embedders: Embedders
    blank: int


def posed_rows(method: str, options: Mapping[str, object], inputs: Inputs, threads: int, device_name: str) -> Posed:
    """Return the rule and what it is fitted to: the target is read, of the rest nothing yet."""
    from gotd.ot.blocks import Workers
    from gotd.ot.source import Part
    from gotd.runtime import find_device

    device, embedders = find_device(device_name), Embedders()
    rows, masses, blank = read_target(inputs.target, embedders, inputs.masses, inputs.vector_key)
    rule = resolve_vectors(method, options, embedders.identity)
    parts, ranked = _parts(inputs, embedders, rows.shape[1], rule.looks), None
    if inputs.ranked:
        blocks = VectorFiles(inputs.ranked, embedders, rows.shape[1], key=inputs.vector_key).blocks
        ranked = Part(some_names(inputs.ranked), 1.0, blocks)
    problem = VectorProblem(rows, masses, parts, Workers(threads, device), device, inputs.source_is_pool, ranked)
    return Posed(rule, problem, embedders, blank)


def fit_rows(posed: Posed, inputs: Inputs) -> Fit:
    """Fit a rule to vectors."""
    from gotd.methods.input_warnings import counted, input_warnings, misplaced

    rule, problem, embedders, blank = posed
    fitted = made_of(rule.fit(problem), embedders.identity)  # files say what made them once they are read
    if fitted.read is None:
        return Fit(rule, fitted, {"target_blank": blank})
    warnings = [*misplaced(inputs.target, [*inputs.names, *inputs.ranked]),
                *input_warnings(len(problem.target), blank, fitted.read)]
    counts = counted(blank, fitted.read) | {"warnings": [*fitted.figures.warnings, *warnings]}
    return Fit(rule, fitted, counts)


def fit_texts(rule: TextRule, target: str, names: Sequence[str], reading: ReadOptions, threads: int,
              run: Run) -> Fit:
    """Fit a rule to the texts of the target and of the source."""
    from gotd.methods.input_warnings import counted, input_warnings

    texts, source = RecordFiles([target], reading).texts(), RecordFiles(names, reading).texts()
    fitted = rule.fit(TextProblem(texts, source, threads, reading.text.spec))
    run.note(reading.skipping.skipped, "bad records skipped")
    if fitted.read is None:
        return Fit(rule, fitted, {})
    blank = fitted.read.target_blank
    warnings = [*fitted.figures.warnings, *input_warnings(fitted.target_rows, blank, fitted.read)]
    return Fit(rule, fitted, counted(blank, fitted.read) | {"warnings": warnings})


def screened_table(inputs: Inputs, options: TransportOptions, threads: int, device_name: str, run: Run) -> str:
    """Every file's distance to the target, nearest first, in columns with tabs between."""
    from gotd.methods.screen import screen
    from gotd.ot.blocks import Workers
    from gotd.ot.source import Part
    from gotd.runtime import find_device

    device, embedders = find_device(device_name), Embedders()
    rows, masses, blank = read_target(inputs.target, embedders, inputs.masses, inputs.vector_key)
    run.note(blank, "rows of the target without content left out")
    parts = [Part(name, 1.0, VectorFiles([name], embedders, rows.shape[1], key=inputs.vector_key).blocks)
             for name in inputs.names]
    resolved = options.resolved(embedders.identity)
    screened = screen(rows, masses, parts, resolved, Workers(threads, device), device)
    run.advance(sum(each.rows for each in screened))
    lines = [f"{each.distance:.6g}\t{each.low:.6g}\t{each.high:.6g}\t{each.rows}\t{each.sampled}\t{each.name}"
             for each in screened]
    return "\n".join(["distance\tlow\thigh\trows\tsampled\tfile", *lines])


def _parts(inputs: Inputs, embedders: Embedders, width: int, looks: bool) -> "list[Part]":
    """The source: what --mix names with its masses, the rest of the mass on the source, or the pool."""
    from gotd.ot.source import Part, mass_left

    others = [mixed(item) for item in inputs.mixes]
    rest = mass_left([mass for _, mass in others])
    weights = WeightFiles(inputs.weights).blocks if inputs.weights else None
    name = some_names(inputs.names) + (f" with weights {some_names(inputs.weights)}" if inputs.weights else "")
    files = VectorFiles(inputs.names, embedders, width, looks, inputs.vector_key)
    base = Part(name, rest, files.blocks, weights, None if looks else files.size)
    return [base, *(Part(name, mass, VectorFiles([name], embedders, width, key=inputs.vector_key).blocks)
                    for name, mass in others)]


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
