"""Does a warm-up on the choice help on GLUE? cola, sst2, mrpc, rte and stsb, with and without.

    python glue.py DATA WORK [--scale tiny] [--rules FILE] [--budgets 2000] [--seeds 3]
                   [--labelled 250 --epochs 20 --rate 3e-3]

As classification.py, on other tasks: both sentences of a pair are one text. Macro F1; Spearman's correlation of stsb's
grades. Lines go to WORK/SCALE/glue.jsonl.
"""

from arguments import run_study
from classification import main
from data import GLUE

if __name__ == "__main__":
    run_study(lambda: main(GLUE, "glue", __doc__))
