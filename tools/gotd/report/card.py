"""A choice's dataset card: README.md with the head that the Hugging Face hub reads, made from seals and figures."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import PurePosixPath

from gotd.methods import rule_type
from gotd.report.fields import SHOWN, Field
from gotd.report.figures import Report
from gotd.report.provenance import Stage
from gotd.report.visible import visible
from gotd.streams.record_text import MESSAGE_TEMPLATE, RecordText
from gotd.types import JSON

#: The hub's own classes, each up to its number of records.
_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"),
          (10**8, "10M<n<100M"), (10**9, "100M<n<1B"), (10**10, "1B<n<10B"), (10**11, "10B<n<100B"),
          (10**12, "100B<n<1T"))
_LARGEST = "n>1T"
#: What a command reads and writes, as the chain of the README calls it.
_FILES = {"ds-chunk": "POOL -o chunks/", "ds-embed": "chunks/*.jsonl.zst -o emb/",
          "ds-score": "--target {target} {read} -o scores/",
          "ds-topk": "--scores scores/ chunks/*.jsonl.zst -o {choice}"}
#: Of what a seal says: in other lines of the card.
_SHOWN_ELSEWHERE = ("options", "embedder")
_CHAIN = ("ds-chunk", "ds-embed", "ds-target-stats", "ds-score", "ds-topk")


def as_card(report: Report) -> bytes:
    """Return the card: its YAML is JSON, value by value, which every reader of YAML reads."""
    head = "".join(f"{name}: {json.dumps(value, ensure_ascii=False)}\n" for name, value in _head(report).items())
    text = f"---\n{head}---\n\n" + "\n".join(_body(report)).rstrip("\n") + "\n"
    return text.encode("utf-8", "backslashreplace")


def _head(report: Report) -> dict[str, JSON]:
    file = visible(PurePosixPath(report.choice).name)
    size = next((name for most, name in _SIZES if report.documents < most), _LARGEST)
    return {"pretty_name": _name(report), "size_categories": [size], "tags": ["gotd", "data-selection", "text"],
            "configs": [{"config_name": "default", "data_files": file}]}


def _name(report: Report) -> str:
    name = PurePosixPath(report.choice).name
    return visible(re.sub(r"\.(jsonl?|ndjson|parquet|csv|tsv|txt|zst|gz|xz|bz2)\b", "", name)) or "choice"


def _body(report: Report) -> Iterator[str]:
    yield f"# {_code(_name(report))}\n"
    pool = f" out of {report.pool_documents:,}" if report.pool_documents else ""
    method = (report.provenance.target or {}).get("method")
    rule = f", rule {_code(str(method))}" if method else ""
    yield (f"{report.documents:,} documents{pool} ({report.lengths.characters:,} characters), chosen by gotd "
           f"{report.version}{rule}: text to warm up a language model before it is tuned for a task. One JSON "
           "object a line; fields are those of the pool, and `gotd_score` is how fast the distance to the target falls "
           "per unit of mass added there (higher is better).\n")
    yield ("The licence is that of the sources, which nothing here knows: name it, and the language, in the head of "
           "this file before you publish.\n")
    yield from _sources(report)
    yield from _quality(report)
    yield from _fit(report)
    yield from _again(report)


def _sources(report: Report) -> Iterator[str]:
    for field in report.fields:
        yield f"## By {_code(field.name)}\n"
        yield from _table(["value", "chosen", "share", *(["pool", "share of the pool"] if report.pool_lengths else [])],
                          _values(field, report.pool_lengths is not None))


def _values(field: Field, has_pool: bool) -> Iterator[list[str]]:
    for value in field.values[:SHOWN]:
        beside = [f"{value.pool or 0:,}", f"{value.pool_share or 0.0:.1%}"] if has_pool else []
        yield [_code(value.value), f"{value.chosen:,}", f"{value.chosen_share:.1%}", *beside]


def _quality(report: Report) -> Iterator[str]:
    yield "## What it holds\n"
    lengths, hygiene, scores, coverage = report.lengths, report.hygiene, report.scores, report.coverage
    yield (f"- Characters of a document: {lengths.least:,} to {lengths.greatest:,}, half of them {lengths.lower:,.0f} "
           f"to {lengths.upper:,.0f}.")
    yield f"- Copies: {hygiene.copies:,}; texts without content: {hygiene.without_content:,}."
    if hygiene.sharing is not None:
        yield (f"- Documents that share a run of {hygiene.run_words} words with a text of the target: "
               f"{hygiene.sharing:,}.")
    if hygiene.left_out:
        left = ", ".join(f"{count:,} {_code(reason)}" for reason, count in hygiene.left_out.items())
        yield f"- Better by score, and left out: {left}."
    if scores is not None and scores.threshold is not None:
        yield f"- Scores from {scores.threshold:.4g} to {scores.best:.4g}; the pool's mean is {scores.mean:.4g}."
    if coverage is not None:
        yield f"- Of the target's mass {coverage.overlap:.1%} is served as it weighs, {coverage.hardly:.1%} hardly."
    yield ""


def _fit(report: Report) -> Iterator[str]:
    target = report.provenance.target
    if not target:
        return
    yield "## The fit\n"
    yield f"{_code(report.provenance.target_name or '')}, SHA-256 `{report.provenance.target_digest}`:\n"
    yield from _table(["figure", "value"], ([_code(name), _code(_written(value))] for name, value in target.items()
                                            if not isinstance(value, list) or value))


def _again(report: Report) -> Iterator[str]:
    yield "## Made by\n"
    yield from _table(["files", "command", "version", "what its seal says"],
                      ([f"{stage.what} ({stage.files:,})", _code(stage.tool), _code(stage.version), _said(stage)]
                       for stage in report.provenance.stages))
    commands = list(_commands(report))
    if commands:
        yield ("Made again, with POOL and TARGET, the texts of pool and target, which seals know by digests alone, and "
               "with those options of the fit that its target file says (not --pool-sample, --max-target, --tol):\n")
        yield "```sh"
        yield from commands
        yield "```"


def _said(stage: Stage) -> str:
    said = {name: value for name, value in stage.made_by.items() if name not in ("tool", "inputs")}
    return "; ".join(f"{_code(name)} {_code(_written(value))}" for name, value in said.items())


def _commands(report: Report) -> Iterator[str]:
    """Yield the command line of each stage that the seals know, in the order of the chain."""
    of_tool: dict[str, dict[str, JSON]] = {stage.tool: stage.made_by for stage in report.provenance.stages}
    embedder = next((each.get("embedder") for each in of_tool.values() if each.get("embedder")), None)
    fit = report.provenance.target
    target, read = ("target.npy", "emb/*.npy") if isinstance(embedder, dict) else ("TARGET", "chunks/*.jsonl.zst")
    names = {"target": "target.npz", "choice": PurePosixPath(report.choice).name}
    for tool in _CHAIN:
        if tool == "ds-target-stats" and fit:
            yield " ".join([tool, f"--target {target} {read} -o target.npz", *_options(_of_fit(fit))])
        elif tool == "ds-embed" and isinstance(embedder, dict):
            models = " ".join(_embedder(embedder))
            yield f"ds-embed {models} {_FILES[tool]}"
            yield f"ds-embed {models} TARGET -o target.npy"
        elif tool in of_tool and tool in _FILES:
            said = of_tool[tool].get("options")
            options: dict[str, JSON] = dict(said) if isinstance(said, dict) else {}
            files = _FILES[tool].format(read=read, **{name: _word(each) for name, each in names.items()})
            yield " ".join([tool, *_options(options), files])
            more = {name: value for name, value in {**of_tool[tool], **options}.items()
                    if isinstance(value, dict | list) and name not in _SHOWN_ELSEWHERE}
            if more:  # files that seals know by what was in them
                yield f"# with {visible(json.dumps(more, ensure_ascii=False))}"


def _of_fit(summary: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return the options of a fit that are not its rule's defaults, as far as its summary has them."""
    said: dict[str, JSON] = {"method": summary.get("method"), "target_mass": summary.get("target_mass")}
    values = {**summary, "epsilon": summary.get("epsilon_relative")}
    for field in fields(rule_type(str(summary.get("method"))).options_type):
        if values.get(field.name) != field.default:
            said[field.name] = values.get(field.name)
    return said


def _embedder(identity: Mapping[str, JSON]) -> Iterator[str]:
    models = identity.get("models")
    every = [each for each in models if isinstance(each, dict)] if isinstance(models, list) else [identity]
    for each in every:
        yield f"--model {_word(str(each.get('name')))}"
        if each.get("name") == "hash" and each.get("dimension"):
            yield f"--dimension {each['dimension']}"


def _options(values: Mapping[str, JSON]) -> Iterator[str]:
    """Yield options as a command line has them; those that are not set, or are no plain values, are left out."""
    for name, value in _text_apart(values).items():
        flag = f"-{name}" if len(name) == 1 else f"--{name.replace('_', '-')}"
        if value is True:
            yield flag
        elif value is False and name in ("center", "whiten"):
            yield f"--no-{name}"
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            yield f"{flag} {_word(str(value))}"


def _text_apart(values: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return options with what seals say of a text as the options that say so."""
    found = dict(values)
    spec = found.get("text_key")
    if isinstance(spec, str) and spec.startswith("{"):
        text = RecordText.of_spec(spec)
        found |= {"text_key": None if text.template is not None else text.key, "text_template": text.template}
        if text.message_template != MESSAGE_TEMPLATE:
            found["message_template"] = text.message_template
    return found


def _word(text: str) -> str:
    """Return a word of a command line."""
    seen = visible(text).replace("\n", "\\n")
    return seen if re.fullmatch(r"[\w@%+=:,./-]+", seen, flags=re.ASCII) else "'" + seen.replace("'", "'\\''") + "'"


def _table(titles: list[str], rows: Iterator[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(titles)} |"
    yield "|" + "---|" * len(titles)
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _written(value: JSON) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value) if isinstance(value, str | int) else json.dumps(value, ensure_ascii=False)


def _code(text: str) -> str:
    """Return a stranger's text as code of Markdown, also in a table: no markup, no HTML, no link, one line."""
    return f"`{' '.join(visible(text).replace('`', chr(39)).split()) or ' '}`".replace("|", "\\|")
