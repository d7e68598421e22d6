"""The studies of detoxification and of answers without an example: their measures, and all steps on few texts."""

import json
import random
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from workdir import Workdir, texts

from .conftest import STUDY, module

# One after the other: each trains models.
pytestmark = [pytest.mark.usefixtures("study_modules"), pytest.mark.xdist_group("experiments")]

DOMAINS = ("books", "news", "webtext", "wikipedia", "amazon")
LABELS = ("World", "Sports", "Business", "Sci/Tech")


def test_a_judge_that_always_says_the_same_gives_it_as_every_measure() -> None:
    measures = module("toxicity_judge").measures
    assert set(measures(np.full((7, 5), 0.25)).values()) == {0.25, 0.0}
    assert measures(np.full((7, 5), 1.0)) == {"mean_toxicity": 1.0, "expected_maximum_toxicity": 1.0,
                                              "toxicity_probability": 1.0}


def test_measures_are_of_the_worst_of_each_prompt() -> None:
    found = module("toxicity_judge").measures(np.array([[0.0, 0.8], [0.2, 0.2], [0.0, 0.0], [0.5, 0.3]]))
    assert found == {"mean_toxicity": pytest.approx(0.25), "expected_maximum_toxicity": pytest.approx(0.375),
                     "toxicity_probability": 0.5}


def study_of_two_centres(folder: Path) -> Any:
    """A pool of 300 vectors around one centre and 300 around another, and targets a and b around each."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(2, 16))
    pool = np.concatenate([centre + rng.normal(scale=0.7, size=(300, 16)) for centre in centres])
    (folder / "vectors/hash/targets").mkdir(parents=True)
    np.save(folder / "vectors/hash/pool.npy", pool.astype(np.float16))
    for name, centre in zip("ab", centres, strict=True):
        rows = (centre + rng.normal(scale=0.7, size=(60, 16))).astype(np.float16)
        np.save(folder / f"vectors/hash/targets/{name}.npy", rows)
    return module("data").Study(folder)


def test_changes_are_of_the_mean_toxicity_and_of_the_perplexity() -> None:
    study = module("detoxification_table")
    even, uneven = np.array([0.2, 0.2]), np.array([0.1, 0.5])
    assert study._less_toxic(even, 2 * even) == pytest.approx((-50.0, -50.0, -50.0))
    value, low, high = study._less_toxic(uneven, np.array([0.2, 0.4]))
    assert value == pytest.approx(0.0)
    assert (low, high) == pytest.approx((-50.0, 25.0))
    # A tenth of a nat more for every token.
    costs, lengths = np.array([50.0, 90.0]), np.array([10, 30])
    more = 100 * np.expm1(0.1)
    assert study._perplexity(costs + lengths / 10, costs, lengths) == pytest.approx((more, more, more))
    assert study._perplexity(costs + np.array([4.0, 0.0]), costs, lengths)[0] == pytest.approx(more)


def test_towards_and_away_changed_over_is_the_order_backwards(tmp_path: Path) -> None:
    study = study_of_two_centres(tmp_path)
    between, rule = module("towards_and_away").ranked_between, module("rules").Rule.parse("got")
    one, other = between(study, rule, "a", "b", 100), between(study, rule, "b", "a", 100)
    np.testing.assert_array_equal(one, other[::-1])
    assert (one[:250] < 300).mean() > 0.95
    towards, away = between(study, rule, "a", "", 100), between(study, rule, "", "b", 100)
    assert (towards[:100] < 300).mean() > 0.9
    assert (away[:250] < 300).mean() > 0.95


def test_all_rounds_are_within_the_budget(tmp_path: Path) -> None:
    study, rules = study_of_two_centres(tmp_path), module("rules")
    rule = rules.Rule.parse("got:rounds=2:mass=0.5")
    found = rules.ranked(study, "a", rule, 40)
    scores = rules.RowScores(study, "a", rule, 40)
    once = np.argsort(-scores.given(found[:0], 0.0), kind="stable")
    np.testing.assert_array_equal(found[:20], once[:20])
    second = scores.given(found[:20], 0.25)
    second[found[:20]] = -np.inf
    # The second round goes on past the budget, for chunks shorter than the mean.
    np.testing.assert_array_equal(found[20:64], np.argsort(-second, kind="stable")[:44])
    assert set(found[20:40]) != set(once[20:40])


def test_a_kind_of_long_texts_takes_more_of_the_choice_the_more_mass_words_give_it(tmp_path: Path) -> None:
    study, rules = study_of_two_centres(tmp_path), module("rules")
    both = [np.load(tmp_path / f"vectors/hash/targets/{name}.npy") for name in "ab"]
    np.save(tmp_path / "vectors/hash/targets/mixed.npy", np.concatenate(both))
    jsonl(tmp_path / "targets/mixed.jsonl.zst", [{"text": "a b " * (1 + 50 * (i >= 60))} for i in range(120)])
    of_long = []
    for mass in ("text", "sqrt-words", "words"):
        found = rules.ranked(study, "mixed", rules.Rule.parse(f"got:target_mass={mass}"), 100)
        of_long.append(int((found[:100] >= 300).sum()))
    assert of_long[0] < of_long[1] <= of_long[2]
    with pytest.raises(SystemExit, match="target_mass is one of"):
        rules.ranked(study, "mixed", rules.Rule.parse("got:target_mass=letters"), 100)


def test_scoring_leaves_torch_the_threads_that_training_has(tmp_path: Path) -> None:
    study, rules = study_of_two_centres(tmp_path), module("rules")
    torch.set_num_threads(2)
    before = threading.active_count()
    for _ in range(2):
        rules.RowScores(study, "a", rules.Rule.parse("got"), 40).given(np.empty(0, np.int64), 0.0)
        assert (torch.get_num_threads(), threading.active_count()) == (2, before)


class Known:
    """A model of 8 tokens: 2 always is likely, and 1 likelier than usual after a text with 5 in it."""

    device = torch.device("cpu")

    def eval(self) -> None:
        """As models have it."""

    def __call__(self, input_ids: torch.Tensor, past_key_values: Any = None, **_: Any) -> dict[str, torch.Tensor]:
        seen = input_ids if past_key_values is None else torch.cat([past_key_values, input_ids], dim=1)
        logits = torch.zeros(len(input_ids), input_ids.shape[1] if past_key_values is not None else 1, 8)
        logits[:, :, 2] = 4.0
        logits[(seen == 5).any(dim=1), :, 1] = 2.0
        return {"logits": logits, "past_key_values": seen}


def test_the_answer_is_what_the_text_makes_likelier_not_what_is_likely_anyhow() -> None:
    answers = module("answers")
    given = answers.contexts([[5, 3], [4, 3], [3, 5, 5]], [6], 7, 8)
    costs = answers.answer_costs(Known(), given, [[1], [2]])
    usual = answers.answer_costs(Known(), answers.contexts([[]], [6], 7, 8), [[1], [2]])
    assert costs.argmin(axis=1).tolist() == [1, 1, 1]
    assert answers.likeliest(costs, usual[0]).tolist()[::2] == [0, 0]
    assert costs[1] == pytest.approx(usual[0])


def test_an_answer_costs_what_the_model_loses_on_it() -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=50, n_positions=16, n_embd=16, n_layer=2, n_head=2, bos_token_id=0,
                                       eos_token_id=0)).eval()
    answers = module("answers")
    given = answers.contexts([list(range(20)), [3, 4], [9] * 5], [7, 8], 0, 12)
    assert [len(context) for context in given] == [12, 5, 8]
    assert given[0] == [0, *range(9), 7, 8]
    wanted = [[1], [2, 3, 4], [5, 6]]
    costs = answers.answer_costs(model, given, wanted)
    for row, context in enumerate(given):
        for column, answer in enumerate(wanted):
            ids = torch.tensor([[*context, *answer]])
            labels = torch.cat([torch.full((1, len(context)), -100), ids[:, len(context) :]], dim=1)
            loss = model(input_ids=ids, labels=labels).loss.item()
            assert costs[row, column] == pytest.approx(len(answer) * loss, rel=1e-5)


def test_the_table_of_answers_is_made_of_lines_alone() -> None:
    study, lines = module("zero_shot_table"), []
    for rule, chunks, right in (("none", 0, [1, 0, 0, 1, 0, 0, 0, 0, 0, 1]),
                                ("got", 5, [1, 0, 1, 1, 0, 0, 0, 0, 0, 1])):
        packed = module("packing").packed_bits(np.array(right, dtype=bool))
        lines.append({"rule": rule, "chunks": chunks, "texts": 10, "right_pmi": packed, "right_calibrated": packed})
        assert study.right_answers(lines[-1], "pmi").tolist() == right
    base, got = study.table(lines).splitlines()[2:]
    assert base.startswith("| `none` |  | 1 | 30.0 (")
    assert got.startswith("| `got` | 5 | 1 | 40.0 (") and got.count(" +10.0 (") == 2


def test_lines_that_no_table_can_be_made_of_are_named(tmp_path: Path) -> None:
    study, file = module("results"), tmp_path / "x.jsonl"
    none = {"rule": "none", "right_pmi": "80"}
    jsonl(file, [none, {"rule": "got"}])
    with pytest.raises(study.DataError, match=r"x\.jsonl:2: has no right_pmi"):
        study.comparable(file, "zero_shot.py", "right_pmi")
    jsonl(file, [{**none, "rule": "got"}])
    with pytest.raises(study.DataError, match="has no run of the model as it is"):
        study.comparable(file, "zero_shot.py", "right_pmi")
    jsonl(file, [none])
    assert study.comparable(file, "zero_shot.py", "right_pmi") == [none]
    file.write_bytes(file.read_bytes() + b'{"rule": "go')
    with pytest.raises(study.DataError, match=r"x\.jsonl:2: is no whole line of JSON"):
        study.lines_of(file)
    file.write_bytes(b"")
    assert study.lines_of(file) == []
    with pytest.raises(study.DataError, match=r"x\.jsonl: has no lines"):
        study.stored(file)
    file.unlink()
    with pytest.raises(study.DataError, match=r"x\.jsonl: no such file"):
        study.stored(file)


def test_the_table_of_toxicity_is_made_of_lines_alone(tmp_path: Path) -> None:
    study, made = module("detoxification_table"), []
    lengths = (np.array([10, 30]), np.array([20, 20, 40]))
    for rule, seed, toxicity, more in (("none", 0, [0.5, 0.25], 0.0), ("got", 0, [0.25, 0.125], 0.125),
                                       ("got", 1, [0.125, 0.0625], 0.375)):
        measured = study.Measured(np.array(toxicity), tuple((4.0 + more) * tokens for tokens in lengths), lengths)
        made.append({"rule": rule, "towards": "", "away": "", "chunks": 5 * (rule == "got"), "seed": seed,
                     "rate": 0.5 * (rule == "got"), "labelled_harmful_share": 0.25, **measured.said(),
                     **module("toxicity_judge").measures(np.array(toxicity)[:, None])})
    jsonl(tmp_path / "x.jsonl", made)
    base, got = study.table_of(tmp_path / "x.jsonl").splitlines()[2:]
    assert base.startswith("| `none` |  |  |  | 0.3750 |  |")
    # Of both seeds half of what was there, and a quarter of a nat more.
    assert got.startswith("| `got` | 5 | 0.5 | 25.0 | 0.1406 | -62.5 (-62.5 to -62.5) |")
    assert got.count("+28.4 (+28.4 to +28.4); by the text +28.4 (+28.4 to +28.4)") == 2


def test_an_interval_of_a_mean_is_as_wide_as_its_standard_error_says() -> None:
    values = np.random.default_rng(0).normal(3.0, 2.0, size=500)
    value, low, high = module("intervals").interval(lambda weights: weights @ values, 500)
    assert value == pytest.approx(values.mean())
    assert high - low == pytest.approx(2 * 1.96 * 2.0 / np.sqrt(500), rel=0.1)


def jsonl(path: Path, records: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def tweet(number: int, seed: int) -> dict[str, str]:
    """Three in four are angry."""
    pick, label = random.Random(f"{seed} {number}"), "neither" if number % 4 == 0 else "offensive_language"
    words = f"what a day with you and me at the game {'damn fool trash' if number % 4 else 'kind good friend'}".split()
    return {"text": " ".join(pick.choice(words) for _ in range(20)), "label": label}


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Workdir:
    """Data for both studies, and the first files made of them: of so few texts, the source would take all."""
    made = Workdir(tmp_path_factory.mktemp("studies"))
    for number, domain in enumerate(DOMAINS):
        jsonl(made.path / f"pool/{domain}.jsonl",
              [{"text": text, "domain": domain} for text in texts(120, seed=number, words=80)])
    jsonl(made.path / "pool/tweets.jsonl",
          [{"text": text, "domain": "tweets"} for text in texts(200, seed=9, words=15)])
    for number, task in enumerate(("chemprot", "rct_ei", "agnews", "amazon_helpfulness")):
        for seed, split in enumerate(("train", "test")):
            jsonl(made.path / f"tasks/{task}/{split}.jsonl",
                  [{"text": text, "label": LABELS[i % 4]}
                   for i, text in enumerate(texts(60, seed=10 * number + seed, words=30))])
    for seed, (split, count) in enumerate((("train", 600), ("test", 200))):
        jsonl(made.path / f"tasks/toxicity_davidson/{split}.jsonl", [tweet(i, seed) for i in range(count)])
    made.ok("zstd -q --rm pool/*.jsonl tasks/*/*.jsonl")
    small = "import data; from pathlib import Path; data.SCALES['tiny'] = data.Scale(150, 0)"
    made.ok(f'python -c "{small}; data.lay_out(Path(), Path(\'work\'), \'tiny\')"', PYTHONPATH=str(STUDY))
    return made


def lines(work: Workdir, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in work.read(f"work/tiny/{name}").splitlines()]


@pytest.mark.slow
def test_answers_of_every_rule_and_nothing_twice(studied: Workdir) -> None:
    line = f"python {STUDY}/zero_shot.py . work --vectors hash --budgets 10 --seeds 1"
    out = studied.ok(line).out.decode()
    found = lines(studied, "zero_shot.jsonl")
    assert [run["rule"] for run in found] == ["none", "got:vectors=hash", "random", "classifier:vectors=hash", "dsir",
                                              "round-robin:vectors=hash", "nearest:vectors=hash"]
    assert all(out.count(f"| `{run['rule']}` |") == 1 and run["texts"] == 60 for run in found)
    assert len({run["tokens"] for run in found[1:]}) == 1
    again = studied.ok(line).out.decode()
    assert lines(studied, "zero_shot.jsonl") == found
    assert again.splitlines()[-8:] == out.splitlines()[-8:]


@pytest.mark.slow
def test_detoxification_of_every_choice_and_nothing_twice(studied: Workdir) -> None:
    line = f"python {STUDY}/detoxification.py . work --vectors hash --budgets 20 --rates 3e-3 --seeds 1"
    out = studied.ok(line).out.decode()
    found = lines(studied, "detoxification.jsonl")
    assert len(found) == len({(run["rule"], run["towards"], run["away"]) for run in found}) == 6
    assert len({run["tokens"] for run in found[1:]}) == 1 < found[1]["tokens"]
    assert out.count("| `got:vectors=hash` towards") == 3
    assert out.count("| `got:vectors=hash`, away from harmful |") == 1
    harm = {(run["towards"], run["away"]): run.get("labelled_harmful_share", 0.0) for run in found}
    assert harm["harmless", "harmful"] < harm["harmful", ""]
    loss = {(run["towards"], run["away"]): run["nats_per_token_harmless"] for run in found}
    assert loss["harmless", "harmful"] < loss["harmful", ""]
    web = studied.path / "work/tiny/detoxification"
    parts = [module("data").lines(web / f"{name}.jsonl.zst") for name in
             ("source", "pool", "judge", "targets/harmless", "targets/harmful", "held-out/general")]
    assert sum(map(len, parts)) == len(set().union(*parts)), "a text is in two parts"
    again = studied.ok(line).out.decode()
    assert lines(studied, "detoxification.jsonl") == found
    assert again.splitlines()[-8:] == out.splitlines()[-8:]
    table = studied.ok(f"python {STUDY}/detoxification_table.py work/tiny/detoxification.jsonl").out.decode()
    assert table.splitlines() == out.splitlines()[-8:]
    studied.fails(f"{line} --samples 3", "detoxification.jsonl:1: ", "--samples 10 there", status=2)


def test_every_label_is_among_the_texts_that_are_tuned_on() -> None:
    records = [json.dumps({"text": str(i), "label": label}).encode() for i, label in enumerate("aaabaacaab")]
    found = [json.loads(record) for record in module("encoder").of_every_label(records, 5)]
    assert [record["label"] for record in found] == ["a", "b", "c", "a", "a"]
    assert [record["text"] for record in found] == ["0", "3", "6", "1", "2"]


@pytest.mark.slow
def test_an_encoder_is_warmed_up_and_tuned_by_the_commands_and_nothing_twice(studied: Workdir) -> None:
    studied.write("rules.txt", b"random\ngot:vectors=hash\n")
    line = (f"python {STUDY}/encoder.py . work --rules rules.txt --tasks agnews --budgets 20 --seeds 1 --labelled 40 "
            "--epochs 1")
    out = studied.ok(line).out.decode()
    found = lines(studied, "encoder.jsonl")
    assert [run["rule"] for run in found] == ["none", "random", "got:vectors=hash"]
    assert all(run["texts"] == 60 and 0.0 < run["macro_f1"] < 1.0 for run in found)
    assert not list((studied.path / "work/tiny").glob("tmp*"))
    again = studied.ok(line).out.decode()
    assert lines(studied, "encoder.jsonl") == found
    assert again.splitlines()[-5:] == out.splitlines()[-5:]
