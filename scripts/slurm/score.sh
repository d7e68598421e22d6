#!/bin/bash
#SBATCH --requeue --open-mode=append --signal=B:USR1@120
# Array job: the scores of the vectors.
. "$2/job.sh"
step ds-score $SCORE --target "$out/target.npz" --shard "$part" "${emb[@]}" -o "$out/scores/"
