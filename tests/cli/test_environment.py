"""Variables in the environment: heeded by the commands that can use them, passed over by the others, or wrong."""

import importlib

import click
import pytest

from gotd.cli._environment import name_variables, pass_over
from gotd.errors import UsageError
from workdir import Workdir

ALL = ("chunk", "embed", "target_stats", "score", "topk", "probe", "train")


def command(name: str) -> click.Command:
    found: click.Command = importlib.import_module(f"gotd.cli.{name}").command
    name_variables(found)
    return found


def option(name: str, variable: str) -> object:
    """What a variable sets an option of a command to; "none" where it is passed over."""
    found = command(name)
    pass_over(found)
    here = [each for each in found.params if isinstance(each, click.Option) and each.envvar == variable]
    context = click.Context(found)
    return here[0].type_cast_value(context, here[0].value_from_envvar(context)) if here else "none"


@pytest.mark.parametrize(("variable", "value", "takes", "passes"), [
    ("DS_DEVICE", "cuda", ["embed", "score", "target_stats", "probe"], ["train", "chunk", "topk"]),
    ("DS_DEVICE", "cpu", ["embed", "score", "train"], ["topk"]),
    ("DS_PRECISION", "auto", ["embed"], ["train"]), ("DS_PRECISION", "bfloat16", ["embed", "train"], ["topk"]),
    ("DS_ORDER", "input", ["topk"], ["probe"]), ("DS_ORDER", "3", ["probe"], ["topk"]),
    ("DS_HELP", "1", [], list(ALL)), ("DS_VERSION", "1", [], list(ALL)), ("DS_CHARS", "500", ["chunk"], ["embed"]),
])
def test_who_takes_a_variable(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, takes: list[str],
                              passes: list[str]) -> None:
    monkeypatch.setenv(variable, value)
    assert {name: option(name, variable) != "none" for name in takes + passes} == \
           dict.fromkeys(takes, True) | dict.fromkeys(passes, False)


@pytest.mark.parametrize(("name", "variable", "value"), [
    ("topk", "DS_K", "many"), ("chunk", "DS_CHARS", "3"), ("probe", "DS_ORDER", "4"), ("embed", "DS_PRECISION", "int8"),
    ("topk", "DS_FRACTION", "nan"), ("embed", "DS_QUIET", "maybe"),
])
def test_a_value_that_no_command_takes_is_an_error(monkeypatch: pytest.MonkeyPatch, name: str, variable: str,
                                                   value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError, match=f"{variable}={value} in the environment: "):
        option(name, variable)


@pytest.mark.parametrize(("value", "models"), [
    ("my model", ("my model",)), ("/a b/c\nhash\n", ("/a b/c", "hash")), ("hash", ("hash",)),
])
def test_an_option_that_may_be_given_again_has_a_value_a_line(monkeypatch: pytest.MonkeyPatch, value: str,
                                                              models: tuple[str, ...]) -> None:
    monkeypatch.setenv("DS_MODEL", value)
    assert option("embed", "DS_MODEL") == models


def test_a_flag_beats_a_variable_that_excludes_it(chain: Workdir) -> None:
    chain.ok("ds-topk --fraction 0.01 scored.jsonl.zst -o best.jsonl", DS_K="200", DS_BUDGET_CHARS="100")
    assert chain.ok("wc -l < best.jsonl").out.strip() == b"3"
    chain.fails("ds-topk scored.jsonl.zst -o b.jsonl", "give one of -k", status=2, DS_K="200", DS_FRACTION="0.5")
    line = "ds-target-stats --target target.npy pool.npy -o t.npz"
    chain.ok(f"{line} --no-center", DS_WHITEN="1")
    chain.ok(f"{line} --whiten", DS_CENTER="0")
    chain.fails(f"{line} --whiten --no-center", "--whiten centers", status=2)


def test_what_does_nothing_here_is_passed_over(chain: Workdir) -> None:
    chain.ok("ds-embed --dimension 64 pool.jsonl -o again.npy && cmp again.npy pool.npy", DS_SHARD="1/2",
             DS_MAX_TOKENS="9", DS_POOLING="cls", DS_BATCH_TOKENS="64", DS_DEVICE="cuda", DS_HELP="1")
    chain.ok("ds-embed --dimension 64 pool.jsonl | cat > piped.zst", DS_DTYPE="float32")
    chain.ok("ds-score --target target.npz pool.npy -o again.npy && cmp again.npy scores.npy", DS_DEVICE="cpu,cpu",
             DS_ORDER="3")
    chain.fails("ds-embed --dimension 64 --shard 1/2 pool.jsonl -o again.npy", "--shard needs -o DIR/", status=2)


@pytest.mark.heavy
@pytest.mark.parametrize(("variable", "value"), [("DS_DEVICE", "cuda"), ("DS_PRECISION", "auto"), ("DS_MODEL", "hash"),
                                                 ("DS_LABEL_KEY", "kind"), ("DS_EPOCHS", "2"), ("DS_PATIENCE", "2")])
def test_ds_train_passes_over_what_is_meant_for_others(work: Workdir, variable: str, value: str) -> None:
    work.write("a.jsonl", b'{"text":"alpha"}\n')
    line = "ds-train --init . --objective clm --steps 1 a.jsonl -o made/"
    work.fails(line, "it is the config.json of a model", **{variable: value})  # past all that is about options
