"""Measure what the engine costs over a bare PyTorch loop: time an epoch, and memory.

    .venv/bin/python scripts/benchmark_engine.py DATA [--bundles unet_autoencoder,reversed_autoencoder] [--epochs 8]

Each bundle is trained as ``imgae-monai train`` trains it, with all of its handlers and checkpoints. After each of the
engine's epochs a bare loop makes an epoch (training and validation) over the same loaders with a copy of the network,
so both see the same batches and the same load of the machine. The first epoch of each is left out, and the medians of
the others are compared. Peak memory is that of two further processes, which train one way only.
"""

from __future__ import annotations

import argparse
import copy
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from ignite.engine import Engine, Events
from monai.bundle import ConfigWorkflow

from imgae_monai.cli.bundle_config import find_bundle

WAYS = ("engine", "bare")


class BareLoop:
    """What a paper's own script does: no handlers, no records, no checkpoints.

    Args:
        workflow: gives loaders, loss, and the network and learning rate to start from.
    """

    def __init__(self, workflow: ConfigWorkflow) -> None:
        get = workflow.parser.get_parsed_content
        self.train_loader, self.val_loader = get("train#dataloader"), get("validate#dataloader")
        self.network, self.loss = copy.deepcopy(get("network")), get("loss")
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=get("learning_rate"))
        self.device, self.prepare_batch = get("device"), get("prepare_batch")

    def epoch(self) -> float:
        """One epoch; returns the validation loss."""
        self.network.train()
        for batch in self.train_loader:
            image, target = self.prepare_batch(batch, self.device)
            self.optimizer.zero_grad()
            loss = self.loss(self.network(image), target)
            loss.backward()
            self.optimizer.step()
        self.network.eval()
        total, n = 0.0, 0
        with torch.no_grad():
            for batch in self.val_loader:
                image, target = self.prepare_batch(batch, self.device)
                total += self.loss(self.network(image), target).item() * len(image)
                n += len(image)
        return total / n


class Stopwatch:
    """A trainer's handler that has the bare loop make an epoch after each of the engine's."""

    def __init__(self, bare: BareLoop) -> None:
        self.bare = bare
        self.seconds: dict[str, list[float]] = {way: [] for way in WAYS}
        self._tick = 0.0

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._turn)

    def _start(self, engine: Engine) -> None:
        self._tick = time.perf_counter()

    def _turn(self, engine: Engine) -> None:
        # from one turn to the next, so that what other handlers do at an epoch's end after this one counts too
        before = time.perf_counter()
        self.bare.epoch()
        after = time.perf_counter()
        self.seconds["engine"].append(before - self._tick)
        self.seconds["bare"].append(after - before)
        self._tick = after


def build(bundle: str, data: str, epochs: int, folder: str) -> ConfigWorkflow:
    config = find_bundle(bundle) / "configs" / "train.json"
    overrides = {"dataset_dir": data, "bundle_root": folder, "epochs": epochs, "patience": epochs}
    workflow = ConfigWorkflow(str(config), workflow_type="train", logging_file=False, **overrides)
    workflow.initialize()
    return workflow


def measure_time(bundle: str, data: str, epochs: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        workflow = build(bundle, data, epochs + 2, folder)
        stopwatch = Stopwatch(BareLoop(workflow))
        stopwatch.attach(workflow.parser.get_parsed_content("train#trainer"))
        workflow.run()
    # the first engine's epoch warms up, the first bare one too; the last bare one has no engine's epoch after it
    return {way: statistics.median(seconds[1:]) for way, seconds in stopwatch.seconds.items()}


def train_one_way(bundle: str, data: str, way: str) -> None:
    """Two epochs, then the peak of this process's memory in MB on standard output."""
    with tempfile.TemporaryDirectory() as folder:
        workflow = build(bundle, data, 2, folder)
        if way == "engine":
            workflow.run()
        else:
            bare = BareLoop(workflow)
            for _ in range(2):
                bare.epoch()
    print(json.dumps({"megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000}))


def measure_memory(bundle: str, data: str, way: str) -> float:
    command = [sys.executable, __file__, data, "--bundles", bundle, "--only", way]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(json.loads(output.splitlines()[-1])["megabytes"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--bundles", default="unet_autoencoder,reversed_autoencoder")
    parser.add_argument("--epochs", type=int, default=8, help="epochs behind each median")
    parser.add_argument("--only", choices=WAYS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    data = str(Path(args.data).resolve())
    if args.only:
        train_one_way(args.bundles, data, args.only)
        return
    rows = []
    for bundle in args.bundles.split(","):
        seconds = measure_time(bundle, data, args.epochs)
        memory = {way: measure_memory(bundle, data, way) for way in WAYS}
        rows.append(
            f"| {bundle} | {seconds['bare']:.2f} | {seconds['engine']:.2f} | {seconds['engine'] / seconds['bare']:.3f} "
            f"| {memory['bare']:.0f} | {memory['engine']:.0f} |"
        )
    print("| bundle | bare, s an epoch | engine | ratio | bare, MB at the peak | engine |\n|---|---|---|---|---|---|")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
