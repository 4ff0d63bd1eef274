"""From an image to its anomaly map and score, with the network that a tool hands over."""

from __future__ import annotations

from typing import Any

import torch
from monai.config import PathLike
from monai.inferers import Inferer
from monai.utils import convert_to_tensor
from torch import nn

from imgae_monai.explain.score_network import ScoreNetwork
from imgae_monai.transforms.calibration import Calibration
from imgae_monai.transforms.score_definition import ScoreDefinition


class AnomalyInferer(Inferer):
    """Anomaly map and score of images, in one tensor.

    MONAI Label and MONAI Deploy load the weights into a network of their own and hand it to the bundle's inferer alone:
    a transform of the postprocessing that needs the network (for its features) would see one without weights. So all
    that needs it happens here; :py:class:`imgae_monai.transforms.SplitAnomalyd` takes the tensor apart.

    Args:
        score: the score's definition.
        calibration: of this score; it may be read late.
        inferer: runs the network, where the score is not that of the network alone.
        lpips_weights: file of LPIPS's weights, where a residual is one of LPIPS.

    Example:
        >>> halve = nn.Conv2d(1, 1, 1, bias=False)
        >>> _ = nn.init.constant_(halve.weight, 0.5)
        >>> infer = AnomalyInferer(ScoreDefinition("l2", reduction="max"), calibration=None)
        >>> infer(torch.tensor([[[[0.0, 1.0]]]]), halve)[0].tolist()
        [[[0.0, 0.25]], [[0.25, 0.25]]]
    """

    def __init__(
        self,
        score: ScoreDefinition,
        calibration: Calibration | None,
        inferer: Inferer | None = None,
        lpips_weights: PathLike | None = None,
    ) -> None:
        super().__init__()
        self.score = score
        self.calibration = calibration
        self.inferer = inferer
        self.lpips_weights = lpips_weights
        self._scorer: ScoreNetwork | None = None

    def __call__(self, inputs: torch.Tensor, network: nn.Module, *args: Any, **kwargs: Any) -> torch.Tensor:  # type: ignore[override]
        """
        Args:
            inputs: images (B, C, H, W[, D]) in [0, 1], preprocessed.
            network: gives reconstructions, with its weights; TorchScript too, and MONAI Deploy's wrapper around it.
            args: not used.
            kwargs: not used.

        Returns:
            (B, 2, H, W[, D]), float64, on the CPU: the map, and the image's score at every pixel. One tensor is all
            that both tools pass on from an inferer.

        Raises:
            InputError: when the score needs what the network or the calibration does not give.
        """
        module = getattr(network, "predictor", network)  # monai.deploy.core.models.Model holds its module there
        if self._scorer is None or self._scorer.network is not module:
            self._scorer = ScoreNetwork(module, self.score, self.calibration, self.lpips_weights, self.inferer)
        maps, scores = self._scorer.measure(convert_to_tensor(inputs, track_meta=False))
        maps, scores = maps.detach().cpu().double(), scores.detach().cpu()
        return torch.cat([maps, scores.reshape(-1, *[1] * (maps.ndim - 1)).expand_as(maps)], dim=1)
