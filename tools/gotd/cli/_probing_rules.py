"""What ds-probe --rules reads: rules as a person writes them, a sample of the pool, the target, and vectors of both."""

import shlex
import time
from collections.abc import Sequence

import click
import numpy as np
from click.core import ParameterSource

from gotd.cli._frame import Run
from gotd.cli._probing import Few, Found, SomeRows, TextFiles, Texts, require_same_records, sampled
from gotd.cli._rule_options import chosen_rule, values_given
from gotd.cli.probe import ProbeOptions
from gotd.cli.target_stats import command as target_stats
from gotd.embedders.loading import load
from gotd.embedders.protocol import Embedder
from gotd.errors import GotdError, UsageError
from gotd.probing.report import rules_as_json, rules_as_table
from gotd.probing.rule_choices import USUAL, Candidates, Embedded, RuleLine
from gotd.probing.rules import Aim, Trial, compare_rules
from gotd.runtime import Runtime
from gotd.streams.locations import some_names
from gotd.streams.vector_files import Embedders, VectorFiles
from gotd.types import EmbedderIdentity

#: While texts are embedded, so many seconds lie between two lines.
_SECONDS = 10.0
#: What is given to the parser besides a rule's line, as it must have it.
_TARGET = "target"
#: What a line may say besides the rule's own options.
_MASS = "target_mass"


def probe_rules(asked: ProbeOptions, threads: int, run: Run, few: Few | None = None) -> Found:
    """Fit rules to a part of the target, and judge what they choose by the rest. few : as of `probe`"""
    lines = [rule_line(line) for line in asked.lines]
    read = Texts([], asked, run, few)
    pool = read.pool or read.source
    texts, rows, _ = sampled(pool, asked.max_pool, asked.seed)
    run.note(pool.rows - len(texts), "texts of the pool were not drawn (--max-pool)")
    reads_vectors = not all(rule.reads_texts for rule in lines or USUAL)
    with Runtime(threads, asked.device) as runtime:
        embedded = _Vectors(asked, runtime, run)
        target = embedded.of(read.target, list(read.held_out.texts), read.rows, [asked.target_vectors or ""],
                             reads_vectors)
        candidates = Candidates(embedded.of(pool, texts, rows, asked.vectors, reads_vectors), embedded.identity)
        trial = Trial(lines, asked.fit_share, asked.fraction, read.settings, run.say)
        aim = Aim(read.held_out.name, target, read.held_out.units)
        found = compare_rules(aim, candidates, read.source.input, trial, runtime)
    for rule, why in found.left_out.items():
        run.say(f"warning: {rule} was not tried: {why}")
    read.say(found.comparison)
    return Found(rules_as_table(found, asked.target), rules_as_json(found, asked.target))


class _Vectors:
    """Where vectors come from. identity : what made them, once there are some"""

    def __init__(self, asked: ProbeOptions, runtime: Runtime, run: Run) -> None:
        self._asked, self._runtime, self._run = asked, runtime, run
        self._embedders = Embedders()
        self.identity: EmbedderIdentity | None = None

    def of(self, files: TextFiles, texts: list[str], rows: np.ndarray, names: Sequence[str], wanted: bool) -> Embedded:
        """Return texts of some files with their vectors. rows : which records they are. names : of files of vectors"""
        if not wanted:
            return Embedded(texts, None)
        if not self._asked.target_vectors:
            return Embedded(texts, self._made(texts))
        held = VectorFiles(names, self._embedders, key=self._asked.vector_key)
        blocks = list(SomeRows(held, rows).blocks())
        require_same_records(held, files)
        self.identity = self._embedders.identity
        if not blocks:
            raise GotdError(f"{some_names(names)}: no vectors; embed the records that are chosen from")
        return Embedded(texts, np.concatenate(blocks))

    def _made(self, texts: list[str]) -> np.ndarray:
        asked = self._asked
        with load(asked.models, device=asked.device, threads=self._runtime.threads, half=True,
                  passed_over=("device",)) as embedder:
            self.identity = embedder.identity
            return self._embedded(embedder, texts)

    def _embedded(self, embedder: Embedder, texts: list[str]) -> np.ndarray:
        """Return vectors as ds-embed writes them, float16 (n, d)."""
        blocks, said = [np.empty((0, embedder.dimension), np.float16)], time.monotonic()
        for first, embedded in embedder.windows(texts):
            blocks.append(embedded.vectors.astype(np.float16))
            if time.monotonic() - said > _SECONDS:
                said = time.monotonic()
                self._run.say(f"embedded {first + len(embedded.vectors):,} of {len(texts):,} texts")
        rows = np.concatenate(blocks)
        if not np.isfinite(rows).all():
            raise GotdError("vectors that float16 cannot hold; give --vectors and --target-vectors of ds-embed --dtype "
                            "float32")
        return rows


def rule_line(line: str) -> RuleLine:
    """Return the rule of a line as `got --no-whiten`. Raises: UsageError for what ds-target-stats would not take."""
    try:
        method, *rest = shlex.split(line)
        context = target_stats.make_context("ds-target-stats", ["--method", method, f"--{_TARGET}", "-", *rest])
        rule = chosen_rule(context, method)
    except click.exceptions.Exit as error:
        raise UsageError(f"--rule {line!r}: a rule and its options, as 'got --no-whiten'") from error
    except (ValueError, click.ClickException) as error:
        what = error.format_message() if isinstance(error, click.ClickException) else "a rule, as 'got --no-whiten'"
        raise UsageError(f"--rule {line!r}: {what}") from error
    options = {name: value for name, value in values_given(context, rule.options_type).items()
               if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    for parameter in target_stats.params:
        name = parameter.name or ""
        given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if given and name not in {"method", _TARGET, _MASS, *options}:
            raise UsageError(f"--rule {line!r}: {parameter.opts[0]} does nothing here; a line has a rule and its "
                             "options")
    return RuleLine(method, options, context.params[_MASS])
