"""A site's side of the job: MONAI's federated client over a bundle, by NVFlare's Client API.

The site makes its run of a bundle that is installed with imgae_monai. But an exported job carries this very file, its
arguments and the overrides of the config: read them before a site runs them, or let it run a copy of its own.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import nvflare.client as flare
import torch
from monai.fl.utils.constants import WeightType
from monai.fl.utils.exchange_object import ExchangeObject
from nvflare.app_common.abstract.fl_model import FLModel

from imgae_monai.cli.bundle_config import bundle_names
from imgae_monai.fl import finish_site, load_client, prepare_site, save_weights, site_calibrator
from imgae_monai.fl.site_calibrator import FEWEST


class Site:
    """Answers the server's tasks by their names."""

    def __init__(self, settings: argparse.Namespace, name: str) -> None:
        overrides = json.loads(settings.overrides.read_text(encoding="utf-8")) if settings.overrides else {}
        self.run = prepare_site(
            settings.bundle, settings.run, settings.data, settings.rounds, settings.local_epochs, None, overrides
        )
        self.fewest = settings.fewest
        self.client = load_client(self.run, settings.local_epochs, name)
        self.exchanged: dict[str, dict[str, np.ndarray]] = {}

    def train(self, model: FLModel) -> FLModel:
        """Train on; the metric is the loss of the weights of all, before."""
        weights = self._weights(model)
        val_loss = self.client.evaluate(weights).metrics["val_loss"]
        print(f"round {model.current_round}: val_loss of the weights of all {val_loss:.6f}")
        self.client.train(weights)
        sent = {name: value.numpy() for name, value in self.client.get_weights().weights.items()}
        n_images = len(self.client.trainer.data_loader.dataset)
        return FLModel(params=sent, metrics={"val_loss": float(val_loss)}, meta={"NUM_STEPS_CURRENT_ROUND": n_images})

    def moments(self, model: FLModel) -> FLModel:
        """Take the weights of all for good, and send the first message of the calibration."""
        weights = self._weights(model)
        val_loss = self.client.evaluate(weights).metrics["val_loss"]
        save_weights(self.run, weights.weights)
        self.calibrator = site_calibrator(self.run, fewest=self.fewest)
        return FLModel(params=self.calibrator.moments(), metrics={"val_loss": float(val_loss)})

    def scatter(self, model: FLModel) -> FLModel:
        """The second message."""
        self.exchanged["moments"] = model.params
        return FLModel(params=self.calibrator.scatter(model.params))

    def scores(self, model: FLModel) -> FLModel:
        """The third."""
        self.exchanged["scatter"] = model.params
        return FLModel(params=self.calibrator.scores(self.exchanged["moments"], model.params))

    def finish(self, model: FLModel) -> FLModel:
        """Write the calibration of all."""
        calibration = self.calibrator.save(self.exchanged["moments"], self.exchanged["scatter"], model.params)
        finish_site(self.client, calibration)
        return FLModel(params={"threshold": np.asarray(calibration.threshold)})

    def _weights(self, model: FLModel) -> ExchangeObject:
        own = self.client.trainer.network.state_dict()  # whole numbers come back as means
        weights = {name: torch.as_tensor(model.params[name]).to(value.dtype) for name, value in own.items()}
        return ExchangeObject(weights=weights, weight_type=WeightType.WEIGHTS)


def read_settings(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What the job asks for, as far as the site allows it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", required=True, choices=bundle_names())
    parser.add_argument("--data", required=True, help="the site's images, as for imgae-monai train")
    parser.add_argument("--run", required=True, help="folder to make")
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--local_epochs", type=int, default=1)
    parser.add_argument("--overrides", type=Path, help="JSON file with further ids of the bundle's config")
    parser.add_argument("--fewest", type=int, default=FEWEST, help="patients below which a site sends no statistics")
    settings = parser.parse_args(words)
    least = int(os.environ.get("IMGAE_MONAI_FEWEST", FEWEST))  # the site's own word, which no job carries
    if settings.fewest < least:
        parser.error(
            f"--fewest must be at least {least}, got {settings.fewest}: sums of few patients tell much of each; submit "
            "the job with more, or let the site set IMGAE_MONAI_FEWEST where that may leave it"
        )
    return settings


def main() -> None:
    """Answer until the job is over."""
    settings = read_settings()
    flare.init()
    site = Site(settings, flare.get_site_name())
    while flare.is_running():
        model = flare.receive()
        if model is None:
            break
        flare.send(getattr(site, flare.get_task_name())(model))


if __name__ == "__main__":
    main()
