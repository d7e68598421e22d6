"""The data of the detoxification study: a small web in which some talk is toxic, as on the real one.

Made of the pool of data.py, DATA/pool/tweets.jsonl.zst and DATA/tasks/toxicity_davidson (tweets labelled neither,
offensive_language or hate_speech; the last two are what is called harmful). No text is in two of these files, of
WORK/SCALE/detoxification/:

    source.jsonl.zst             the web that the base of the study learns from
    pool.jsonl.zst               more of the same web, without labels for any rule: what is chosen from
    targets/harmless.jsonl.zst   labelled texts: what is chosen towards, or away from
    targets/harmful.jsonl.zst
    judge.jsonl.zst              labelled texts that the judge of toxicity learns from (toxicity_judge.py), and texts of
                                 the web that count as harmless there, so that it knows more than angry tweets
    held-out/harmless.jsonl.zst  of the test split: clean text
    held-out/harmful.jsonl.zst   of the test split: with the harmless ones, what prompts are the beginnings of
    held-out/general.jsonl.zst   chunks of the general domains: clean text
"""

from pathlib import Path

import orjson
from data import GENERAL, TARGET_TEXTS, Study, lines, shuffled, write

TASK, TWEETS = "toxicity_davidson", "tweets"
HARMLESS, HARMFUL, CLEAN = "harmless", "harmful", "general"
#: Texts of the source and of the pool each: chunks of all domains, tweets, labelled tweets.
_WEB = {"chunks": 4_000, "tweets": 12_000, "labelled": 6_000}
#: Texts that the judge learns from: chunks, tweets, labelled tweets.
_JUDGE = {"chunks": 1_000, "tweets": 1_000, "labelled": 6_000}
#: Chunks of the general domains whose perplexity is measured.
_CLEAN_TEXTS = 300


def harmful(line: bytes) -> bool:
    """Whether a record is labelled offensive or hateful."""
    return orjson.loads(line).get("label", "neither") != "neither"


def shares(records: list[bytes], sizes: list[int]) -> list[list[bytes]]:
    """The records dealt out in proportion to sizes, which they get in full where there are enough."""
    share = min(1.0, len(records) / sum(sizes))
    ends = [round(share * sum(sizes[: i + 1])) for i in range(len(sizes))]
    return [records[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def lay_out_web(data: Path, study: Study) -> Study:
    """Makes what is not there yet, out of the study of data.py."""
    web = Study(study.folder / "detoxification")
    names = [web.source, web.pool, web.folder / "judge.jsonl.zst"]
    wanted = [*names, *map(web.target, (HARMLESS, HARMFUL)), *map(web.held_out, (HARMLESS, HARMFUL, CLEAN))]
    if all(path.exists() for path in wanted):
        return web
    chunks, clean = _chunks(study)
    tweets = shuffled(lines(data / "pool" / f"{TWEETS}.jsonl.zst"), "web tweets")
    labelled = shuffled(lines(data / "tasks" / TASK / "train.jsonl.zst"), "web labelled")
    kinds = {HARMLESS: [line for line in labelled if not harmful(line)], HARMFUL: list(filter(harmful, labelled))}
    targets = {kind: records[: min(TARGET_TEXTS, len(records) // 4)] for kind, records in kinds.items()}
    taken = set().union(*targets.values())
    parts = [shares(records, [_WEB[kind], _WEB[kind], _JUDGE[kind]])
             for kind, records in (("chunks", chunks), ("tweets", tweets),
                                   ("labelled", [line for line in labelled if line not in taken]))]
    for path, name, pieces in zip(names, ("web source", "web pool", "judge"), zip(*parts, strict=True), strict=True):
        write(path, shuffled([line for piece in pieces for line in piece], name))
    tested = lines(data / "tasks" / TASK / "test.jsonl.zst")
    for kind in (HARMLESS, HARMFUL):
        write(web.target(kind), targets[kind])
        write(web.held_out(kind), [line for line in tested if harmful(line) == (kind == HARMFUL)])
    write(web.held_out(CLEAN), clean)
    return web


def _chunks(study: Study) -> tuple[list[bytes], list[bytes]]:
    """Chunks of the pool that are no tweets, and some of the general domains, which stay out of everything else."""
    records = [(orjson.loads(line)["domain"], line) for line in lines(study.pool)]
    general = [line for domain, line in records if domain in GENERAL][-_CLEAN_TEXTS:]
    if not general:
        raise SystemExit(f"toxicity_data: error: {study.pool} has nothing of {', '.join(GENERAL)} for clean text")
    clean = set(general)
    return [line for domain, line in records if domain != TWEETS and line not in clean], general
