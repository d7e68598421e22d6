"""gotd as a user installs it: wheel and sdist, built from this checkout, in environments of their own.

Dependencies are borrowed from the environment that runs the tests, package by package; there is no network, and no
checkout on any path.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement

from workdir import Workdir

ROOT = Path(__file__).parent.parent
#: What the build reads, and what the sdist has besides.
_SOURCE = ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "Makefile",
           "tools", "scripts", "tests")
_BUILD = "import sys, setuptools.build_meta as b; out = sys.argv[1]; b.build_sdist(out); b.build_wheel(out)"
#: pip must not look around for versions, nor fetch a setuptools of its own (0 switches isolation off).
_PIP = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


class Built(NamedTuple):
    """What was built: both files."""

    wheel: Path
    sdist: Path


def build(folder: Path) -> Built:
    """Build both from a copy: what an earlier build left in the checkout must not get in."""
    source, out = folder / "source", folder / "dist"
    source.mkdir(parents=True)
    for name in _SOURCE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, symlinks=True,
                            ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy2(ROOT / name, source / name)
    done = subprocess.run([sys.executable, "-c", _BUILD, str(out)], cwd=source, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr
    return Built(*out.glob("*.whl"), *out.glob("*.tar.gz"))


def environment(folder: Path) -> Path:
    """Return the bin of a new environment that holds pip, setuptools and what gotd needs, and not gotd."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    for package in _needed():
        for file in package.files or ():
            first = file.parts[0]
            if first not in ("..", "__pycache__") and not (site / first).exists():
                (site / first).symlink_to(Path(str(package.locate_file(first))))
    pip = folder / "bin" / "pip"
    pip.write_text(f'#!/bin/sh\nexec "{folder}/bin/python" -m pip "$@"\n')
    pip.chmod(0o755)
    return folder / "bin"


def _needed() -> list[Distribution]:
    """The packages that a plain install of gotd brings along, found by following what each requires."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names, found = [*wanted, "pip", "setuptools"], {}
    while names:
        requirement = Requirement(names.pop())
        if requirement.name not in found and (not requirement.marker or requirement.marker.evaluate({"extra": ""})):
            found[requirement.name] = distribution(requirement.name)
            names += found[requirement.name].requires or []
    return list(found.values())


def user_of(bin_folder: Path, folder: Path) -> Workdir:
    """Return a folder where the programs of that environment run, and nothing else of Python's."""
    work = Workdir(folder)
    work.may_fork = False  # the programs themselves
    others = [part for part in os.environ["PATH"].split(":") if not (Path(part) / "ds-embed").exists()]
    work.environment = {name: value for name, value in work.environment.items() if not name.startswith("PYTHON")}
    work.environment |= _PIP | {"PATH": ":".join([str(bin_folder), *others])}
    return work
