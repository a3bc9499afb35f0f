#!/usr/bin/env bash
#SBATCH --array=1-8
#SBATCH --cpus-per-task=4
#SBATCH --time=01:00:00
# Eight jobs share one output folder; each converts its part. The same line again goes on after a time-out.
set -euo pipefail
gemax convert "$RAW" "$OUT" --tau 20 30 40 --shard "${SLURM_ARRAY_TASK_ID:-1}/${SLURM_ARRAY_TASK_COUNT:-1}"
