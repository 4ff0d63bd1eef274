"""What MONAI and ignite do that this package works around.

Each test holds as long as the trap is there. When one fails, upstream has mended it: the workaround that the test's
docstring names can go.
"""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from ignite.engine import Engine, Events
from ignite.handlers import EarlyStopping, TerminateOnNan
from monai.bundle import download_large_files
from monai.engines import SupervisedEvaluator, SupervisedTrainer
from monai.handlers import (
    CheckpointSaver,
    EarlyStopHandler,
    IgniteMetricHandler,
    StatsHandler,
    TensorBoardImageHandler,
    from_engine,
)
from monai.metrics import compute_roc_auc
from monai.networks.layers import GaussianFilter
from monai.transforms import ResizeWithPadOrCrop
from torch import nn

BATCH = [{"image": torch.ones(2, 1, 4, 4), "label": torch.zeros(2, dtype=torch.int64)}]


def engines(loss: nn.Module | None = None) -> tuple[SupervisedTrainer, SupervisedEvaluator]:
    """One layer, one batch an epoch; the evaluator reports the mean of the prediction as val_loss."""
    torch.manual_seed(0)
    network = nn.Conv2d(1, 1, 1)
    metric = IgniteMetricHandler(loss_fn=nn.L1Loss(), output_transform=from_engine(["pred", "image"]))
    evaluator = SupervisedEvaluator("cpu", BATCH, network, key_val_metric={"val_loss": metric})
    trainer = SupervisedTrainer(
        device="cpu",
        max_epochs=2,
        train_data_loader=BATCH,
        network=network,
        optimizer=torch.optim.SGD(network.parameters(), 0.1),
        loss_function=loss or nn.L1Loss(),
        prepare_batch=lambda batch, *_, **__: (batch["image"], batch["image"]),
        decollate=False,
    )
    return trainer, evaluator


class NanLoss(nn.Module):
    def forward(self, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return (input - target).sum() * float("nan")


def test_monai_runs_a_config_with_an_id_that_nothing_reads(tmp_path):
    """``merge_config`` and the check in each config's ``run``."""
    from monai.bundle import run

    file = tmp_path / "config.json"
    file.write_text(json.dumps({"imports": [], "epochs": 1, "initialize": [], "run": ["$None"]}))
    run(run_id="run", config_file=str(file), logging_file=False, epoch=2)


def test_ignite_notices_nan_when_the_weights_are_spoilt_and_ends_as_if_well():
    """``NonFiniteLossHandler``."""
    trainer, _ = engines(NanLoss())
    stop = TerminateOnNan(output_transform=lambda output: output["loss"])
    trainer.add_event_handler(Events.ITERATION_COMPLETED, stop)
    trainer.run()
    assert all(torch.isnan(p).all() for p in trainer.network.parameters())


def test_monais_loss_metric_leaves_nan_out():
    """``NonFiniteLossHandler``: weights that give NaN alone would have the best loss there is."""
    _, evaluator = engines()
    with torch.no_grad():
        for p in evaluator.network.parameters():
            p.fill_(float("nan"))
    evaluator.run()
    assert evaluator.state.metrics["val_loss"] == 0


def test_ignite_takes_nan_for_an_improvement():
    """``ValidationEarlyStopHandler``."""
    scores = iter([1.0, math.nan, 0.5])
    trainer = Engine(lambda engine, batch: None)
    evaluator = Engine(lambda engine, batch: None)
    stop = EarlyStopping(patience=2, score_function=lambda engine: next(scores), trainer=trainer)
    evaluator.add_event_handler(Events.COMPLETED, stop)
    for _ in range(3):
        evaluator.run([0])
    assert (stop.counter, stop.best_score) == (0, 0.5)


def test_monais_early_stop_needs_a_trainer_from_outside():
    """``ValidationEarlyStopHandler``."""
    _, evaluator = engines()
    EarlyStopHandler(patience=1, score_function=lambda engine: 0.0).attach(evaluator)
    with pytest.raises(RuntimeError, match="trainer"):
        evaluator.run()


def test_monais_saver_has_no_state_of_the_best_to_save(tmp_path):
    """``BestCheckpointSaver``: after a resume the first validation would replace the best weights."""
    saver = CheckpointSaver(save_dir=str(tmp_path), save_dict={"model": nn.Conv2d(1, 1, 1)}, save_key_metric=True)
    assert hasattr(saver, "load_state_dict")
    assert not hasattr(saver, "state_dict")


def test_monais_trainer_starts_the_best_metric_anew():
    """``TrainingRecord.load_state_dict``."""
    _, evaluator = engines()
    evaluator.run()
    assert "best_metric" not in evaluator.state_dict()


def test_stats_handler_keeps_an_error_from_the_handlers_behind_it():
    """``EpochProgressBar`` stands before it; ``StopSignalHandler.run`` holds the engine's run."""
    trainer, _ = engines(NanLoss())
    seen = []

    def fail(engine):
        raise ValueError("here")

    trainer.add_event_handler(Events.ITERATION_COMPLETED, fail)
    StatsHandler(name=None, iteration_log=False).attach(trainer)
    trainer.add_event_handler(Events.EXCEPTION_RAISED, lambda engine, error: seen.append(error))
    with pytest.raises(ValueError, match="here"):
        trainer.run()
    assert seen == []


def test_a_target_that_is_the_image_hides_the_class():
    """``prepare_reconstruction`` is for trainers only."""
    _, evaluator = engines()
    evaluator.prepare_batch = lambda batch, *_, **__: (batch["image"], batch["image"])
    seen = []
    evaluator.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: seen.extend(engine.state.output))
    evaluator.run()
    assert seen[0]["label"].shape == (1, 4, 4)


def test_tensorboard_pictures_refuse_a_class_as_label(tmp_path):
    """The bundles' own pictures."""
    handler = TensorBoardImageHandler(log_dir=str(tmp_path), batch_transform=from_engine(["image", "label"]))
    engine = Engine(lambda engine, batch: None)
    engine.state.batch = [{"image": torch.ones(1, 4, 4), "label": 0}]
    engine.state.output = [{"pred": torch.ones(1, 4, 4)}]
    engine.state.epoch = engine.state.iteration = 1
    with pytest.raises(TypeError):
        handler(engine)


def test_monais_auroc_depends_on_the_labels_dtype():
    """``imgae_monai.metrics.compute_auroc``."""
    rng = np.random.default_rng(0)
    label = (rng.random(1_000_000) < 0.5).astype(np.int64)
    score = rng.normal(label, 1.0).astype(np.float32)  # of which some are tied
    exact = compute_roc_auc(torch.from_numpy(score), torch.from_numpy(label))
    single = compute_roc_auc(torch.from_numpy(score), torch.from_numpy(label.astype(np.float32)))
    assert abs(exact - single) > 1e-4


def test_monais_gaussian_dims_the_borders():
    """``ResidualMap`` mirrors them."""
    out = GaussianFilter(2, 2.0)(torch.ones(1, 1, 16, 16))
    assert out[0, 0, 0, 0] < 0.5 < 0.99 < out[0, 0, 8, 8]


def test_monais_pad_and_crop_are_a_pixel_apart():
    """``ResizeKeepAspect``."""
    image = torch.zeros(1, 5, 5)
    image[0, 2, 2] = 1
    there_and_back = ResizeWithPadOrCrop((5, 5))(ResizeWithPadOrCrop((8, 8))(image))
    assert there_and_back[0, 1, 1] == 1


def test_monais_mixed_precision_is_for_cuda_only():
    """``AutocastInferer``."""
    trainer, _ = engines()
    trainer.amp = True
    seen = []
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: seen.append(engine.state.output["pred"].dtype))
    trainer.run()
    assert set(seen) == {torch.float32}
    with pytest.raises(TypeError, match="device_type"):
        torch.autocast("cuda", **{"device_type": "cpu"})


def test_download_large_files_fails_with_a_name_of_the_list(tmp_path):
    """``docs/zoo.md`` says to leave the name out."""
    (tmp_path / "large_files.yml").write_text("large_files: []\n")
    download_large_files(bundle_path=str(tmp_path))
    with pytest.raises(UnboundLocalError, match="large_file_path"):
        download_large_files(bundle_path=str(tmp_path), large_file_name="large_files.yml")
