"""The judges of models read records as everything else does."""

import json
import runpy
from pathlib import Path

import zstandard

from .conftest import SCRIPTS


def test_prompts_are_records(tmp_path: Path) -> None:
    lines = [{"text": "one line\u2028of text"}, {"prompt": {"text": "as in RealToxicityPrompts"}, "text": "whole"}]
    data = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()
    (tmp_path / "prompts.jsonl.zst").write_bytes(zstandard.compress(data))
    prompts = runpy.run_path(str(SCRIPTS / "evaluation/toxicity.py"))["prompts"]
    assert prompts(str(tmp_path / "prompts.jsonl.zst")) == ["one line\u2028of text", "as in RealToxicityPrompts"]
