"""``imgae-monai pack``."""

from __future__ import annotations


def pack(run: str, output: str, *, overwrite: bool = False) -> None:
    """Pack a run into the zip that others download: configs, weights, calibrations, docs, licence, checksums.

    No path of your data and no patient id goes into it, nor the list of images that were trained on: so nobody who
    evaluates it can be warned of an image that it has seen.

    Args:
        run: folder that train left; its configs execute code, so use only runs that you trust.
        output: NAME.zip or NAME_v0.1.0.zip; NAME is the bundle's.
        overwrite: replace a file that is there. Default false.
    """
    from pathlib import Path

    from imgae_monai.bundle.pack import bundle_name, pack_bundle
    from imgae_monai.cli import bundle_config as bc

    bc.log_to()
    target = Path(output).expanduser().resolve()
    parts = pack_bundle(bc.find_run(run), target, overwrite)
    for part in parts:
        print(part)
    print(f"{len(parts)} files of the bundle {bundle_name(target)}, {target.stat().st_size / 1e6:.1f} MB: {target}")
