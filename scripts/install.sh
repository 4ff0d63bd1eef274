#!/usr/bin/env bash
# Make .venv in the repo and install the package into it: bash scripts/install.sh [EXTRA]
# PYTHON names an interpreter; without it the first of python3, python3.12, python3.11, python3.10 that fits is taken.
set -euo pipefail
cd "$(dirname "$0")/.."
extra="${1:-}"

fits() { "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' >/dev/null 2>&1; }

if [ ! -x .venv/bin/python ]; then
  chosen=""
  for candidate in ${PYTHON:-python3 python3.12 python3.11 python3.10}; do
    if fits "$candidate"; then chosen="$candidate"; break; fi
  done
  if [ -z "$chosen" ]; then
    echo "error: Python 3.10, 3.11 or 3.12 is needed; install one, or name it: PYTHON=/path/to/python bash $0" >&2
    exit 1
  fi
  echo "making .venv with $("$chosen" --version)"
  if ! "$chosen" -m venv .venv; then
    rm -rf .venv
    echo "error: $chosen has no working venv module (on Debian and Ubuntu: apt install python3-venv)" >&2
    exit 1
  fi
fi

stamp=".venv/installed-${extra:-base}-$(cat setup.cfg constraints.txt | cksum | cut -d' ' -f1)"
if [ ! -f "$stamp" ]; then
  echo "installing imgae_monai${extra:+[$extra]} into .venv"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".${extra:+[$extra]}"
  touch "$stamp"
fi
