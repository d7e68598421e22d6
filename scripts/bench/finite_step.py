"""What the exact step is worth: toys whose best choice is known, and the time beside rounds.

    python finite_step.py [--rows 2000] [--choose 100] [--points 50] [--share 0.7] [--epsilon 0.05] [--rounds 4 16]

For four pools (two clusters, ten clusters, a shift, rare modes): how much of the possible fall of the exact distance
(POT's simplex) each choice brings, at `share` of the mass; 100 % is the optimum over all fractional choices, a linear
programme. Choices: the first order (got), rounds of it (each adds to the source what was chosen so far, in proportion),
round-robin, the exact step. Then seconds to fit on rows in memory, scoring included, and how far the exact step's
entropic distance, which is what it minimises, is above the lower bound its own potentials certify.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch

import ot
from gotd.methods.base import Fitted, VectorProblem
from gotd.ot.blocks import Workers
from gotd.ot.source import Part
from gotd.selection import resolve_vectors

#: Of a rule, by name.
Options = dict[str, object]
Toy = Callable[[np.random.Generator, int, int], tuple[np.ndarray, np.ndarray]]
_CPU = torch.device("cpu")


def two_clusters(r: np.random.Generator, n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    """A tenth of the pool is in either cluster of the target."""
    x, y = 0.4 * r.normal(size=(n, 4)), 0.4 * r.normal(size=(m, 4))
    x[: n // 10, 0] += 3
    x[n // 10 : n // 5, 0] -= 3.15
    y[: m // 2, 0] += 3
    y[m // 2 :, 0] -= 3.15
    return x, y


def ten_clusters(r: np.random.Generator, n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    """Three tenths of the pool are in the target's ten clusters."""
    centres, some = 3 * r.normal(size=(10, 8)), 3 * n // 10
    x = r.normal(size=(n, 8))
    x[:some] = centres[r.integers(0, 10, some)] + 0.5 * r.normal(size=(some, 8))
    return x, centres[np.arange(m) % 10] + 0.5 * r.normal(size=(m, 8))


def shift(r: np.random.Generator, n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    """The target is narrower than the pool, and beside its middle."""
    y = 0.7 * r.normal(size=(m, 8))
    y[:, 0] += 1
    return r.normal(size=(n, 8)), y


def rare_modes(r: np.random.Generator, n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    """Three tenths of the target are in five modes that have 1.5 % of the pool each."""
    centres, x, y = 3 * r.normal(size=(5, 8)), r.normal(size=(n, 8)), r.normal(size=(m, 8))
    each, own = 3 * n // 200, 3 * m // 50
    for i, centre in enumerate(centres):
        x[i * each : (i + 1) * each] = centre + 0.4 * r.normal(size=(each, 8))
        y[i * own : (i + 1) * own] = centre + 0.4 * r.normal(size=(own, 8))
    return x, y


class Choices:
    """Ways to choose k rows, for one pool and target."""

    def __init__(self, x: np.ndarray, y: np.ndarray, k: int, share: float, epsilon: float, workers: Workers) -> None:
        self.x, self.y, self.k, self.share, self.workers = x.astype("f4"), y.astype("f4"), k, share, workers
        self.options: Options = {"epsilon": epsilon, "whiten": False, "max_iterations": 5000, "tol": 1e-3}

    def scored(self, name: str, options: Options, chosen: np.ndarray | None = None, mass: float = 0.0
               ) -> tuple[Fitted, np.ndarray]:
        """A rule's fit, and its scores; the source has `mass` on the rows chosen so far."""
        parts = [Part("pool", 1.0 - mass, lambda: iter([self.x]))]
        if chosen is not None:
            parts.append(Part("chosen", mass, lambda: iter([self.x[chosen]])))
        rule = resolve_vectors(name, options, None)
        fitted = rule.fit(VectorProblem(self.y, np.ones(len(self.y)), parts, self.workers, _CPU))
        return fitted, rule.scorer(fitted.arrays, fitted.summary, self.workers, _CPU).scores(self.x)

    def best(self, name: str, options: Options) -> tuple[Fitted, np.ndarray]:
        """A rule's fit, and the k rows of the highest scores."""
        fitted, scores = self.scored(name, options)
        return fitted, np.argsort(-scores, kind="stable")[: self.k]

    def in_rounds(self, rounds: int) -> np.ndarray:
        """k rows in so many rounds of the first order."""
        chosen = self.best("got", self.options)[1][: self.k // rounds]
        for number in range(1, rounds):
            wanted = self.k * (number + 1) // rounds - len(chosen)
            _, scores = self.scored("got", self.options, chosen, self.share * number / rounds)
            scores[chosen] = -np.inf
            chosen = np.append(chosen, np.argsort(-scores, kind="stable")[:wanted])
        return chosen


class Exact:
    """The exact distance after a choice, and the least there can be."""

    def __init__(self, x: np.ndarray, y: np.ndarray, k: int, share: float) -> None:
        self.costs, self.b = ot.dist(x, y), np.full(len(y), 1 / len(y))
        self.n, self.k, self.share = len(x), k, share

    def after(self, chosen: np.ndarray | None) -> float:
        """<P, C> of the best plan for the effective distribution."""
        masses = np.full(self.n, (1.0 if chosen is None else 1.0 - self.share) / self.n)
        if chosen is not None:
            masses[chosen] += self.share / self.k
        present = masses > 0
        return float(ot.emd2(masses[present], self.b, self.costs[present], numItermax=10**8))

    def least(self) -> float:
        """Rows twice, once as the source and once as candidates, which alone may stay out: a column of cost 0."""
        masses = np.repeat([(1 - self.share) / self.n, self.share / self.k], self.n)
        out = np.repeat([10 * self.costs.max(), 0.0], self.n)
        columns = np.append(self.b, masses.sum() - 1)
        return float(ot.emd2(masses, columns, np.column_stack([np.tile(self.costs, (2, 1)), out]), numItermax=10**8))


def measured(toy: Toy, options: argparse.Namespace, workers: Workers) -> list[str]:
    """A row of the table."""
    x, y = toy(np.random.default_rng(5), options.rows, options.points)
    choices = Choices(x, y, options.choose, options.share, options.epsilon, workers)
    exact = Exact(x, y, options.choose, options.share)
    before, least = exact.after(None), exact.least()
    step = choices.options | {"choose": float(options.choose), "share": options.share}
    summaries = []

    def of_rule(name: str, of: Options) -> np.ndarray:
        fitted, chosen = choices.best(name, of)
        summaries.append(fitted.summary)
        return chosen

    ways: list[Callable[[], np.ndarray]] = [lambda: of_rule("got", choices.options)]
    ways += [lambda rounds=rounds: choices.in_rounds(rounds) for rounds in options.rounds]  # type: ignore[misc]
    ways += [lambda: of_rule("round-robin", {}), lambda: of_rule("got", step)]
    row = [toy.__name__.replace("_", " ")]
    for way in ways:
        start = time.process_time()
        chosen = way()
        seconds = time.process_time() - start
        row.append(f"{(before - exact.after(chosen)) / (before - least):.1%} ({seconds:.1f} s)")
    summary = summaries[-1]
    return [*row, f"{summary['distance_choice'] / summary['distance_bound'] - 1:.2%}"]


def main() -> None:
    """Print the table, in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--points", type=int, default=50)
    parser.add_argument("--choose", type=int, default=100)
    parser.add_argument("--share", type=float, default=0.7)
    parser.add_argument("--epsilon", type=float, default=0.05)
    parser.add_argument("--rounds", type=int, nargs="*", default=[4, 16])
    options = parser.parse_args()
    rounds = [f"{number} rounds" for number in options.rounds]
    names = ["pool", "got", *rounds, "round-robin", "exact step", "above bound"]
    print("| " + " | ".join(names) + " |\n" + "|---" * len(names) + "|")
    workers = Workers(1)
    for toy in (two_clusters, ten_clusters, shift, rare_modes):
        print("| " + " | ".join(measured(toy, options, workers)) + " |", flush=True)


if __name__ == "__main__":
    main()
