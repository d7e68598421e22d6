"""Options of ds-target-stats that say what the source is, and what is refused."""

import json

import numpy as np
import pytest

from workdir import Workdir

FIT = "ds-target-stats --target target.npy pool.npy -o made.npz"


def test_without_an_output_there_is_nothing_to_do(chain: Workdir) -> None:
    chain.fails("ds-target-stats --target target.npy pool.npy", "-o FILE.npz", status=2)


def test_screening_prints_a_table_nearest_first_and_writes_nothing(chain: Workdir) -> None:
    chain.ok("cp target.npy near.npy")
    before = chain.names()
    table = chain.ok("ds-target-stats --screen --target target.npy pool.npy near.npy").out.decode().splitlines()
    assert table[0].split("\t") == ["distance", "low", "high", "rows", "sampled", "file"]
    assert [line.split("\t")[5] for line in table[1:]] == ["near.npy", "pool.npy"]
    assert float(table[1].split("\t")[0]) < float(table[2].split("\t")[0])
    assert chain.names() == before


@pytest.mark.parametrize("option", ["-o x.npz", "--passes 2", "--source pool.npy", "--method mean"])
def test_screening_refuses_what_it_would_not_do(chain: Workdir, option: str) -> None:
    chain.fails(f"ds-target-stats --screen --target target.npy pool.npy {option}", "does nothing", status=2)


def test_vectors_are_whitened_unless_they_are_not_to_be(chain: Workdir) -> None:
    def made(options: str) -> dict[str, object]:
        return dict(json.loads(chain.ok(f"{FIT} {options}").out))

    usual, plain, centred = made(""), made("--no-whiten"), made("--no-whiten --no-center")
    assert (usual["whiten"], usual["center"]) == (True, True)
    assert usual["epsilon_relative"] == pytest.approx(2 / (1 + (64 / 300) ** 0.5))
    assert (plain["whiten"], plain["center"], plain["epsilon_relative"]) == (False, True, 0.05)  # hash is centred
    assert (centred["whiten"], centred["center"]) == (False, False)
    assert made("--no-center") == centred
    assert made("--whiten --epsilon 0.3")["epsilon_relative"] == 0.3
    assert made("--method mean")["whiten"] is False
    assert made("--method nearest --whiten")["whiten"] is True
    chain.fails(f"{FIT} --whiten --no-center", "leave out --no-center", status=2)


def test_the_pool_beside_a_source_gives_the_space_and_nothing_else(chain: Workdir) -> None:
    np.save(chain.path / "p.npy", np.load(chain.path / "pool.npy")[:40])
    said = chain.ok(f"{FIT} --source p.npy && cp made.npz with.npz")
    assert "the pool gives the space" in said.err
    chain.ok(f"{FIT} && cp made.npz pool.npz")
    chain.ok("ds-target-stats --target target.npy --source p.npy -o alone.npz")
    beside, pool, alone = (np.load(chain.path / name) for name in ("with.npz", "pool.npz", "alone.npz"))
    for name in ("centre", "whitening"):
        assert (beside[name] == pool[name]).all()
        assert (beside[name] != alone[name]).any()
    assert (beside["potentials"] != pool["potentials"]).any()
    assert "the pool is not read" in chain.ok(f"{FIT} --source p.npy --no-center").err


@pytest.mark.parametrize("method", ["got", "mean", "nearest", "round-robin"])
def test_whitened_scores_need_the_target_file_alone(chain: Workdir, method: str) -> None:
    """Turned and stretched vectors are the same vectors once whitened, up to the ridge; scored from the file alone."""
    chain.ok(f"{FIT} --whiten --method {method} && ds-score --target made.npz pool.npy -o whole.npy")
    rows = np.load(chain.path / "pool.npy")
    np.save(chain.path / "part.npy", rows[100:117])
    chain.ok("ds-score --target made.npz part.npy -o part-scores.npy")
    assert (np.load(chain.path / "part-scores.npy") == np.load(chain.path / "whole.npy")[100:117]).all()


def test_a_mixture_moves_the_gradient_away_from_what_is_there(chain: Workdir) -> None:
    chain.ok("ds-topk -k 30 scored.jsonl.zst -o best.jsonl.zst && ds-embed --dimension 64 best.jsonl.zst -o best.npy")
    chain.ok(f"{FIT} --mix best.npy:0.5 > mixed.json && ds-target-stats --target target.npy pool.npy -o p.npz > p.json")
    mixed, plain = json.loads(chain.read("mixed.json")), json.loads(chain.read("p.json"))
    assert mixed["source_rows"] == plain["source_rows"] + 30
    assert mixed["distance"] < plain["distance"]
    chain.ok("ds-score --target made.npz best.npy -o after.npy && ds-score --target p.npz best.npy -o before.npy")
    assert np.load(chain.path / "after.npy").mean() < np.load(chain.path / "before.npy").mean()


@pytest.mark.parametrize("mix", ["best.npy", "best.npy:", ":0.3", "pool.npy:0", "pool.npy:1.5", "pool.npy:x"])
def test_a_mixture_that_makes_no_sense(chain: Workdir, mix: str) -> None:
    chain.fails(f"{FIT} --mix {mix}", f"--mix {mix}: wanted FILE.npy:MASS", status=2)


def test_masses_above_one(chain: Workdir) -> None:
    chain.fails(f"{FIT} --mix pool.npy:0.6 --mix target.npy:0.6", "masses sum to 1.2", status=2)


@pytest.mark.parametrize(("weights", "said"), [
    (np.ones(299), "one weight for each row"), (-np.ones(300), "negative"), (np.zeros(300), "no row has weight"),
    (np.full(300, 1e308), "a weight above 1e+200"), (np.full(300, np.nan), "row 0"),
    (np.ones((300, 1)), "shape"), (np.ones(300, "i4"), "dtype"),
])
def test_weights_that_make_no_sense(chain: Workdir, weights: np.ndarray, said: str) -> None:
    np.save(chain.path / "w.npy", weights)
    chain.fails(f"{FIT} --weights w.npy", said)
    assert "made.npz" not in chain.names()


def test_a_row_of_weight_zero_is_as_if_it_were_not_there(chain: Workdir) -> None:
    weights = np.r_[np.zeros(100), np.ones(200)]
    np.save(chain.path / "w.npy", weights)
    vectors = np.load(chain.path / "pool.npy")
    np.save(chain.path / "rest.npy", vectors[100:])
    chain.ok(f"{FIT} --weights w.npy --center")
    chain.ok("ds-target-stats --target target.npy --source rest.npy --center -o rest.npz")
    for name in ("made", "rest"):
        chain.ok(f"ds-score --target {name}.npz pool.npy -o {name}-scores.npy")
    found, expected = (np.load(chain.path / f"{name}-scores.npy") for name in ("made", "rest"))
    assert np.allclose(found, expected, atol=1e-4)


def test_weights_of_the_target(chain: Workdir) -> None:
    rows = len(np.load(chain.path / "target.npy"))
    np.save(chain.path / "w.npy", np.ones(rows))
    chain.ok(f"{FIT} --target-mass w.npy")
    made, plain = (np.load(chain.path / f"{name}.npz")["potentials"] for name in ("made", "target"))
    assert np.array_equal(made, plain)
    np.save(chain.path / "w.npy", np.ones(rows + 1))
    chain.fails(f"{FIT} --target-mass w.npy", f"{rows + 1} masses for the {rows} rows")


def test_what_ds_score_would_refuse_is_not_written(chain: Workdir) -> None:
    np.save(chain.path / "far.npy", np.full((3, 64), 1e30, "f4"))
    chain.fails("ds-target-stats --method nearest --target target.npy far.npy -o made.npz", '"centre" holds numbers')
    chain.fails(f"{FIT} --seed {2**64}", "--seed", status=2)
    assert "made.npz" not in chain.names()


def test_a_ranking_that_did_not_converge_is_not_written_unless_allowed(chain: Workdir) -> None:
    line = "ds-target-stats --target target.npy pool.npy -o made.npz --tol 1e-9 --max-iterations 2"
    chain.fails(line, "not converged", "--allow-unconverged")
    assert "made.npz" not in chain.names()
    assert json.loads(chain.ok(f"{line} --allow-unconverged").out)["converged"] is False


@pytest.mark.parametrize(("line", "said"), [
    ("--mix -:0.3 - -o x.npz < pool.npy", "at most once"),
    ("--weights - - -o x.npz < pool.npy", "at most once"),
    ("--mix -:0.3 --passes 2 pool.npy -o x.npz < pool.npy", "with --passes name a file"),
    ("--mix pool.npy:0.7 --mix target.npy:0.31 pool.npy -o x.npz", "masses sum to 1.01"),
])
def test_what_is_mixed_is_read_once_and_shares_the_mass(chain: Workdir, line: str, said: str) -> None:
    chain.fails(f"ds-target-stats --target target.npy {line}", said, status=2)


def test_tenths_may_be_the_whole_mass_in_any_order(chain: Workdir) -> None:
    mixes = " ".join(f"--mix pool.npy:{mass}" for mass in (0.2, 0.4, 0.3, 0.1))
    chain.ok(f"{FIT} {mixes}")


@pytest.mark.parametrize("line, said", [
    ("--share 0.5", "--choose"),
    ("--choose 10 --share 0", "range"), ("--choose 10 --share 1.5", "range"), ("--choose 0 --share 0.5", "range"),
    ("--choose 10 --share 0.5 --epsilon 0", "--epsilon"), ("--choose 10 --share 0.5 --method mean", "does nothing"),
])
def test_a_step_that_makes_no_sense(chain: Workdir, line: str, said: str) -> None:
    chain.fails(f"{FIT} {line}", said, status=2)
    assert "made.npz" not in chain.names()


def test_more_than_the_pool_cannot_be_chosen(chain: Workdir) -> None:
    chain.fails(f"{FIT} --choose 1e6 --share 0.5", "--choose 1e+06", "choose fewer")


def test_a_share_in_the_environment_is_for_others(chain: Workdir) -> None:
    assert "share" not in json.loads(chain.ok(FIT, DS_SHARE="0.5").out)
    assert json.loads(chain.ok(f"{FIT} --choose 5 --no-whiten", DS_SHARE="0.5").out)["share"] == 0.5


@pytest.fixture
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Workdir:
    """A pool with a tenth of either kind of the target, which is half and half; in 4 dimensions, and in 16."""
    work = Workdir(tmp_path_factory.mktemp("kinds"))
    r, one, other = np.random.default_rng(5), np.eye(4)[0] * 3, np.eye(4)[0] * -3.15
    x, y = 0.4 * r.normal(size=(2000, 4)), 0.4 * r.normal(size=(100, 4))
    x[:200], x[200:400], y[:50], y[50:] = x[:200] + one, x[200:400] + other, y[:50] + one, y[50:] + other
    r, one = np.random.default_rng(5), np.eye(16)[0] * 3
    wide = [0.4 * r.normal(size=(2000, 16)), np.empty((100, 16))]
    wide[0][:200], wide[0][200:400] = one + 0.6 * r.normal(size=(200, 16)), -one + 0.4 * r.normal(size=(200, 16))
    wide[1][:50], wide[1][50:] = one + 0.6 * r.normal(size=(50, 16)), -one + 0.4 * r.normal(size=(50, 16))
    for name, rows in {"x": x, "t": y, "wide-x": wide[0], "wide-t": wide[1]}.items():
        np.save(work.path / f"{name}.npy", rows.astype("f4"))
    return work


@pytest.mark.heavy
@pytest.mark.parametrize("name, space", [("", "--no-whiten"), ("wide-", "")])
def test_a_step_takes_both_kinds_where_a_first_step_takes_one(kinds: Workdir, name: str, space: str) -> None:
    fit = f"ds-target-stats --target {name}t.npy {name}x.npy {space} -o made.npz"

    def best(options: str) -> tuple[np.ndarray, dict[str, float], str]:
        kinds.ok("rm -f made.npz s.npy")
        done = kinds.ok(f"{fit} {options}")
        kinds.ok(f"ds-score --target made.npz {name}x.npy -o s.npy")
        chosen = np.argsort(-np.load(kinds.path / "s.npy"), kind="stable")[:100]
        return np.bincount(chosen // 200, minlength=2)[:2], json.loads(done.out), done.err

    assert best("")[0].min() <= 5
    counts, summary, said = best("--choose 100 --share 0.7")
    assert counts.min() >= 40
    assert summary["choose"] == 100
    assert summary["chosen_fraction"] == 0.05
    assert summary["distance_bound"] <= summary["distance_choice"] < 1.01 * summary["distance_bound"]
    assert summary["distance_choice"] < summary["distance_first_order"]
    assert "the exact step matters" in said


def test_a_step_from_standard_input_is_that_of_the_file(kinds: Workdir) -> None:
    fit = "ds-target-stats -q --no-whiten --target t.npy --pool-sample 800 --choose 0.05 --share 0.7"
    kinds.ok(f"{fit} x.npy -o file.npz")
    kinds.ok(f"cat x.npy | {fit} - -o pipe.npz")
    one, other = (np.load(kinds.path / name)["potentials"] for name in ("file.npz", "pipe.npz"))
    assert (one == other).all()
