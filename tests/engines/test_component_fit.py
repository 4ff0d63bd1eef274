from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedEvaluator
from monai.transforms import Compose
from torch import nn

from imgae_monai.data.datalist import Datalist
from imgae_monai.engines import Calibrator, load_calibration
from imgae_monai.exceptions import InputError
from imgae_monai.transforms import (
    AnomalyScored,
    Combination,
    CombinedScored,
    ComponentMapsd,
    Gaussian,
    ResidualMapd,
    ScoreDefinition,
    ZScoreMap,
    ZScoreMapd,
)

DATALIST = Datalist([{"sha256": "a", "label": 0, "split": "val", "patient_id": "p"}], "somewhere", False)
N = 24
COMPONENTS = ("l1-mean", "l1-z-max", "l2-sigma1-z-mean", "latent")


class Zero(nn.Module):
    """Gives 0, so that an image is its own residual; its code is the means of the rows."""

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=(1, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(x)


def normal_images(n: int = N, seed: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    sizes = rng.uniform(0.02, 0.1, (1, 6, 7))
    return torch.from_numpy(rng.gamma(2.0, sizes, size=(n, 1, 6, 7)) * rng.gamma(5.0, 0.2, (n, 1, 1, 1))).float()


TRAINING = normal_images(480)[440:]  # of the same kind


def evaluator_of(images: torch.Tensor, score: ScoreDefinition, *further, batch_size: int = 5) -> SupervisedEvaluator:
    network = Zero()
    maps = [ResidualMapd(residual=score.residual), ComponentMapsd("pred", score, network)]
    items = [{"image": image, "label": 0} for image in images]
    loader = DataLoader(Dataset(items), batch_size=batch_size)
    return SupervisedEvaluator("cpu", loader, network, postprocessing=Compose([*maps, *further]))


def calibrated(folder, images: torch.Tensor, score: ScoreDefinition, specificity: float = 0.9):
    (folder / "model.pt").write_bytes(b"the weights")
    training = [{"image": TRAINING}] if score.codes else None
    return Calibrator(evaluator_of(images, score), score, specificity, folder, DATALIST, train_loader=training).run()


def scores_of(folder, images: torch.Tensor, score: ScoreDefinition, batch_size: int = 5) -> list[float]:
    """As the bundles do."""
    calibration = load_calibration(folder, score)
    further = [ZScoreMapd("anomaly_map", calibration)] if score.z_score else []
    further += [
        AnomalyScored(reduction=score.reduction),
        CombinedScored("component_maps", score, calibration),
    ]
    found: list[float] = []
    evaluator = evaluator_of(images, score, *further, batch_size=batch_size)
    evaluator.add_event_handler(
        "ITERATION_COMPLETED", lambda engine: found.extend(float(item["score"]) for item in engine.state.output)
    )
    evaluator.run()
    return found


def left_out_values(images: torch.Tensor) -> np.ndarray:
    """Each image's components by the other images, one by one."""
    l1 = images.double()
    smooth = torch.stack(
        [ResidualMapd(residual="l2", smoothing_sigma=1.0)(pair)["anomaly_map"] for pair in zeros(images)]
    )
    training = Gaussian.fit(TRAINING.mean(dim=(1, 3)).double().numpy())
    codes = images.mean(dim=(1, 3)).double()
    rows = []
    for i in range(len(images)):
        others = [j for j in range(len(images)) if j != i]
        z_l1, z_smooth = (
            ZScoreMap(maps[others].mean(dim=0), maps[others].std(dim=0))(maps[i]) for maps in (l1, smooth.double())
        )
        distance = training.squared_distance(codes[i])
        rows.append([l1[i].mean().item(), z_l1.max().item(), z_smooth.mean().item(), distance.item()])
    return np.array(rows)


def zeros(images: torch.Tensor) -> list[dict[str, torch.Tensor]]:
    return [{"image": image, "pred": torch.zeros_like(image)} for image in images]


@pytest.mark.parametrize("two_sided", [False, True])
@pytest.mark.parametrize("z_score", [False, True])
def test_scores_of_normals_are_those_of_refits_to_the_others(two_sided, z_score, tmp_path):
    images, score = normal_images(), ScoreDefinition(z_score=z_score, two_sided=two_sided, combine=COMPONENTS)
    calibration = calibrated(tmp_path, images, score)
    values = left_out_values(images)
    refits = [
        float(Combination.fit(np.delete(values, i, axis=0), two_sided).score(torch.from_numpy(values[i])))
        for i in range(N)
    ]
    np.testing.assert_allclose(calibration.normal_scores, sorted(refits), rtol=1e-4, atol=1e-5)
    assert calibration.threshold == calibration.normal_scores[int(np.ceil(0.9 * (N - 1)))]
    assert calibration.map_moments.keys() == {"l1", "l2-sigma1"}


def test_new_normals_stay_below_the_threshold_as_often_as_asked(tmp_path):
    score = ScoreDefinition(two_sided=True, combine=COMPONENTS)
    threshold = calibrated(tmp_path, normal_images(200), score, 0.8).threshold
    new = scores_of(tmp_path, normal_images(400, seed=0)[200:], score)
    assert np.mean(np.array(new) <= threshold) == pytest.approx(0.8, abs=0.07)


def test_what_is_too_easy_is_abnormal_only_if_two_sided(tmp_path):
    easy = 0.02 * normal_images(1, seed=3)
    for two_sided in (False, True):
        score = ScoreDefinition(two_sided=two_sided, combine=("l1-mean",))
        calibration = calibrated(tmp_path, normal_images(), score)
        assert (scores_of(tmp_path, easy, score)[0] > calibration.threshold) == two_sided


def test_two_sided_alone_takes_the_map_as_it_is_scored(tmp_path):
    score = ScoreDefinition(z_score=True, reduction="max", two_sided=True)
    calibration = calibrated(tmp_path, normal_images(), score)
    values = left_out_values(normal_images())[:, 1:2]
    refits = [
        float(Combination.fit(np.delete(values, i, axis=0), True).score(torch.from_numpy(values[i]))) for i in range(N)
    ]
    np.testing.assert_allclose(calibration.normal_scores, sorted(refits), rtol=1e-4, atol=1e-5)
    assert np.isfinite(scores_of(tmp_path, normal_images(4, seed=1), score)).all()


@pytest.mark.parametrize("two_sided", [False, True])
def test_a_score_depends_on_no_other_image_and_a_second_fit_is_the_same(two_sided, tmp_path):
    score, images = ScoreDefinition(two_sided=two_sided, combine=COMPONENTS), normal_images(9, seed=2)
    first = calibrated(tmp_path, normal_images(), score)
    together = scores_of(tmp_path, images, score, batch_size=9)
    assert scores_of(tmp_path, images.flip(0), score, batch_size=2)[::-1] == together
    second = calibrated(tmp_path, normal_images(), score)
    assert second.normal_scores == first.normal_scores
    assert scores_of(tmp_path, images, score) == together


def test_a_constant_component_is_named(tmp_path):
    images = normal_images()
    images = images / images.amax(dim=(1, 2, 3), keepdim=True)
    with pytest.raises(InputError, match="score l1-max is the same for all normal validation images"):
        calibrated(tmp_path, images, ScoreDefinition(combine=("l1-max", "l1-mean")))
    assert {path.name for path in tmp_path.iterdir()} == {"model.pt"}


def test_codes_take_training_images(tmp_path):
    (tmp_path / "model.pt").write_bytes(b"the weights")
    score = ScoreDefinition(combine=("latent",))
    with pytest.raises(ValueError, match="takes codes of training images: train_loader is None"):
        Calibrator(evaluator_of(normal_images(), score), score, 0.9, tmp_path, DATALIST).run()
