#!/bin/sh
# What a warm-up forgets, and how much less with --replay: held-out loss of the target and of general text after a light
# pass on got's choice, without and with general text mixed in, three seeds each; a table on standard output.
#   replay.sh DATA WORK [TASK]
# DATA has pool/*.jsonl.zst and tasks/TASK/{train,test}.jsonl.zst. A small causal model is trained from scratch on general
# domains; other documents of theirs are replayed, others again are held out. With MODEL (environment), a causal model's
# folder, that one is warmed up, in blocks of 128 tokens. SHARES, K, DOCUMENTS, EPOCHS, HELD_OUT, GENERAL_HELD_OUT, SEEDS
# and RATE change what is compared; TRAIN_ARGS are more options of ds-train. Killed, the same line goes on.
set -eu
data=$(cd "$1" && pwd)
model=${MODEL:+$(cd "$MODEL" && pwd)}
mkdir -p "$2"
cd "$2"
task=${3:-chemprot}
shares=${SHARES:-0.1 0.25 0.5}
k=${K:-1000}
documents=${DOCUMENTS:-1500}
run() { echo "\$ $*" >&2; "$@"; }

# Of each general domain the first DOCUMENTS are trained on, the next third is replayed, the next tenth held out; what is
# chosen from is the first DOCUMENTS of every domain. Documents are in a random order.
if [ ! -f held-out.jsonl ]; then
    mkdir -p pool
    for file in "$data"/pool/*.jsonl.zst; do
        zstd -dcq "$file" | head -n "$documents" > "pool/$(basename "$file" .zst)"
    done
    for domain in wikipedia books news webtext; do
        zstd -dcq "$data/pool/$domain.jsonl.zst" | head -n $((documents * 3 / 2)) > one
        head -n "$documents" one >> base.part
        sed -n "$((documents + 1)),$((documents + documents / 3))p" one >> replay.part
        sed -n "$((documents + documents / 3 + 1)),$((documents + documents / 3 + documents / 10))p" one >> held-out.part
    done
    rm one
    mv base.part base.jsonl
    mv replay.part replay.jsonl
    zstd -dcq "$data/tasks/$task/test.jsonl.zst" | head -n "${HELD_OUT:-1000}" > target-held-out.jsonl
    head -n "${GENERAL_HELD_OUT:-1000000}" held-out.part > held-out.short
    rm held-out.part
    mv held-out.short held-out.jsonl
fi
run ds-chunk pool/*.jsonl -o chunks/
run ds-embed chunks/*.jsonl.zst -o emb/
run ds-embed "$data/tasks/$task/train.jsonl.zst" -o "$task.npy"
[ -f "$task.npz" ] || run ds-target-stats --target "$task.npy" emb/*.npy -o "$task.npz" > "$task.json"
run ds-score --target "$task.npz" emb/*.npy -o "$task-scores/"
[ -f "$task.jsonl.zst" ] || run ds-topk -k "$k" --scores "$task-scores/" chunks/*.jsonl.zst -o "$task.jsonl.zst"

if [ -n "$model" ]; then
    set -- --batch 16 --accumulate 8 --length 128 --learning-rate "${RATE:-1e-4}"
else
    model=base/
    cat > config.json <<'CONFIG'
{"model_type": "gpt2", "vocab_size": 1024, "n_positions": 64, "n_embd": 64, "n_layer": 2, "n_head": 2,
 "embd_pdrop": 0.0, "attn_pdrop": 0.0, "resid_pdrop": 0.0}
CONFIG
    run ds-train --init config.json --objective clm --epochs 1 --batch 32 --learning-rate 3e-3 --warmup 0.05 base.jsonl \
        -o base/
    set -- --batch 32 --learning-rate "${RATE:-1e-3}"
fi
for share in 0 $shares; do
    # shellcheck disable=SC2086 # options, a word each
    run ds-train --model "$model" --objective clm --epochs "${EPOCHS:-1}" --seeds "${SEEDS:-3}" "$@" ${TRAIN_ARGS:-} \
        $([ "$share" = 0 ] || echo "--replay replay.jsonl --replay-share $share") \
        --eval target-held-out.jsonl --eval-general held-out.jsonl "$task.jsonl.zst" -o "$task-$share/"
done

echo "$task: nats a token, held out; mean of ${SEEDS:-3} seeds (standard deviation)"
echo
echo "| replay | steps | target | general text |"
echo "|---|---|---|---|"
{
    jq -r '.eval.before | "| before | | \(.loss.mean) | \(.general_loss.mean) |"' "$task-0/metrics.json"
    for share in 0 $shares; do
        jq -r --arg share "$share" 'def said: "\(.mean)" + if .spread then " (\(.spread))" else "" end;
            [.runs[0].steps, (.eval.after | .loss, .general_loss | said)] |
            "| \($share) | \(.[0]) | \(.[1]) | \(.[2]) |"' "$task-$share/metrics.json"
    done
} | sed 's/\([0-9]\.[0-9]\{4\}\)[0-9]*/\1/g'
