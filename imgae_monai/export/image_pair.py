"""Images and their reconstructions, and what is made of both more than once."""

from __future__ import annotations

import torch
from torch import nn

from imgae_monai.losses.learned_variance import log_variance


class ImagePair:
    """A batch of images and what the network makes of them; each view is computed when it is first asked for.

    Args:
        images: shape (B, 1, H, W[, D]).
        prediction: the network's output, see :py:func:`imgae_monai.transforms.split_prediction`.
        network: gives ``features``, where they are asked for.
        equaliser: CLAHE, where it is asked for.
        of_ensemble: whether the prediction is an ensemble's, and not the network's own.
    """

    def __init__(
        self,
        images: torch.Tensor,
        prediction: torch.Tensor,
        network: nn.Module,
        equaliser: nn.Module | None,
        of_ensemble: bool = False,
    ) -> None:
        self.images = images
        self.prediction = prediction
        self.network = network
        self.equaliser = equaliser
        self.of_ensemble = of_ensemble
        self._views: dict[bool, tuple[torch.Tensor, torch.Tensor]] = {}
        self._features: dict[bool, list[tuple[torch.Tensor, torch.Tensor]]] = {}

    @property
    def log_variance(self) -> torch.Tensor:
        """Of the variance that the network learned."""
        return log_variance(self.prediction[:, 1:2])

    @property
    def disagreement(self) -> torch.Tensor:
        """Standard deviation of an ensemble's reconstructions."""
        return self.prediction[:, 2:3]

    def views(self, clahe: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
        """Images and reconstructions, as they are or both equalised."""
        if clahe not in self._views:
            pair = self.images, self.prediction[:, :1]
            if clahe:
                if self.equaliser is None:
                    raise ValueError("CLAHE is asked for and there is no equaliser")
                pair = self.equaliser(pair[0]), self.equaliser(pair[1])
            self._views[clahe] = pair
        return self._views[clahe]

    def features(self, clahe: bool = False) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """The network's features of both :py:meth:`views`, one pair a level."""
        if clahe not in self._features:
            first, second = (self.network.features(images) for images in self.views(clahe))  # type: ignore[operator]
            self._features[clahe] = list(zip(first, second, strict=True))
        return self._features[clahe]

    def own_features(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """The same of images and of what the network alone makes of them."""
        if not self.of_ensemble:
            return self.features()
        own = self.network.features(self.network(self.images)[:, :1])  # type: ignore[operator]
        return [(first, second) for (first, _), second in zip(self.features(), own, strict=True)]
