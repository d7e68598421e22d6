#!/bin/sh
# Choose from text that every machine has, through the real commands, by files and by pipes.
#   demo.sh [WORK_FOLDER]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=${1:-$(mktemp -d "${TMPDIR:-/tmp}/gotd-demo.XXXXXX")}
python "$here/pool.py" "$work"
cd "$work"

run() { echo "\$ $1" >&2; eval "$1"; }

echo "# by files: one output for each input" >&2
run 'ds-chunk pool/*.jsonl -o chunks/'
run 'ds-embed chunks/*.jsonl.zst -o emb/'
run 'ds-embed target.jsonl -o target.npy'
run 'ds-target-stats --target target.npy emb/*.npy -o target.npz > summary.json'
run 'ds-score --target target.npz emb/*.npy -o scores/'
run 'ds-topk -k 200 --scores scores/ chunks/*.jsonl.zst -o selected.jsonl.zst'
echo "# the same by pipes" >&2
run 'ds-chunk pool/*.jsonl | ds-embed | ds-score --target target.npz | ds-topk -k 200 -o piped.jsonl.zst'
run 'cmp selected.jsonl.zst piped.jsonl.zst'
echo "# how near the choice is to the target, and how near the pool" >&2
run 'ds-embed selected.jsonl.zst -o selected.npy'
run 'ds-target-stats --screen --target target.npy emb/*.npy selected.npy > distances.tsv'

python "$here/../report.py" source selected.jsonl.zst chunks/*.jsonl.zst --expect networkx 5
echo "OT distance to the target, one cost and one eps for all:"
cut -f 1,4,6 distances.tsv
# What draws the page is not of every install.
if python -c 'import matplotlib, jinja2' 2> /dev/null; then
    run 'ds-report --choice selected.jsonl.zst --vectors selected.npy --target target.npz --target-texts target.jsonl \
        --scores scores/ chunks/*.jsonl.zst -o report.html'
else
    echo "no page about the choice: pip install 'gotd[report]' for ds-report"
fi
echo "everything is in $work; now yours: ds-pipeline run report POOL=FOLDER TARGET=FILE K=NUMBER WORK=work"
