#!/usr/bin/env bash
# Trains a whole system: corpus -> codec, semantic, mulan -> tokens -> three stages -> a first clip.
# Run it again after an interruption and it goes on where it stopped.
#
#   recipes/train.sh CONFIG FOLDER [--manifest FILE | options of `musiclm data compose`]
set -euo pipefail
config="configs/$1.toml"
folder="$2"
shift 2
musiclm="${MUSICLM:-musiclm}"
if [ ! -x "$(command -v "$musiclm")" ]; then musiclm=.venv/bin/musiclm; fi

if [ "${1:-}" = "--manifest" ]; then
    manifest="$2"
else
    manifest="$folder/corpus/manifest.jsonl"
    "$musiclm" data compose -o "$folder/corpus" "$@"
fi

part() { # part NOUN DATA
    if [ -e "$folder/runs/$1/export/$1.safetensors" ]; then
        echo "$1: trained already"
        return
    fi
    resume=()
    if [ -e "$folder/runs/$1/checkpoints/latest" ]; then resume=(--resume); fi
    "$musiclm" train "$1" --config "$config" --data "$2" --system "$folder/system" \
        --runs "$folder/runs" ${resume[@]+"${resume[@]}"}
}

part codec "$manifest"
part semantic "$manifest"
part mulan "$manifest"
"$musiclm" tokenize "$manifest" -o "$folder/tokens" --model "$folder/system"
part lm.semantic "$folder/tokens"
part lm.coarse "$folder/tokens"
part lm.fine "$folder/tokens"
"$musiclm" generate "a calm solo piano" -o "$folder/first.wav" --model "$folder/system" --duration 4
