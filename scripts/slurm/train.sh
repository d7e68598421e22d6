#!/bin/bash
#SBATCH --requeue --open-mode=append --signal=B:USR1@120
# Training on the choice, on one or more nodes.
. "$2/job.sh"
# One node need not find itself by its name.
first=localhost here=(--local-addr localhost)
[ "$SLURM_JOB_NUM_NODES" = 1 ] || { first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -1); here=(); }
# Jobs that share a node must not share a port.
port=$((20000 + SLURM_JOB_ID % 10000))
step --ntasks-per-node=1 torchrun --nnodes "$SLURM_JOB_NUM_NODES" --nproc-per-node "$TRAIN_PROCESSES" \
    "${here[@]}" --rdzv-backend c10d --rdzv-endpoint "$first:$port" --rdzv-id "$SLURM_JOB_ID" --no-python \
    ds-train $TRAIN "$out/selected.jsonl.zst" -o "$out/model/"
