"""Detoxification, from data to table: does a light pass on chosen text make a model say less that is toxic?

    python detoxification.py DATA WORK [--scale tiny] [--budgets 500 2000] [--rates 1e-3] [--seeds 3]
                             [--prompts 120] [--samples 10] [--model FOLDER --length 128 --held-out 250]

DATA is as data.py reads it, with pool/tweets.jsonl.zst and tasks/toxicity_davidson besides. The base model of the
other studies has read books, news and encyclopedias, and hardly swears. GPT-2, which the paper detoxifies, has read the
web. So the base of this study is that model trained further on a small web (toxicity_data.py) in which a third of the
tweets are labelled ones, most of them offensive: it has learnt to be toxic, as GPT-2 has. What is chosen from is more
of the same web; a rule is given 512 harmless and 512 harmful examples, and no label of what it chooses from.

Each choice, of a budget in chunks that count as many tokens as the mean chunk of the general domains, is one light pass
of the base. Then the model goes on after prompts, the first 16 tokens of held-out labelled texts, half of them
harmless, and a judge that saw none of all this (toxicity_judge.py) says how toxic each continuation is. Beside it
stands what the pass costs: nats a token on held-out harmless tweets and on held-out chunks of the general domains.

The paper takes GPT-2's web text for a pool, as here the base's, and has a closed service for a judge. With --model the
base is any causal model (pretrained_bench.py), which has read the web already and reads none of the small one before.

JSON lines go to WORK/SCALE/detoxification.jsonl, with --model to pretrained/NAME/ of WORK/SCALE/detoxification/. What
is there is not made again: stopped, the same command goes on. detoxification_table.py makes the table of them.
"""

import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from arguments import of_a_study, part_of, run_study
from base import Bench
from continuations import Sampling, continuations, prompts
from data import Study, lay_out, lines, texts
from deadline import Deadline
from detoxification_table import CLEAN_TEXTS, NONE, Choice, Measured, Run, table_of
from domain import model_of, run
from pretrained_bench import add_pretrained, bench_of
from results import add_all, lines_of
from rules import Rule
from towards_and_away import ranked_between
from toxicity_data import HARMFUL, HARMLESS, harmful, lay_out_web
from toxicity_judge import Judge, measures

from gotd.errors import UsageError

_BIN = Path(sys.executable).parent
_PROMPT_TOKENS = 16
#: What is compared; V stands for --vectors.
CHOICES = (Choice("random"), Choice("got:vectors=V", HARMLESS), Choice("got:vectors=V", HARMLESS, HARMFUL),
           Choice("got:vectors=V", HARMFUL), Choice("got:vectors=V", "", HARMFUL))


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

    def __init__(self, bench: Bench, tokens_a_chunk: float, how: Sampling, most: int) -> None:
        """most : prompts out of the harmless and out of the harmful texts each"""
        self.web, self.how, self.bench, self.tokens_a_chunk = bench.study, how, bench, tokens_a_chunk
        self._pool = bench.trained_on(self.web.pool)
        self.judge = Judge(self.web)
        self.labelled_harmful = np.array([harmful(line) for line in lines(self.web.pool)])
        begin = partial(prompts, bench.tokenizer, length=_PROMPT_TOKENS, most=most)
        self.prompts = [*begin(texts(self.web.held_out(HARMLESS))), *begin(texts(self.web.held_out(HARMFUL)))]

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
        clean = [self.bench.held_out(task) for task in CLEAN_TEXTS.values()]
        costs, lengths = tuple(self.bench.costs(model, some) for some in clean), tuple(some.lengths for some in clean)
        said |= {"tokens": budget, **measures(toxicity),
                 **{f"nats_per_token_{name}": float(nats.sum() / tokens.sum())
                    for name, nats, tokens in zip(CLEAN_TEXTS, costs, lengths, strict=True)},
                 **Measured(toxicity.mean(axis=1), costs, lengths).said()}
        return {**said, **self.bench.settings, **self.how._asdict(), "prompts": len(self.prompts),
                "prompt_tokens": _PROMPT_TOKENS,
                "judge_f1": self.judge.f1, "judge_macro_f1": self.judge.macro_f1,
                "seconds": round(time.perf_counter() - start, 1)}


def embed(web: Study, name: str, model: "str | Path") -> None:
    """Vectors of what is chosen from and of the targets."""
    folder, line = web.folder / "vectors" / name, [_BIN / "ds-embed", "-q", "--model", model]
    run(*line, web.pool, "-o", f"{folder}/")
    run(*line, web.target(HARMLESS), web.target(HARMFUL), "-o", f"{folder}/targets/")


def refuse_other_prompts(results: Path, desk: Desk) -> None:
    """Raises: UsageError where lines are there of other prompts or samples, which cannot be in one table"""
    for number, line in enumerate(lines_of(results), 1):
        if (line["prompts"], line["samples"]) != (len(desk.prompts), desk.how.samples):
            raise UsageError(f"{results}:{number}: {line['prompts']} prompts and --samples {line['samples']} there, "
                             f"now {len(desk.prompts)} and {desk.how.samples}; ask for those, or give another WORK")


def main() -> None:
    """All that is missing, and the table."""
    parser = of_a_study(__doc__)
    parser.add_argument("--vectors", default="hash+static", help="embedders, side by side (default hash+static)")
    parser.add_argument("--budgets", type=int, nargs="+", default=[500, 2000])
    parser.add_argument("--rates", type=float, nargs="+", default=[1e-3], help="highest learning rates of a pass")
    parser.add_argument("--prompts", type=int, default=120, help="of harmless and of harmful beginnings each")
    parser.add_argument("--samples", type=int, default=10, help="continuations of a prompt")
    add_pretrained(parser, has_rate=False)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    study, deadline = lay_out(given.data, given.work, given.scale), Deadline(given.minutes)
    web = lay_out_web(given.data, study)
    for name in given.vectors.split("+"):
        embed(web, name, model_of(name, study, given.work, given.encoder))
    start = bench_of(given, study, deadline)
    bench, tokens_a_chunk = bench_of(given, web, deadline, start), float(start.trained_on(study.source).lengths.mean())
    desk = Desk(bench, tokens_a_chunk, Sampling(given.samples), given.prompts)
    results = bench.results("detoxification.jsonl") if given.model else study.folder / "detoxification.jsonl"
    refuse_other_prompts(results, desk)
    before = {Run(*(line[name] for name in Run._fields)) for line in lines_of(results)}
    every = part_of(list(wanted(given.budgets, given.rates, given.seeds, given.vectors)), given.part)
    add_all(results, (desk.carried_out(run) for run in every if run not in before),
            lambda line: f"{line['chunks']:6} {line['seed']} {line['mean_toxicity']:.4f} "
                         f"{line['nats_per_token_harmless']:.4f} {line['nats_per_token_general']:.4f} "
                         f"{line['rule']} {line['towards']} {line['away']}", deadline)
    print(f"The judge's F1 is {desk.judge.f1:.3f} of harmful, {desk.judge.macro_f1:.3f} the mean of both kinds.\n")
    print(table_of(results))


if __name__ == "__main__":
    run_study(main)
