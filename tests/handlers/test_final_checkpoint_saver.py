from __future__ import annotations

import pytest
import torch
from ignite.engine import Events

from imgae_monai.handlers import FinalCheckpointSaver
from tests.handlers.small_training import make_trainer, network


def training(folder, epochs: int = 3):
    net = network()
    trainer = make_trainer(
        net, torch.optim.SGD(net.parameters(), lr=0.1), [FinalCheckpointSaver(folder / "models", net)], epochs=epochs
    )
    return trainer, net, folder / "models" / "model_final.pt"


@pytest.mark.parametrize("early", [False, True])
def test_the_last_weights_are_kept_when_training_ends_by_itself(early, tmp_path):
    trainer, net, path = training(tmp_path)
    if early:
        trainer.add_event_handler(Events.EPOCH_COMPLETED(once=2), lambda e: e.terminate())
    trainer.run()
    assert trainer.state.epoch == (2 if early else 3)
    stored = torch.load(path, weights_only=True)
    assert stored.keys() == net.state_dict().keys()
    assert all(torch.equal(value, stored[key]) for key, value in net.state_dict().items())
    assert [file.name for file in path.parent.iterdir()] == ["model_final.pt"]


def test_a_training_that_fails_has_no_final_weights(tmp_path):
    def fail(engine) -> None:
        raise RuntimeError("the power is out")

    trainer, _, path = training(tmp_path)
    trainer.add_event_handler(Events.EPOCH_COMPLETED(once=2), fail)
    with pytest.raises(RuntimeError, match="the power is out"):
        trainer.run()
    assert not path.exists()


def test_weights_of_an_earlier_end_go_when_training_goes_on(tmp_path):
    trainer, _, path = training(tmp_path)
    path.parent.mkdir()
    path.write_bytes(b"of before")
    seen = []
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda e: seen.append(path.exists()))
    trainer.run()
    assert not any(seen)
    assert path.stat().st_size > 100
