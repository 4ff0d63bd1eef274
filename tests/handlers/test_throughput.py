from __future__ import annotations

import pytest
from ignite.engine import Engine, Events

from imgae_monai.handlers import Throughput, throughput


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    now = [50.0]
    monkeypatch.setattr(throughput.time, "monotonic", lambda: now[0])
    return now


# a trainer's output is a batch, an evaluator's a list of images
@pytest.mark.parametrize("output", [{"image": [0, 0, 0]}, [{}, {}, {}]])
def test_images_a_second_of_the_last_epoch_without_what_comes_after_its_steps(output, clock):
    engine = Engine(lambda engine, batch: output)

    def forward(seconds: float) -> None:
        clock[0] += seconds

    engine.add_event_handler(Events.GET_BATCH_STARTED, lambda engine: forward(0.5))
    engine.add_event_handler(Events.ITERATION_STARTED, lambda engine: forward(engine.state.epoch))
    engine.add_event_handler(Events.EPOCH_COMPLETED, lambda engine: forward(1000))
    Throughput().attach(engine)
    measured = []
    engine.add_event_handler(Events.EPOCH_COMPLETED, lambda engine: measured.append(engine.state.throughput))
    engine.run([0] * 4, max_epochs=2)
    assert measured == [3 / 1.5, 3 / 2.5]  # three images a step of half a second's loading and one or two of work
