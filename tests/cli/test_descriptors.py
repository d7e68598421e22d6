"""Standard streams and outputs that are not what they usually are: closed, full, pipes, devices, other names."""

import signal

import pytest

from workdir import Workdir, records, stop, texts, wait_until_idle

CHUNK = "ds-chunk --chars 100 pool.jsonl"


@pytest.fixture
def pool(work: Workdir) -> Workdir:
    """A few records, and what becomes of them."""
    work.write("pool.jsonl", records(texts(20)))
    work.ok(f"{CHUNK} | cat > expected")
    return work


def test_messages_never_go_into_the_data(pool: Workdir) -> None:
    pool.ok(f"{CHUNK} 2>&- | cat > made")
    pool.ok("cmp expected made")


def test_messages_that_cannot_be_written_are_no_failure(pool: Workdir) -> None:
    pool.ok(f"{CHUNK} 2> /dev/full | cat > made")
    pool.ok("cmp expected made")
    assert pool.run("ds-chunk nowhere 2> /dev/full").status == 1


def test_a_named_pipe_is_written_as_a_pipe(pool: Workdir) -> None:
    pool.ok(f"mkfifo pipe; cat pipe > made & timeout 60 {CHUNK} -o pipe && wait")
    pool.ok("zstdcat expected | cmp <(zstdcat made) -")


def test_standard_output_by_its_name_is_written_to_and_not_replaced(pool: Workdir) -> None:
    pool.ok(f"{CHUNK} -o /dev/stdout | cat > made && cmp expected made")
    pool.ok(f"{CHUNK} > whole && echo before > made && {CHUNK} -o /dev/stdout >> made")
    pool.ok("tail -c +8 made | cmp whole -")


def test_a_pipe_cannot_be_looked_at_beforehand(pool: Workdir) -> None:
    pool.fails("ds-embed --dry-run <(cat pool.jsonl)", "--dry-run looks at files", "/dev/fd/", status=2)


@pytest.mark.parametrize("line", ["ds-chunk pool.jsonl -o ''", "ds-chunk '' -o made"])
def test_a_name_that_is_empty_is_refused(pool: Workdir, line: str) -> None:
    pool.fails(line, "is a variable unset?", status=2)


@pytest.mark.heavy
def test_more_inputs_than_files_may_be_open(chain: Workdir) -> None:
    vectors, pools = " ".join(["pool.npy"] * 150), " ".join(["pool.jsonl"] * 150)
    chain.ok(f"ulimit -n 100; ds-score --target target.npz {vectors} -o s.npy")
    chain.ok(f"ulimit -n 100; ds-topk --budget-chars 1000 --scores s.npy {pools} -o best.zst")


def test_a_terminal_that_goes_away_leaves_nothing(chain: Workdir) -> None:
    folder = chain.path / "temporary"
    folder.mkdir()
    chain.environment["TMPDIR"] = str(folder)
    # Where the tests run under nohup, so would the command, and be right to go on.
    process = chain.start("env --default-signal=HUP ds-topk --fraction 0.5 -o made.zst")
    done = stop(process, signal.SIGHUP, chain.read("scored.jsonl.zst")[:-10])
    assert done.status == 143, done
    assert not list(folder.iterdir())


def test_a_terminal_that_goes_away_under_nohup_ends_nothing(pool: Workdir) -> None:
    process = pool.start("nohup ds-chunk -o made.zst")
    assert process.stdin is not None
    process.stdin.write(pool.read("pool.jsonl"))
    process.stdin.flush()
    wait_until_idle(process.pid)
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert "made.zst" in pool.names()


def test_a_copy_of_standard_input_is_called_standard_input(work: Workdir) -> None:
    bad = b'{"text":"a","gotd_score":1}\n{"text":"b"}\n'
    work.fails("ds-topk --fraction 0.5 | cat", "ds-topk: error: <stdin>:2: no number", stdin=bad)


def test_so_it_is_where_scores_are_of_other_records(chain: Workdir) -> None:
    chain.ok("tac pool.jsonl > other.jsonl")
    line = "cat scores.npy | ds-topk --fraction 0.5 --scores - other.jsonl -o made.zst"
    chain.fails(line, "ds-topk: error: <stdin>: ")


def test_the_environment_sets_every_option_by_its_name(chain: Workdir, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(chain.ok("ds-topk scored.jsonl.zst | zstdcat", DS_K="7").out.splitlines()) == 7
    from click import Context, Option

    from gotd.cli import chunk, embed, probe, score, target_stats, topk, train

    for module in (chunk, embed, probe, score, target_stats, topk, train):
        for option in module.command.params:
            if isinstance(option, Option) and option.name not in ("help", "version"):
                variable = "DS_" + option.opts[-1].lstrip("-").replace("-", "_").upper()
                monkeypatch.setenv(variable, "given")
                assert option.resolve_envvar_value(Context(module.command)) == "given", variable


@pytest.mark.parametrize(("line", "said"), [
    ("ds-chunk --shard ²/3 pool.jsonl -o made/", "--shard ²/3: wanted I/N"),
    ("ds-chunk --text-key $'\\xff' pool.jsonl", "--text-key: not UTF-8"),
    ("ds-chunk --text-key parts pool.jsonl", "rename that field first"),
    ("ds-chunk --text-key id pool.jsonl", "rename that field first"),
])
def test_values_that_cannot_be_are_named(pool: Workdir, line: str, said: str) -> None:
    pool.fails(f"{line} | cat", said, status=2)


def test_chunks_are_made_again_where_their_names_would_be_others(work: Workdir) -> None:
    work.write("a.jsonl", b'{"text":"' + b"word " * 20 + b'"}\n')
    line = "ds-chunk --chars 50 {} -o made.zst"
    work.ok(line.format("a.jsonl"))
    assert "already complete" in work.ok(line.format("./a.jsonl")).err
    work.ok(f"mv a.jsonl b.jsonl; {line.format('b.jsonl')}")
    assert work.ok("zstdcat made.zst | jq -r .id | sed -n 1p").out == b"b.jsonl:1#1\n"


def test_the_environment_speaks_to_a_chain_and_is_passed_over_where_it_does_nothing(chain: Workdir) -> None:
    said = {"DS_TEXT_KEY": "body", "DS_SKIP_INVALID": "1", "DS_SEED": "3", "DS_DEVICE": "cpu,cpu", "DS_GUMBEL": "1",
            "DS_PRECISION": "bfloat16"}
    chain.ok("""sed 's/"text":/"body":/' pool.jsonl > theirs.jsonl && grep -q '"body":' theirs.jsonl""")
    chain.ok("ds-embed --dimension 64 theirs.jsonl -o theirs.npy", **said)
    del said["DS_DEVICE"]  # the others have one
    chain.ok("ds-target-stats --target target.npy theirs.npy -o theirs.npz", **said)
    chain.ok("ds-score --target theirs.npz theirs.npy -o theirs-scores.npy", **said)
    assert "9 chosen" in chain.ok("ds-topk -k 9 --scores theirs-scores.npy theirs.jsonl -o best.zst", **said).err
    line = "ds-target-stats --target target.npy theirs.npy -o other.npz"
    chain.fails(f"{line} --text-key body", "--text-key does nothing with --method got", status=2)
    chain.fails("ds-embed --precision bfloat16 pool.jsonl -o other.npy", "--precision bfloat16", status=2)
