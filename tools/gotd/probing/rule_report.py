"""A comparison of rules as JSON and as a table for people."""

import shlex

from gotd.probing.report import as_json, as_table
from gotd.probing.rule_choices import RuleLine
from gotd.probing.rules import RuleComparison, Verdict
from gotd.probing.tables import BRIEFLY, wrapped
from gotd.types import JSON


def command_of(rule: RuleLine, target: str) -> str:
    """Return the line that fits the rule to all of the target. target : file of its texts"""
    first = ["ds-target-stats", "--method", rule.method, *rule.arguments]
    if rule.reads_texts:
        return f"{shlex.join([*first, '--target', target])} pool/*.jsonl.zst -o target.npz"
    texts = [] if rule.target_mass == "text" else ["--target-texts", target]
    return f"{shlex.join([*first, *texts, '--target', 'target.npy'])} emb/*.npy -o target.npz"


def rules_as_json(found: RuleComparison, target: str) -> dict[str, JSON]:
    """Return everything there is to say."""
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
    said = [_in_words(average, verdict) for average, verdict in verdicts.items()]
    commands = list(dict.fromkeys(command_of(verdict.rule, target) for verdict in verdicts.values()))
    return "\n".join([*wrapped(fitted, *left_out), as_table(found.comparison, None), "", *wrapped(*said),
                      *(f"  {command}" for command in commands)])


def _in_words(average: str, verdict: Verdict) -> str:
    level = f"; not certainly worse: {', '.join(each.name for each in verdict.level)}" if verdict.level else ""
    random = "" if verdict.beats_random else "; and it is not certainly better than random choices"
    return f"best {average}: {verdict.rule.name}{level}{random}"
