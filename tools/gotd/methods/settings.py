"""How a rule is fitted."""

from typing import Literal, NamedTuple

from gotd.ot.estimation import sampling_spread

#: Default epsilon, in standard deviations of the cost, of rows as they are and of ones whitened by many rows: whitened
#: costs vary several times less than others, in proportion to their mean. Both did best on real tasks
#: (scripts/experiments).
PLAIN_EPSILON, WHITENED_EPSILON = 0.05, 2.0
#: Of the whitened default where a choice has a share. An entropic distance favours the tighter kinds of target text,
#: which a first step hardly shows and a large one does: of two equal kinds, one half again as wide, the best 100 rows
#: are 28 and 66 at an epsilon of 2, 41 and 56 at 0.5. Set on that toy alone; not tried on real text yet.
STEP_PART = 0.25


def default_epsilon(whiten: bool, rows: int, dimension: int) -> float:
    """Return the default epsilon, in standard deviations of the cost.

    rows : distinct rows that the whitening is learned from. By 1 + s the largest singular value of the noise in it
        exceeds 1 (ot/whitening.py), and noise in the points adds to the cost's deviation, not to what it says. On five
        targets that is no better, by the probe, than 1.4 to 2 for any number of rows; a pool of 2,400 rows asks for it.
    """
    return WHITENED_EPSILON / (1.0 + sampling_spread(rows, dimension)) if whiten else PLAIN_EPSILON


class Settings(NamedTuple):
    """The options of `ds-target-stats`; each rule listens to some of them (registry.py).

    epsilon   : regularisation, in standard deviations of the cost; 0 is exact; None leaves it to `default_epsilon`.
    metric    : the cost between two vectors.
    center    : take the source's mean from every vector and scale the rest to unit length.
    whiten    : between the two, scale directions so that the source varies alike in all (ot/whitening.py).
    ridge     : of whitening, in mean variances of a direction; None takes its own (ot/whitening.py).
    sample    : rows of the source that are solved on.
    passes    : readings of the whole source after that, at most; each measures, and corrects where it has to.
    tolerance : marginal error to reach, sum_j |c_j - b_j|.
    max_iterations : looks at the sample.
    max_target : points that a larger target is compressed to; 0 keeps all.
    choose    : documents that will be chosen, or below 1 their fraction: whose stability is told.
    share     : of the mass that the choice will have, for the step of that size; 0 takes the first step towards it.
    seed      : of everything random.
    rounds    : of round-robin; 0 leaves it to the rule.
    min_words : of dsir; shorter texts score lowest.
    gumbel    : of dsir; a sample instead of the best.
    """

    epsilon: float | None = None
    metric: Literal["sqeuclidean", "cosine"] = "sqeuclidean"
    center: bool = False
    whiten: bool = False
    ridge: float | None = None
    sample: int = 65536
    passes: int = 0
    tolerance: float = 1e-4
    max_iterations: int = 1000
    max_target: int = 4096
    choose: float = 0.01
    share: float = 0.0
    seed: int = 0
    rounds: int = 0
    min_words: int = 100
    gumbel: bool = False
