"""ds-topk as installed: by whose score it ranks, and what it leaves out."""

import json
import random
from typing import Any

import numpy as np
import pytest

from workdir import Workdir, records, texts


def of_lines(made: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in made.splitlines()]


def rated(count: int) -> bytes:
    """Records with a score and an embedding of somebody else's, as FineWeb-Edu has them."""
    return b"".join(b'{"text": "%s", "score": %d.50, "embedding": [0.1, 0.2]}\n' % (text.encode(), row)
                    for row, text in enumerate(texts(count)))


def fitted(work: Workdir) -> None:
    work.write("pool.jsonl", rated(20))
    work.ok("ds-embed pool.jsonl -o p.npy && ds-target-stats --target p.npy p.npy -o t.npz")
    work.ok("ds-score --target t.npz p.npy -o s.npy")


def test_fields_of_the_pool_pass_as_they_are(work: Workdir) -> None:
    fitted(work)
    by_files = work.ok("ds-topk -k 20 --order input --scores s.npy pool.jsonl | zstdcat").out
    piped = "ds-embed pool.jsonl | ds-score --target t.npz | ds-topk -k 20 --order input | zstdcat"
    assert work.ok(piped).out == by_files
    for made, line in zip(by_files.splitlines(), work.read("pool.jsonl").splitlines(), strict=True):
        assert made.startswith(line[:-1] + b',"gotd_score":')


@pytest.mark.heavy
def test_a_field_ranks_only_where_a_seal_or_the_user_says_so(work: Workdir) -> None:
    fitted(work)
    work.fails("ds-topk -k 2 pool.jsonl", "pool.jsonl:1", "gotd_score", "--scores", "--score-key")
    best = of_lines(work.ok("ds-topk -k 2 --score-key score pool.jsonl | zstdcat").out)
    assert [each["score"] for each in best] == [19.5, 18.5]
    assert "gotd_score" not in best[0]
    work.ok("ds-embed pool.jsonl | ds-score --target t.npz > scored.zst && zstdcat scored.zst > unsealed.jsonl")
    work.fails("ds-topk -k 2 unsealed.jsonl", "unsealed.jsonl: no seal of ds-score vouches", "--scores", "--score-key")
    work.fails("(cat scored.zst; zstd -qc unsealed.jsonl) | ds-topk -k 2", "not all of it is sealed")
    work.fails("ds-embed unsealed.jsonl | ds-topk -k 2", "sealed by ds-embed", "--score-key")
    work.ok("ds-topk -k 2 scored.zst -o a.zst && ds-topk -k 2 --score-key gotd_score unsealed.jsonl -o b.zst")
    assert work.ok("zstdcat a.zst").out == work.ok("zstdcat b.zst").out
    work.ok("ds-topk -k 9 scored.zst | ds-topk -k 2 -o c.zst")
    assert work.ok("zstdcat a.zst").out == work.ok("zstdcat c.zst").out
    work.fails("ds-topk -k 9 --score-key score scored.zst | ds-topk -k 2", "sealed by ds-topk")
    work.fails("ds-topk -k 2 --scores s.npy --score-key score pool.jsonl", "--score-key", status=2)
    assert "2 chosen" in work.ok("ds-topk -k 2 --scores s.npy pool.jsonl -o d.zst", DS_SCORE_KEY="score").err


@pytest.mark.heavy
def test_scores_of_an_earlier_choice_are_replaced_and_counted(work: Workdir) -> None:
    fitted(work)
    work.ok("ds-topk -k 20 --scores s.npy pool.jsonl -o chosen.zst && zstdcat chosen.zst | sed -n 1,7p > again.jsonl")
    work.ok("zstdcat chosen.zst | tail -13 | jq -c 'del(.gotd_score)' >> again.jsonl")
    said = work.ok("ds-embed again.jsonl | ds-score --target t.npz -o again.zst").err
    assert '; 7 records had a "gotd_score" already, replaced' in said
    work.ok("ds-embed again.jsonl -o a.npy && ds-score --target t.npz a.npy -o as.npy")
    said = work.ok("ds-topk -k 20 --scores as.npy again.jsonl -o a.zst").err
    assert '; 7 records had a "gotd_score" already, replaced' in said
    assert all(line.count(b"gotd_score") == 1 for line in work.ok("zstdcat a.zst").out.splitlines())
    work.ok("ds-embed again.jsonl -o carried.zst")
    assert '; 20 records had a "gotd_embedding" already, replaced' in work.ok("ds-embed carried.zst -o twice.zst").err


POOL = """ds-embed target.jsonl -o target.npy && ds-embed {0} -o {1}/
ds-target-stats --target target.npy {1}/*.npy -o {1}.npz && ds-score --target {1}.npz {1}/*.npy -o {1}-scores/"""


@pytest.mark.heavy
def test_of_copies_the_best_is_chosen_whatever_the_shards_both_ways(work: Workdir) -> None:
    once = texts(60)
    copies = [*(text.upper() for text in once[::2]), *(f" {text}\n" for text in once[::3]), *once[::4], "", "--", *once]
    random.Random(3).shuffle(copies)
    lines = records(copies).splitlines(keepends=True)
    work.write("target.jsonl", records(texts(40, seed=1)[::5]))
    made = set()
    for shards in (1, 3):
        (work.path / f"in{shards}").mkdir()
        for number in range(shards):
            part = lines[len(lines) * number // shards : len(lines) * (number + 1) // shards]
            work.write(f"in{shards}/{number}.jsonl", b"".join(part))
        files, folder = f"in{shards}/*.jsonl", f"emb{shards}"
        work.ok(POOL.format(files, folder))
        files_said = work.ok(f"ds-topk -k 50 --scores {folder}-scores/ {files} -o {shards}.zst").err
        work.ok(f"ds-embed {files} | ds-score --target {folder}.npz -o scored.zst")
        pipes_said = work.ok(f"ds-topk -k 50 < scored.zst > piped.zst && zstdcat piped.zst > {shards}.jsonl").err
        assert notes(files_said) == notes(pipes_said)
        assert work.ok(f"zstdcat {shards}.zst").out == work.read(f"{shards}.jsonl")
        made.add(work.read(f"{shards}.jsonl"))
    assert len(made) == 1
    chosen = [" ".join(each["text"].casefold().split()) for each in of_lines(made.pop())]
    assert len(chosen) == len(set(chosen)) == 50
    said = work.ok("ds-topk -k 200 scored.zst -o all.zst").err
    assert "only 60 records were there to choose from; 60 chosen; " in said
    assert "; 65 copies left out" in said
    assert "; 2 without content left out" in said
    said = work.ok("ds-topk -k 200 --keep-copies scored.zst -o all.zst").err
    assert "125 chosen; 65 copies among them; 2 without content left out" in said


def notes(said: str) -> str:
    """What a closing line says after the figures of time and memory."""
    return said.strip().splitlines()[-1].partition("; ")[2]


def leaky_pool(work: Workdir) -> None:
    """30 of 90 documents hold a test text; near copies of others; scores fall with the rows."""
    tests, others = texts(30, seed=8), texts(60, seed=9)
    pool = [*(f"A page that quotes: {text} And more." for text in tests), *others]
    work.write("test.jsonl", records(tests[:15]))
    work.write("more.jsonl", records([*tests[15:], ""]))
    lines = [json.dumps({"text": text, "quality": -row}) for row, text in enumerate(pool)]
    lines += [json.dumps({"text": f"{text} But not quite.", "quality": 1.0}) for text in others[:20]]
    work.write("pool.jsonl", "\n".join(lines).encode())


def test_texts_of_a_test_are_not_chosen(work: Workdir) -> None:
    leaky_pool(work)
    line = "ds-topk -k 70 --score-key quality pool.jsonl -o best.jsonl"
    work.ok(line)
    assert sum(each["text"].startswith("A page") for each in of_lines(work.read("best.jsonl"))) == 30
    said = work.ok(f"{line} --exclude test.jsonl --exclude more.jsonl").err
    chosen = of_lines(work.read("best.jsonl"))
    assert len(chosen) == 70
    assert not any(each["text"].startswith("A page") for each in chosen)
    assert "70 chosen; 30 that share words with the excluded texts left out" in said
    work.ok(f"cat test.jsonl more.jsonl | {line.replace('best', 'piped')} --exclude - && cmp best.jsonl piped.jsonl")
    assert "excluded" not in work.ok(f"{line} --exclude test.jsonl --exclude-words 200").err
    work.fails(f"{line} --exclude-words 5", "--exclude", status=2)
    work.write("none.jsonl", records(["", " "]))
    work.fails(f"{line} --exclude none.jsonl", "none.jsonl", "no text with a word")
    work.fails(f"{line} --exclude best.jsonl", "best.jsonl", status=2)


def test_near_copies_are_left_out(work: Workdir) -> None:
    pytest.importorskip("datasketch")
    leaky_pool(work)
    line = "ds-topk -k 90 --score-key quality"
    said = work.ok(f"{line} --distinct 0.8 pool.jsonl -o best.jsonl").err
    assert "90 chosen; 20 near copies left out" in said
    chosen = of_lines(work.read("best.jsonl"))
    assert sum("not quite" in each["text"] for each in chosen) == 20  # they stand higher
    work.ok(f"cat pool.jsonl | {line} --distinct 0.8 -o piped.jsonl && cmp best.jsonl piped.jsonl")
    work.fails(f"{line} --distinct 0.8 --keep-copies pool.jsonl", "--keep-copies", status=2)


def kinds_pool(work: Workdir) -> None:
    """60 records of three sources, 40 of them of the best one, with two scores."""
    lines = [{"text": text, "meta": {"source": "web" if row < 40 else "code" if row < 55 else "books"}, "quality": -row,
              "math": row % 7} for row, text in enumerate(texts(60))]
    work.write("pool.jsonl", "\n".join(map(json.dumps, lines)).encode())


def test_quotas(work: Workdir) -> None:
    kinds_pool(work)
    line = "ds-topk -k 20 --score-key quality --per meta.source"
    said = work.ok(f"{line} --at-most 0.5 pool.jsonl -o best.jsonl").err
    assert "20 chosen; web 10, code 10" in said
    work.write("shares.tsv", b"web\t0.2\nbooks\t0.2\ncode\t0.6\n")
    said = work.ok(f"cat pool.jsonl | {line} --shares shares.tsv -o best.jsonl").err
    assert "20 chosen; code 12, web 4, books 4" in said
    assert [each["quality"] for each in of_lines(work.read("best.jsonl"))][:4] == [0, -1, -2, -3]
    work.write("shares.json", b'{"books": 0.5, "web": 0.5}')
    work.fails(f"{line} --shares shares.json pool.jsonl -o none.jsonl", 'by "meta.source" cannot be filled',
               "books has 5 of 10: 5 records too few", "--allow-fewer")
    work.fails(f"{line} --at-most 0.2 pool.jsonl -o none.jsonl", "12 of 20 records can be chosen, 8 too few")
    assert "none.jsonl" not in work.names()
    said = work.ok(f"{line} --shares shares.json --allow-fewer pool.jsonl -o best.jsonl").err
    assert "only 15 records were there" in said
    assert "15 of kinds without a share left out; web 10, books 5" in said
    work.write("bad.json", b'{"web": 0.5}')
    work.fails(f"{line} --shares bad.json pool.jsonl", "bad.json: shares that sum to 0.5")
    work.fails(f"{line} pool.jsonl", "--at-most", status=2)
    work.fails(f"{line.replace('meta.source', 'domain')} --at-most 0.5 pool.jsonl", 'no record has a "domain" field')
    work.fails(f"{line.replace('meta.source', 'meta')} --at-most 0.5 pool.jsonl", "pool.jsonl:1", "JSON object")


def test_a_choice_by_chance(work: Workdir) -> None:
    kinds_pool(work)
    line = "ds-topk -k 10 --score-key quality --temperature"
    made = {key: work.ok(f"{line} {key} pool.jsonl | zstdcat").out for key in ("0", "0.5", "0.5 --seed 1", "1e-9")}
    assert made["0"] == made["1e-9"]
    assert len(set(made.values())) == 3
    assert work.ok(f"cat pool.jsonl | {line} 0.5 | zstdcat").out == made["0.5"]
    work.fails("ds-topk -k 10 --score-key quality --seed 1 pool.jsonl", "--temperature", status=2)
    assert work.ok("ds-topk -k 10 --score-key quality pool.jsonl | zstdcat", DS_SEED="7").out == made["0"]


def test_several_targets_share_a_choice(work: Workdir) -> None:
    kinds_pool(work)
    line = "ds-topk --score-key quality --score-key math pool.jsonl -o best.jsonl"
    work.ok(f"{line} -k 10")
    chosen = of_lines(work.read("best.jsonl"))
    assert [each["gotd_target"] for each in chosen] == ["quality", "math"] * 5
    assert [each["quality"] for each in chosen] == [0, -6, -1, -13, -2, -20, -3, -27, -4, -34]
    work.ok(f"{line} -k 10 --split 0.2,0.8")
    assert [each["gotd_target"] for each in of_lines(work.read("best.jsonl"))].count("math") == 8
    np.save(work.path / "s.npy", np.arange(60, dtype=np.float32))
    work.ok("mkdir b && cp s.npy b/pool.npy && cp s.npy b/other.npy && cp pool.jsonl other.jsonl && cp s.npy u.npy")
    work.fails("ds-topk -k 8 --scores b --scores s.npy pool.jsonl other.jsonl", "some are a folder", status=2)
    work.fails("ds-topk -k 8 --scores s.npy --scores s.npy pool.jsonl -o none.jsonl", "given twice", status=2)
    work.write("split.json", b'{"s": 0.5, "t": 0.5}')
    work.fails("ds-topk -k 8 --scores s.npy --scores u.npy --split split.json pool.jsonl", "the targets are s, u")
    work.ok("ds-topk -k 8 --scores s.npy --scores u.npy --order input pool.jsonl -o best.jsonl")
    assert {each["gotd_target"] for each in of_lines(work.read("best.jsonl"))} == {"s", "u"}
    work.fails("ds-topk -k 8 --scores s.npy --split 0.5,0.5 pool.jsonl", "--split", status=2)


def test_budgets_of_words(work: Workdir) -> None:
    kinds_pool(work)
    said = work.ok("cat pool.jsonl | ds-topk --budget-words 200 --score-key quality -o best.jsonl").err
    assert "3 chosen" in said  # of 62 words each: the number at the end and its full stop are two
    work.fails("ds-topk --budget-tokens 9 --score-key quality pool.jsonl", "--tokenizer", status=2)
    line = "ds-topk --budget-tokens 9 --tokenizer . --score-key quality pool.jsonl -o no.jsonl"
    work.fails(line, "no tokenizer there")
    assert "no.jsonl" not in work.names()


def test_a_choice_is_a_parquet_file_by_its_name(work: Workdir) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    kinds_pool(work)
    line = "ds-topk -k 10 --score-key quality pool.jsonl -o"
    work.ok(f"{line} best.jsonl && {line} best.Parquet")
    assert parquet.read_table(work.path / "best.Parquet").to_pylist() == of_lines(work.read("best.jsonl"))
    work.fails(f"{line} best.parquet.zst", ".parquet", status=2)
    work.fails("ds-embed pool.jsonl -o best.parquet", ".npy", status=2)
    np.save(work.path / "s.npy", np.arange(60, dtype=np.float32))
    work.ok("ds-topk -k 10 --scores s.npy pool.jsonl -o best.parquet && ds-topk -k 3 best.parquet -o three.jsonl")
    assert [each["gotd_score"] for each in of_lines(work.read("three.jsonl"))] == [59.0, 58.0, 57.0]
