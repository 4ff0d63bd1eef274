from __future__ import annotations

import json

import torch
from monai.engines import SupervisedTrainer
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn
from torch.utils.tensorboard import SummaryWriter

from imgae_monai.data.datalist import Datalist
from imgae_monai.engines import environment, prepare_reconstruction
from imgae_monai.handlers import RunTextHandler


def test_tensorboard_shows_what_a_run_can_be_traced_to(tmp_path):
    item = {"image": "a.png", "label": 0, "patient_id": "a", "split": "train", "sha256": "hash"}
    datalist = Datalist([item], source="somewhere", synthetic=False)
    config = {"learning_rate": 0.25, "run": ["$@trainer.run() # <b>"]}
    network = nn.Conv2d(1, 1, 1)
    writer = SummaryWriter(str(tmp_path))
    trainer = SupervisedTrainer(
        device="cpu",
        max_epochs=1,
        train_data_loader=[{"image": torch.zeros(1, 1, 4, 4)}],
        network=network,
        optimizer=torch.optim.SGD(network.parameters(), lr=0.1),
        loss_function=nn.L1Loss(),
        prepare_batch=prepare_reconstruction,
        train_handlers=[RunTextHandler(writer, datalist, {"seed": 3}, config)],
        decollate=False,
    )
    trainer.run()
    writer.close()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    texts = {
        tag.removesuffix("/text_summary"): events.Tensors(tag)[0].tensor_proto.string_val[0].decode()
        for tag in events.Tags()["tensors"]
    }
    assert all(line.startswith("    ") for text in texts.values() for line in text.splitlines())  # Markdown's code
    shown = {name.removeprefix("run/"): json.loads(text) for name, text in texts.items()}
    assert shown == {
        "settings": {"seed": 3},
        "data": {"source": "somewhere", "fingerprint": datalist.fingerprint, **datalist.counts},
        **environment(),
        "config": config,
    }
