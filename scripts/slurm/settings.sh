# What is chosen and with which limits, for scripts/slurm/submit. Copy it, fill it in, `submit COPY`. It is read by bash.

# ---- What: the first four must be set
POOL=                   # folder of records (*.jsonl.zst, .gz, plain) or of objects (s3://BUCKET/FOLDER/), or a list
TARGET=                 # records of the task
K=                      # how many records to choose; or leave it empty and say TOPK="--fraction 0.01"
WORK=                   # folder for all outputs, on a disk that every node sees
NAME=                   # of the target's folder in WORK; empty: the target's name
MODEL=hash              # of ds-embed; "hash FOLDER" for both side by side
CHUNK=                  # more options of the commands, as CHUNK="--chars 500"
EMBED=
STATS=
SCORE=
TOPK=
TRAIN=                  # options of ds-train, as TRAIN="--model base/ --objective clm"; empty: no training

# ---- How
TASKS=8                 # array tasks that share the shards out; more than shards: the rest have nothing to do
AT_ONCE=                # so many of them at a time, at most
SETUP=                  # run first in every job, as SETUP="source /home/me/gotd/.venv/bin/activate"; submit tries it
PARTITION=
GPU_PARTITION=          # for jobs with GPUs; empty: PARTITION
ACCOUNT=
QOS=
SBATCH=                 # more options of sbatch, for every job; for the jobs of one kind alone, after these:
SBATCH_CHUNK=
SBATCH_EMBED=           # as SBATCH_EMBED="--constraint=a100"; for the target, too
SBATCH_STATS=
SBATCH_SCORE=
SBATCH_TOPK=
SBATCH_TRAIN=
REQUEUES=20             # a job out of time goes back into the queue if it began again less often; preemptions count

# ---- Limits of each job (of an array: of each task). Time and memory are in Slurm's notation.
CHUNK_TIME=4:00:00
CHUNK_CPUS=1
CHUNK_MEMORY=2G
EMBED_TIME=8:00:00      # for the target, too
EMBED_CPUS=4
EMBED_MEMORY=8G
EMBED_GPUS=0            # or with their type, as a100:1
STATS_SHARDS=           # so many shards, spread over the pool, are read for the potentials; empty: all
STATS_TIME=4:00:00
STATS_CPUS=8
STATS_MEMORY=8G
SCORE_TIME=4:00:00
SCORE_CPUS=4
SCORE_MEMORY=4G
SCORE_GPUS=0
TOPK_TIME=4:00:00
TOPK_CPUS=1
TOPK_MEMORY=4G
TRAIN_TIME=24:00:00
TRAIN_CPUS=8            # on each node
TRAIN_MEMORY=64G        # on each node
TRAIN_GPUS=1            # on each node; 0 trains on CPUs
TRAIN_NODES=1
TRAIN_PROCESSES=        # on each node; empty: one for each GPU, or one
