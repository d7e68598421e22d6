#!/bin/bash
#SBATCH --requeue --open-mode=append --signal=B:USR1@120
# Array job: the shards of the pool, cut into chunks.
. "$2/job.sh"
step ds-chunk $CHUNK --shard "$part" "${pool[@]}" -o "$WORK/chunks/"
