"""GOT-D: choose the documents that move a language model's training distribution towards a task fastest.

    import gotd

    choice = gotd.select(pool, target, k=1000)              # texts or records in, the best of them out
    vectors = gotd.embed(pool)                              # or step by step, as the commands do
    target = gotd.fit(gotd.embed(examples), vectors)
    scores = target.score(vectors)
    best = gotd.topk(pool, scores, k=1000)
    print(gotd.probe({"got": best}, held_out, pool).rows)

Nothing heavy is imported before it is used. tools/README.md has the whole of it.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gotd.api.choice import Choice, select, topk
    from gotd.api.embedding import embed
    from gotd.api.inputs import Embeddings
    from gotd.api.probing import probe, probe_curve, probe_rules
    from gotd.api.target import Target, fit
    from gotd.errors import DataError, GotdError, UsageError
    from gotd.probing.comparison import Comparison
    from gotd.probing.curve import Curve
    from gotd.probing.rules import RuleComparison

__version__ = "0.2.0"
__all__ = ["Choice", "Comparison", "Curve", "DataError", "Embeddings", "GotdError", "RuleComparison", "Target",
           "UsageError", "__version__", "embed", "fit", "probe", "probe_curve", "probe_rules", "select", "topk"]

_PLACES = {"Choice": "api.choice", "select": "api.choice", "topk": "api.choice", "embed": "api.embedding",
           "Embeddings": "api.inputs", "probe": "api.probing", "probe_curve": "api.probing",
           "probe_rules": "api.probing", "Target": "api.target", "fit": "api.target", "DataError": "errors",
           "GotdError": "errors", "UsageError": "errors", "Comparison": "probing.comparison",
           "Curve": "probing.curve", "RuleComparison": "probing.rules"}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used."""
    if name not in _PLACES:
        raise AttributeError(f"module 'gotd' has no attribute {name!r}")
    return getattr(importlib.import_module(f"gotd.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
