#!/bin/sh
# Zero-shot accuracy of models with lm-evaluation-harness, before and after a warm-up alike.
#   zero_shot.sh TASKS OUT_FOLDER MODEL_FOLDER...          e.g.  zero_shot.sh boolq,arc_easy results/ base/ warm/
# Needs pip install 'gotd[evaluation]', and the tasks' data sets from the hub or in its cache. What is in LM_EVAL_OPTIONS
# goes to lm_eval as it is (--limit 100, --include_path my_tasks/, --device cuda).
set -eu
tasks=$1 out=$2
shift 2
for model in "$@"; do
    # shellcheck disable=SC2086 # options are several words
    lm_eval --model hf --model_args "pretrained=$model" --tasks "$tasks" --num_fewshot 0 \
        --output_path "$out/$(basename "$model")" ${LM_EVAL_OPTIONS:-}
done
