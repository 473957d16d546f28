#!/usr/bin/env bash
# A system like the released one: some eleven hours on two CPU cores and 25 GB of disk
# (configs/mini.toml says how long each part takes).
#
#   recipes/mini.sh [FOLDER] [--scores DIR] [--device cuda] [--from mini --keep "mulan semantic"]
#   recipes/train.sh mini FOLDER --manifest my/manifest.jsonl      on your own folder of audio
#   recipes/legs.sh 520 recipes/mini.sh FOLDER --device cuda       where a GPU is lent for minutes
set -euo pipefail
cd "$(dirname "$0")/.."
folder="${1:-runs/mini}"
shift || true
exec recipes/train.sh mini "$folder" --clips 48000 --seconds 10 --seed 1 "$@"
