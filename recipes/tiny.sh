#!/usr/bin/env bash
# The whole story at toy size, in a few minutes on two cores: compose, train every part, generate.
# The result is no music to speak of; it shows that every part learns and that they fit together.
#
#   recipes/tiny.sh [FOLDER]
set -euo pipefail
cd "$(dirname "$0")/.."
exec recipes/train.sh tiny "${1:-runs/tiny}" --clips 96 --seconds 4
