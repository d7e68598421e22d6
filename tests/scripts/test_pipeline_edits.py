"""scripts/pipeline.mk after fields beside the texts were edited: it ends well, and makes no vectors anew."""

import json
import re

import pytest

from workdir import Workdir

from .test_pipeline import MAKE, SELECTED, prepared, remade


@pytest.mark.slow
def test_edited_fields_are_carried_by_the_same_choice(work: Workdir) -> None:
    prepared(work).ok(f"{MAKE} -j2")
    before = [json.loads(line) for line in work.ok(f"zstdcat {SELECTED}").out.splitlines()]
    work.ok("zcat pool/b.jsonl.gz | sed 's/}$/,\"lang\":\"en\"}/' | gzip > new && mv new pool/b.jsonl.gz")
    work.ok("sed -i 's/}$/,\"lang\":\"en\"}/' target.jsonl")
    said = work.ok(f"{MAKE} -j2").err
    assert len(re.findall(r"^ds-embed: 0 rows .* 1 outputs were already complete$", said, re.MULTILINE)) == 2, said
    now = [json.loads(line) for line in work.ok(f"zstdcat {SELECTED}").out.splitlines()]
    assert {record.pop("lang", None) for record in now} == {None, "en"}
    assert now == before
    assert remade(work, MAKE) == []
