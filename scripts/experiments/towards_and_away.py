"""Rankings of a pool by a rule's scores for one target less its scores for another: towards it, away from the other.

A score says how fast a unit of mass on a text brings the source towards a target; the difference of two, how much
faster towards the one than towards the other. Both are in the unit of the cost, and 0 for the average text.
"""

import hashlib

import numpy as np
from data import Study
from results import whole
from rules import RowScores, Rule, ranked


def ranked_between(study: Study, rule: Rule, towards: str, away: str, chunks: int) -> np.ndarray:
    """Rows of the pool, best first. Shapes: -> int64 (k,).

    towards, away : targets; with no `away`, as rules.py ranks them; with no `towards`, the farthest from `away` first
    """
    if not away:
        return ranked(study, towards, rule, chunks)
    key = hashlib.sha256(rule.written.encode()).hexdigest()[:16]
    file = study.folder / "rankings" / f"{towards or 'any'}-not-{away}" / f"{rule.name}-{key}.npy"
    if not file.exists():
        nothing = np.empty(0, dtype=np.int64)
        near, far = (RowScores(study, task, rule, chunks).given(nothing, 0.0) if task else 0.0
                     for task in (towards, away))
        with whole(file) as draft:
            np.save(draft, np.argsort(far - near, kind="stable").astype(np.int32))
    return np.load(file).astype(np.int64)
