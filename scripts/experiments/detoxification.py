"""Detoxification, from data to table: does a light pass on chosen text make a model say less that is toxic?

    python detoxification.py DATA WORK [--scale tiny] [--budgets 500 2000] [--rates 1e-3] [--seeds 3]

DATA is as data.py reads it, with pool/tweets.jsonl.zst and tasks/toxicity_davidson besides. The base model of the
other studies has read books, news and encyclopedias, and hardly swears. GPT-2, which the paper detoxifies, has read the
web. So the base of this study is that model trained further on a small web (toxicity_data.py) in which a third of the
tweets are labelled ones, most of them offensive: it has learnt to be toxic, as GPT-2 has. What is chosen from is more
of the same web; a rule is given 512 harmless and 512 harmful examples, and no label of what it chooses from.

Each choice, of a budget in chunks that count as many tokens as the mean chunk of the general domains, is one light pass
of the base. Then the model goes on after prompts, the first 16 tokens of held-out labelled texts, half of them
harmless, and a judge that saw none of all this (toxicity_judge.py) says how toxic each continuation is. Beside it
stands what the pass costs: nats a token on held-out harmless tweets and on held-out chunks of the general domains.

The paper takes GPT-2's web text for a pool, as here the base's, and has a closed service for a judge.

JSON lines go to WORK/SCALE/detoxification.jsonl. What is there is not made again: stopped, the same command goes on.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from arguments import add_training, of_a_study, part_of
from base import Bench
from continuations import Sampling, continuations, prompts
from data import Study, lay_out, lines, texts
from deadline import Deadline
from domain import model_of, run
from intervals import Interval, interval, shown
from machine import Machine
from results import add_all, lines_of, whole
from rules import Rule
from towards_and_away import ranked_between
from toxicity_data import CLEAN, HARMFUL, HARMLESS, harmful, lay_out_web
from toxicity_judge import Judge, measures

_BIN = Path(sys.executable).parent
#: Tokens of a prompt, and prompts out of the harmless and out of the harmful texts each.
_PROMPT_TOKENS, _PROMPTS = 16, 120
#: Clean text by its name in results, and where it is.
_CLEAN = {"harmless": HARMLESS, "general": CLEAN}
_MEASURES = ("mean_toxicity", "expected_maximum_toxicity", "toxicity_probability")


class Choice(NamedTuple):
    """What is chosen: a rule's best towards a target, and away from another where one is named."""

    rule: str
    towards: str = ""
    away: str = ""


NONE = Choice("none")
#: What is compared; V stands for --vectors.
CHOICES = (Choice("random"), Choice("got:vectors=V", HARMLESS), Choice("got:vectors=V", HARMLESS, HARMFUL),
           Choice("got:vectors=V", HARMFUL))


class Run(NamedTuple):
    """One pass, and what became of it. chunks, rate : 0 of the base itself"""

    rule: str
    towards: str
    away: str
    chunks: int
    rate: float
    seed: int

    def file(self, web: Study, what: str) -> Path:
        """Where what was measured on every prompt or text is kept."""
        name = f"{self.rule}-{self.towards}-{self.away}@{self.chunks}-{self.rate:g}-{self.seed}"
        return web.folder / what / f"{name}.npy"


def wanted(budgets: list[int], rates: list[float], seeds: int, vectors: str) -> Iterator[Run]:
    """All runs, in an order in which every choice has been tried once before any is tried twice."""
    for seed in range(seeds):
        yield Run(*NONE, 0, 0.0, seed)
    for rate in rates:
        for chunks in budgets:
            for seed in range(seeds):
                for choice in CHOICES:
                    rule = choice.rule.replace("=V", f"={vectors}")
                    yield Run(rule, choice.towards, choice.away, chunks, rate, seed)


class Desk:
    """All that a run needs, made where it is missing.

    bench : of the small web; tokens_a_chunk : how many tokens of a budget a chunk counts as; prompts : as tokens
    labelled_harmful : bool (n,), of each text of the pool; no rule sees it
    """

    def __init__(self, study: Study, web: Study, scale: str, machine: Machine, deadline: Deadline,
                 how: Sampling) -> None:
        start = Bench(study, scale, machine, deadline)
        self.web, self.how, self.bench = web, how, Bench(web, scale, machine, deadline, start)
        self._pool = self.bench.tokens(web.pool)
        self.tokens_a_chunk = float(start.tokens(study.source).lengths.mean())
        self.judge = Judge(web)
        self.labelled_harmful = np.array([harmful(line) for line in lines(web.pool)])
        begin = partial(prompts, self.bench.tokenizer, length=_PROMPT_TOKENS, most=_PROMPTS)
        self.prompts = [*begin(texts(web.held_out(HARMLESS))), *begin(texts(web.held_out(HARMFUL)))]

    def chosen(self, run: Run, budget: int) -> np.ndarray:
        """Rows of the pool, as many as have the budget's tokens. Shapes: -> int64 (k,)."""
        rule, lengths = f"random:seed={run.seed}" if run.rule == "random" else run.rule, self._pool.lengths
        ranked = ranked_between(self.web, Rule.parse(rule), run.towards, run.away, len(lengths))
        if lengths.sum() < budget:
            raise SystemExit(f"detoxification: error: the pool has {lengths.sum()} tokens, fewer than {budget}")
        return ranked[: int(np.searchsorted(np.cumsum(lengths[ranked]), budget)) + 1]

    def carried_out(self, run: Run) -> dict[str, object]:
        """Train and measure."""
        start = time.perf_counter()
        model, budget, said = self.bench.base(), round(run.chunks * self.tokens_a_chunk), run._asdict()
        if budget:
            rows = self.chosen(run, budget)
            self.bench.train(model, self._pool.first(rows, budget), run.rate, run.seed)
            lengths = self._pool.lengths[rows]
            harm = float(self.labelled_harmful[rows] @ lengths / lengths.sum())
            said |= {"texts": len(rows), "labelled_harmful_share": harm}
        made = continuations(model, self.bench.tokenizer, self.prompts, self.how, run.seed)
        toxicity = self.judge.toxicity(made).reshape(len(self.prompts), self.how.samples)
        _keep(run.file(self.web, "toxicity"), toxicity)
        said |= {"tokens": budget, **measures(toxicity)}
        for name, task in _CLEAN.items():
            tokens = self.bench.tokens(self.web.held_out(task))
            costs = self.bench.costs(model, tokens)
            _keep(run.file(self.web, f"costs/{task}"), costs)
            said[f"nats_per_token_{name}"] = float(costs.sum() / tokens.lengths.sum())
        return {**said, **self.bench.machine._asdict(), **self.how._asdict(), "prompts": len(self.prompts),
                "prompt_tokens": _PROMPT_TOKENS,
                "judge_f1": self.judge.f1, "judge_macro_f1": self.judge.macro_f1,
                "seconds": round(time.perf_counter() - start, 1)}


def _keep(path: Path, rows: np.ndarray) -> None:
    with whole(path) as draft:
        np.save(draft, rows)


def embed(web: Study, name: str, model: "str | Path") -> None:
    """Vectors of what is chosen from and of the targets."""
    folder, line = web.folder / "vectors" / name, [_BIN / "ds-embed", "-q", "--model", model]
    run(*line, web.pool, "-o", f"{folder}/")
    run(*line, web.target(HARMLESS), web.target(HARMFUL), "-o", f"{folder}/targets/")


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
    measured = {key: _measured(bench.study, key, some) for key, some in found.items()}
    base = measured[*NONE, 0, 0.0]
    for key in sorted(found, key=lambda key: (key[4], key[3], key[:3])):
        some, mine = found[key], measured[key]
        means = [np.mean([line[name] for line in some]) for name in _MEASURES]
        changes = [""] * 3
        if key[0] != NONE.rule:
            lengths = [bench.tokens(bench.study.held_out(task)).lengths for task in _CLEAN.values()]
            changes = [shown(_less_toxic(mine[0], base[0])), *(_both(*each) for each in
                                                               zip(mine[1:], base[1:], lengths, strict=True))]
        harm = f"{100 * np.mean([line['labelled_harmful_share'] for line in some]):.1f}" if key[3] else ""
        strength = f"{key[3] or ''} | {key[4] or ''} | {harm}"
        rows.append(f"| {_said(key)} | {strength} | {means[0]:.4f} | {changes[0]} | {means[1]:.4f} | {means[2]:.4f} | "
                    f"{changes[1]} | {changes[2]} |")
    return "\n".join(rows)


def _measured(web: Study, key: tuple[Any, ...], some: list[dict[str, Any]]) -> list[np.ndarray]:
    """Toxicity of every continuation, and nats of every clean text, the mean over seeds."""
    runs = [Run(*key, line["seed"]) for line in some]
    return [np.asarray(np.mean([np.load(run.file(web, what)) for run in runs], axis=0))
            for what in ("toxicity", *(f"costs/{task}" for task in _CLEAN.values()))]


def _said(key: tuple[Any, ...]) -> str:
    rule, towards, away = key[:3]
    return f"`{rule}`" + (f" towards {towards}" if towards else "") + (f", away from {away}" if away else "")


def main() -> None:
    """All that is missing, and the table."""
    parser = of_a_study(__doc__)
    parser.add_argument("--vectors", default="hash+static", help="embedders, side by side (default hash+static)")
    parser.add_argument("--budgets", type=int, nargs="+", default=[500, 2000])
    parser.add_argument("--rates", type=float, nargs="+", default=[1e-3], help="highest learning rates of a pass")
    add_training(parser)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    study, deadline = lay_out(given.data, given.work, given.scale), Deadline(given.minutes)
    web = lay_out_web(given.data, study)
    for name in given.vectors.split("+"):
        embed(web, name, model_of(name, study, given.work, given.encoder))
    desk = Desk(study, web, given.scale, Machine.of(given), deadline, Sampling())
    results = study.folder / "detoxification.jsonl"
    before = {Run(*(line[name] for name in Run._fields)) for line in lines_of(results)}
    every = part_of(list(wanted(given.budgets, given.rates, given.seeds, given.vectors)), given.part)
    add_all(results, (desk.carried_out(run) for run in every if run not in before),
            lambda line: f"{line['chunks']:6} {line['seed']} {line['mean_toxicity']:.4f} "
                         f"{line['nats_per_token_harmless']:.4f} {line['nats_per_token_general']:.4f} "
                         f"{line['rule']} {line['towards']} {line['away']}", deadline)
    print(f"The judge's F1 is {desk.judge.f1:.3f} of harmful, {desk.judge.macro_f1:.3f} the mean of both kinds.\n")
    print(table(desk.bench, lines_of(results)))


if __name__ == "__main__":
    main()
