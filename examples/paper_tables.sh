#!/usr/bin/env bash
# Tables 1 or 2, 4, 5 and 6 of the paper on your own folder, each beside the paper's figures.
#
#   paper_tables.sh OUT SPLIT RUNS [options of gemax train]    a folder of gemax convert --texture with a split
#   paper_tables.sh --simulated RUNS                           simulated faces, small: it shows that this runs
#
# The depths of Table 4 and the tau of Table 5 are those of the folder: gemax convert raw/ OUT --texture --depth 50:140:10
# --tau 16,20:60:10. Full size is days on a GPU; options such as --rounds 1 --folds 2 --width 0.125 --size 96 make it
# small. Run the same line again to go on after an interruption. The paper's figures are of the licensed databases.
set -euo pipefail

if [ "$1" = --simulated ]; then
  runs=$2
  echo "Simulated faces and a small network: these figures say nothing of the paper's." >&2
  if [ ! -e "$runs/out/splits/small.csv" ]; then
    gemax sample "$runs/raw" --subjects 12 --seed 31 --dataset BU-3DFE --scans six >&2
    gemax convert "$runs/raw" "$runs/out" --texture --tau 20 40 --depth 50 60 70
    gemax split "$runs/out" small --protocol kfold --folds 3 >&2
  fi
  set -- "$runs/out" small "$runs" --width 0.125 --size 96 --batch-size 8 --lr 0.002 --epochs 24 --folds 1
fi
out=$1 split=$2 runs=$3
shift 3
epochs=30
options=()
while [ $# -gt 0 ]; do
  if [ "$1" = --epochs ]; then epochs=$2 && shift 2; else options+=("$1") && shift; fi
done

of_folder() { # a field of the folder's settings, as words
  python -c "import sys, gemax_cli as gemax
print(*(f'{v:g}' for v in getattr(gemax.OutputFolder(sys.argv[1]).settings, sys.argv[2])))" "$out" "$1"
}
read -ra taus <<<"$(of_folder taus)"
read -ra depths <<<"$(of_folder depths)"
depth=${depths[0]} test_tau=${taus[0]}
for d in "${depths[@]}"; do if [ "$d" = 60 ]; then depth=60; fi; done
for t in "${taus[@]}"; do if [ "$t" = 20 ]; then test_tau=20; fi; done

train() { # a run by its name; steps are equal: a map without tau has one sample a scan, so more epochs
  local name=$1 samples=$2
  shift 2
  gemax train "$out" "$runs/$name" --split "$split" --epochs $((epochs * ${#taus[@]} / samples)) "${options[@]}" "$@" >&2
}
table() { # the runs of a table, those that are there already among them
  local title=$1
  shift
  printf '\n%s\n' "$title"
  gemax score "${@/#/$runs/}"
}
all=(--tau "${taus[@]}" --test-tau "$test_tau" --depth "$depth")

train gemax ${#taus[@]} "${all[@]}"
train gem 1 --map gem --depth "$depth"
train ri 1 --map ri --depth "$depth"
table "Tables 1 and 2: maps (GEMax, -GeM, range image), texture and depth, whole images and parts" gemax gem ri

names=()
for d in "${depths[@]}"; do
  train "depth-$d" 1 --map ri --streams depth --parts 0 --depth "$d"
  names+=("depth-$d")
done
table "Table 4: depth of the block, range images" "${names[@]}"

names=()
for t in "${taus[@]}"; do
  train "tau-$t" 1 --tau "$t" --test-tau "$t" --streams depth --parts 0 --depth "$depth"
  names+=("tau-$t")
done
table "Table 5: tau, depth maps" "${names[@]}"

for stream in texture depth; do
  train "$stream-whole" ${#taus[@]} "${all[@]}" --streams "$stream" --parts 0
  train "$stream-parts" ${#taus[@]} "${all[@]}" --streams "$stream" --parts-only
done
table "Table 6: texture, depth and both; whole images, parts and both" \
  gemax texture-whole depth-whole texture-parts depth-parts
