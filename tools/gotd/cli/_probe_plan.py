"""What ds-probe --dry-run says: it is done with the first texts of each input and all of the target."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from gotd.cli._dry_run import Step, known_rows, report_steps, sizes_of
from gotd.cli._frame import Run
from gotd.cli._pace import Sample
from gotd.cli._probing import Few, TextFiles, Texts, probe, probe_prefixes
from gotd.cli._probing_rules import probe_rules
from gotd.cli.probe import ProbeOptions
from gotd.errors import GotdError
from gotd.overlap import Overlap
from gotd.probing.counting import Reader, count
from gotd.probing.curve import sizes_of as prefix_sizes
from gotd.probing.target import Target

#: Texts of the source or pool, and of each choice. Random choices of its words are drawn from the source: where long
#: texts of a choice have more, fewer do.
_LARGE, _SMALL = Few(8192, 256), Few(2048, 64)
_FEWER = (_LARGE, Few(8192, 64), Few(8192, 8), Few(8192, 1))


class ProbePlan:
    """A probe of which only a sample is made. names : of the choices"""

    def __init__(self, names: Sequence[str], asked: ProbeOptions, threads: int) -> None:
        vectors = [*asked.vectors, *asked.source_vectors, *([asked.target_vectors] if asked.target_vectors else [])]
        self._sizes = sizes_of([*names, asked.target, *asked.source, *asked.pool, *vectors])
        self._names, self._threads, self._drawn_from = list(names), threads, [*(asked.pool or asked.source)]
        self._apart = ", vectors apart" if vectors else ""
        self._asked = replace(asked, target_vectors=None, source_vectors=[], vectors=[], budget=None)
        held_out = Texts([], self._asked, Run("", quiet=True)).held_out
        self._reader = Reader(Target(held_out.texts), Overlap(held_out.texts), threads)

    def report(self, run: Run) -> str:
        """Return what it would take."""
        asked = self._asked
        times = 1 if asked.pool else 2
        counted = [Step("of the source counted", asked.source, self._counted(asked.source), times=times)]
        if asked.pool:
            counted.append(Step("of the pool counted", asked.pool, self._counted(asked.pool), times=2))
        if asked.rules:
            tried = Step(f"tried by rules{self._apart}", self._drawn_from, self._rules(_LARGE), self._rules(_SMALL),
                         most=asked.max_pool)
            return report_steps(asked.output or "-", self._sizes, [*counted, tried], run)
        if self._names:
            counted.append(Step("of choices counted", self._names, self._counted(self._names), times=self._readings))
        judged = Step(f"of the target that judge{self._apart}", [asked.target], self._judged, most=asked.max_target)
        return report_steps(asked.output or "-", self._sizes, [*counted, judged], run)

    @property
    def _readings(self) -> int:
        """How often a choice is read: for --curve once to count it, and three times for each prefix."""
        prefixes = prefix_sizes(known_rows(self._sizes, self._names), self._asked.first) if self._asked.curve else []
        return 1 + 3 * len(prefixes)

    def _counted(self, names: Sequence[str]) -> Callable[[Sample], None]:
        def work(sample: Sample) -> None:
            texts = TextFiles(names, self._asked.text, self._asked, sample)
            count(self._reader, sample.until_enough(texts.batches()))

        return work

    def _rules(self, few: Few) -> Callable[[Sample], None]:
        def work(sample: Sample) -> None:
            probe_rules(self._asked, self._threads, Run("", quiet=True), few)
            sample.advance(min(few.source, self._asked.max_pool, known_rows(self._sizes, self._drawn_from)))

        return work

    def _judged(self, sample: Sample) -> None:
        for few in _FEWER:
            try:
                self._judge(few)
                break
            except GotdError:
                if few is _FEWER[-1]:
                    raise
        sample.advance(min(known_rows(self._sizes, [self._asked.target]), self._asked.max_target))

    def _judge(self, few: Few) -> None:
        quiet = Run("", quiet=True)
        if self._asked.curve:
            probe_prefixes(self._names[0], replace(self._asked, first=None), self._threads, quiet, few)
        else:
            probe(self._names, self._asked, self._threads, quiet, few)
