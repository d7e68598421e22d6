"""The figure of the README: the one that is kept is the script's, and its dots stand where the stored runs put them."""

import json
import re
import runpy
from collections import defaultdict

import numpy as np

from workdir import Workdir

from .conftest import SCRIPTS

RESULTS = SCRIPTS / "experiments/results"
KEPT = RESULTS / "averages-tiny.svg"


def test_the_figure_that_is_kept_is_the_scripts(work: Workdir) -> None:
    line = f"python {SCRIPTS}/experiments/figure.py {RESULTS}/averages-tiny.md"
    assert work.ok(line).out == KEPT.read_bytes()
    assert KEPT.relative_to(SCRIPTS.parent).as_posix() in (SCRIPTS.parent / "README.md").read_text()


def test_its_dots_are_the_means_of_the_stored_runs() -> None:
    labels = runpy.run_path(str(SCRIPTS / "experiments/figure.py"))["LABELS"]
    losses = defaultdict(list)
    for line in map(json.loads, (RESULTS / "averages-tiny-probe.jsonl").read_text().splitlines()):
        rule = labels["random" if line["rule"].startswith("random") else line["rule"]]
        losses[rule].append((line["nats_per_word"], line["nats_per_word_by_text"]))
    more = {rule: np.mean(some, axis=0) - np.mean(losses["got"], axis=0) for rule, some in losses.items()}
    dots = re.findall(r'cx="([\d.]+)" cy="[\d.]+" r="4"[^\n]*<title>([^:]+): ', KEPT.read_text())
    for number, rule in enumerate(list(dict.fromkeys(rule for _, rule in dots))):
        assert dots[2 * number][1] == dots[2 * number + 1][1] == rule
    drawn = [(float(x), more[rule][number % 2]) for number, (x, rule) in enumerate(dots)]
    assert len(drawn) == 2 * (len(more) - 1)  # random is beyond the axis
    pixels, values = np.array(drawn).T
    slope, zero = np.polyfit(values, pixels, 1)
    np.testing.assert_allclose(pixels, zero + slope * values, atol=0.4)
    assert slope > 0
    assert f"{more['random'][0]:+.2f}, {more['random'][1]:+.2f}" in KEPT.read_text()
