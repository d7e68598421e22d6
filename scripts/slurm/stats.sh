#!/bin/bash
#SBATCH --requeue --open-mode=append --signal=B:USR1@120
# The potentials, once. target.npz arrives last: where it is, its summary is.
. "$2/job.sh"
mapfile -t fitted < "$RUN/fitted"
step ds-target-stats $STATS --target "$out/target.npy" "${fitted[@]}" -o "$out/fitted.npz" > "$out/fitted.json"
mv "$out/fitted.json" "$out/summary.json"
mv "$out/fitted.npz" "$out/target.npz"
