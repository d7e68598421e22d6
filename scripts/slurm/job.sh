# What every batch script begins with: the settings that submit wrote down, the lists of shards, and `step`.
# submit gives a job two words: the folder where they are, and the folder of this file. Nothing is expected of the
# environment: under SBATCH="--export=NONE" there is none, and what SETUP makes of it is for the steps all the same.
set -eo pipefail
RUN=$1
export SLURM_EXPORT_ENV=ALL
# Logs are added to. submit's report reads from the last of these lines on, if it is of the job that it reports.
task=${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}${SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}
echo "== job $task, $(date '+%F %T'), ${SLURMD_NODENAME:-}" >&2
. "$RUN/settings.sh"
eval "$SETUP"
set -u  # other people's modules and environments are not written for it
mapfile -t pool < "$RUN/pool"
mapfile -t chunks < "$RUN/chunks"
mapfile -t emb < "$RUN/emb"
mapfile -t target < "$RUN/target"
models=()
for model in $MODEL; do models+=(--model "$model"); done
#: This task's part of the shards, for --shard. Where only some tasks of an array were submitted again by hand, Slurm
#: counts those alone, and TASKS all.
part=slurm
[ "${SLURM_ARRAY_TASK_COUNT:-}" = "$TASKS" ] || part=${SLURM_ARRAY_TASK_ID:-0}/$TASKS
# Since 22.05 a step no longer has the CPUs of its job unless it asks.
export SRUN_CPUS_PER_TASK=${SLURM_CPUS_PER_TASK:-1}
out=$WORK/$NAME

# Runs a command as a step of the job. When time runs out (USR1, see --signal) the command is told to stop, and the job
# goes back into the queue: the next try finds what is complete, or the last checkpoint.
step() {
    local status=0 warned=
    srun "$@" &
    trap "warned=yes; kill -TERM $!" USR1
    wait $! || status=$?
    if [ -n "$warned" ]; then  # the trap had interrupted the waiting
        status=0
        wait $! || status=$?
    fi
    trap - USR1
    if [ -n "$warned" ] && [ "$status" != 0 ]; then
        if [ "${SLURM_RESTART_COUNT:-0}" -lt "$REQUEUES" ]; then
            echo "out of time: back into the queue" >&2
            scontrol requeue "$SLURM_JOB_ID"
            exec sleep infinity  # until Slurm ends it
        fi
        echo "out of time, and begun again $REQUEUES times before; raise the time limit or REQUEUES" >&2
    fi
    return "$status"
}
