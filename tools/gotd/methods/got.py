"""GOT-D: the calibrated gradient of the optimal-transport distance from the source to the target."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from gotd.errors import GotdError, UsageError
from gotd.methods.base import Fitted, VectorProblem
from gotd.methods.options import Option, TransportOptions
from gotd.methods.schema import (
    Count,
    Flag,
    Measured,
    MetricName,
    Name,
    NotNegative,
    Number,
    Positive,
    Summary,
)
from gotd.methods.transform_rule import TransformRule


@dataclass(frozen=True)
class GotOptions(TransportOptions):
    """Options of the potentials."""

    passes: Annotated[int, Option(
        "Readings of the whole source after the sample, at most; each measures the error there, and corrects.", "N",
        least=0)] = 0
    choose: Annotated[float, Option(
        "Documents to be chosen, or below 1 their fraction: the summary's expected_overlap is the part of them that "
        "another --seed would choose, too.", "K|F", least=0, above=True)] = 0.01
    share: Annotated[float | None, Option(
        "Fit what is best for --choose documents that will be so much of what the model has seen, up to 1, in place of "
        "the first step towards them. Prints the distance after either choice.", "L", least=0, above=True,
        most=1)] = None
    allow_unconverged: Annotated[bool, Option("Write the file all the same.")] = False
    whitens: ClassVar[bool] = True

    def idle(self) -> Mapping[str, str]:
        """Return what an exact solution has no use for."""
        idle = super().idle()
        return {**idle, **dict.fromkeys(("passes", "allow_unconverged"), idle["tol"])} if idle else idle

    def require(self, given: Collection[str]) -> None:
        """Raise UsageError for a share that no step can be made of."""
        if self.share is not None and "choose" not in given:
            raise UsageError("--share is of what will be chosen; give --choose K with it")
        if self.share is not None and self.epsilon == 0.0:
            raise UsageError("--share needs an --epsilon above 0: at 0 scores of what is just chosen and just not are "
                             "equal; 0.01 is near exact")


@dataclass(frozen=True, kw_only=True)
class GotSummary(Summary):
    """What the fit says of itself; what its figures bound: ot/README.md.

    measured_on : what stands behind the marginal error. score_error : none after a step of finite size
    epsilon : absolute; relative, in standard deviations of the cost
    source_rows, sample_rows : distinct rows of the source, and of the sample. target_error : of compression
    """

    distance: Measured = None
    marginal_error: Measured = None
    measured_on: Name = "sample"
    score_error: Measured = None
    iterations: Measured = None
    expected_overlap: Measured = None
    choose: Measured = None
    epsilon: NotNegative
    epsilon_relative: Measured = None
    metric: MetricName
    center: Flag
    whiten: Flag = False
    cost_mean: Measured = None
    cost_std: Measured = None
    calibration_mean: Number
    calibration_scale: Positive
    source_rows: Measured = None
    sample_rows: Measured = None
    passes: Measured = None
    target_rows: Measured = None
    target_points: Measured = None
    target_error: Measured = None
    seed: Measured = None


@dataclass(frozen=True, kw_only=True)
class StepFigures:
    """What a step of finite size says: distances are the sample's, entropic.

    share : of the mass, on the choice. chosen_fraction : of the pool's rows. candidate_rows : those rows
    distance_first_order : after it with the first-order choice; distance_choice : with its own; distance_bound : no
        choice comes below that. choice_in_common : the part of either choice that is in the other
    """

    share: NotNegative
    chosen_fraction: NotNegative
    candidate_rows: Count
    distance_first_order: Number
    distance_choice: Number
    distance_bound: Number
    choice_in_common: Number

    def raised(self, by: float) -> "StepFigures":
        """Return the figures with all distances so much larger."""
        return replace(self, distance_first_order=self.distance_first_order + by,
                       distance_choice=self.distance_choice + by, distance_bound=self.distance_bound + by)


@dataclass(frozen=True, kw_only=True)
class StepSummary(StepFigures, GotSummary):
    """What a fit says of itself that is for a step of finite size."""


class Got(TransformRule):
    """The potentials of the target against the source, solved by Sinkhorn and Newton steps, or exactly at epsilon 0."""

    name = "got"
    options_type = GotOptions
    summary_type = GotSummary
    options: GotOptions

    def fit(self, problem: VectorProblem) -> Fitted:
        """Solve the potentials on a sample of the source, then on all of it where that is asked for."""
        from gotd.methods.got_fit import fit_potentials

        if not problem.source_is_pool and self.options.choose >= 1.0:
            raise UsageError("--choose: with --source the pool is not counted; give the fraction of it, below 1")
        return fit_potentials(problem, self.options)

    @property
    def rereads(self) -> bool:
        """Whether a fit may read the source more than once."""
        return bool(self.options.passes or self.options.share)

    def require_converged(self, fitted: Fitted) -> None:
        """Raise GotdError where the potentials are not what was asked for."""
        solved = fitted.figures
        if solved.converged or self.options.allow_unconverged or not isinstance(solved, GotSummary):
            return
        if (solved.marginal_error or 0.0) > self.options.tol:
            raise GotdError(
                f"not converged: marginal error {solved.marginal_error:.2g} after {solved.iterations} iterations, "
                f"{self.options.tol:g} was asked; raise --max-iterations, --passes, --tol or --epsilon, or say "
                "--allow-unconverged"
            )
        raise GotdError(
            f"not converged: the marginals hold, but one more step would move scores by {solved.score_error:.2g} of "
            "their standard deviation: the target has parts that are many epsilons apart; raise --epsilon, "
            "--max-iterations or --passes, or say --allow-unconverged"
        )

    def advice(self, fitted: Fitted) -> str | None:
        """Return whether the exact step matters, where one was made."""
        from gotd.methods.finite_step import advice

        return advice(fitted.figures) if isinstance(fitted.figures, StepSummary) else None

    def use_of_pool(self, fitted: Fitted) -> str:
        """Return what the pool beside a --source is for."""
        return "is what is chosen from" if isinstance(fitted.figures, StepSummary) else super().use_of_pool(fitted)
