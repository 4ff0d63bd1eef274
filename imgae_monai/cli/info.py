"""``imgae-monai info``."""

from __future__ import annotations


def info(bundle: str | None = None) -> None:
    """List bundles, their presets and their numbers of parameters.

    Args:
        bundle: name or path of one bundle. Default all that come with the package.
    """
    import json

    import torch
    from monai.bundle import ConfigParser

    from imgae_monai import __version__
    from imgae_monai.cli import bundle_config as bc

    print(f"imgae_monai {__version__}, bundles in {bc.bundles_root()}")
    for name in [bundle] if bundle else bc.bundle_names():
        folder = bc.find_bundle(name)
        metadata = json.loads((folder / "configs" / "metadata.json").read_text(encoding="utf-8"))
        print(f"\n{folder.name} {metadata['version']}: {metadata['task']}")
        for preset in bc.preset_names(folder):
            files = [folder / "configs" / "train.json", folder / "configs" / "presets" / f"{preset}.yaml"]
            parser = ConfigParser(bc.merge_config(files, {}))
            with torch.device("meta"):
                network = parser.get_parsed_content("network_def")
            n_parameters = sum(p.numel() for p in network.parameters())
            size = parser["image_size"]
            print(
                f"  preset {preset:12}{n_parameters:>12,} parameters, {size} px square, latent {parser['latent_size']}"
            )
