"""Options of selection rules: dataclasses whose fields say what a command line needs; shared ones are written once.

A field of a rule's dataclass becomes an option of ds-target-stats where its annotation has an `Option`:

    rounds: Annotated[int | None, Option("Documents each target row takes.", metavar="N", least=1)] = None

The default is the field's. bool is a flag, bool | None a pair --name/--no-name, Literal a choice.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from typing import Annotated, ClassVar, Literal, Self, TypeAlias, get_type_hints

from gotd.errors import UsageError

Metric: TypeAlias = Literal["sqeuclidean", "cosine"]

#: Default epsilon, in standard deviations of the cost, of rows as they are and of ones whitened by many rows: whitened
#: costs vary several times less than others, in proportion to their mean. Both did best on real tasks
#: (scripts/experiments).
PLAIN_EPSILON, WHITENED_EPSILON = 0.05, 2.0
#: Of the whitened default where a choice has a share. An entropic distance favours the tighter kinds of target text,
#: which a first step hardly shows and a large one does: of two equal kinds, one half again as wide, the best 100 rows
#: are 28 and 66 at an epsilon of 2, 41 and 56 at 0.5. Set on that toy alone; not tried on real text yet.
STEP_PART = 0.25
#: What is random takes 64 bits of the seed.
_MOST_SEED = 2**64 - 1


def default_epsilon(whiten: bool, rows: int, dimension: int) -> float:
    """Return the default epsilon, in standard deviations of the cost.

    rows : distinct rows that the whitening is learned from. By 1 + s the largest singular value of the noise in it
        exceeds 1 (ot/whitening.py), and noise in the points adds to the cost's deviation, not to what it says. On five
        targets that is no better, by the probe, than 1.4 to 2 for any number of rows; a pool of 2,400 rows asks for it.
    """
    if not whiten:
        return PLAIN_EPSILON
    from gotd.ot.whitening import sampling_spread

    return WHITENED_EPSILON / (1.0 + sampling_spread(rows, dimension))


@dataclass(frozen=True)
class Option:
    """What a command line says of an option.

    text : its help. metavar : what stands for its value there.
    least, most : bounds of a number; with `above`, `least` itself is too small.
    """

    text: str
    metavar: str | None = None
    least: float | None = None
    most: float | None = None
    above: bool = False

    def allows(self, value: float) -> bool:
        """Return whether a number is finite and within the bounds."""
        over = self.least is None or (value > self.least if self.above else value >= self.least)
        return math.isfinite(value) and over and (self.most is None or value <= self.most)

    @property
    def bounds(self) -> str:
        """The bounds in words."""
        least = "" if self.least is None else f" {'above' if self.above else 'from'} {self.least:g}"
        return f"wanted a number{least}" + ("" if self.most is None else f" up to {self.most:g}")


def flag(name: str) -> str:
    """Return an option as a command line has it."""
    return "--" + name.replace("_", "-")


@dataclass(frozen=True)
class Options:
    """Base class of the options of a rule. Raises: UsageError for a number out of its bounds."""

    def __post_init__(self) -> None:
        for name, option in self.on_command_line().items():
            value = getattr(self, name)
            if isinstance(value, int | float) and not isinstance(value, bool) and not option.allows(value):
                raise UsageError(f"{flag(name)} {value:g}: {option.bounds}")

    @classmethod
    def of(cls, given: Mapping[str, object]) -> Self:
        """Return options by their names. Raises: TypeError for one that is none."""
        return cls(**given)

    @classmethod
    def on_command_line(cls) -> dict[str, Option]:
        """Return the options that a command line has, by the name of their field."""
        hints = get_type_hints(cls, include_extras=True)
        marks = {each.name: getattr(hints[each.name], "__metadata__", ()) for each in fields(cls)}
        return {name: mark for name, every in marks.items() for mark in every if isinstance(mark, Option)}

    def idle(self) -> Mapping[str, str]:
        """Return the options that do nothing beside the others as they are, each with what makes it idle."""
        return {}

    def require(self, given: Collection[str]) -> None:
        """Raise UsageError where options cannot be as they are beside each other. given : those not left to defaults"""

    def resolved(self, embedder: Mapping[str, object] | None) -> Self:
        """Return the same with the defaults that depend on other options, or on what made the vectors.

        embedder : its identity by their seal, if known
        """
        return self


@dataclass(frozen=True)
class SeededOptions(Options):
    """Options of what is random."""

    seed: Annotated[int, Option("Of all that is random.", least=0, most=_MOST_SEED)] = 0


@dataclass(frozen=True)
class SampleOptions(SeededOptions):
    """Options of the sample of the source that a rule is fitted to."""

    pool_sample: Annotated[int, Option("Rows of the source solved on.", "N", least=1)] = 65536


@dataclass(frozen=True)
class CenterOptions(SampleOptions):
    """Options of where the origin is."""

    center: Annotated[bool | None, Option(
        "Subtract the source's mean vector and scale to unit length. Default: for hash, or to whiten.")] = None

    def resolved(self, embedder: Mapping[str, object] | None) -> Self:
        """Return the same, with rows of hash centred unless told otherwise: their mean says nothing of a text."""
        return replace(self, center=_centers(self.center, embedder))


def _centers(center: bool | None, embedder: Mapping[str, object] | None) -> bool:
    return embedder is not None and embedder.get("name") == "hash" if center is None else center


@dataclass(frozen=True)
class SpaceOptions(CenterOptions):
    """Options of how vectors are compared.

    whitens : whether this rule whitens unless told otherwise.
    ridge   : of whitening, in mean variances of a direction; None takes its own (ot/whitening.py).
    """

    whiten: Annotated[bool | None, Option(
        "Center, and scale directions so that the source varies alike in all. Default: for got, not with --no-center, "
        "not to --screen.")] = None
    metric: Annotated[Metric, Option("The cost between two vectors.")] = "sqeuclidean"
    ridge: float | None = None
    whitens: ClassVar[bool] = False

    @property
    def centers(self) -> bool:
        """Whether the mean is subtracted: to whiten it always is."""
        return bool(self.center or self.whiten)

    def resolved(self, embedder: Mapping[str, object] | None) -> Self:
        """Return the same, whitened where the rule does that and nothing speaks against it, and centred to whiten.

        Raises: UsageError where rows are to be whitened and not centred.
        """
        if self.whiten and self.center is False:
            raise UsageError("--whiten centers: leave out --no-center")
        whiten = self.whitens and self.center is not False if self.whiten is None else self.whiten
        return replace(self, whiten=whiten, center=whiten or _centers(self.center, embedder))


@dataclass(frozen=True)
class TransportOptions(SpaceOptions):
    """Options of an entropic distance between source and target."""

    epsilon: Annotated[float | None, Option(
        f"Regularisation, in standard deviations of the cost; 0 is exact. Default: {PLAIN_EPSILON:g}; where vectors "
        f"are whitened {WHITENED_EPSILON:g}, less where that is learned from few rows, and a quarter of it with "
        "--share.", least=0)] = None
    tol: Annotated[float, Option("Marginal error to reach.", least=0, above=True)] = 1e-4
    max_iterations: Annotated[int, Option("Looks at the sample, at most.", "N", least=1)] = 1000
    max_target: Annotated[int, Option(
        "Compress a larger target to so many weighted points; 0 keeps all.", "N", least=0)] = 4096

    def idle(self) -> Mapping[str, str]:
        """Return what an exact solution has no use for."""
        return dict.fromkeys(("tol", "max_iterations"), " and --epsilon 0") if self.epsilon == 0.0 else {}
