"""Text that is made of several fields, or of messages: as installed, from records to a choice."""

import json
from typing import Any

import numpy as np
import pytest

import gotd
from workdir import Workdir, records, texts

TEXTS = texts(40, words=40)
TEMPLATE = "--text-template '{instruction}\\n\\n{input?}{data.output}'"
MESSAGES = "--text-key messages --message-template '{content}\\n\\n'"


def rows() -> dict[str, list[dict[str, Any]]]:
    """The same texts as a field, as instructions and as chats."""
    halves = [(text[: len(text) // 2], text[len(text) // 2 :]) for text in TEXTS]
    flat = [{"id": f"d{number}", "n": number, "text": f"{first}\n\n{second}"}
            for number, (first, second) in enumerate(halves)]
    tasks = [{"id": f"d{number}", "n": number, "instruction": first, "input": "" if number % 2 else None,
              "data": {"output": second}} for number, (first, second) in enumerate(halves)]
    chats = [{"id": f"d{number}", "n": number, "messages": [{"role": "user", "content": first},
                                                            {"role": "assistant", "content": second}]}
             for number, (first, second) in enumerate(halves)]
    return {"flat": flat, "tasks": tasks, "chats": chats}


@pytest.fixture
def made(work: Workdir) -> Workdir:
    for name, each in rows().items():
        work.write(f"{name}.jsonl", "".join(json.dumps(row) + "\n" for row in each).encode())
    work.write("other.jsonl", records(texts(40, seed=1)))
    return work


OPTIONS = {"flat": "", "tasks": TEMPLATE, "chats": MESSAGES}


@pytest.mark.heavy
def test_the_chain_gives_what_a_plain_field_gives(made: Workdir) -> None:
    found = {}
    for name, options in OPTIONS.items():
        made.ok(f"ds-embed -q --dimension 64 {options} {name}.jsonl -o {name}.npy")
        made.ok(f"ds-target-stats -q --method nearest --target {name}.npy {name}.npy -o {name}.npz")
        made.ok(f"ds-score -q --target {name}.npz {name}.npy -o {name}-scores.npy")
        made.ok(f"ds-topk -q -k 5 {options} --scores {name}-scores.npy {name}.jsonl -o {name}-best.jsonl")
        piped = made.ok(f"ds-embed -q --dimension 64 {options} {name}.jsonl | ds-score -q --target {name}.npz | "
                        f"ds-topk -q -k 5 {options} -o piped.jsonl && cat piped.jsonl").out
        assert piped == made.read(f"{name}-best.jsonl")
        dsir = f"ds-target-stats -q --method dsir --min-words 1 {options} --target {name}.jsonl"
        made.ok(f"{dsir} {name}.jsonl -o d.npz")
        made.ok(f"ds-score -q --target d.npz {name}.jsonl -o {name}-dsir.npy")
        held = options.replace("--text", "--target-text")
        probe = made.ok(f"ds-probe -q --json --resamples 100 {held} --target {name}.jsonl --source other.jsonl "
                        "other.jsonl")
        report = made.ok(f"ds-report -q --choice {name}-best.jsonl {options} --target {name}.npz --target-texts "
                         f"{name}.jsonl -o -").out
        found[name] = (np.load(made.path / f"{name}.npy").tobytes(), np.load(made.path / f"{name}-dsir.npy").tobytes(),
                       [json.loads(line)["id"] for line in made.read(f"{name}-best.jsonl").splitlines()],
                       probe.out.replace(name.encode(), b""),
                       [each["text"] for each in json.loads(report)["examples"]])
    assert found["tasks"] == found["flat"] == found["chats"]


def test_other_text_of_the_same_records_is_other_records(made: Workdir) -> None:
    made.ok(f"ds-embed --dimension 64 {TEMPLATE} tasks.jsonl -o made.npy")
    assert "already complete" in made.ok(f"ds-embed --dimension 64 {TEMPLATE} tasks.jsonl -o made.npy").err
    said = made.ok("ds-embed --dimension 64 --text-template '{instruction}' tasks.jsonl -o made.npy").err
    assert "already complete" not in said
    made.ok(f"ds-embed -q --dimension 64 {TEMPLATE} tasks.jsonl -o b.npy")
    made.ok("ds-target-stats -q --method nearest --target b.npy b.npy -o t.npz")
    made.ok("ds-score -q --target t.npz b.npy -o s.npy")
    edited = made.read("tasks.jsonl").replace(b'"output": "', b'"output": "other ', 1)
    made.write("edited.jsonl", edited)
    made.fails(f"ds-topk -k 5 {TEMPLATE} --scores s.npy edited.jsonl -o best.jsonl", "scores of other records")


def test_chunks_hold_the_text_that_was_made(made: Workdir) -> None:
    plain = made.ok("ds-chunk -q --chars 120 flat.jsonl | zstdcat").out.splitlines()
    for name in ("tasks", "chats"):
        line = f"ds-chunk -q --chars 120 {OPTIONS[name]} {name}.jsonl"
        made.ok(f"{line} -o {name}-chunks/")
        pieces = [json.loads(each) for each in made.ok(f"zstdcat {name}-chunks/*").out.splitlines()]
        assert [(piece["id"], piece["text"]) for piece in pieces] == [
            (piece["id"], piece["text"]) for piece in map(json.loads, plain)]
        others = {name for piece in pieces for name in piece} - {"id", "text", "n", "parts"}
        assert others == ({"data"} if name == "tasks" else set())
        assert all(piece.get("data", {}) == {} for piece in pieces)
        embed = f"ds-embed --dimension 64 {name}-chunks/ -o {name}/"
        assert "already complete" in made.ok(f"{embed} && {embed}").err
        wrong = f"ds-embed {OPTIONS[name]} {name}-chunks/ -o x.npy"
        made.fails(wrong, '.jsonl.zst:1: no "', '" field, but "id", "text"')


def test_whole_documents_keep_all_their_fields(made: Workdir) -> None:
    lines = made.ok(f"ds-chunk -q --whole {TEMPLATE} tasks.jsonl | zstdcat").out.splitlines()
    whole = [json.loads(each) for each in lines]
    assert whole == [task | {"text": flat["text"]} for task, flat in zip(*list(rows().values())[1::-1], strict=True)]
    title = "ds-chunk --whole --text-template '{n}: {text}' flat.jsonl -o titled.jsonl"
    assert "replaced" not in made.ok(title).err
    assert json.loads(made.read("titled.jsonl").splitlines()[3])["text"].startswith("3: ")
    assert '40 records had another "text" already, replaced' in made.ok(
        "ds-chunk --whole --text-template '{n}' flat.jsonl -o titled.jsonl").err


def test_whole_neither_cuts_nor_joins(work: Workdir) -> None:
    work.write("a.jsonl", b'{"text":"short"}\n{"text":"short"}\n' + records(["word " * 900, "..."]))
    said = work.ok("ds-chunk --whole a.jsonl -o made.jsonl").err
    assert "1 pieces without a letter or digit left out" in said
    assert [(row["id"], len(row["text"])) for row in map(json.loads, work.read("made.jsonl").splitlines())] == [
        ("a.jsonl:1", 5), ("a.jsonl:2", 5), ("d0", 4500)]
    assert "2 shorter than --min-chars" in work.ok("ds-chunk --whole --min-chars 10 a.jsonl -o made.jsonl").err
    for option in ("--chars 500", "--join all"):
        work.fails(f"ds-chunk --whole {option} a.jsonl -o made.jsonl", "does nothing with --whole", status=2)


def test_faults_say_what_there_is(made: Workdir) -> None:
    for options, said in (
        ("--text-template '{instruction}{output}'", 'tasks.jsonl:1: no "output" field, but "id", "n", "instruction", '
                                                    '"input", "data"; mend --text-template; {NAME?} is a field that'),
        ("--text-template '{instruction}{input}'", 'tasks.jsonl:1: no "input" field, it is null; '),
        ("--text-template '{data}'", 'tasks.jsonl:1: "data" is a JSON object, not a string; '),
    ):
        made.fails(f"ds-embed {options} tasks.jsonl -o x.npy", said)
    made.fails("ds-embed --text-template '{instruction' tasks.jsonl -o x.npy", 'a lone "{"', status=2)
    made.fails("ds-embed --text-template '{instruction}' --text-key n tasks.jsonl -o x.npy", "give one", status=2)
    made.ok("ds-embed -q --dimension 64 --text-template '{instruction}' tasks.jsonl -o x.npy", DS_TEXT_KEY="n")
    assert "20 bad records skipped" in made.ok(
        "ds-embed --skip-invalid 20 --dimension 64 --text-template '{instruction}{input}' tasks.jsonl -o x.npy").err
    assert made.names() == {"flat.jsonl", "tasks.jsonl", "chats.jsonl", "other.jsonl", "x.npy"}


def test_the_python_face_makes_the_same(made: Workdir) -> None:
    made.ok(f"ds-embed -q {TEMPLATE} tasks.jsonl -o tasks.npy")
    template = "{instruction}\n\n{input?}{data.output}"
    wanted = np.load(made.path / "tasks.npy")
    for tasks in (rows()["tasks"], str(made.path / "tasks.jsonl")):
        assert np.array_equal(gotd.embed(tasks, text_template=template), wanted)
    assert np.array_equal(gotd.embed(rows()["chats"], text_key="messages", message_template="{content}\n\n"), wanted)
    chosen = gotd.select(rows()["tasks"], rows()["tasks"][:9], 5, text_template=template)
    plain = gotd.select(rows()["flat"], rows()["flat"][:9], 5)
    assert np.array_equal(chosen.indices, plain.indices)
    with pytest.raises(gotd.DataError, match='no "output" field'):
        gotd.embed(rows()["tasks"], text_template="{output}")
