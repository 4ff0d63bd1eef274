#!/usr/bin/env bash
# Install into .venv with the test extra, then lint, types, the bundles, examples and tests, in two processes. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/install.sh test
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
bash scripts/verify_bundles.sh
.venv/bin/python -m pytest -q --doctest-modules imgae_monai
# two processes of one thread each: with a thread a core in both, torch takes several times as long
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
.venv/bin/python -m pytest -n 2 --dist loadfile --cov --cov-report=term "$@"
