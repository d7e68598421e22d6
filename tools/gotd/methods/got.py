"""GOT-D: the calibrated gradient of the optimal-transport distance from the source to the target."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from gotd.errors import GotdError, UsageError
from gotd.methods.base import Fitted, VectorProblem
from gotd.methods.options import Option, TransportOptions
from gotd.methods.schema import Figures, is_figure
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


@dataclass(frozen=True)
class _Convergence(Figures):
    """Figures of the summary that say how well the potentials are solved. score_error : None after a step"""

    marginal_error: Annotated[float, is_figure]
    iterations: Annotated[int, is_figure]
    score_error: Annotated[float | None, is_figure]


class Got(TransformRule):
    """The potentials of the target against the source, solved by Sinkhorn and Newton steps, or exactly at epsilon 0."""

    name = "got"
    options_type = GotOptions
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
        if fitted.summary["converged"] or self.options.allow_unconverged:
            return
        solved = _Convergence.read(fitted.summary)
        if solved.marginal_error > self.options.tol:
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
        from gotd.methods.finite_step import StepFigures, advice

        return advice(StepFigures.read(fitted.summary)) if "share" in fitted.summary else None

    def use_of_pool(self, fitted: Fitted) -> str:
        """Return what the pool beside a --source is for."""
        return "is what is chosen from" if "share" in fitted.summary else super().use_of_pool(fitted)
