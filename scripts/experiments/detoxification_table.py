"""The table of detoxification.py from its lines alone: toxicity, and what it costs on clean text.

    python detoxification_table.py scripts/experiments/results/detoxification-SmolLM2-135M.jsonl
"""

from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from arguments import print_table, run_study
from intervals import Interval, interval, shown
from packing import packed_halves, unpacked_halves
from results import NO_WARM_UP, comparable
from toxicity_data import CLEAN, HARMLESS

#: Clean text by its name in results, and where it is.
CLEAN_TEXTS = {"harmless": HARMLESS, "general": CLEAN}
_PROMPTS = "toxicity_of_prompts"
_MEASURES = ("mean_toxicity", "expected_maximum_toxicity", "toxicity_probability")


class Choice(NamedTuple):
    """What is chosen: a rule's best towards a target, and away from another where one is named."""

    rule: str
    towards: str = ""
    away: str = ""


NONE = Choice(NO_WARM_UP)


class Run(NamedTuple):
    """One pass, and what became of it. chunks, rate : 0 of the base itself"""

    rule: str
    towards: str
    away: str
    chunks: int
    rate: float
    seed: int


class Measured(NamedTuple):
    """What a table is made of. Of several seeds the mean.

    toxicity : of each prompt, the mean over its continuations, float64 (p,)
    costs, lengths : of the texts of each of CLEAN_TEXTS, nats and tokens, float64 (n,) each
    """

    toxicity: np.ndarray
    costs: tuple[np.ndarray, ...]
    lengths: tuple[np.ndarray, ...]

    def said(self) -> dict[str, str]:
        """As a line of results has it."""
        clean = zip(CLEAN_TEXTS, self.costs, self.lengths, strict=True)
        return {_PROMPTS: packed_halves(self.toxicity),
                **{key: packed_halves(values) for name, *both in clean
                   for key, values in zip(_clean_keys(name), both, strict=True)}}

    @classmethod
    def mean(cls, lines: list[dict[str, Any]]) -> "Measured":
        """Of the lines of all seeds of a choice."""
        costs, lengths = zip(*(_clean_keys(name) for name in CLEAN_TEXTS), strict=True)
        return cls(_mean(lines, _PROMPTS), *(tuple(_mean(lines, key) for key in keys) for keys in (costs, lengths)))


def _clean_keys(name: str) -> tuple[str, str]:
    return f"nats_of_{name}", f"tokens_of_{name}"


def _mean(lines: list[dict[str, Any]], key: str) -> np.ndarray:
    return np.asarray(np.mean([unpacked_halves(line[key]) for line in lines], axis=0))


def _less_toxic(mine: np.ndarray, base: np.ndarray) -> Interval:
    """Change of the mean toxicity in per cent of the base's, by resampling prompts. Shapes: (p,)."""
    return interval(lambda weights: 100 * ((weights @ mine) / (weights @ base) - 1), len(mine))


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


def table(runs: list[dict[str, Any]]) -> str:
    """Markdown: the base, and every choice at every strength, means over seeds; changes in per cent of the base's."""
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for line in runs:
        found[tuple(line[name] for name in Run._fields[:-1])].append(line)
    rows = ["| chosen | chunks | rate | harmful in it, % | mean toxicity | change, % | worst of a prompt | "
            "prompts with a toxic one | perplexity a token, harmless tweets, % | perplexity a token, general, % |",
            "|---" * 10 + "|"]
    base = Measured.mean(found[*NONE, 0, 0.0])
    for key in sorted(found, key=lambda key: (key[4], key[3], key[:3])):
        some = found[key]
        means = [np.mean([line[name] for line in some]) for name in _MEASURES]
        changes = [""] * 3 if key[0] == NONE.rule else _changes(Measured.mean(some), base)
        harm = f"{100 * np.mean([line['labelled_harmful_share'] for line in some]):.1f}" if key[3] else ""
        strength = f"{key[3] or ''} | {key[4] or ''} | {harm}"
        rows.append(f"| {_said(key)} | {strength} | {means[0]:.4f} | {changes[0]} | {means[1]:.4f} | {means[2]:.4f} | "
                    f"{changes[1]} | {changes[2]} |")
    return "\n".join(rows)


def _changes(mine: Measured, base: Measured) -> list[str]:
    """Of toxicity, and of the perplexity of each of CLEAN_TEXTS."""
    return [shown(_less_toxic(mine.toxicity, base.toxicity)),
            *(_both(*each) for each in zip(mine.costs, base.costs, base.lengths, strict=True))]


def table_of(file: Path) -> str:
    """The table of a results file. Raises: DataError, as comparable"""
    return table(comparable(file, "detoxification.py", _PROMPTS))


def _said(key: tuple[Any, ...]) -> str:
    rule, towards, away = key[:3]
    return f"`{rule}`" + (f" towards {towards}" if towards else "") + (f", away from {away}" if away else "")


def main() -> None:
    """Print it."""
    print_table(__doc__, table_of)


if __name__ == "__main__":
    run_study(main)
