#!/usr/bin/env bash
# Trains a whole system: corpus -> codec, semantic, mulan -> tokens -> the stages -> a first clip.
# Run it again after an interruption and it goes on where it stopped.
#
#   recipes/train.sh CONFIG FOLDER [--device cuda] [--from SYSTEM --keep "NOUN..."]
#                    [--manifest FILE | options of `musiclm data compose`]
#
# --from takes the parts that --keep names as they are in another system (mini, or a folder).
# --device cuda: larger batches, compiled stages, and the stages side by side.
set -euo pipefail
config="configs/$1.toml"
folder="$2"
shift 2
musiclm="${MUSICLM:-musiclm}"
if [ ! -x "$(command -v "$musiclm")" ]; then musiclm=.venv/bin/musiclm; fi

device=cpu from='' keep='' manifest=''
corpus=()
while [ $# -gt 0 ]; do
    case "$1" in
        --device) device="$2" ;;
        --from) from="$2" ;;
        --keep) keep="$2" ;;
        --manifest) manifest="$2" ;;
        *) corpus+=("$1" "$2") ;;
    esac
    shift 2
done
if [ -z "$manifest" ]; then
    manifest="$folder/corpus/manifest.jsonl"
    "$musiclm" data compose -o "$folder/corpus" ${corpus[@]+"${corpus[@]}"}
fi

settings() { # settings NOUN: what a part departs from its configuration in on a GPU
    if [ "$device" != cuda ]; then return; fi
    case "$1" in
        codec) echo "batch=64 minutes=3" ;;
        semantic) echo "batch=128 minutes=2" ;;
        mulan) echo "batch=512 minutes=4" ;;
        lm.*) echo "batch=256 minutes=6 compile=true" ;;
    esac
}

part() { # part NOUN DATA
    if [ -e "$folder/runs/$1/export/$1.safetensors" ] || [ -e "$folder/runs/$1.taken" ]; then
        echo "$1: trained already"
        return
    fi
    if [[ " $keep " == *" $1 "* ]]; then
        "$musiclm" train "$1" --config "$config" --take "$from" --system "$folder/system"
        mkdir -p "$folder/runs" && touch "$folder/runs/$1.taken"
        return
    fi
    options=(--set "train.$1.device=${device/cpu/auto}")
    for setting in $(settings "$1"); do options+=(--set "train.$1.$setting"); done
    if [ -e "$folder/runs/$1/checkpoints/latest" ]; then options+=(--resume); fi
    "$musiclm" train "$1" --config "$config" --data "$2" --system "$folder/system" \
        --runs "$folder/runs" "${options[@]}"
}

parts="$("$musiclm" info "$config" --parts)"
for noun in $parts; do
    case "$noun" in lm.*) ;; *) part "$noun" "$manifest" ;; esac
done
"$musiclm" tokenize "$manifest" -o "$folder/tokens" --model "$folder/system" --captions 4
jobs=()
for noun in $parts; do
    case "$noun" in
        lm.*)
            if [ "$device" = cuda ]; then
                part "$noun" "$folder/tokens" &
                jobs+=($!)
            else
                part "$noun" "$folder/tokens"
            fi
            ;;
    esac
done
for job in ${jobs[@]+"${jobs[@]}"}; do wait "$job"; done
"$musiclm" generate "a calm solo piano" -o "$folder/first.wav" --model "$folder/system" --duration 4
