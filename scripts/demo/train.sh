#!/bin/sh
# The whole of it: a small model from scratch on a sample of text, then a light pass on got's choice, and one on as many
# random documents; which of them lowers the loss on held-out text of the target?
#   train.sh [WORK_FOLDER [DATA TASK]]
# By default on the text of `make demo`; with DATA on DATA/pool/*.jsonl.zst and DATA/tasks/TASK/{train,test}.jsonl.zst.
# K documents are chosen out of the pool; the base model reads BASE, drawn from all of it (environment).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=${1:-$(mktemp -d "${TMPDIR:-/tmp}/gotd-train.XXXXXX")}
data=${2:+$(cd "$2" && pwd)}
task=${3:-}
k=${K:-600}
base=${BASE:-3000}
mkdir -p "$work"
[ -n "$data" ] || python "$here/pool.py" "$work"
cd "$work"
run() { echo "\$ $*" >&2; "$@"; }

if [ -n "$data" ]; then
    set -- "$data"/pool/*.jsonl.zst
    target=$data/tasks/$task/train.jsonl.zst
    held_out=$data/tasks/$task/test.jsonl.zst
else
    set -- pool/*.jsonl
    target=target.jsonl
    held_out=held-out.jsonl
fi

echo "# choose $k documents for the target" >&2
run ds-chunk "$@" -o chunks/
run ds-embed chunks/*.jsonl.zst -o emb/
run ds-embed "$target" -o target.npy
run ds-target-stats --target target.npy emb/*.npy -o target.npz > summary.json
run ds-score --target target.npz emb/*.npy -o scores/
run ds-topk -k "$k" --scores scores/ chunks/*.jsonl.zst -o chosen.jsonl.zst
run python "$here/sample.py" "$k" 1 random.jsonl.zst chunks/*.jsonl.zst

echo "# a small causal model from scratch, on $base random documents of the pool" >&2
cat > config.json <<'CONFIG'
{"model_type": "gpt2", "vocab_size": 4096, "n_positions": 256, "n_embd": 128, "n_layer": 4, "n_head": 4,
 "embd_pdrop": 0.0, "attn_pdrop": 0.0, "resid_pdrop": 0.0}
CONFIG
run python "$here/sample.py" "$base" 0 base.jsonl.zst chunks/*.jsonl.zst
run ds-train --init config.json --objective clm --epochs 1 --batch 16 --learning-rate 2e-3 --warmup 0.05 \
    base.jsonl.zst -o base/

echo "# a light pass on the choice, and on as many random documents" >&2
for name in chosen random; do
    run ds-train --model base/ --objective clm --epochs 1 --batch 16 --learning-rate 5e-4 --eval "$held_out" \
        "$name.jsonl.zst" -o "$name/"
done
python "$here/compare.py" chosen/ random/
echo "everything is in $work"
