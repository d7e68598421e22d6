"""What is imported when: help at once, torch only where there is something to compute, layers in one direction."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import gotd

PACKAGE = Path(gotd.__file__).parent
COMMANDS = ["chunk", "embed", "target_stats", "score", "topk", "train", "probe", "report", "pipeline"]
HEAVY = ["torch", "transformers", "tokenizers", "ot", "scipy", "sklearn", "smart_open", "matplotlib", "jinja2"]
ASK = """
import sys
{before}
sys.argv = ["ds", "--help"]
from gotd.cli.{command} import main
try:
    main()
finally:
    print([name for name in {heavy} if name in sys.modules])
"""


def imported(command: str, before: str = "") -> str:
    """The heavy modules that `--help` imports, as the last line of output."""
    program = ASK.format(command=command, before=before, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "Usage:" in done.stdout
    return done.stdout.splitlines()[-1]


@pytest.mark.long
@pytest.mark.parametrize("command", COMMANDS)
def test_help_imports_nothing_heavy(command: str) -> None:
    assert imported(command) == "[]"


def test_the_package_imports_nothing_heavy_before_it_is_used() -> None:
    heavy = [*HEAVY, "numpy"]
    program = f"import sys, gotd; gotd.__version__; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_help_of_all_rules_needs_no_numpy() -> None:
    assert imported("target_stats", before="sys.modules['numpy'] = None") == "[]"


def test_the_options_of_rules_import_nothing_heavy() -> None:
    program = """
import sys
from gotd.methods import RULES, rule_type
for name in RULES:
    rule_type(name).options_type.on_command_line()
print([name for name in ("numpy", "torch") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.heavy
def test_and_that_test_can_fail() -> None:
    assert "torch" in imported("chunk", before="import torch")


def layer(path: Path) -> str:
    """The folder of the package a file stands in; "" for the stages between cli and the rest."""
    inside = path.relative_to(PACKAGE).parts
    return inside[0] if len(inside) > 1 else ""


MAY_IMPORT = {
    "api": {"api", "", "choice", "methods", "embedders", "ot", "streams", "probing"},
    "cli": {"cli", "", "choice", "methods", "embedders", "ot", "streams", "training", "probing", "report"},
    "probing": {"probing", "methods", "ot", ""},
    "report": {"report", "choice", "methods", "ot", "streams", ""},
    "choice": {"choice", "methods", "streams", ""},
    "training": {"training", "streams", ""},
    "": {"", "streams", "ot", "methods", "embedders"},
    "methods": {"methods", "ot", ""},
    "embedders": {"embedders", ""},
    "ot": {"ot", ""},
    "streams": {"streams", ""},
}


@pytest.mark.long
def test_imports_point_one_way() -> None:
    wrong = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                parts = name.split(".")
                if parts[0] == "gotd" and len(parts) > 1:
                    goal = parts[1] if (PACKAGE / parts[1]).is_dir() else ""
                    is_face = path == PACKAGE / "__init__.py"  # which names the api for type checkers
                    if goal not in MAY_IMPORT["api" if is_face else layer(path)]:
                        wrong.append(f"{path.relative_to(PACKAGE)} imports {name}")
    assert not wrong


def in_the_locales_encoding(call: ast.Call) -> bool:
    """Whether a call opens a file for text and leaves it to the locale what its bytes mean."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    module = call.func.value if isinstance(call.func, ast.Attribute) else None
    named = {word.arg: word.value for word in call.keywords}
    if name not in ("open", "fdopen", "read_text", "write_text") or "encoding" in named:
        return False
    if isinstance(module, ast.Name) and module.id == "os" and name == "open":
        return False
    modes = [argument.value for argument in [*call.args, named.get("mode")]
             if isinstance(argument, ast.Constant) and isinstance(argument.value, str)]
    return not any("b" in mode and set(mode) <= set("rwxab+") for mode in modes)


@pytest.mark.long
def test_no_file_is_opened_in_the_locales_encoding() -> None:
    wrong = [f"{path.name}:{node.lineno}" for folder in (PACKAGE, PACKAGE.parent.parent / "scripts")
             for path in folder.rglob("*.py") for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
             if isinstance(node, ast.Call) and in_the_locales_encoding(node)]
    assert not wrong


def length(node: ast.FunctionDef) -> int:
    """Lines of a function without its signature and docstring."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


@pytest.mark.long
def test_files_and_functions_are_short() -> None:
    wrong = []
    for path in [*PACKAGE.rglob("*.py"), *(PACKAGE.parent.parent / "scripts").rglob("*.py")]:
        text = path.read_text()
        if len(text.splitlines()) > 250:
            wrong.append(f"{path.name}: {len(text.splitlines())} lines")
        wrong += [f"{path.name}:{node.lineno} {node.name}: {length(node)} lines" for node in ast.walk(ast.parse(text))
                  if isinstance(node, ast.FunctionDef) and length(node) > 40]
    assert not wrong
