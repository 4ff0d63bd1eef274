"""Load a checkpoint, or say what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import torch
from ignite.engine import Engine
from monai.config import PathLike
from monai.handlers import CheckpointLoader

from imgae_monai.exceptions import InputError

# children of each network by which its state dict is known
_SIGNATURES = {
    "UNetAutoencoder": {"encoder", "to_latent", "from_latent", "decoder", "skip_free_decoder", "head"},
    "ReversedAutoencoder": {"encoder", "to_latent", "from_latent", "decoder", "head"},
    "IntrospectiveAutoencoder": {"encoder", "decoder"},
}


class CheckedCheckpointLoader(CheckpointLoader):
    """MONAI's ``CheckpointLoader`` for one network, with a check before and a message that tells what differs.

    MONAI's own lets torch list every key of the mismatch; this one says whether the file is another network's, another
    size's, or no checkpoint at all. Only tensors are unpickled (``weights_only=True``).

    Args:
        load_path: file with the network's state dict.
        network: network to load it into.
        map_location: device to load to.
    """

    def __init__(
        self, load_path: PathLike, network: torch.nn.Module, map_location: torch.device | str | None = None
    ) -> None:
        # torch.load takes a device too; MONAI's annotation names a dict only
        super().__init__(str(load_path), {"model": network}, map_location=map_location)  # type: ignore[arg-type]
        self.network = network

    def __call__(self, engine: Engine) -> None:
        """
        Raises:
            InputError: when the file is missing, unreadable, or of another network or size.
        """
        check_checkpoint(self.load_path, self.network)
        super().__call__(engine)


def check_checkpoint(path: PathLike, network: torch.nn.Module) -> None:
    """Make sure that a file holds this network's weights.

    Args:
        path: file with a state dict.
        network: the network that it should fit.

    Raises:
        InputError: when it is missing, unreadable, or of another network or size; says which and what differs.
    """
    if not Path(path).is_file():
        # a bundle's root is "." unless it is told
        where = "" if Path(path).is_absolute() else f" in {Path.cwd()} (bundle_root says where else)"
        raise InputError(f"no checkpoint at {path}{where}: train first, or give the folder of a finished run")
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        shapes = {key: tuple(value.shape) for key, value in stored.items()}
    except Exception as e:
        raise InputError(f"{path} is not a readable checkpoint of a network ({type(e).__name__}: {e})") from e
    expected = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    if shapes == expected:
        return
    name = type(network).__name__
    children = {key.split(".")[0] for key in shapes}
    found = next((other for other, signature in _SIGNATURES.items() if signature == children), None)
    if found is not None and found != name:
        raise InputError(
            f"{path} is a checkpoint of {found}, expected {name}: use the bundle and preset that it was trained with"
        )
    differing = [
        f"{key}: {shapes.get(key, 'absent')} in the file, {expected.get(key, 'absent')} in the network"
        for key in sorted(shapes.keys() | expected.keys())
        if shapes.get(key) != expected.get(key)
    ]
    what = f"a {name} of another size" if found else f"another network than {name}"
    raise InputError(
        f"{path} is a checkpoint of {what}: {len(differing)} of {len(shapes.keys() | expected.keys())} tensors "
        f"differ, as {'; '.join(differing[:3])}. Use the preset, image_size, latent_size and channels of its "
        "training"
    )
