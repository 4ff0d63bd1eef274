"""What the two processes of test_together.py do; each writes what it found to RANK.json in the folder it is given."""

from __future__ import annotations

import itertools
import json
import sys
import types
from pathlib import Path
from unittest import mock

import torch
import torch.distributed as dist
from ignite.engine import Engine, Events
from monai.engines import SupervisedTrainer
from monai.networks.layers import Norm

from imgae_monai.data import process_share
from imgae_monai.data.skipped_images import SkippedImages
from imgae_monai.data.unreadable import SkippedImage
from imgae_monai.engines import (
    IntrospectiveTrainer,
    all_gather_state,
    check_same_data,
    is_first_process,
    join_processes,
    largest_everywhere,
    leave_processes,
    prepare_reconstruction,
    process_seed,
    smallest_everywhere,
)
from imgae_monai.exceptions import InputError, Stopped
from imgae_monai.handlers import AurocHandler, SharedGradientHandler, StopSignalHandler
from imgae_monai.losses import (
    AuxiliaryReconstructionLoss,
    IntrospectiveDecoderLoss,
    IntrospectiveEncoderLoss,
    build_reconstruction_loss,
)
from imgae_monai.networks.nets import IntrospectiveAutoencoder, UNetAutoencoder
from imgae_monai.networks.sync_batch_norm import with_sync_batch_norm

N = 4  # images a process
SIZE = 32


def images() -> torch.Tensor:
    return torch.rand(2 * N, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(3))


def own(values: torch.Tensor) -> torch.Tensor:
    return values if not dist.is_initialized() else values[dist.get_rank() * N : (dist.get_rank() + 1) * N]


def unet() -> UNetAutoencoder:
    torch.manual_seed(0)
    return UNetAutoencoder(2, 1, 1, (4, 8, 8), (2, 2), 4, SIZE, dropout=0.0, deep_supervision=True)


def introspective() -> IntrospectiveAutoencoder:
    torch.manual_seed(0)
    return IntrospectiveAutoencoder(2, 1, 1, (4, 8, 8), (2, 2, 2), 4, SIZE)


def one_step(trainer_of, network, batches) -> dict[str, torch.Tensor]:
    """Weights and running statistics after an iteration over each batch, the optimizer plain with a rate of one."""
    trainer = trainer_of(network, batches)
    trainer.run()
    return {key: value.clone().double() for key, value in network.state_dict().items()}


def supervised(network, batches, accumulation_steps=1):
    return SupervisedTrainer(
        "cpu",
        1,
        batches,
        network,
        torch.optim.SGD(network.parameters(), lr=1.0),
        AuxiliaryReconstructionLoss(build_reconstruction_loss(False), 1.0),
        prepare_batch=prepare_reconstruction,
        train_handlers=[SharedGradientHandler()],
        decollate=False,
        accumulation_steps=accumulation_steps,
    )


def two_steps(network, batches):
    return IntrospectiveTrainer(
        "cpu",
        1,
        batches,
        network,
        torch.optim.SGD(network.encoder.parameters(), lr=0.01),
        torch.optim.SGD(network.decoder.parameters(), lr=0.01),
        IntrospectiveEncoderLoss(1 / SIZE**2, 8.0, 1.0, 128.0, 0.005),
        IntrospectiveDecoderLoss(1 / SIZE**2, 8.0, 1.0, 1e-8),
        train_handlers=[SharedGradientHandler()],
        decollate=False,
    )


def joint_noise():
    """The n-th draw of a process is its rows of the n-th draw of one process with the joint batch."""
    calls = itertools.count()

    def draw(n, *shape, **_):
        return own(torch.randn(2 * N, *shape, generator=torch.Generator().manual_seed(next(calls))))

    plain = torch.randn

    def randn(*shape, generator=None, **kwargs):
        return plain(*shape, generator=generator) if generator is not None else draw(*shape)

    stack = mock.patch.multiple(torch, randn=randn, randn_like=lambda like, **_: draw(*like.shape))
    return stack


def difference(
    found: dict[str, torch.Tensor], before: dict[str, torch.Tensor], joint: dict[str, torch.Tensor]
) -> float:
    """Largest difference of what a step changed, to the largest change."""
    changes = [(found[key] - before[key], joint[key] - before[key]) for key in joint if "num_batches" not in key]
    largest = max(float(wanted.abs().max()) for _, wanted in changes)
    return max(float((is_ - wanted).abs().max()) for is_, wanted in changes) / largest


def gradients(found: dict) -> None:
    batch = [{"image": own(images())}]
    for name, build, trainer_of in (("unet", unet, supervised), ("introspective", introspective, two_steps)):
        start = build()
        before = {key: value.clone().double() for key, value in start.state_dict().items()}
        network = with_sync_batch_norm(start, "cpu")
        if dist.get_rank() == 1:  # it must start from the first one's
            with torch.no_grad():
                for parameter in network.parameters():
                    parameter.add_(1.0)
        with joint_noise():
            after = one_step(trainer_of, network, batch)
        found[f"{name}_tracked"] = next((float(after[key]) for key in after if key.endswith("num_batches_tracked")), 0)
        found[f"{name}_keys"] = sorted(start.state_dict()) == sorted(network.state_dict())
        found[f"{name}_after"] = {key: value.tolist() for key, value in after.items()}
        with mock.patch.object(dist, "is_initialized", return_value=False), joint_noise():
            joint = one_step(trainer_of, build(), [{"image": images()}])
        found[name] = difference(after, before, joint)
        accumulate(found)


def accumulate(found: dict) -> None:
    """Without batch norm: two steps of unequal batches in one process, and other ones in the other."""
    torch.manual_seed(0)

    def plain() -> UNetAutoencoder:
        torch.manual_seed(0)
        return UNetAutoencoder(
            2, 1, 1, (4, 8, 8), (2, 2), 4, SIZE, norm=(Norm.INSTANCE, {}), dropout=0.0, deep_supervision=True
        )

    start = plain()
    before = {key: value.clone().double() for key, value in start.state_dict().items()}
    everything = images()
    mine = [(0, 3), (3, 5)] if dist.get_rank() == 0 else [(5, 6), (6, 8)]
    batches = [{"image": everything[a:b]} for a, b in mine]
    after = one_step(lambda n, b: supervised(n, b, accumulation_steps=2), start, batches)
    with mock.patch.object(dist, "is_initialized", return_value=False):
        joint = one_step(supervised, plain(), [{"image": everything}])
    found["accumulated"] = difference(after, before, joint)


def auroc(found: dict) -> None:
    """One image is of both processes, as where shares are padded."""
    rows = [("a", 0.1, 0.0), ("b", 0.4, 0.0), ("c", 0.35, 1.0), ("d", 0.8, 1.0)]
    handler = AurocHandler()
    handler.update([rows[0], rows[3]] if dist.get_rank() == 0 else [rows[1], rows[2], rows[3]])
    found["auroc"] = handler.compute()


def stopping(found: dict) -> None:
    """The second process alone gets a signal, in its third step."""
    engine = Engine(lambda engine, batch: None)
    handler = StopSignalHandler()

    def signal_one(engine: Engine) -> None:
        if dist.get_rank() == 1 and engine.state.iteration == 3:
            handler._receive(15, None)

    engine.add_event_handler(Events.ITERATION_STARTED, signal_one)
    handler.attach(engine)
    try:
        engine.run(range(8))
    except Stopped as e:
        found["stopped"] = [engine.state.iteration, e.signal_number]


def main(folder: Path) -> None:
    join_processes("cpu")
    join_processes("cpu")  # once more does nothing
    rank = dist.get_rank()
    found: dict = {"first": is_first_process(), "seed": process_seed(5)}
    found["gathered"] = all_gather_state({"rank": rank, "values": [0.5] * (rank + 1), "t": torch.full((rank,), 2)})
    found["gathered"] = [{**part, "t": part["t"].tolist()} for part in found["gathered"]]
    found["smallest"], found["largest"] = smallest_everywhere(10 + rank), largest_everywhere(10 + rank)
    items = [{"image": name} for name in "abcde"]
    found["shares"] = [[item["image"] for item in process_share(items, padded)] for padded in (True, False)]
    try:
        process_share(items[:1], padded=True)
    except InputError as e:
        found["too_few"] = str(e)
    data = [{"sha256": str(n), "split": "train", "label": 0} for n in range(3)]
    check_same_data(types.SimpleNamespace(items=data, source="here"))
    try:
        check_same_data(types.SimpleNamespace(items=data[:: -1 if rank else 1], source="here"))
    except InputError as e:
        found["other_order"] = str(e)
    skipped = SkippedImages()
    skipped.add([SkippedImage(path=f"{rank}.png", reason="damaged")])
    skipped.share()
    found["skipped"] = sorted(entry["path"] for entry in skipped.to_list())
    auroc(found)
    stopping(found)
    gradients(found)
    leave_processes()
    leave_processes()
    found["still_first"] = is_first_process()
    found["left"] = not dist.is_initialized()
    (folder / f"{rank}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
