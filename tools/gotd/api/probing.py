"""gotd.probe, probe_rules and probe_curve: which choice, which rule and which k, before anything is trained."""

from collections.abc import Hashable, Iterator, Mapping, Sequence

from gotd.api.choice import Choice
from gotd.api.embedding import embed
from gotd.api.inputs import TextSource, VectorSource, open_vectors, read_documents, record_text
from gotd.errors import UsageError
from gotd.probing.comparing import HeldOut, Input, Probe, compare
from gotd.probing.comparison import Comparison, Settings
from gotd.probing.curve import Curve, judge_prefixes
from gotd.probing.rule_choices import Candidates, Embedded, RuleLine
from gotd.probing.rules import Aim, RuleComparison, Trial, compare_rules
from gotd.probing.units import numbered
from gotd.runtime import Runtime, thread_count
from gotd.streams.record_text import RecordText


def probe(choices: Mapping[str, TextSource | Choice], target: TextSource, source: TextSource, *,
          pool: TextSource | None = None, share: float = 0.3, budget: int | None = None, draws: int = 5,
          order: int = 3, resamples: int = 2000, seed: int = 0, text_key: str | None = None,
          text_template: str | None = None, message_template: str | None = None,
          threads: int | None = None) -> Comparison:
    """Compare choices without training, as ds-probe does.

    Args:
        choices: by their names, texts or records, or what gotd.select returned.
        target: held-out texts of the task.
        source: a sample of what the model was trained on, or of the pool.
        pool: what random choices are drawn from; the source where it is not given.
        share: lambda, of the choice in the effective distribution (1 - share) source + share choice.
        text_key, text_template, message_template: how records become texts, as of ds-probe.
        budget: words of each choice that count, the first ones; all where it is not given.

    Returns:
        A row each for no choice, random ones and every choice: nats a word, by the word and by the text, with 95 %
        intervals and paired differences to random and to the best.
    """
    text = record_text(text_key, text_template, message_template)
    return compare(HeldOut("target", read_documents(target, text, "target").texts),
                   [_input(choice, name, text) for name, choice in choices.items()], _input(source, "source", text),
                   None if pool is None else _input(pool, "pool", text),
                   Settings(share, budget, order, draws, resamples, seed), thread_count(threads))


def probe_curve(ranking: TextSource | Choice, target: TextSource, source: TextSource, *, first: int | None = None,
                pool: TextSource | None = None, share: float = 0.3, draws: int = 5, order: int = 3,
                resamples: int = 2000, seed: int = 0, text_key: str | None = None, text_template: str | None = None,
                message_template: str | None = None, threads: int | None = None) -> Curve:
    """Judge the first N, 2 N, 4 N ... of one ranking, as ds-probe --curve does.

    Args:
        ranking: texts or records, best first, or what gotd.select returned.
        first: N; a 64th of all by default. The rest is as of gotd.probe.

    Returns:
        The prefixes as they are (`whole`) and as many words of each (`equal`), and where it flattens (`flat`).
    """
    text = record_text(text_key, text_template, message_template)
    held = Probe(HeldOut("target", read_documents(target, text, "target").texts), _input(source, "source", text),
                 None if pool is None else _input(pool, "pool", text),
                 Settings(share, None, order, draws, resamples, seed), thread_count(threads))
    return judge_prefixes(held, _input(ranking, "ranking", text), first)


def probe_rules(target: TextSource, source: TextSource, *, rules: Sequence[str | Mapping[str, object]] = (),
                pool: TextSource | None = None, model: str | Sequence[str] = "hash",
                vectors: tuple[VectorSource, VectorSource] | None = None, fraction: float = 0.02,
                fit_share: float = 0.5, groups: Sequence[Hashable] | None = None, share: float = 0.3,
                budget: int | None = None, draws: int = 5, order: int = 3, resamples: int = 2000, seed: int = 0,
                text_key: str | None = None, text_template: str | None = None, message_template: str | None = None,
                threads: int | None = None, device: str = "auto") -> RuleComparison:
    """Fit rules to a part of the target's texts and judge what they choose by the rest, as ds-probe --rules does.

    Args:
        rules: names, or mappings of a method, its options and target_mass, as {"method": "got", "whiten": False};
            none tries the usual ones, but for those that cannot be used here.
        pool: what is chosen from; the source where it is not given. All of it is held in memory.
        model: embeds target and pool, unless their `vectors` are given, in this order.
        fraction: of the pool's words, that each rule chooses; or budget, in words.
        fit_share: of the target's texts, that rules are fitted to; copies, or texts of equal `groups`, stay together.

    Returns:
        The `comparison`, and the `verdict` by each average.
    """
    text = record_text(text_key, text_template, message_template)
    aim = read_documents(target, text, "target").texts
    texts = read_documents(source if pool is None else pool, text, "source" if pool is None else "pool").texts
    of_target, of_pool = (embed(aim, model, threads=threads, device=device),
                          embed(texts, model, threads=threads, device=device)) if vectors is None else vectors
    opened = open_vectors(of_target, "target"), open_vectors(of_pool, "pool")
    rows = [each.all_rows() for each in opened]
    if [len(each) for each in rows] != [len(aim), len(texts)]:
        raise UsageError(f"vectors: {len(rows[0])} and {len(rows[1])} for {len(aim)} texts of the target and "
                         f"{len(texts)} of the pool; give one for each")
    held = [Embedded(aim, rows[0]), Embedded(texts, rows[1])]
    units = None if groups is None else numbered(groups)
    settings = Settings(share, budget, order, draws, resamples, seed)
    trial = Trial([_rule(each) for each in rules], fit_share, fraction, settings, lambda _: None)
    with Runtime(threads, device) as runtime:
        return compare_rules(Aim("target", held[0], units), Candidates(held[1], opened[1].embedder),
                             _input(source, "source", text), trial, runtime)


def _rule(given: str | Mapping[str, object]) -> RuleLine:
    if isinstance(given, str):
        return RuleLine(given)
    options = dict(given)
    return RuleLine(str(options.pop("method", "got")), options, str(options.pop("target_mass", "text")))


def _input(source: TextSource | Choice, name: str, text: RecordText) -> Input:
    texts = read_documents(source.records if isinstance(source, Choice) else source, text, name).texts

    def batches() -> Iterator[list[str]]:
        yield texts

    return Input(name, batches)
