#!/bin/bash
#SBATCH --requeue --open-mode=append --signal=B:USR1@120
# The target as vectors.
. "$2/job.sh"
mkdir -p "$out"
step ds-embed "${models[@]}" $EMBED "${target[@]}" -o "$out/target.npy"
