"""The wheel and the sdist with no checkout near: every command, the chain's files, the README from top to bottom."""

import re
import tomllib
from pathlib import Path

import pytest

import fresh_install
from workdir import Workdir

pytestmark = pytest.mark.xdist_group("package")  # they share what is built once

ROOT = fresh_install.ROOT
COMMANDS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
#: Language and text of each block of the README.
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", (ROOT / "README.md").read_text(), flags=re.DOTALL | re.MULTILINE)
INSTALL, *SHOWN = BLOCKS


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> fresh_install.Built:
    """Both files."""
    return fresh_install.build(tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="module")
def bin_of_wheel(built: fresh_install.Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment where the wheel is installed."""
    folder = tmp_path_factory.mktemp("wheel")
    programs = fresh_install.environment(folder / "my env")
    fresh_install.user_of(programs, folder).ok(f"pip install {built.wheel}")
    return programs


@pytest.fixture
def user(bin_of_wheel: Path, tmp_path: Path) -> Workdir:
    """An empty folder, and the installed wheel."""
    return fresh_install.user_of(bin_of_wheel, tmp_path)


def package_files(programs: Path) -> dict[str, tuple[bytes, int]]:
    """Bytes and mode of every file of the installed package."""
    package = next((programs.parent / "lib").glob("python*/site-packages/gotd"))
    return {path.relative_to(package).as_posix(): (path.read_bytes(), path.stat().st_mode)
            for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts}


@pytest.mark.slow
def test_the_readmes_install_makes_the_same_of_the_sdist(built: fresh_install.Built, bin_of_wheel: Path,
                                                         tmp_path: Path) -> None:
    work = fresh_install.user_of(fresh_install.environment(tmp_path / "env"), tmp_path)
    work.ok(f"tar xzf {built.sdist}")
    language, lines = INSTALL
    assert language == "sh"
    work.ok(f"set -e; cd gotd-*/\n{lines}")
    files = package_files(tmp_path / "env/bin")
    assert files == package_files(bin_of_wheel)
    assert files["scripts/slurm/submit"][1] & 0o111 == 0o111
    of_users = {path.relative_to(ROOT).as_posix() for part in ("*.*", "slurm/*", "snakemake/*", "demo/*")
                for path in (ROOT / "scripts").glob(part)
                if path.is_file() and path.name not in ("README.md", "constraints.txt")}
    assert {name for name in files if name.startswith("scripts/")} == of_users


@pytest.mark.heavy
def test_every_command_is_there(user: Workdir, bin_of_wheel: Path) -> None:
    for command in COMMANDS:
        assert re.fullmatch(rf"{command} \d+\.\d+\.\d+\n", user.ok(f"{command} --version").out.decode())
        assert user.ok(f"{command} --help").out.startswith(b"Usage: ")
        assert (bin_of_wheel.parent / f"share/man/man1/{command}.1").is_file()
    place = user.ok("python -c 'import gotd; print(gotd.__file__)'").out.decode().strip()
    assert not Path(place).resolve().is_relative_to(ROOT)


@pytest.fixture(scope="module")
def demo(bin_of_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Workdir:
    """The folder where the blocks of the README have run, in order; what each printed is in `printed`."""
    work = fresh_install.user_of(bin_of_wheel, tmp_path_factory.mktemp("readme"))
    for number, (language, text) in enumerate(SHOWN):
        if language in ("sh", "python"):
            work.write(f"block-{number}", text.encode())
            done = work.ok(f"{'bash -eo pipefail' if language == 'sh' else 'python'} block-{number}")
            work.write(f"printed-{number}", done.out)
        else:
            assert language == "text", f"what is a block of {language}?"
    return work


def alike(line: str) -> str:
    """A line of output without its numbers, which versions of packages change."""
    return re.sub(r"[\d.,]+", "#", " ".join(line.split())).strip()


@pytest.mark.heavy
def test_the_readme_runs_from_top_to_bottom(demo: Workdir) -> None:
    assert sum(language == "sh" for language, _ in SHOWN) >= 4
    for number, (language, text) in enumerate(SHOWN):
        if language == "text":
            said = {alike(line) for line in demo.read(f"printed-{number - 1}").decode().splitlines()}
            shown = {alike(line) for line in text.splitlines() if line.strip() and not line.startswith("...")}
            assert shown
            assert shown <= said, demo.read(f"printed-{number - 1}").decode()


@pytest.mark.heavy
def test_pipes_files_and_python_choose_the_same(demo: Workdir) -> None:
    demo.ok("cmp selected.jsonl.zst piped.jsonl.zst")
    demo.ok("cmp python.npz target.npz && cmp target.npz work/target/target.npz")
    families = demo.ok("zstdcat selected.jsonl.zst | jq -r .source | grep -c networkx").out
    assert int(families) > 100  # of 200, where 6 % of the pool are


@pytest.mark.heavy
def test_the_files_of_the_chain_can_be_had_and_run(demo: Workdir) -> None:
    demo.ok("ds-pipeline copy mine/")
    assert demo.ok("make -f mine/pipeline.mk help").out == demo.ok("ds-pipeline run help").out
    assert "is up to date" not in demo.ok("make -n -f mine/pipeline.mk POOL=pool TARGET=target.jsonl K=9 WORK=work").err
    assert demo.ok("mine/slurm/submit settings.sh --print").out.count(b"sbatch --parsable") == 6
    demo.ok("python mine/growth.py table mine/growth-2-cores.json && python mine/rounds.py --help")
    demo.fails("ds-pipeline copy mine/", "mine/: is there already; name a new folder")
