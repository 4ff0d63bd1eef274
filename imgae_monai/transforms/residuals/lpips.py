"""LPIPS, from weights that are in a file here."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from monai.config import PathLike
from torch import nn
from torch.nn.functional import interpolate

from imgae_monai.exceptions import InputError
from imgae_monai.transforms.residuals.of_network import wants_gradient

_TAPS = (1, 4, 7, 9, 10, 11, 12)  # layers whose output is compared
_CHANNELS = (64, 128, 256, 384, 384, 512, 512)
_SHIFT = (-0.030, -0.088, -0.188)  # of the photographs that it was trained on, scaled to [-1, 1]
_SCALE = (0.458, 0.448, 0.450)
_SHORTEST = 17
_GET = (
    'where there is a network: pip install lpips; python -c "import lpips, torch; '
    "torch.save(lpips.LPIPS(net='squeeze').state_dict(), 'lpips_squeeze.pt')\", and give its path as lpips_weights"
)


class LPIPS(nn.Module):
    """Distance of a SqueezeNet's features of two images, weighted by channel, as human judgements ask for.

    Source: Zhang et al. 2018, "The unreasonable effectiveness of deep features as a perceptual metric", eq. 1, version
    0.1, with SqueezeNet 1.1 (as Bercea et al. 2023 for the reversed autoencoder), the map of it and not its mean. The
    weights were made from photographs and human judgements; nothing is downloaded.

    The package ``lpips`` is not used for it, as it needs torchvision, whose build must fit torch's, for the thirteen
    layers here.

    Args:
        weights: file with the state dict of ``lpips.LPIPS(net="squeeze")``.

    Raises:
        InputError: when there is no such file, or it holds something else; says how to get it.
    """

    def __init__(self, weights: PathLike | None) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 3, stride=2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            _Fire(64, 16, 64),
            _Fire(128, 16, 64),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            _Fire(128, 32, 128),
            _Fire(256, 32, 128),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            _Fire(256, 48, 192),
            _Fire(384, 48, 192),
            _Fire(384, 64, 256),
            _Fire(512, 64, 256),
        )
        self.lin = nn.ModuleList(nn.Conv2d(n, 1, 1, bias=False) for n in _CHANNELS)
        self.load_state_dict(_read(weights, {key: value.shape for key, value in self.state_dict().items()}))
        self.eval().requires_grad_(False)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """
        Args:
            x: images, shape (B, 1 or 3, H, W), float32, values in [0, 1].
            y: of the same shape.

        Returns:
            shape (B, 1, H, W), not negative.

        Raises:
            ValueError: when the images are no pictures of one or three channels, or too small.
        """
        if x.ndim != 4 or x.shape[1] not in (1, 3) or min(x.shape[2:]) < _SHORTEST:
            raise ValueError(
                f"LPIPS takes 2-D images of 1 or 3 channels, {_SHORTEST} pixels an axis or more, got "
                f"{tuple(x.shape[1:])}"
            )
        if self.lin[0].weight.device != x.device:
            self.to(x.device)
        total = torch.zeros_like(x[:, :1])
        with torch.set_grad_enabled(wants_gradient(x, y)):
            shift, scale = (x.new_tensor(values).reshape(1, 3, 1, 1) for values in (_SHIFT, _SCALE))
            image = (2 * torch.cat([x, y]).expand(-1, 3, -1, -1) - 1 - shift) / scale
            lin = iter(self.lin)
            for i, layer in enumerate(self.features):
                image = layer(image)
                if i in _TAPS:
                    unit = image / (image.square().sum(dim=1, keepdim=True).clamp_min(1e-20).sqrt() + 1e-10)
                    first, second = unit[: x.shape[0]], unit[x.shape[0] :]
                    part = next(lin)((first - second).square())
                    total = total + interpolate(part, x.shape[2:], mode="bilinear", align_corners=False)
        return total


class _Fire(nn.Module):
    def __init__(self, ins: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(ins, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.squeeze(x).relu()
        return torch.cat([self.expand1x1(x).relu(), self.expand3x3(x).relu()], dim=1)


def _read(weights: PathLike | None, shapes: dict[str, torch.Size]) -> dict[str, torch.Tensor]:
    """Weights by our names, which are those of the layers in the order that torchvision has them in."""
    if weights is None:
        raise InputError(f"LPIPS needs weights, which are not part of this package; {_GET}")
    if not Path(weights).is_file():
        raise InputError(f"no LPIPS weights at {weights}; {_GET}")
    try:
        stored = torch.load(weights, map_location="cpu", weights_only=True)
        found = {}
        for key, value in stored.items():
            name = re.sub(r"^lin(\d)\.model\.1\.", r"lin.\1.", re.sub(r"^net\.slice\d\.", "features.", key))
            if name in shapes:
                found[name] = value
        fits = {key: value.shape for key, value in found.items()} == shapes
    except Exception as e:
        raise InputError(f"{weights} is no readable file of weights ({type(e).__name__}); {_GET}") from e
    if not fits or any(float(value.min()) < 0 for key, value in found.items() if key.startswith("lin.")):
        raise InputError(f"{weights} holds no weights of LPIPS with SqueezeNet; {_GET}")
    return found
