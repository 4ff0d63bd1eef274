"""What TensorBoard shows of validation images, and that nothing depends on it."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import torch
from ignite.engine import Engine
from PIL import Image
from sklearn.metrics import average_precision_score, roc_auc_score
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from imgae_monai.data import load_datalist, write_synthetic_dataset
from imgae_monai.exceptions import InputError
from imgae_monai.handlers import RunWriter, WatchHandler
from tests.conftest import BUNDLES

CURVES = ("watch/auroc", "watch/average_precision")


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """Phantoms whose val split holds abnormal images too."""
    folder = tmp_path_factory.mktemp("labelled") / "phantoms"
    write_synthetic_dataset(folder, size=32, n_train=16, n_val=20, n_test_normal=8, n_test_abnormal=8, seed=1)
    (folder / "test" / "abnormal").rename(folder / "val" / "abnormal")
    (folder / "test" / "normal").rename(folder / "gone")
    return folder


def events(run) -> EventAccumulator:
    accumulator = EventAccumulator(str(run / "tensorboard"), size_guidance={"images": 0, "histograms": 0})
    accumulator.Reload()
    return accumulator


@pytest.mark.parametrize("bundle", BUNDLES)
def test_training_is_the_same_to_the_bit_whether_it_is_watched_or_not(bundle, train_tiny, labelled, tmp_path):
    flags = {"each": ("--picture_interval", 1), "never": ("--picture_interval", 0), "off": ("--tensorboard", "false")}
    flags["each, with workers"] = ("--picture_interval", 1, "--num_workers", 1)
    flags["never, with workers"] = ("--picture_interval", 0, "--num_workers", 1)
    runs = {name: train_tiny(bundle, tmp_path / name, *words, data=labelled) for name, words in flags.items()}
    weights = {name: torch.load(run / "models" / "model_final.pt", weights_only=True) for name, run in runs.items()}
    records = {name: json.loads((run / "train.json").read_text()) for name, run in runs.items()}
    pairs = [("each", "never"), ("each", "off"), ("each, with workers", "never, with workers")]
    for a, b in pairs:
        assert all(torch.equal(value, weights[b][key]) for key, value in weights[a].items()), (a, b)
        assert records[a]["val_loss"] == records[b]["val_loss"]
        assert records[a]["calibration"]["threshold"] == records[b]["calibration"]["threshold"]
    assert not (runs["off"] / "tensorboard").exists()
    shown, unseen = events(runs["each"]), events(runs["never"])
    assert {*CURVES} <= {*shown.Tags()["scalars"]}
    assert {"watch/pictures", "watch/roc", "watch/precision_recall"} == {*shown.Tags()["images"]}
    assert {"watch/score_normal", "watch/score_abnormal"} == {*shown.Tags()["histograms"]}
    assert [point.step for point in shown.Images("watch/pictures")] == [1, 2]
    assert [name for kind in unseen.Tags().values() if isinstance(kind, list) for name in kind if "watch" in name] == []


def test_without_abnormal_images_there_is_nothing_to_tell_apart(train_tiny, labelled, tmp_path):
    normal = tmp_path / "normal"
    normal.mkdir()
    (normal / "train").symlink_to(labelled / "train")
    (normal / "val").mkdir()
    (normal / "val" / "normal").symlink_to(labelled / "val" / "normal")
    run = train_tiny(BUNDLES[1], tmp_path / "run", "--picture_interval", 2, data=normal)
    shown = events(run)
    assert {name for name in shown.Tags()["scalars"] if name.startswith("watch")} == set()
    assert shown.Tags()["images"] == ["watch/pictures"]
    assert [point.step for point in shown.Images("watch/pictures")] == [2]
    assert [h.histogram_value.num for h in shown.Histograms("watch/score_normal")] == [20]


def test_figures_are_those_of_the_weights_of_that_epoch(cli, train_tiny, labelled, tmp_path):
    """The last epoch's weights are the best ones here, so an evaluation of the same images must say the same."""
    run = train_tiny(BUNDLES[1], tmp_path / "run", "--picture_interval", 1, data=labelled)
    best = json.loads((run / "train.json").read_text())["best_epoch"]
    shown = events(run)
    network_scores = _scores(run, labelled)
    label = [label for label, _ in network_scores]
    score = [score for _, score in network_scores]
    points = {tag: {p.step: p.value for p in shown.Scalars(tag)}[best] for tag in CURVES}
    assert points["watch/auroc"] == pytest.approx(roc_auc_score(label, score), abs=1e-6)
    assert points["watch/average_precision"] == pytest.approx(average_precision_score(label, score), abs=1e-6)


def _scores(run, data) -> list[tuple[int, float]]:
    """By hand: the mean absolute difference of each validation image and its reconstruction by the best weights."""
    from monai.bundle import ConfigParser

    parser = ConfigParser(json.loads((run / "configs" / "train.json").read_text()))
    network = parser.get_parsed_content("network_def").eval()
    network.load_state_dict(torch.load(run / "models" / "model.pt", weights_only=True))
    scores = []
    for label, name in enumerate(("normal", "abnormal")):
        for path in sorted((data / "val" / name).iterdir()):
            image = torch.from_numpy(np.asarray(Image.open(path), dtype=np.float32) / 255)[None, None]
            with torch.no_grad():
                scores.append((label, float((network(image) - image).abs().mean())))
    return scores


def test_pictures_are_a_figure_each(train_tiny, labelled, tmp_path):
    run = train_tiny(BUNDLES[0], tmp_path / "run", "--picture_interval", 2, data=labelled)
    (point,) = events(run).Images("watch/pictures")
    picture = np.asarray(Image.open(io.BytesIO(point.encoded_image_string)).convert("L"))
    assert min(picture.shape) > 300
    assert len(np.unique(picture)) > 20


def test_interval_must_be_positive():
    with pytest.raises(InputError, match="picture_interval must be at least 1"):
        WatchHandler(None, None, None, None, interval=-1)  # type: ignore[arg-type]


class Evaluator:
    """Gives the images of a data list these labels and scores."""

    def __init__(self, scores: dict[str, tuple[int, float]]) -> None:
        image = {key: torch.full((1, 4, 4), 0.5) for key in ("image", "pred", "anomaly_map")}
        self.batch = [{"image_path": path} for path in scores]
        self.output = [{**image, "label": torch.tensor(label), "score": score} for label, score in scores.values()]
        self.engine = Engine(lambda engine, batch: self.output)
        self.add_event_handler = self.engine.add_event_handler

    def run(self, epoch: int) -> None:
        self.engine.run([self.batch])


def test_areas_are_those_of_raw_scores_and_no_picture_is_kept(labelled, tmp_path):
    datalist = load_datalist(labelled)
    paths = [item["image_path"] for label in (0, 1) for item in datalist.select("val", label)[:2]]
    scores = dict(zip(paths, [(0, 1.0), (0, 30.0), (1, 2.0), (1, 40.0)], strict=True))
    writer = RunWriter(tmp_path / "tensorboard")
    watch = WatchHandler(Evaluator(scores), lambda item: {"anomaly_map": item["image"]}, datalist, writer, interval=2)
    trainer = Engine(lambda engine, batch: None)
    watch.attach(trainer)
    trainer.run([0], max_epochs=3)
    writer.close()
    shown = events(tmp_path)
    assert [(e.step, e.value) for e in shown.Scalars("watch/auroc")] == [(2, 0.75)]
    assert shown.Scalars("watch/average_precision")[0].value == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert watch._examples == {}
