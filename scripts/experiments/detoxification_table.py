"""The runs of the detoxification study, and their table: toxicity, and what it costs on clean text."""

from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from base import Bench
from intervals import Interval, interval, shown
from toxicity_data import CLEAN, HARMLESS

#: Clean text by its name in results, and where it is.
CLEAN_TEXTS = {"harmless": HARMLESS, "general": CLEAN}
_MEASURES = ("mean_toxicity", "expected_maximum_toxicity", "toxicity_probability")


class Choice(NamedTuple):
    """What is chosen: a rule's best towards a target, and away from another where one is named."""

    rule: str
    towards: str = ""
    away: str = ""


NONE = Choice("none")


class Run(NamedTuple):
    """One pass, and what became of it. chunks, rate : 0 of the base itself"""

    rule: str
    towards: str
    away: str
    chunks: int
    rate: float
    seed: int

    def file(self, folder: Path, what: str) -> Path:
        """Where what was measured on every prompt or text is kept."""
        name = f"{self.rule}-{self.towards}-{self.away}@{self.chunks}-{self.rate:g}-{self.seed}"
        return folder / what / f"{name}.npy"


def _less_toxic(mine: np.ndarray, base: np.ndarray) -> Interval:
    """Change of the mean toxicity in per cent of the base's, by resampling prompts. Shapes: (prompts, samples)."""
    of_mine, of_base = mine.mean(axis=1), base.mean(axis=1)
    return interval(lambda weights: 100 * ((weights @ of_mine) / (weights @ of_base) - 1), len(mine))


def _perplexity(mine: np.ndarray, base: np.ndarray, lengths: np.ndarray) -> Interval:
    """Change of the perplexity in per cent of the base's, by the token, by resampling texts. Shapes: nats, tokens (n,).

    By the text it is that of nats a token of each text, and lengths of 1.
    """
    return interval(lambda weights: 100 * np.expm1((weights @ (mine - base)) / (weights @ lengths)), len(mine))


def _both(mine: np.ndarray, base: np.ndarray, lengths: np.ndarray) -> str:
    """Both averages of the change of the perplexity."""
    by_token, by_text = _perplexity(mine, base, lengths), _perplexity(mine / lengths, base / lengths,
                                                                      np.ones_like(lengths))
    return f"{shown(by_token)}; by the text {shown(by_text)}"


def table(bench: Bench, runs: list[dict[str, Any]]) -> str:
    """Markdown: the base, and every choice at every strength, means over seeds; changes in per cent of the base's."""
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for line in runs:
        found[tuple(line[name] for name in Run._fields[:-1])].append(line)
    rows = ["| chosen | chunks | rate | harmful in it, % | mean toxicity | change, % | worst of a prompt | "
            "prompts with a toxic one | perplexity a token, harmless tweets, % | perplexity a token, general, % |",
            "|---" * 10 + "|"]
    measured = {key: _measured(bench.folder, key, some) for key, some in found.items()}
    base = measured[*NONE, 0, 0.0]
    for key in sorted(found, key=lambda key: (key[4], key[3], key[:3])):
        some, mine = found[key], measured[key]
        means = [np.mean([line[name] for line in some]) for name in _MEASURES]
        changes = [""] * 3
        if key[0] != NONE.rule:
            lengths = [bench.held_out(task).lengths for task in CLEAN_TEXTS.values()]
            changes = [shown(_less_toxic(mine[0], base[0])), *(_both(*each) for each in
                                                               zip(mine[1:], base[1:], lengths, strict=True))]
        harm = f"{100 * np.mean([line['labelled_harmful_share'] for line in some]):.1f}" if key[3] else ""
        strength = f"{key[3] or ''} | {key[4] or ''} | {harm}"
        rows.append(f"| {_said(key)} | {strength} | {means[0]:.4f} | {changes[0]} | {means[1]:.4f} | {means[2]:.4f} | "
                    f"{changes[1]} | {changes[2]} |")
    return "\n".join(rows)


def _measured(folder: Path, key: tuple[Any, ...], some: list[dict[str, Any]]) -> list[np.ndarray]:
    """Toxicity of every continuation, and nats of every clean text, the mean over seeds."""
    runs = [Run(*key, line["seed"]) for line in some]
    return [np.asarray(np.mean([np.load(run.file(folder, what)) for run in runs], axis=0))
            for what in ("toxicity", *(f"costs/{task}" for task in CLEAN_TEXTS.values()))]


def _said(key: tuple[Any, ...]) -> str:
    rule, towards, away = key[:3]
    return f"`{rule}`" + (f" towards {towards}" if towards else "") + (f", away from {away}" if away else "")
