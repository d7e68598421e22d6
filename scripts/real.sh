#!/bin/sh
# Choose for a task from a folder of data: DATA/pool/*.jsonl.zst with a "domain" field, DATA/tasks/TASK/train.jsonl.zst.
#   real.sh DATA TASK K MODEL WORK_FOLDER
set -eu
data=$1 task=$2 k=$3 model=$4 work=$5
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$work/$task"
run() { echo "\$ $*" >&2; "$@"; }

# Chunks and vectors do not depend on the task: the second task finds them done.
[ -e "$work/chunks/.done" ] || { run ds-chunk "$data"/pool/*.jsonl.zst -o "$work/chunks/"; touch "$work/chunks/.done"; }
run ds-embed --model "$model" "$work"/chunks/*.jsonl.zst -o "$work/emb/"
run ds-embed --model "$model" "$data/tasks/$task/train.jsonl.zst" -o "$work/$task/target.npy"
run ds-target-stats --target "$work/$task/target.npy" "$work"/emb/*.npy -o "$work/$task/target.npz"
run ds-score --target "$work/$task/target.npz" "$work"/emb/*.npy -o "$work/$task/scores/"
run ds-topk -k "$k" --scores "$work/$task/scores/" "$work"/chunks/*.jsonl.zst -o "$work/$task/selected.jsonl.zst"
python "$here/report.py" domain "$work/$task/selected.jsonl.zst" "$work"/chunks/*.jsonl.zst
echo "chosen: $work/$task/selected.jsonl.zst"
