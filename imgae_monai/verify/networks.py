"""A bundle's network: its sizes, and its export to TorchScript."""

from __future__ import annotations

from typing import Any

import torch

from imgae_monai.exceptions import InputError
from imgae_monai.verify.subject import Subject

_NET_ID = "network_def"
_SHAPE = "_meta_#network_data_format#inputs#image#spatial_shape"


def check_in_out(subject: Subject) -> str:
    """MONAI's own ``verify_net_in_out``, and that the output's size and range are those of the metadata too.

    Raises:
        InputError: when size or range are others.
        ValueError: MONAI's, when the number of channels or the type is another.
    """
    from monai.bundle import verify_net_in_out

    verify_net_in_out(
        net_id=_NET_ID,
        meta_file=str(subject.meta_file),
        config_file=str(subject.config_file("inference")),
        device="cpu",
    )
    image, wanted = _image(subject), _described(subject, "outputs")
    with torch.no_grad():
        output = subject.network().eval()(image)
    if list(output.shape[2:]) != wanted["spatial_shape"]:
        raise InputError(f"the network gives {list(output.shape[2:])}, metadata say {wanted['spatial_shape']}")
    least, most = wanted["value_range"]
    if not (least <= float(output.min()) and float(output.max()) <= most):
        raise InputError(f"the network gives {output.min():.3g} to {output.max():.3g}, metadata say {least} to {most}")
    return f"{list(image.shape[1:])} to {list(output.shape[1:])}"


def check_presets(subject: Subject) -> str:
    """``verify_net_in_out`` of every preset at its own size; on the meta device, where large ones cost nothing.

    Raises:
        ValueError: MONAI's, or the network's, when a preset does not fit.
    """
    from monai.bundle import ConfigParser, verify_net_in_out

    sizes = []
    for preset in sorted((subject.folder / "configs" / "presets").glob("*.yaml")):
        files = [str(subject.config_file("train")), str(preset)]
        parser = ConfigParser(ConfigParser.load_config_files(files))
        size: list[int] = [parser.get_parsed_content("image_size")] * parser.get_parsed_content("spatial_dims")
        override: dict[str, Any] = {_SHAPE: size}
        try:
            with torch.device("meta"):
                verify_net_in_out(
                    net_id=_NET_ID, meta_file=str(subject.meta_file), config_file=files, device="meta", **override
                )
        except Exception as e:  # which preset it was is not in MONAI's or torch's message
            raise InputError(f"preset {preset.stem} at {size}: {e}") from e
        sizes.append(f"{preset.stem} {size}")
    return ", ".join(sizes) or "none"


def check_torchscript(subject: Subject) -> str:
    """MONAI's own ``ckpt_export`` of the weights, and what is loaded back: the same outputs, metadata and config.

    Raises:
        InputError: when something comes back otherwise.
        Exception: MONAI's or torch's own, when the network can't be exported.
    """
    from monai.bundle import ckpt_export
    from monai.data import load_net_with_metadata

    weights, config = subject.weights(), subject.config_file("inference")
    exported = subject.scratch / "model.ts"
    ckpt_export(
        net_id=_NET_ID,
        filepath=str(exported),
        ckpt_file=str(weights),
        meta_file=str(subject.meta_file),
        config_file=str(config),
        bundle_root=str(subject.folder),
    )
    scripted, metadata, extra = load_net_with_metadata(str(exported), more_extra_files=["inference.json"])
    if metadata["network_data_format"] != subject.metadata["network_data_format"] or not extra["inference.json"]:
        raise InputError("the exported model does not carry the bundle's metadata and configs/inference.json")
    network = subject.network()
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    images = _image(subject, batch=3)
    with torch.no_grad():
        expected, got = network.eval()(images), scripted(images)
    torch.testing.assert_close(got, expected)
    return f"the same outputs, with {subject.origin_of_weights()} weights"


def _described(subject: Subject, side: str) -> dict[str, Any]:
    """The first of the metadata's inputs or outputs."""
    described: dict[str, Any] = next(iter(subject.metadata["network_data_format"][side].values()))
    return described


def _image(subject: Subject, batch: int = 1) -> torch.Tensor:
    """Images as the metadata describe them, of a fixed seed."""
    described = _described(subject, "inputs")
    generator = torch.Generator().manual_seed(0)
    return torch.rand(batch, described["num_channels"], *described["spatial_shape"], generator=generator)
