#!/usr/bin/env bash
# Whether the parts differ and whether they help: the share of L_FA's gradient that reaches the convolutions, three
# seeds each, against no L_FA; and whole images against whole images and parts at equal training time.
#
#   attention_study.sh OUT SPLIT RUNS [options of gemax train]
#
# same_cell is the share of test faces whose maps peak in one cell, in per cent. SHARES and SEEDS may be given:
# SHARES="0 0.01 1" SEEDS=0 attention_study.sh ... Run the same line again to go on after an interruption.
set -euo pipefail
out=$1 split=$2 runs=$3
shift 3
epochs=30
options=()
while [ $# -gt 0 ]; do
  if [ "$1" = --epochs ]; then epochs=$2 && shift 2; else options+=("$1") && shift; fi
done

train() { # a run by its name
  local name=$1
  shift
  gemax train "$out" "$runs/$name" --split "$split" "${options[@]}" "$@" >&2
}

for seed in ${SEEDS:-0 1 2}; do
  train "none-$seed" --fa-weight 0 --seed "$seed" --epochs "$epochs"
  names=("$runs/none-$seed")
  for share in ${SHARES:-0 0.001 0.01 0.1 1}; do
    train "share-$share-$seed" --fa-gradient "$share" --seed "$seed" --epochs "$epochs"
    names+=("$runs/share-$share-$seed")
  done
  printf '\nSeed %s: without L_FA, then shares %s of its gradient\n' "$seed" "${SHARES:-0 0.001 0.01 0.1 1}"
  gemax score "${names[@]}"
done

first=${SEEDS:-0}
first=${first%% *}
train "whole-$first" --parts 0 --seed "$first" --epochs "$epochs"
train "whole-3x-$first" --parts 0 --seed "$first" --epochs $((3 * epochs)) # two parts: three times the images of a step
train "share-0.01-$first" --fa-gradient 0.01 --seed "$first" --epochs "$epochs" # the default; there already as a rule
printf '\nDo parts help? Whole images at equal epochs, at equal training time, and with parts\n'
gemax score "$runs/whole-3x-$first" "$runs/whole-$first" "$runs/share-0.01-$first"
