"""``python -m imgae_monai.verify [--schema FILE] [BUNDLE ...]``; what ``scripts/verify_bundles.sh`` runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from imgae_monai.cli.bundle_config import bundle_names, bundles_root
from imgae_monai.exceptions import InputError
from imgae_monai.verify.verification import verify_bundle

_DESCRIPTION = "Check bundles as the MONAI Model Zoo does, up to the first fault. Their configs execute code."


def _say(line: str) -> None:
    print(line, flush=True)


def main(words: Sequence[str] | None = None) -> int:
    """Check bundles and print a line for each check; 1 at the first that fails."""
    parser = argparse.ArgumentParser(
        prog="python -m imgae_monai.verify",
        description=_DESCRIPTION,
    )
    parser.add_argument("bundle", nargs="*", type=Path, help="folder of a bundle or a run; default the package's own")
    parser.add_argument("--schema", type=Path, help="a copy of MONAI's metadata schema; default MONAI downloads it")
    given = parser.parse_args(words)
    if given.schema is not None and not given.schema.is_file():
        parser.error(f"--schema: {given.schema} does not exist")
    skipped = 0
    for bundle in given.bundle or [bundles_root() / name for name in bundle_names()]:
        try:
            found = verify_bundle(bundle, given.schema, report=_say)
        except InputError as e:
            print(f"error: {e}", file=sys.stderr)
            return 1
        skipped += sum(what.startswith("skipped: ") for what in found.values())
    print(f"every check passed{f', but {skipped} could not be made' if skipped else ''}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
