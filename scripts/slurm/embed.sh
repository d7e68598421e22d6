#!/bin/bash
#SBATCH --requeue --open-mode=append --signal=B:USR1@120
# Array job: the chunks as vectors.
. "$2/job.sh"
step ds-embed "${models[@]}" $EMBED --shard "$part" "${chunks[@]}" -o "$WORK/emb/"
