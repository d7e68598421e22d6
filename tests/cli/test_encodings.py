"""UTF-8 whatever the locale says; names of files that are none are escaped, never a traceback."""

import json
import shutil
import subprocess

import pytest

from workdir import Workdir, records, texts

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
KEY = "texté"


@pytest.fixture(params=["ascii", "latin-1"])
def other_locale(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a locale that is not UTF-8."""
    if request.param == "ascii":
        return ASCII
    if not shutil.which("localedef"):
        pytest.skip("no localedef to make a locale with")
    folder = tmp_path_factory.mktemp("locales")
    subprocess.run(["localedef", "-i", "en_US", "-f", "ISO-8859-1", folder / "en_US"], check=False, capture_output=True)
    if not (folder / "en_US").exists():
        pytest.skip("localedef made no locale")
    return {"LOCPATH": str(folder), "LC_ALL": "en_US"}


@pytest.mark.heavy
def test_the_same_bytes_in_any_locale(work: Workdir, other_locale: dict[str, str]) -> None:
    lines = "".join(json.dumps({KEY: f"{text} café 日本"}, ensure_ascii=False) + "\n" for text in texts(20))
    work.write("dé.jsonl", lines.encode())
    made = {}
    for name, environment in (("here", {"LC_ALL": "C.UTF-8"}), ("there", other_locale)):
        line = f"ds-chunk -q --chars 100 --text-key {KEY} dé.jsonl -o {name}.jsonl"
        work.ok(f"{line} && ds-embed -q --text-key {KEY} {name}.jsonl -o {name}.npy", **environment)
        said = work.ok(f"cp dé.jsonl ö.jsonl; ds-embed --text-key {KEY} --dry-run ö.jsonl -o é/", **environment).out
        made[name] = (work.read(f"{name}.jsonl"), work.read(f"{name}.npy"), said.splitlines()[:2])
    assert made["here"] == made["there"]
    assert json.loads(made["there"][0].splitlines()[0])["id"] == "dé.jsonl:1#1"


@pytest.fixture
def named(work: Workdir) -> Workdir:
    """Records under a name that is not UTF-8 and one that is not ASCII, a target and a source."""
    work.write("s.jsonl", records(texts(12)))
    work.write("t.jsonl", records(texts(6, seed=1)))
    work.ok("cp s.jsonl $'bad\\xff.jsonl'; cp s.jsonl naïve.jsonl; ds-embed -q naïve.jsonl -o naïve.npy")
    work.ok("cp naïve.npy $'bad\\xff.npy'")
    return work


@pytest.mark.heavy
@pytest.mark.parametrize("environment", [
    {},
    pytest.param({"PYTHONIOENCODING": "ascii"}, marks=pytest.mark.slow),
    pytest.param(ASCII, marks=pytest.mark.slow),
], ids=["utf-8", "ascii streams", "C"])
def test_names_are_printed_escaped(named: Workdir, environment: dict[str, str]) -> None:
    is_ascii = "PYTHONIOENCODING" in environment
    probe = "ds-probe -q --target t.jsonl --source s.jsonl $'bad\\xff.jsonl' naïve.jsonl"
    rows = json.loads(named.ok(f"{probe} --json", **environment).out)["rows"]
    assert {"bad\\xff.jsonl", "naïve.jsonl"} <= {row["name"] for row in rows}
    shown = "na\\xefve" if is_ascii else "naïve"
    assert f"{shown}.jsonl" in named.ok(probe, **environment).out.decode()
    for line in ("ds-target-stats -q --screen --target naïve.npy naïve.npy $'bad\\xff.npy'",
                 "ds-embed --dry-run naïve.jsonl $'bad\\xff.jsonl' -o emb/"):
        out = named.ok(line, **environment).out.decode()
        assert f"{shown}." in out
        assert "bad\\xff." in out


@pytest.mark.parametrize("environment", [{}, pytest.param(ASCII, marks=pytest.mark.slow)], ids=["utf-8", "C"])
def test_names_that_are_not_utf_8_go_through_every_command(named: Workdir, environment: dict[str, str]) -> None:
    named.ok("ds-chunk -q --chars 100 $'bad\\xff.jsonl' -o $'b\\xff.jsonl'", **environment)
    first = named.ok("head -1 $'b\\xff.jsonl'").out
    assert json.loads(first)["id"] == "d0#1"
    named.ok("sed 's/\"id\": \"[^\"]*\", //' s.jsonl > $'bad\\xff.jsonl'; "
             "ds-chunk -q --chars 100 $'bad\\xff.jsonl' -o ids.jsonl", **environment)
    assert json.loads(named.read("ids.jsonl").splitlines()[0])["id"] == "bad\\xff.jsonl:1#1"
    named.ok("ds-embed -q $'bad\\xff.jsonl' -o e/ && ds-target-stats -q --target naïve.npy $'e/bad\\xff.npy' -o t.npz",
             **environment)
    named.ok("ds-score -q --target t.npz $'e/bad\\xff.npy' -o s/", **environment)
    named.ok("ds-topk -q -k 2 --scores s/ $'bad\\xff.jsonl' -o best.jsonl", **environment)
    named.fails("ds-embed $'none\\xff.jsonl' -o x.npy", "none\\xff.jsonl: No such file", **environment)
    named.fails("ds-embed naïf.jsonl -o x.npy", "naïf.jsonl: No such file", **environment)


def test_standard_error_may_be_ascii_too(named: Workdir) -> None:
    done = named.run("ds-embed naïf.jsonl -o x.npy", PYTHONIOENCODING="ascii")
    assert done.status == 1
    assert "na\\xeff.jsonl: No such file" in done.err
