"""Which warm-up helped: the losses on held-out target text, side by side.

    python compare.py CHOSEN/ RANDOM/

Reads the metrics.json of two warmed-up models that began with the same base. Ends with 1 unless the chosen documents
lowered the loss, and further than as many random ones did.
"""

import json
import sys
from pathlib import Path


def main(chosen: str, at_random: str) -> None:
    """Print the table and judge."""
    runs = {name: json.loads((Path(name) / "metrics.json").read_text(encoding="utf-8"))["eval"]
            for name in (chosen, at_random)}
    base = runs[chosen]["before"]["loss"]["mean"]
    losses = {"the base model": base, "after random documents": runs[at_random]["after"]["loss"]["mean"],
              "after the chosen ones": runs[chosen]["after"]["loss"]["mean"]}
    print("loss on held-out target text, nats a token:")
    for name, loss in losses.items():
        print(f"  {name:24}{loss:8.4f}{loss - base:+9.4f}")
    if not losses["after the chosen ones"] < min(base, losses["after random documents"]):
        sys.exit("compare.py: error: the choice did not help most")


if __name__ == "__main__":
    main(*sys.argv[1:])
