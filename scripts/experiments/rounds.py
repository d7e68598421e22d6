"""Does choosing in rounds bring the effective distribution nearer to the target than one shot does?

    python rounds.py -k 2000 --mass 0.3 --work WORK/ --targets TARGET.npy... --pool EMB.npy...

For every target: scripts/rounds.py with 1 and with 4 rounds, same k, mass and eps; prints the distance before and
after, and how much further the rounds went, in per cent of the fall of one shot.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

_ROUNDS = Path(__file__).parent.parent / "rounds.py"


def run(rounds: int, target: str, given: argparse.Namespace) -> tuple[float, float]:
    """Distance before and after."""
    work = given.work / f"{Path(target).stem}-{rounds}"
    line = [sys.executable, str(_ROUNDS), "-k", str(given.k), "--rounds", str(rounds), "--mass", str(given.mass),
            "--target", target, "--work", str(work), f"--options={given.options}", *given.pool]
    done = subprocess.run(line, stdout=subprocess.PIPE, encoding="utf-8", check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return lines[0]["distance"], lines[-1]["distance"]


def main() -> None:
    """A line a target."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pool", nargs="+", required=True)
    parser.add_argument("--targets", nargs="+", required=True)
    parser.add_argument("-k", type=int, default=2000)
    parser.add_argument("--mass", type=float, default=0.3)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--options", default="", help="for ds-target-stats, in one word")
    given = parser.parse_args()
    print(f"{'target':24}{'before':>9}{'one shot':>10}{'4 rounds':>10}{'further':>9}")
    for target in given.targets:
        before, once = run(1, target, given)
        _, four = run(4, target, given)
        gained = (once - four) / (before - once)
        print(f"{Path(target).stem:24}{before:9.4f}{once:10.4f}{four:10.4f}{gained:9.1%}", flush=True)


if __name__ == "__main__":
    main()
