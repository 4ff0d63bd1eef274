from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ignite.engine import Engine
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedEvaluator
from monai.handlers import CheckpointSaver, StatsHandler
from sklearn.metrics import roc_auc_score
from torch import nn
from torch.utils.data.distributed import DistributedSampler

from imgae_monai.exceptions import InputError
from imgae_monai.handlers import AurocHandler

# an odd number for two ranks: the first image is repeated, and counted twice it would change the area
SCORES, LABELS = [0.5, 0.1, 0.75, 0.5, 0.5, 0.9, 0.3], [1, 0, 1, 0, 1, 0, 0]
AREA = roc_auc_score(LABELS, SCORES)


def items(scores: Sequence[float], labels: Sequence[Any]) -> list[dict[str, Any]]:
    return [
        {"image": torch.full((1, 2, 2), float(score), dtype=torch.float64), "label": label, "image_path": f"{i}.png"}
        for i, (score, label) in enumerate(zip(scores, labels, strict=True))
    ]


def mean_score(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "score": data["image"].mean()}


def evaluator(images: list[dict[str, Any]], ranks: int | None = None, handlers: Sequence[Any] = ()):
    data = Dataset(images)
    sampler = None if ranks is None else DistributedSampler(data, ranks, shuffle=False)
    return SupervisedEvaluator(
        device=torch.device("cpu"),
        val_data_loader=DataLoader(data, batch_size=3, sampler=sampler),
        network=nn.Identity(),
        postprocessing=mean_score,
        key_val_metric={"auroc": AurocHandler()},
        val_handlers=handlers,
    )


def show(engine: SupervisedEvaluator, images: list[dict[str, Any]]) -> None:
    engine.data_loader = DataLoader(Dataset(images), batch_size=3)
    engine.run(engine.state.epoch + 1)


@pytest.mark.parametrize(
    "convert", [int, float, bool, np.float32, np.int64, lambda x: torch.tensor([x]), lambda x: torch.tensor(x > 0)]
)
def test_labels_of_every_kind_give_sklearns_area_ties_included(convert):
    engine = evaluator(items(SCORES, [convert(label) for label in LABELS]))
    engine.run()
    assert engine.state.metrics["auroc"] == pytest.approx(AREA, abs=1e-12)
    assert engine.state.best_metric == engine.state.metrics["auroc"]


def test_every_run_counts_its_own_images_only():
    engine = evaluator(items(SCORES, LABELS))
    engine.run()
    show(engine, items([1.0, 2.0], [0, 1]))
    assert engine.state.metrics["auroc"] == 1.0
    show(engine, items([2.0, 1.0], [0, 1]))
    assert (engine.state.metrics["auroc"], engine.state.best_metric, engine.state.best_metric_epoch) == (0.0, 1.0, 2)


@pytest.mark.filterwarnings("ignore:.*not a scalar")
def test_an_undefined_area_is_logged_and_never_the_best(tmp_path, caplog):
    weights = nn.Linear(1, 1, bias=False)
    settings = {"save_key_metric": True, "key_metric_filename": "best.pt"}
    saver = CheckpointSaver(save_dir=str(tmp_path), save_dict={"weights": weights}, **settings)
    engine = evaluator(items([1.0, 2.0], [0, 0]), handlers=[saver, StatsHandler(name=None, iteration_log=False)])
    saved = []
    for run, labels in enumerate(([0, 0, 0], [0, 1, 0], [1, 1, 1], [0, 0, 1]), 1):
        nn.init.constant_(weights.weight, run)
        show(engine, items([1.0, 2.0, 3.0], labels))
        saved.append(torch.load(tmp_path / "best.pt", weights_only=True)["weight"].item())
        if run == 1:
            assert "AUROC is undefined: 3 normal, 0 abnormal images" in caplog.text
            assert engine.state.metrics["auroc"] is None
            assert (engine.state.best_metric, engine.state.best_metric_epoch) == (-1, -1)
    assert saved == [1, 2, 2, 4]
    assert (engine.state.best_metric, engine.state.best_metric_epoch) == (1.0, 4)


@pytest.mark.parametrize("score", [math.nan, math.inf])
def test_a_score_that_is_no_number_names_its_image(score):
    with pytest.raises(InputError, match=r"AUROC: scores must be finite; NaN or infinite at image 1\.png"):
        evaluator(items([0.5, score, 0.25], [0, 1, 1])).run()


def test_what_is_no_class_names_its_image():
    with pytest.raises(InputError, match=r"labels must be 0 \(normal\) or 1 \(abnormal\); got 0\.5 at image 1\.png"):
        evaluator(items([0.5, 0.75], [0, 0.5])).run()
    engine = Engine(lambda engine, batch: [{"score": 1.0, "label": torch.ones(1, 4, 4)}])
    AurocHandler().attach(engine, "auroc")
    with pytest.raises(InputError, match=r"one number an image, got an array of shape \(1, 4, 4\)"):
        engine.run([[{"image_path": "0.png"}]])


def on_rank(rank: int, folder: str) -> None:
    torch.distributed.init_process_group("gloo", f"file://{folder}/meet", rank=rank, world_size=2)
    areas = []
    for images in (items(SCORES, LABELS), items(SCORES[:2], [0, 0]), items([0.5, math.nan], [0, 1])):
        engine = evaluator(images, ranks=2)
        try:
            engine.run()
            areas.append(engine.state.metrics["auroc"])
        except InputError as e:
            areas.append(str(e))
    Path(folder, f"{rank}.txt").write_text(repr(areas))
    torch.distributed.destroy_process_group()


def test_two_ranks_agree_with_one_and_count_a_repeated_image_once(tmp_path):
    twice = roc_auc_score([*LABELS, LABELS[0]], [*SCORES, SCORES[0]])
    assert abs(twice - AREA) > 0.01
    torch.multiprocessing.spawn(on_rank, (str(tmp_path),), nprocs=2)
    engine = evaluator(items(SCORES, LABELS))
    engine.run()
    expected = [engine.state.metrics["auroc"], None, "AUROC: scores must be finite; NaN or infinite at image 1.png"]
    assert [(tmp_path / f"{rank}.txt").read_text() for rank in (0, 1)] == [repr(expected)] * 2
