"""What ds-target-stats --dry-run says: the rule fitted to the first rows, and what all of them would take."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from gotd.cli._dry_run import Step, known_rows, report_steps, sizes_of
from gotd.cli._fitting import Inputs, Posed, posed_rows
from gotd.cli._frame import Run
from gotd.cli._pace import CountingSink, Sample
from gotd.methods.base import Fitted, TextProblem, TextRule, VectorProblem
from gotd.methods.options import SampleOptions
from gotd.selection import AnyRule, save
from gotd.streams.record_files import RecordFiles

if TYPE_CHECKING:
    import numpy as np

    from gotd.ot.source import Part

#: Rows that a rule is fitted to, twice, to tell what each takes, and apart from that all of them together.
_LARGE, _SMALL = 8192, 2048
#: And those it is fitted to while many more are read.
_FEW = 256


class FitPlan:
    """A fit of which only a sample is made.

    method, given : the rule and its options, those that were given; threads, device : as of `posed_rows`
    """

    def __init__(self, method: str, given: Mapping[str, object], inputs: Inputs, threads: int, device: str) -> None:
        self._method, self._given, self._inputs, self._threads = method, dict(given), inputs, threads
        self._sizes = sizes_of(inputs.files)
        self._device, self._bytes = device, 0
        self._rows = known_rows(self._sizes, [*inputs.names, *inputs.ranked])
        choose = given.get("choose")
        if inputs.source_is_pool and isinstance(choose, int | float) and choose >= 1.0:  # the same part of fewer rows
            self._given["choose"] = min(max(choose / max(self._rows, 1), 1.0 / _SMALL), 0.5)

    def report(self, rule: AnyRule, output: str, run: Run) -> str:
        """Return what the fit would take."""
        steps = [self._of_texts(rule)] if isinstance(rule, TextRule) else self._of_vectors()
        return report_steps(output, self._sizes, steps, run, lambda: [f"output   {self._bytes / 1e6:,.1f} MB"])

    def _of_texts(self, rule: TextRule) -> Step:
        inputs, reading = self._inputs, self._inputs.masses.reading

        def work(sample: Sample) -> None:
            def source() -> Iterator[list[str]]:
                for batch in sample.until_enough(RecordFiles(inputs.names, reading.again()).texts()):
                    sample.advance(len(batch))
                    yield batch

            target = RecordFiles([inputs.target], reading.again()).texts()
            self._keep(rule.fit(TextProblem(target, source(), self._threads, reading.text.spec)))

        return Step("of the source counted", inputs.names, work)

    def _of_vectors(self) -> list[Step]:
        posed = posed_rows(self._method, self._given, self._inputs, self._threads, self._device)
        names, options = [*self._inputs.names, *self._inputs.ranked], posed.rule.options
        if posed.rule.looks:
            return [Step("of the target fitted to", [self._inputs.target], self._fitted(posed, _LARGE))]
        steps = [Step("fitted to", names, self._fitted(posed, _LARGE), self._fitted(posed, _SMALL))]
        if isinstance(options, SampleOptions) and self._rows > options.pool_sample:
            again = [f"--{name} apart" for name in ("passes", "share") if getattr(options, name, None)]
            what = ", ".join(["read", *again])
            steps = [steps[0]._replace(most=options.pool_sample), Step(what, names, self._read)]
        return steps

    def _fitted(self, posed: Posed, rows: int) -> Callable[[Sample], None]:
        def work(sample: Sample) -> None:
            fitted_to = len(posed.problem.target) if posed.rule.looks else min(rows, self._rows or rows)
            self._keep(posed.rule.fit(_cut(posed.problem, lambda blocks: _first(blocks, rows))))
            sample.advance(fitted_to)

        return work

    def _read(self, sample: Sample) -> None:
        """Fit the rule to a few rows of many: what these take is what reading takes."""
        given = {name: value for name, value in self._given.items() if name not in ("passes", "share")}
        posed = posed_rows(self._method, given | {"pool_sample": _FEW}, self._inputs, self._threads, self._device)

        def as_wanted(blocks: "Iterator[np.ndarray]") -> "Iterator[np.ndarray]":
            for block in sample.until_enough(blocks):
                sample.advance(len(block))
                yield block

        problem = _cut(posed.problem, as_wanted)
        posed.rule.fit(replace(problem, parts=[part._replace(weights=None) for part in problem.parts]))

    def _keep(self, fitted: Fitted) -> None:
        """Remember how large the target file is: some grow with the rows, up to a bound."""
        sink = CountingSink("-")
        save(sink, fitted.arrays, fitted.summary)
        self._bytes = max(self._bytes, sink.written)


def _cut(problem: VectorProblem, some: "Callable[[Iterator[np.ndarray]], Iterator[np.ndarray]]") -> VectorProblem:
    """Return the problem with some of the rows of each part, and their weights."""
    def part(whole: "Part") -> "Part":
        weights = whole.weights
        return whole._replace(blocks=lambda: some(whole.blocks()), size=None,
                              weights=None if weights is None else lambda: some(weights()))

    ranked = None if problem.ranked is None else part(problem.ranked)
    return replace(problem, parts=[part(each) for each in problem.parts], ranked=ranked)


def _first(blocks: "Iterator[np.ndarray]", rows: int) -> "Iterator[np.ndarray]":
    """Yield the first rows, or weights, of all blocks."""
    for block in blocks:
        yield block[:rows]
        rows -= len(block)
        if rows <= 0:
            return
