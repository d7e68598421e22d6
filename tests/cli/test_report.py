"""ds-report, as installed, in an empty folder."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest

from workdir import Workdir, records, texts

CHROMIUM = shutil.which("chromium")
LINE = ("ds-report --choice chosen.jsonl.zst --scores scores.npy --target target.npz --target-texts target.jsonl "
        "pool.jsonl")
HOSTILE = ["<script>alert(1)</script> protein kinase", "\"'><img src=x onerror=alert(2)> protein",
           "a\x00b\x07 kinase\x1b[31m",
           "abc\u202edef \u2066 protein kinase", "{{ 7*7 }} {% raw %} protein",
           "]]> --> <!-- <svg/onload=alert(3)> kinase",
           "$\\frac{1}{0}$ kinase &amp; &lt;b&gt;", "protein kinase " * 70_000]


class Page(HTMLParser):
    """Tags, texts and figures of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.figures: dict[str, object] = {}
        self.rows: list[list[object]] = []
        self.nats: list[list[object]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        held = dict(attrs)
        if "data-figure" in held:
            self.figures[str(held["data-figure"])] = json.loads(str(held["data-value"]))
        if "data-nats" in held:
            self.nats.append(json.loads(str(held["data-nats"])))
        if "data-row" in held:
            self.rows.append(json.loads(str(held["data-row"])))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def work(chain: Workdir) -> Workdir:
    """The chain, its pool with fields, and a choice of 40."""
    lines = [json.loads(line) for line in chain.read("pool.jsonl").splitlines()]
    for number, record in enumerate(lines):
        record |= {"source": f"source {number % 5}", "lang": "en" if number % 3 else "de", "url": f"u{number}"}
        if number % 7 == 0:
            del record["lang"]
    chain.write("pool.jsonl", b"".join(json.dumps(record).encode() + b"\n" for record in lines))
    chain.ok("ds-topk -k 40 --scores scores.npy pool.jsonl -o chosen.jsonl.zst")
    return chain


def chosen(work: Workdir) -> list[dict[str, object]]:
    return [json.loads(line) for line in work.ok("zstdcat chosen.jsonl.zst").out.splitlines()]


def test_the_figures_are_those_of_the_files(work: Workdir) -> None:
    report = json.loads(work.ok(f"{LINE} -o -").out)
    pool = [json.loads(line) for line in work.read("pool.jsonl").splitlines()]
    ours, scores = chosen(work), np.load(work.path / "scores.npy")
    assert (report["documents"], report["pool_documents"]) == (40, 300)
    assert report["share"] == pytest.approx(40 / 300)
    lengths = np.array([len(record["text"]) for record in pool])
    assert report["pool_lengths"]["characters"] == lengths.sum()
    assert report["pool_lengths"]["median"] == pytest.approx(np.median(lengths), abs=2)
    assert report["scores"]["threshold"] == pytest.approx(min(float(str(each["gotd_score"])) for each in ours))
    assert report["scores"]["mean"] == pytest.approx(scores.mean(dtype=np.float64), abs=1e-9)
    width = np.ptp(scores) / 2**13
    assert report["scores"]["quartiles"] == pytest.approx(np.quantile(scores, [0.25, 0.5, 0.75], method="inverted_cdf"),
                                                          abs=width)
    assert sum(report["scores"]["histogram"]["pool"]) == 300
    assert sum(report["scores"]["histogram"]["chosen"]) == 40
    assert [field["name"] for field in report["fields"]] == ["source", "lang"]
    assert "url" in report["fields_left_out"]
    for field in report["fields"]:
        for value in field["values"]:
            of_pool = sum(each.get(field["name"], "(none)") == value["value"] for each in pool)
            of_ours = sum(each.get(field["name"], "(none)") == value["value"] for each in ours)
            assert (value["pool"], value["chosen"]) == (of_pool, of_ours)
            assert value["lift"] == pytest.approx(of_ours / 40 / (of_pool / 300))


@pytest.mark.heavy
def test_the_page_and_the_json_hold_the_same(work: Workdir) -> None:
    pytest.importorskip("matplotlib")
    work.ok(f"{LINE} -o report.html && {LINE} -o report.json")
    report, page = json.loads(work.read("report.json")), Page(work.read("report.html").decode())
    assert len(page.figures) >= 18
    for name, value in page.figures.items():
        held = report
        for part in name.split("."):
            held = held[int(part) if part.isdecimal() else part]
        assert held == value, name
    assert page.rows == [[each[name] for name in ("chosen", "chosen_share", "pool", "pool_share", "lift")]
                         for field in report["fields"] for each in field["values"]]
    for example in report["examples"]:
        assert example["text"] in page.text
    assert work.ok(f"{LINE} -o again.html && cmp report.html again.html")


def test_the_page_needs_nothing_else(work: Workdir) -> None:
    pytest.importorskip("matplotlib")
    work.ok(f"{LINE} -o report.html")
    page = Page(work.read("report.html").decode())
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    named = [value for _, held in page.tags for name, value in held.items() if name in ("href", "src", "xlink:href")]
    assert all(str(value).startswith("#") for value in named)
    ids = [held["id"] for _, held in page.tags if "id" in held]
    assert len(ids) == len(set(ids))
    assert not re.search(r"url\((?!#)", work.read("report.html").decode())


def hostile(work: Workdir) -> None:
    """A pool whose every text and field is hostile, and a choice of all of it."""
    lines = [{"id": text[:60], "text": text, "source": "\ud800" + text[:40], "na<b>me": "x" if number % 2 else "<i>y"}
             for number, text in enumerate(HOSTILE)]
    work.write("pool.jsonl", b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    work.write("target.jsonl", b"".join(json.dumps({"text": text}).encode() + b"\n" for text in HOSTILE[:7]))
    work.ok("ds-embed --dimension 64 pool.jsonl -o pool.npy; ds-embed --dimension 64 target.jsonl -o target.npy")
    work.ok("ds-target-stats --target target.npy pool.npy -o target.npz && ds-score --target target.npz pool.npy "
            "-o scores.npy && ds-topk -k 8 --scores scores.npy pool.jsonl -o chosen.jsonl.zst")


@pytest.mark.slow
def test_hostile_texts_are_shown_and_do_nothing(work: Workdir) -> None:
    pytest.importorskip("matplotlib")
    hostile(work)
    work.ok(f"{LINE} -o report.html && {LINE} -o report.json")
    data = work.read("report.html")
    page = Page(data.decode())
    assert len(data) < 1_000_000
    assert not {tag for tag, _ in page.tags} & {"script", "img", "b>me", "i"}
    assert not [name for _, held in page.tags for name in held if name.startswith("on")]
    assert "<script>alert(1)</script>" in page.text
    assert "{{ 7*7 }}" in page.text
    assert r"a\x00b\x07 kinase\x1b[31m" in page.text
    assert r"abc\u202edef \u2066" in page.text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", data.decode())
    assert "cut: 800 of 1,050,000 characters are shown" in page.text
    assert json.loads(work.read("report.json"))["documents"] == 8


@pytest.mark.heavy
def test_what_does_not_belong_together_is_refused(work: Workdir) -> None:
    before = work.names()
    head = "ds-report --choice chosen.jsonl.zst -o report.json"
    work.ok("ds-target-stats --epsilon 1 --target target.npy pool.npy -o other.npz")
    work.fails(f"{head} --target other.npz", "other.npz", "another target file")
    work.ok("ds-score --target other.npz pool.npy -o others.npy")
    work.fails(f"{head} --scores others.npy pool.jsonl", "chosen.jsonl.zst", "another target")
    work.fails(f"{head} --scores others.npy", "chosen.jsonl.zst", "another target")
    work.ok("head -200 pool.jsonl > part.jsonl && tac pool.jsonl > turned.jsonl")
    work.fails(f"{head} part.jsonl", "made of 300 records", "200")
    work.fails(f"{head} --scores scores.npy turned.jsonl", "scores of other records than turned.jsonl")
    work.ok("zstdcat chosen.jsonl.zst | sed s/kinase/KINASE/ > edited.jsonl")
    work.fails("ds-report --choice edited.jsonl -o report.json pool.jsonl", "are not among these")
    work.write("wrong.jsonl", records(texts(8, seed=5)))
    work.fails(f"{head} --target target.npz --target-texts wrong.jsonl", "wrong.jsonl", "fitted to")
    work.fails(f"{head} --target target.npz --vectors target.npy", "target.npy", "rows for the 40 records")
    work.fails(f"{head} --field nothing pool.jsonl", "--field nothing", "none of the 300")
    work.fails(f"{head} --field url --target-texts target.jsonl", "--target", status=2)
    work.fails("ds-report --choice chosen.jsonl.zst -o report.txt", ".html, .json or .md", status=2)
    work.fails("ds-report --choice pool.jsonl -o pool.jsonl", "pool.jsonl", status=2)
    assert work.names() - before == {"other.npz", "others.npy", "part.jsonl", "turned.jsonl", "edited.jsonl",
                                     "wrong.jsonl"}


def test_what_is_not_given_is_left_out_and_said(work: Workdir) -> None:
    done = work.ok("ds-report --choice chosen.jsonl.zst -o report.json")
    report = json.loads(work.read("report.json"))
    assert set(report["missing"]) == {"pool", "scores", "target"}
    assert all(what in done.err for what in report["missing"].values())
    assert report["pool_documents"] == 300  # the seal says so
    assert report["coverage"] is None
    assert [stage["tool"] for stage in report["provenance"]["stages"]] == ["ds-topk"]


def test_a_choice_of_texts_much_longer_than_the_targets_is_said(work: Workdir) -> None:
    assert json.loads(work.ok(f"{LINE} -o -").out)["hygiene"]["length"] is None
    work.write("target.jsonl", records([text[:40] for text in texts(60, seed=1)]))
    work.ok("ds-embed --dimension 64 target.jsonl -o target.npy && ds-embed --dimension 64 pool.jsonl -o pool.npy")
    work.ok("ds-target-stats --target target.npy pool.npy -o target.npz && ds-score --target target.npz pool.npy "
            "-o scores.npy && ds-topk -k 40 --scores scores.npy pool.jsonl -o chosen.jsonl.zst")
    work.ok(f"{LINE} -o report.html && {LINE} -o report.json")
    said = json.loads(work.read("report.json"))["hygiene"]["length"]
    chosen = [len(json.loads(line)["text"]) for line in work.ok("zstdcat chosen.jsonl.zst").out.splitlines()]
    assert said.startswith(f"its texts have {np.mean(chosen):,.0f} characters on average, those of the target 40; ")
    assert f"The choice: {said}" in Page(work.read("report.html").decode()).text


def test_left_out_records_and_leaks_are_counted(work: Workdir) -> None:
    lines = work.read("pool.jsonl").splitlines()
    best = [json.loads(line) for line in work.ok("zstdcat chosen.jsonl.zst | sed -n 1,3p").out.splitlines()]
    copies = [json.dumps({"text": record["text"].upper()}).encode() for record in best]
    target = work.read("target.jsonl").splitlines()[:2]
    work.write("pool.jsonl", b"\n".join([*lines, *copies, b'{"text": "..."}', *target]) + b"\n")
    work.ok("ds-embed --dimension 64 pool.jsonl -o pool.npy && ds-score --target target.npz pool.npy -o scores.npy")
    work.ok("ds-topk -k 40 --scores scores.npy pool.jsonl -o chosen.jsonl.zst")
    hygiene = json.loads(work.ok(f"{LINE} -o -").out)["hygiene"]
    assert hygiene["left_out"]["copies"] == 3
    assert (hygiene["copies"], hygiene["without_content"]) == (0, 0)
    assert (hygiene["target_texts"], hygiene["standing"], hygiene["sharing"]) == (8, 2, 2)
    work.ok("ds-topk -k 40 --keep-copies --scores scores.npy pool.jsonl -o chosen.jsonl.zst")
    assert json.loads(work.ok(f"{LINE} -o -").out)["hygiene"]["copies"] == 3


@pytest.mark.heavy
def test_distances_are_those_of_the_screen(work: Workdir) -> None:
    work.ok("ds-embed --dimension 64 chosen.jsonl.zst -o chosen.npy && cp chosen.npy chosen-vectors.npy")
    table = work.ok("ds-target-stats -q --screen --target target.npy pool.npy chosen-vectors.npy").out.decode()
    screened = {line.split("\t")[-1]: [float(cell) for cell in line.split("\t")[:5]] for line in
                table.splitlines()[1:]}
    report = json.loads(work.ok(f"{LINE} -o - --pool-vectors pool.npy").out)
    for part, file in (("before", "pool.npy"), ("after", "chosen-vectors.npy")):
        found = report["distance"][part]
        assert [found[name] for name in ("distance", "low", "high", "rows", "sampled")] == pytest.approx(
            screened[file], rel=1e-4, abs=1e-6)
    assert report["distance"]["after"]["distance"] < report["distance"]["before"]["distance"]
    made = json.loads(work.ok(f"{LINE} -o -").out)["distance"]  # of texts that are embedded
    assert made["before"]["distance"] == pytest.approx(report["distance"]["before"]["distance"], rel=1e-3)
    work.fails(f"{LINE} -o - --pool-vectors target.npy", "target.npy: 8 rows for the 300 records of the pool")
    alone = work.ok("ds-report --choice chosen.jsonl.zst --target target.npz --target-texts target.jsonl -o alone.json")
    assert "distances to the target before and after: give the records of the pool" in alone.err


@pytest.mark.slow
def test_what_ds_probe_wrote_is_shown(work: Workdir) -> None:
    pytest.importorskip("matplotlib")
    work.write("other.jsonl", records(texts(60, seed=9)[1::5]))
    line = "ds-probe -q --resamples 200 --target target.jsonl --source pool.jsonl"
    work.ok(f"{line} chosen.jsonl.zst other.jsonl -o probe.json && {line} --curve --first 10 chosen.jsonl.zst "
            "-o curve.json && cp other.jsonl '<script>alert(1)<!--.jsonl'")
    work.ok(f"{line} chosen.jsonl.zst '<script>alert(1)<!--.jsonl' -o '<img src=x>.json'")
    work.ok(f"{LINE} --probe probe.json --probe curve.json --probe '<img src=x>.json' -o report.html")
    work.ok(f"{LINE} --probe probe.json --probe curve.json -o report.json && {LINE} --probe probe.json -o x_mqc.json")
    page, report = Page(work.read("report.html").decode()), json.loads(work.read("report.json"))
    first, curve = report["probes"]
    written = json.loads(work.read("probe.json"))
    assert [row["name"] for row in first["rows"] if row["is_this"]] == ["chosen.jsonl.zst"]
    for ours, theirs in zip(first["rows"], written["rows"], strict=True):
        for measure, ending in (("by_word", ""), ("by_text", "_by_text")):
            assert ours[measure]["nats"] == theirs[f"nats_per_token{ending}"]
            assert [measure, theirs[f"nats_per_token{ending}"]["value"]] in page.nats
    assert curve["curve"]["documents"] == [10, 20, 40]
    work.ok(f"{LINE} --probe probe.json -o plain.html")
    plain = Page(work.read("plain.html").decode())
    plots, of_curve = (sum(tag == "svg" for tag, _ in each.tags) for each in (plain, page))
    assert of_curve == plots + 2  # by the word and by the text
    assert "<script>alert(1)<!--.jsonl" in page.text
    assert not {tag for tag, _ in page.tags} & {"script", "img"}
    (row,) = json.loads(work.read("x_mqc.json"))["data"].values()
    assert row["nats_by_text"] == next(row for row in first["rows"] if row["is_this"])["by_text"]["nats"]["value"]
    work.ok(f"{line} other.jsonl -o others.json")
    work.fails(f"{LINE} --probe others.json -o no.html", "others.json: judges other choices than chosen.jsonl.zst")
    work.fails(f"{LINE} --probe report.json -o no.html", "report.json: not what ds-probe writes", "-o FILE.json")


def test_pipes_and_multiqc(work: Workdir) -> None:
    work.ok("ds-embed --dimension 64 pool.jsonl | ds-score --target target.npz > carried.zst")
    work.ok("ds-topk -k 40 carried.zst -o piped.jsonl.zst")
    by_pipe = json.loads(work.ok("ds-report --choice piped.jsonl.zst carried.zst -o -").out)
    assert by_pipe["scores"] == json.loads(work.ok(f"{LINE} -o -").out)["scores"]
    work.ok(f"{LINE} -o gotd_mqc.json")
    table = json.loads(work.read("gotd_mqc.json"))
    assert table["plot_type"] == "table"
    (row,) = table["data"].values()
    assert row["documents"] == 40
    assert set(row) == set(table["headers"])


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium")
def test_a_browser_shows_it_without_an_error(work: Workdir) -> None:
    hostile(work)
    work.ok(f"{LINE} -o report.html")
    for width in (390, 1200):
        done = subprocess.run([str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
                               "--v=0", f"--window-size={width},2000", "--dump-dom", "--virtual-time-budget=2000",
                               f"file://{work.path}/report.html"], capture_output=True, text=True, timeout=120,
                              check=True)
        assert "CONSOLE" not in done.stderr
        page = Page(done.stdout)
        assert len([tag for tag, _ in page.tags if tag == "svg"]) >= 3
        assert not [tag for tag, _ in page.tags if tag in ("script", "img")]
