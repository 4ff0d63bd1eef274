#!/usr/bin/env bash
# Check bundles as the MONAI Model Zoo does, up to the first fault: bash scripts/verify_bundles.sh [FOLDER ...]
# Without a folder those of this repository; a run's folder is a bundle too. A bundle's configs execute code.
# SCHEMA names a copy of MONAI's metadata schema; without one (nor ../shared) MONAI downloads it.
set -euo pipefail
here="$(cd "$(dirname "$0")/.." && pwd)"
bash "$here/scripts/install.sh" test
schema="${SCHEMA:-}"
shared="$here/../shared/data/monai/meta_schema_20240725.json"
if [ -z "$schema" ] && [ -f "$shared" ]; then schema="$shared"; fi
exec "$here/.venv/bin/python" -m imgae_monai.verify ${schema:+--schema "$schema"} "$@"
