#!/bin/sh
# All studies of a real pre-trained model, one after the other, most interesting first. For a GPU, where it has not run yet.
#   real_model.sh DATA WORK MODEL [OPTION...]
# DATA is as data.py reads it, MODEL a causal model's folder (smollm2.py makes one); every OPTION, as --device cuda, goes
# to all studies but replay.sh, whose ds-train finds a GPU by itself. SMALL and LARGE (environment) are budgets in chunks,
# SEEDS is how many runs a cell has, PYTHON which Python. The tables go to WORK/real_model/. Killed, the same line goes on.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=$1 work=$2 model=$3
shift 3
tables="$work/real_model"
mkdir -p "$tables"
python=${PYTHON:-python}
small="${SMALL:-60 240}" large="${LARGE:-500 2000}" seeds="${SEEDS:-1}"
study() { # SCRIPT FILE OPTION...: run it, and keep what it prints
    script=$1 table=$2
    shift 2
    echo "\$ $script $*" >&2
    "$python" "$here/$script" "$@" > "$tables/$table.part"
    mv "$tables/$table.part" "$tables/$table"
}

# shellcheck disable=SC2086 # budgets, a word each
for budgets in "$small" "$large"; do
    study pretrained.py domain.log "$data" "$work" --model "$model" --budgets $budgets --seeds "$seeds" "$@"
done
for budget in "${small%% *}" "${large%% *}"; do
    study pretrained.py epochs.log "$data" "$work" --model "$model" --rules "$here/rules/epochs.txt" --budgets "$budget" \
        --epochs 4 --seeds "$seeds" "$@"
done
name=$(basename "$(cd "$model" && pwd)")
study pretrained_table.py domain.md "$work/tiny/pretrained/$name/train.jsonl" --work "$work"
study pretrained_table.py epochs.md "$work/tiny/pretrained/$name-4-epochs/train.jsonl" --work "$work"
# shellcheck disable=SC2086
study zero_shot.py zero-shot.md "$data" "$work" --model "$model" --held-out 1000 --budgets $large --seeds "$seeds" "$@"
# shellcheck disable=SC2086
study detoxification.py detoxification.md "$data" "$work" --model "$model" --rates 1e-4 --budgets $small --seeds "$seeds" "$@"
MODEL=$model K=${large##* } SEEDS=$seeds SHARES="0.05 0.2" \
    sh "$here/replay.sh" "$data" "$work/replay-$name" > "$tables/replay.md"
cat "$tables"/*.md
