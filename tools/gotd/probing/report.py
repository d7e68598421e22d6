"""What ds-probe found, as JSON and as tables for people: of choices, of a curve, of rules."""

import shlex
from collections.abc import Sequence

from gotd.probing.comparison import Comparison, Row
from gotd.probing.curve import Curve
from gotd.probing.figures import Figures
from gotd.probing.judgement import Estimate
from gotd.probing.rule_choices import RuleLine
from gotd.probing.rules import RuleComparison, Verdict
from gotd.probing.tables import (
    AVERAGES,
    BRIEFLY,
    FIGURES_HEAD,
    aligned,
    bare,
    figure_cells,
    interval,
    titled_lines,
    wrapped,
)
from gotd.types import JSON

#: Entropic distances to the target, of the source and of the source with each choice, in the order of the rows.
Distances = Sequence[float | None] | None

_RANKS = {"none": 0, "random": 1, "choice": 2}


def as_json(found: Comparison, distances: Distances, digests: Sequence[str | None] = ()) -> dict[str, JSON]:
    """Everything there is to say. digests : of the choices' texts, where they are known"""
    rows: list[JSON] = []
    texts = iter(digests)
    for row, distance in zip(found.rows, distances or [None] * len(found.rows), strict=True):
        entry: dict[str, JSON] = {"name": row.name, "kind": row.kind, "documents": row.documents, "tokens": row.tokens,
                                 **_named(row.by_word, ""), "bits_per_byte": _estimate(row.bits_per_byte),
                                 **_named(row.by_text, "_by_text")}
        if digests and row.kind == "choice":
            entry["texts"] = next(texts)
        rows.append(entry | ({} if distances is None else {"distance": distance}))
    return {"kind": "choices", **found.facts.as_json(), "warnings": found.warnings, "rows": rows}


def _named(figures: Figures, ending: str) -> dict[str, JSON]:
    named: dict[str, JSON] = {"nats_per_token": _estimate(figures.nats), "to_random": _estimate(figures.to_random),
                             "to_best": _estimate(figures.to_best)}
    if figures.draws:
        named["draws"] = figures.draws
    return {f"{name}{ending}": value for name, value in named.items()}


def _estimate(found: Estimate | None) -> dict[str, float] | None:
    return None if found is None else found._asdict()


def as_table(found: Comparison, distances: Distances) -> str:
    """What was compared, and for each average a line for no choice, for random, and for each choice, best first."""
    largest = max(row.tokens for row in found.rows if row.kind == "random")
    shown = [place for place, row in enumerate(found.rows) if row.kind != "random" or row.tokens == largest]
    rows = [found.rows[place] for place in shown]
    names = bare(rows)
    cells = [[*_size(row), *([_distance(distances[place])] if distances else [])]
             for place, row in zip(shown, rows, strict=True)]
    heads = ["choice", "texts", "words", "bits/byte", "95 %", *(["distance"] if distances else [])]
    blocks = [titled_lines(heads, names, cells)]
    for measure, title in AVERAGES.items():
        figures: list[Figures] = [getattr(row, measure) for row in rows]
        order = sorted(range(len(rows)), key=lambda i: (_RANKS[rows[i].kind], figures[i].nats.value))
        lines = titled_lines(["choice", *FIGURES_HEAD], names, [figure_cells(each) for each in figures])
        blocks.append([f"{title}:", lines[0], *(lines[1 + i] for i in order)])
    return "\n".join([*heading(found), *(line for block in blocks for line in ["", *block]), "", *_footing(found)])


def _size(row: Row) -> list[str]:
    counts = [f"{row.documents:,}", f"{row.tokens:,}"] if row.tokens else ["-", "-"]
    bits = row.bits_per_byte
    return [*counts, f"{bits.value:.4f}", interval(bits, ".3f")]


def _distance(distance: float | None) -> str:
    return "-" if distance is None else f"{distance:.4f}"


def heading(found: Comparison) -> list[str]:
    """Return what was compared."""
    facts = found.facts
    left_out = f"; {facts.target_left_out:,} more stand in a choice, left out" if facts.target_left_out else ""
    units = "" if facts.target_units == facts.target_documents else f" in {facts.target_units:,} units"
    sizes = {row.tokens for row in found.rows if row.kind == "choice"}
    budget = (f"{min(sizes):,} words of each choice" if len(sizes) == 1 else
              f"choices of {min(sizes):,} to {max(sizes):,} words, each against random ones of its own size "
              "(give --budget for equal ones)")
    return wrapped(
        f"held out: {facts.target_documents:,} texts{units}, {facts.target_tokens:,} words, "
        f"{facts.target_bytes:,} bytes{left_out}",
        f"source: {facts.source_documents:,} texts, {facts.source_tokens:,} words; "
        f"{1 - facts.share:g} source + {facts.share:g} choice, {facts.order}-grams",
        budget,
    )


def _footing(found: Comparison) -> list[str]:
    said = [f"random: the mean of {found.facts.draws} draws of as many words; intervals know how draws differ."]
    if any(row.by_word.to_best for row in found.rows):
        said.append("best: the lowest of the choices; intervals hold for all rows at once, whichever is the best.")
    return wrapped(*said)


def curve_as_json(curve: Curve) -> dict[str, JSON]:
    """Return everything there is to say: rows of whole prefixes, and beside them those of as many words of each."""
    flat: dict[str, JSON] = {}
    for measure in BRIEFLY:
        found = curve.flat(measure)
        flat[measure] = {"lowest": found.lowest, "flat": found.flat, "as_good": curve.as_good(measure)}
    return as_json(curve.whole, None) | {"kind": "curve", "curve": {
        "name": curve.name, "documents": curve.sizes, "flat": flat, "equal": as_json(curve.equal, None)}}


def curve_as_table(curve: Curve) -> str:
    """Return a line for each prefix, shortest first, by either average, and where the curve flattens."""
    words = next(row.tokens for row in curve.equal.rows if row.kind == "choice")
    blocks = [heading(curve.whole)[:2] + wrapped(f"the first {', '.join(f'{size:,}' for size in curve.sizes)} of "
                                                 f"{curve.name}")]
    for title, comparison in (("whole prefixes", curve.whole), (f"{words:,} words of each prefix", curve.equal)):
        for measure, average in BRIEFLY.items():
            blocks.append([f"{title}, nats a word, {average}:", *_prefix_lines(curve, comparison, measure)])
    return "\n".join("\n".join(block) + "\n" for block in [*blocks, _curve_footing(curve)]).rstrip()


def _prefix_lines(curve: Curve, comparison: Comparison, measure: str) -> list[str]:
    none = getattr(comparison.rows[0], measure)
    cells = [["none", "-", *figure_cells(none)]]
    for size, row in zip(curve.sizes, curve.rows(comparison), strict=True):
        cells.append([f"{size:,}", f"{row.tokens:,}", *figure_cells(getattr(row, measure))])
    return aligned([["first", "words", *FIGURES_HEAD], *cells])


def _curve_footing(curve: Curve) -> list[str]:
    said = [f"random: the mean of {curve.whole.facts.draws} random choices of as many words; of as many words of each "
            "prefix, too, the figures are means of so many draws. best: the lowest of the prefixes; intervals hold for "
            "all at once, whichever is the best."]
    for measure, average in BRIEFLY.items():
        flat, rows = curve.flat(measure), curve.rows(curve.whole)
        lowest = getattr(rows[curve.sizes.index(flat.lowest)], measure)
        line = (f"{average}: lowest at {flat.lowest:,} documents ({lowest.nats.value:.4f}, "
                f"{interval(lowest.nats, '.3f')})")
        if flat.flat < flat.lowest:
            line += f"; flat from {flat.flat:,} on, of which it is not certain that any other is better"
        elif flat.lowest == curve.sizes[-1]:
            line += "; not flat yet: try a longer ranking"
        said.append(line + f". Word by word the text is as good as any down to {curve.as_good(measure):,}.")
    return wrapped(*said)


def command_of(rule: RuleLine, target: str) -> str:
    """Return the line that fits the rule to all of the target. target : file of its texts"""
    first = ["ds-target-stats", "--method", rule.method, *rule.arguments]
    if rule.reads_texts:
        return f"{shlex.join([*first, '--target', target])} pool/*.jsonl.zst -o target.npz"
    texts = [] if rule.target_mass == "text" else ["--target-texts", target]
    return f"{shlex.join([*first, *texts, '--target', 'target.npy'])} emb/*.npy -o target.npz"


def rules_as_json(found: RuleComparison, target: str) -> dict[str, JSON]:
    """Return everything there is to say of rules. target : file of its texts"""
    rules: dict[str, JSON] = {
        "fitted_documents": int(found.fitted.sum()), "pool_documents": found.pool_texts,
        "pool_tokens": found.pool_words, "left_out": found.left_out,
        "commands": {choice.rule.name: command_of(choice.rule, target) for choice in found.choices},
        "summaries": {choice.rule.name: choice.summary for choice in found.choices},
    }
    for measure in BRIEFLY:
        verdict = found.verdict(measure)
        rules[f"best_{measure}"] = {"rule": verdict.rule.name, "level": [each.name for each in verdict.level],
                                    "beats_random": verdict.beats_random}
    return as_json(found.comparison, None) | {"kind": "rules", "rules": rules}


def rules_as_table(found: RuleComparison, target: str) -> str:
    """Return the table of the rules' choices, which rule is best by each average, and its command line."""
    fitted = (f"rules: fitted to {int(found.fitted.sum()):,} other texts; each chose from {found.pool_texts:,} texts, "
              f"{found.pool_words:,} words")
    left_out = [f"not tried: {name}: {why}" for name, why in found.left_out.items()]
    verdicts = {words: found.verdict(measure) for measure, words in BRIEFLY.items()}
    said = [_verdict_in_words(average, verdict) for average, verdict in verdicts.items()]
    commands = list(dict.fromkeys(command_of(verdict.rule, target) for verdict in verdicts.values()))
    return "\n".join([*wrapped(fitted, *left_out), as_table(found.comparison, None), "", *wrapped(*said),
                      *(f"  {command}" for command in commands)])


def _verdict_in_words(average: str, verdict: Verdict) -> str:
    level = f"; not certainly worse: {', '.join(each.name for each in verdict.level)}" if verdict.level else ""
    random = "" if verdict.beats_random else "; and it is not certainly better than random choices"
    return f"best {average}: {verdict.rule.name}{level}{random}"
