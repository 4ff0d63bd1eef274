#!/usr/bin/env bash
# Pack a run into the zip that others download: bash scripts/pack_bundle.sh RUN NAME.zip [--overwrite]
# PYTHON names an interpreter that has the package; without it .venv's is taken (and made).
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
if [ -z "${PYTHON:-}" ]; then
  bash "$root/scripts/install.sh"
  PYTHON="$root/.venv/bin/python"
fi
exec "$PYTHON" -m imgae_monai pack "$@"
