#!/usr/bin/env bash
# Install into .venv and show the whole way on drawn phantoms. Arguments go to `imgae-monai demo`.
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/install.sh
exec .venv/bin/imgae-monai demo "$@"
