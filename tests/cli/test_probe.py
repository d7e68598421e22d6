"""ds-probe as a user runs it: the figures, the refusals, the vectors beside the texts."""

import json
from typing import Any

import numpy as np
import pytest

from workdir import Workdir, records, texts

LINE = "ds-probe -q --json --target held-out.jsonl --source pool.jsonl"


@pytest.fixture
def probe(work: Workdir) -> Workdir:
    """A pool of five subjects, held-out texts of one of them, a choice of that one and one of another."""
    pool = texts(1500)
    work.write("pool.jsonl", records(pool))
    work.write("held-out.jsonl", records(texts(300, seed=1)[::5]))
    work.write("good.jsonl", records(texts(400, seed=2)[::5]))
    work.write("poor.jsonl", records(texts(400, seed=3)[1::5]))
    return work


def rows(out: bytes) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in json.loads(out)["rows"]}


def test_the_choice_of_the_same_subject_wins(probe: Workdir) -> None:
    found = rows(probe.ok(f"{LINE} good.jsonl poor.jsonl").out)
    assert list(found) == ["no choice", "random", "good.jsonl", "poor.jsonl"]
    good, poor = found["good.jsonl"], found["poor.jsonl"]
    assert good["to_random"]["high"] < 0 < poor["to_random"]["low"]
    assert good["documents"] == 80
    assert good["tokens"] == found["random"]["tokens"] == 80 * 62  # 60 words, a number and a full stop
    assert good["nats_per_token"]["low"] < good["nats_per_token"]["value"] < good["nats_per_token"]["high"]
    words, size = 60 * 62, sum(len(text) for text in texts(300, seed=1)[::5])
    bits = good["nats_per_token"]["value"] / np.log(2) * words / size
    assert good["bits_per_byte"]["value"] == pytest.approx(bits)


def test_the_table_says_the_same(probe: Workdir) -> None:
    done = probe.ok(f"{LINE.replace('--json', '')} good.jsonl poor.jsonl")
    table = done.out.decode().splitlines()
    assert "60 texts, 3,720 words" in table[0]
    assert table[2] == "4,960 words of each choice"
    names = ["choice", "no choice", "random", "good.jsonl", "poor.jsonl"]
    assert [line.split("  ")[0].strip() for line in table[4:9]] == names
    assert (table[10][:25], table[17][:25]) == ("nats a word, by the word ", "nats a word, by the text ")
    found = rows(probe.ok(f"{LINE} good.jsonl poor.jsonl").out)
    for start, ending in ((11, ""), (18, "_by_text")):
        assert [line.split("  ")[0].strip() for line in table[start : start + 5]] == names
        for line, name in zip(table[start + 1 : start + 5], names[1:], strict=True):
            figures = [found[name][key + ending] for key in ("nats_per_token", "to_random", "to_best")]
            for figure, form in zip(figures, (".4f", "+.4f", "+.4f"), strict=True):
                assert figure is None or f"{figure['value']:{form}}" in line
    assert "random: the mean of 5 draws" in table[24]
    assert "best: the lowest of the choices" in table[25]
    assert max(map(len, table)) <= 100


def test_a_table_has_a_hundred_columns_and_whole_figures(probe: Workdir) -> None:
    probe.ok("mkdir -p a/long/folder && cp good.jsonl a/long/folder/a-choice-with-a-long-name.jsonl"
             " && cp poor.jsonl a/long/folder/another-choice-with-a-long-name.jsonl")
    out = probe.ok(f"{LINE.replace('--json', '')} a/long/folder/*").out.decode()
    assert max(map(len, out.splitlines())) <= 100
    assert "\na-choice-with-a-long-name.jsonl  " in out
    assert out.count("\na-choice...") == out.count("\nanother-...") == 2
    probe.ok("cd a/long/folder && for i in a b; do cp a-choice* the-choice-by-$i-with-a-long-name.jsonl; done")
    out = probe.ok(f"{LINE.replace('--json', '')} a/long/folder/the*").out.decode()
    assert max(map(len, out.splitlines())) <= 100
    assert out.count("\n3...") == out.count("\n4...") == 2


def test_pipes_compression_and_shards_change_nothing(probe: Workdir) -> None:
    expected = rows(probe.ok(f"{LINE} good.jsonl").out)
    probe.ok("zstd -q good.jsonl -o good.zst && gzip -k held-out.jsonl && split -n l/3 pool.jsonl shard-")
    line = "ds-probe -q --json --target held-out.jsonl.gz --source shard-aa --source shard-ab --source shard-ac"
    piped = rows(probe.ok(f"{line} --threads 1 - < good.zst").out)
    assert piped.pop("-") == expected["good.jsonl"] | {"name": "-"}
    assert piped == {name: row for name, row in expected.items() if name != "good.jsonl"}
    source = rows(probe.ok(f"{LINE.replace('pool.jsonl', '-')} good.jsonl < pool.jsonl").out)
    assert source == expected


def test_a_budget_makes_sizes_equal(probe: Workdir) -> None:
    probe.ok("head -n 40 poor.jsonl > half.jsonl")
    assert rows(probe.ok(f"{LINE} good.jsonl half.jsonl").out)["half.jsonl"]["tokens"] == 2480
    found = rows(probe.ok(f"{LINE} --budget 1000 good.jsonl half.jsonl").out)
    assert {row["tokens"] for row in found.values()} == {0, 1000}
    assert "each against random ones of its own size" in probe.ok(
        f"{LINE.replace('--json', '')} good.jsonl half.jsonl").out.decode()
    probe.fails(f"{LINE} --budget 3000 good.jsonl half.jsonl", "half.jsonl: 2480 words", "--budget 3000")


def test_random_is_drawn_from_the_pool_where_there_is_one(probe: Workdir) -> None:
    probe.ok("cat good.jsonl good.jsonl > near.jsonl")
    from_source = rows(probe.ok(f"{LINE} good.jsonl").out)["random"]["nats_per_token"]["value"]
    from_pool = rows(probe.ok(f"{LINE} --pool near.jsonl good.jsonl").out)["random"]["nats_per_token"]["value"]
    assert from_pool < from_source
    other = rows(probe.ok(f"{LINE} --seed 1 good.jsonl").out)["random"]["nats_per_token"]["value"]
    assert other != from_source


def test_a_choice_that_contains_the_target(probe: Workdir) -> None:
    probe.ok("head -n 50 held-out.jsonl | cat good.jsonl - > leaked.jsonl")
    done = probe.ok(f"{LINE.replace('-q --json', '')} leaked.jsonl poor.jsonl")
    assert "10 texts, 620 words" in done.out.decode().splitlines()[0]
    assert "50 more stand in a choice" in done.out.decode()
    assert "50 texts of the target stand in a choice, given or random, and were left out" in done.err
    assert "warning: held-out.jsonl: only 10 texts judge" in done.err
    probe.fails(f"{LINE} poor.jsonl held-out.jsonl", "every text stands in a choice (held-out.jsonl)")


def test_an_empty_target(probe: Workdir) -> None:
    probe.write("empty.jsonl", b'{"text": ""}\n{"text": " "}\n')
    probe.fails("ds-probe --target empty.jsonl --source pool.jsonl good.jsonl", "empty.jsonl: no words in 2 texts")
    probe.write("nothing.jsonl", b"")
    probe.fails("ds-probe --target nothing.jsonl --source pool.jsonl good.jsonl", "nothing.jsonl: no words in 0 texts")


def test_a_source_smaller_than_the_choice(probe: Workdir) -> None:
    probe.ok("head -n 20 pool.jsonl > small.jsonl")
    line = "ds-probe --json --target held-out.jsonl --source small.jsonl"
    probe.fails(f"{line} good.jsonl", "small.jsonl: 1240 words", "4960 of good.jsonl", "--pool", "--budget")
    done = probe.ok(f"{line} --pool pool.jsonl good.jsonl")
    assert "warning: small.jsonl: the source has 1240 words, fewer than a choice (4960)" in done.err
    assert json.loads(done.out)["warnings"]


def test_different_text_keys(probe: Workdir) -> None:
    probe.ok("sed 's/\"text\"/\"content\"/' held-out.jsonl > other.jsonl")
    line = "ds-probe -q --json --target other.jsonl --source pool.jsonl"
    probe.fails(f"{line} good.jsonl", "other.jsonl:1", 'no "text" field, but "id", "content"', "--target-text-key")
    probe.fails(f"{LINE} other.jsonl", "other.jsonl:1", 'no "text" field, but "id", "content"', "--text-key")
    found = rows(probe.ok(f"{line} --target-text-key content good.jsonl").out)
    assert found == rows(probe.ok(f"{LINE} good.jsonl").out)


def test_texts_of_a_group_are_one_unit(probe: Workdir) -> None:
    held_out = texts(300, seed=1)[::5]
    probe.write("grouped.jsonl", b"".join(json.dumps({"text": text, "article": i // 4}).encode() + b"\n"
                                          for i, text in enumerate(held_out)))
    alone = json.loads(probe.ok(f"{LINE} good.jsonl").out)
    line = f"{LINE.replace('held-out', 'grouped')} good.jsonl"
    grouped = json.loads(probe.ok(f"{line} --group article").out)
    assert (alone["target_units"], grouped["target_units"]) == (60, 15)
    assert json.loads(probe.ok(line).out)["target_units"] == 60
    before, after = alone["rows"][-1]["nats_per_token"], grouped["rows"][-1]["nats_per_token"]
    assert before["value"] == after["value"]
    assert before != after
    table = probe.ok(f"{line.replace('-q --json', '')} --group article")
    assert "60 texts in 15 units" in table.out.decode().splitlines()[0]
    assert "only 15 units of 60 texts judge" in table.err
    probe.fails(f"{LINE} --group article good.jsonl", "held-out.jsonl:1", 'no "article" field')
    probe.ok("echo '{\"text\": \"a b c\", \"article\": null}' >> grouped.jsonl")
    probe.fails(f"{line} --group article", "grouped.jsonl:61", 'no "article" field that is a string')
    assert "1 bad records skipped" in probe.ok(f"{line.replace('-q', '')} --group article --skip-invalid 1").err


def test_bad_records(probe: Workdir) -> None:
    probe.ok("(head -n 3 pool.jsonl; echo '{'; tail -n +4 pool.jsonl) > bad.jsonl")
    line = "ds-probe --json --target held-out.jsonl --source bad.jsonl good.jsonl"
    probe.fails(line, "bad.jsonl:4", "not JSON", "--skip-invalid")
    done = probe.ok(f"{line} --skip-invalid 1")
    assert "1 bad records skipped" in done.err
    assert rows(done.out) == rows(probe.ok(f"{LINE} good.jsonl").out)
    probe.ok("zstd -q good.jsonl -o good.zst && head -c 600 good.zst > cut.zst")
    probe.fails(f"{LINE} --budget 10 cut.zst", "cut.zst", "cut short")


def test_more_target_than_wanted(probe: Workdir) -> None:
    done = probe.ok(f"{LINE.replace('-q', '--max-target 35')} good.jsonl")
    assert json.loads(done.out)["target_documents"] == 35
    assert "25 texts of the target were not drawn" in done.err


def test_rules_are_tried_and_the_line_of_the_best_runs(probe: Workdir) -> None:
    line = "ds-probe --rules --rule mean --rule 'nearest --metric cosine' --fraction 0.05 --max-pool 900"
    done = probe.ok(f"{line} --target held-out.jsonl --source pool.jsonl -o rules.json")
    table, record = done.out.decode(), json.loads(probe.read("rules.json"))
    assert "fitted to 30 other texts; each chose from 900 texts" in table.splitlines()[0]
    assert "600 texts of the pool were not drawn (--max-pool)" in done.err
    assert "rule 2 of 2: nearest --metric cosine" in done.err
    assert max(map(len, table.splitlines())) <= 100
    assert record["kind"] == "rules"
    assert record["target_documents"] == record["rules"]["fitted_documents"] == 30
    assert [row["name"] for row in record["rows"]] == ["no choice", "random", "mean", "nearest --metric cosine"]
    best = record["rules"]["best_by_word"]
    assert best["beats_random"]
    command = record["rules"]["commands"][best["rule"]]
    assert f"\n  {command}\n" in table
    probe.ok("mkdir emb && ds-embed pool.jsonl -o emb/pool.npy && ds-embed held-out.jsonl -o target.npy")
    probe.ok(command)
    by_file = probe.ok(f"{line} --target held-out.jsonl --source pool.jsonl --json --target-vectors target.npy "
                       "--vectors emb/pool.npy")
    assert json.loads(by_file.out)["rows"] == record["rows"]


def test_a_curve_of_a_piped_ranking(probe: Workdir) -> None:
    probe.ok("cat good.jsonl poor.jsonl > ranking.jsonl")
    line = "ds-probe -q --curve --first 20 --target held-out.jsonl --source pool.jsonl"
    table = probe.ok(f"zstd -q < ranking.jsonl | {line} -o curve.json").out.decode()
    record = json.loads(probe.read("curve.json"))
    assert record["kind"] == "curve"
    assert record["curve"]["documents"] == [20, 40, 80, 160]
    assert record["curve"]["flat"]["by_text"]["lowest"] == 80
    assert "by the text: lowest at 80 documents" in table
    assert max(map(len, table.splitlines())) <= 100
    assert [row["documents"] for row in record["rows"] if row["kind"] == "choice"] == [20, 40, 80, 160]
    probe.fails(f"{line} --first 200 ranking.jsonl", "160 documents, fewer than --first 200")


def test_usage(probe: Workdir) -> None:
    probe.fails("ds-probe --target - --source pool.jsonl", "at most once", status=2)
    probe.fails(f"{LINE} --target-vectors - --source-vectors s.npy --vectors a.npy", "at most once", status=2)
    probe.fails(f"{LINE} --seed -1 good.jsonl", "--seed", status=2)
    probe.fails(f"{LINE} --draws 1 good.jsonl", "--draws", status=2)
    probe.fails(f"{LINE} --vectors a.npy good.jsonl", "all three", status=2)
    probe.fails(f"{LINE} --target-vectors t.npy --source-vectors s.npy --vectors a.npy good.jsonl poor.jsonl",
                "1 --vectors for 2 choices", status=2)
    probe.fails(f"{LINE} --rules good.jsonl", "leave out good.jsonl", status=2)
    probe.fails(f"{LINE} --rules --curve", "give one", status=2)
    probe.fails(f"{LINE} --rule got good.jsonl", "--rule is for --rules", status=2)
    probe.fails(f"{LINE} --curve --budget 10 good.jsonl", "--budget does nothing with --curve", status=2)
    probe.fails(f"{LINE} --rules --vectors a.npy", "need both", status=2)
    probe.fails(f"{LINE} --rules --rule 'got --rounds 3'", "--rule 'got --rounds 3': --rounds does nothing", status=2)
    probe.fails(f"{LINE} good.jsonl -o probe.txt", "name it .json", status=2)
    probe.fails(f"{LINE} good.jsonl > /dev/full", "No space left on device")
    probe.fails(f"{LINE} nowhere.jsonl", "nowhere.jsonl: No such file")
    probe.fails("ds-probe --target held-out.jsonl --source held-out.npy good.jsonl", "held-out.npy")


VECTORS = "--target-vectors held-out.npy --source-vectors pool.npy"


@pytest.mark.heavy
def test_distances(probe: Workdir) -> None:
    probe.ok("for i in pool held-out good poor; do ds-embed -q --dimension 64 $i.jsonl -o $i.npy; done")
    line = f"{LINE} {VECTORS} --vectors good.npy --vectors poor.npy good.jsonl poor.jsonl"
    found = rows(probe.ok(line).out)
    before, good, poor, random = (found[name]["distance"] for name in ("no choice", "good.jsonl", "poor.jsonl",
                                                                       "random"))
    assert good < before < poor
    assert abs(random - before) < before - good
    # What ds-target-stats says of the source, and of the same mixture at the same eps.
    stats = "ds-target-stats -q --no-whiten --center --target held-out.npy pool.npy -o t.npz"
    alone = json.loads(probe.ok(stats).out)
    assert before == pytest.approx(alone["distance"], rel=1e-3)
    assert found == rows(probe.ok(line).out)
    table = probe.ok(line.replace("--json", "")).out.decode().splitlines()
    assert table[4].split()[-1] == "distance"
    assert table[5].split()[-1] == f"{before:.4f}"
    assert max(map(len, table)) <= 100
    none = rows(probe.ok(f"{line} --lambda 0").out)
    assert none["good.jsonl"]["distance"] == pytest.approx(before, rel=1e-6)


def test_distances_are_to_the_texts_that_judge(probe: Workdir) -> None:
    probe.ok("head -n 20 held-out.jsonl | cat good.jsonl - > leaked.jsonl; tail -n +21 held-out.jsonl > rest.jsonl")
    probe.ok("for i in pool held-out rest leaked; do ds-embed -q --dimension 64 $i.jsonl -o $i.npy; done")
    line = f"{LINE} {VECTORS} --vectors leaked.npy leaked.jsonl"
    found = rows(probe.ok(line.replace("--source-vectors pool.npy", "--source-vectors - < pool.npy")).out)
    assert found == rows(probe.ok(line.replace("held-out", "rest")).out)
    fewer = rows(probe.ok(f"{line} --max-target 35").out)
    assert fewer["no choice"]["distance"] != found["no choice"]["distance"]


def test_a_budget_cuts_the_vectors_too(probe: Workdir) -> None:
    probe.ok("cat good.jsonl poor.jsonl > both.jsonl")
    probe.ok("for i in pool held-out good both; do ds-embed -q --dimension 64 $i.jsonl -o $i.npy; done")
    line = f"{LINE} {VECTORS} --budget 4960 --vectors good.npy --vectors both.npy good.jsonl both.jsonl"
    found = rows(probe.ok(line).out)
    assert found["both.jsonl"]["distance"] == pytest.approx(found["good.jsonl"]["distance"])


@pytest.mark.heavy
def test_vectors_of_other_records(probe: Workdir) -> None:
    probe.ok("for i in pool held-out good poor; do ds-embed -q --dimension 64 $i.jsonl -o $i.npy; done")
    probe.fails(f"{LINE} {VECTORS} --vectors poor.npy good.jsonl", "poor.npy: made of other records than good.jsonl")
    probe.fails(f"{LINE} {VECTORS} --vectors held-out.npy good.jsonl", "held-out.npy: 60 rows for the 80 records")
    probe.ok("ds-embed -q --dimension 32 good.jsonl -o narrow.npy")
    probe.fails(f"{LINE} {VECTORS} --vectors narrow.npy good.jsonl", "narrow.npy", "dimension 32")
