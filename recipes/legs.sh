#!/usr/bin/env bash
# A recipe in legs, for a machine that is lent for minutes: runs it for at most so many seconds.
#
#   recipes/legs.sh SECONDS recipes/mini.sh FOLDER [its options]
#
# Ends with 0 when the recipe is done and with 75 when another leg is needed: the same line again.
# Where $OUT names a folder, the parts that were finished go there, in pieces of 15 MiB:
# `cat part.safetensors.* > part.safetensors` on the other side.
set -euo pipefail
limit="$1"
recipe="$2"
folder="$3"
shift 3
marker="$(mktemp)"
code=0
timeout --signal=TERM --kill-after=20 "$limit" "$recipe" "$folder" "$@" || code=$?
if [ -n "${OUT:-}" ] && [ -d "$folder/system" ]; then
    cp "$folder"/system/system.json "$OUT"/
    find "$folder/system" -name '*.safetensors' -newer "$marker" | while read -r part; do
        split -b 15M -d "$part" "$OUT/$(basename "$part")."
    done
fi
rm -f "$marker"
case "$code" in
    124 | 130 | 137 | 143) echo "the leg is over; run the same line again" && exit 75 ;;
esac
exit "$code"
