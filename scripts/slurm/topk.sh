#!/bin/bash
#SBATCH --requeue --open-mode=append --signal=B:USR1@120
# The choice. A shard whose chunks or scores are missing is an error.
. "$2/job.sh"
step ds-topk ${K:+-k "$K"} $TOPK --scores "$out/scores/" "${chunks[@]}" -o "$out/selected.jsonl.zst"
