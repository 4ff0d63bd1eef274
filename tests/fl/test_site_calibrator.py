"""Messages of two sites against one calibrator over the images of both."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedEvaluator
from monai.transforms import Compose
from torch import nn

from imgae_monai.data import SkippedImage, SkippedImages, collate_readable
from imgae_monai.data.datalist import Datalist
from imgae_monai.engines import Calibrator, load_calibration
from imgae_monai.exceptions import InputError
from imgae_monai.fl import SiteCalibrator, merge, pooled_calibration
from imgae_monai.transforms import ComponentMapsd, ResidualMapd, ScoreDefinition

SIZES = (13, 21)  # alone, the first has too few images for 95 %
SCORES = {
    "plain": ScoreDefinition("l1"),
    "z_scored": ScoreDefinition("l2", smoothing_sigma=1.0, z_score=True, reduction="max"),
    "two_sided": ScoreDefinition("l1", two_sided=True),
    "combined": ScoreDefinition(combine=("l1-mean", "l1-z-max", "l2-sigma1-z-mean", "latent")),
    "codes": ScoreDefinition("l1", combine=("latent",)),
}


class Zero(nn.Module):
    """Gives 0, so that an image is its own residual; its code is the means of the rows."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=(1, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(x)


def normal_images(n: int, seed: int) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    sizes = np.random.default_rng(0).uniform(0.02, 0.1, (1, 6, 7))
    return torch.from_numpy(rng.gamma(2.0, sizes, size=(n, 1, 6, 7)) * rng.gamma(5.0, 0.2, (n, 1, 1, 1))).float()


VAL = [normal_images(n, seed) * (1 + 0.2 * seed) for seed, n in enumerate(SIZES)]  # the sites are not alike
TRAIN = [normal_images(3 * n, 10 + seed) for seed, n in enumerate(SIZES)]


def parts(folder: Path, score: ScoreDefinition, val: torch.Tensor, train: torch.Tensor, weight: float = 0.0) -> tuple:
    """Arguments of a calibrator."""
    folder.mkdir(exist_ok=True)
    network = Zero()
    nn.init.constant_(network.weight, weight)
    torch.save(network.state_dict(), folder / "model.pt")
    maps = [ResidualMapd("pred", residual=score.residual, smoothing_sigma=score.smoothing_sigma)]
    loader = DataLoader(Dataset([{"image": image, "label": 0} for image in val]), batch_size=5)
    post = Compose([*maps, ComponentMapsd("pred", score, network)])
    evaluator = SupervisedEvaluator("cpu", loader, network, postprocessing=post)
    items = [
        {"image": f"{split} {i}", "sha256": f"{folder.name} {split} {i}", "label": 0, "split": split, "patient_id": i}
        for split, images in (("val", val), ("train", train))
        for i in range(len(images))
    ]
    return evaluator, score, 0.95, folder, Datalist(items, "somewhere", False), None, [{"image": train}]


def sites_of(folder: Path, score: ScoreDefinition, **settings) -> list[SiteCalibrator]:
    settings = {"fewest": 10, **settings}
    return [SiteCalibrator(*parts(folder / str(i), score, VAL[i], TRAIN[i]), **settings) for i in range(2)]


def exchanged(sites: list[SiteCalibrator]) -> list[dict]:
    """As a network would carry them, without pickle."""
    moments = merge([carried(site.moments()) for site in sites])
    scatter = merge([carried(site.scatter(moments)) for site in sites]) if sites[0].score.codes else None
    return [moments, scatter, merge([carried(site.scores(moments, scatter)) for site in sites])]


def carried(message: dict) -> dict:
    file = io.BytesIO()
    np.savez(file, **message)
    file.seek(0)
    return dict(np.load(file, allow_pickle=False))


@pytest.mark.parametrize("name", SCORES)
def test_two_sites_calibrate_as_one(name, tmp_path):
    score = SCORES[name]
    central = Calibrator(*parts(tmp_path / "all", score, torch.cat(VAL), torch.cat(TRAIN))).run()
    messages = exchanged(sites_of(tmp_path, score, step=0))
    pooled = pooled_calibration(*messages, checkpoint_sha256="", data_fingerprint="")
    assert (pooled.n_images, pooled.specificity, pooled.score) == (34, 0.95, score)
    assert pooled.threshold == pytest.approx(central.threshold, rel=1e-9)
    assert pooled.map_limit == pytest.approx(central.map_limit, rel=1e-9)
    np.testing.assert_allclose(pooled.normal_scores, central.normal_scores, rtol=1e-9)
    # of a pixel's threshold the cells are 0.1 % wide
    assert central.pixel_threshold * (1 - 1e-9) <= pooled.pixel_threshold <= central.pixel_threshold * 1.0011
    torch.testing.assert_close(pooled.mean, central.mean)
    torch.testing.assert_close(pooled.std, central.std)
    assert pooled.map_moments.keys() == central.map_moments.keys()
    for key, expected in central.map_moments.items():
        torch.testing.assert_close(pooled.map_moments[key], expected)
    for key, expected in central.codes.items():
        torch.testing.assert_close(pooled.codes[key].precision, expected.precision, rtol=1e-7, atol=1e-7)
    if central.combination is not None:
        torch.testing.assert_close(pooled.combination.center, central.combination.center)
        torch.testing.assert_close(pooled.combination.precision, central.combination.precision)


@pytest.mark.parametrize("step", [0.001, 0.05])
def test_a_threshold_is_at_most_a_step_above_the_exact_one(step, tmp_path):
    central = Calibrator(*parts(tmp_path / "all", SCORES["plain"], torch.cat(VAL), torch.cat(TRAIN))).run()
    messages = exchanged(sites_of(tmp_path, SCORES["plain"], step=step))
    pooled = pooled_calibration(*messages, checkpoint_sha256="", data_fingerprint="")
    for got, exact in ((pooled.threshold, central.threshold), (pooled.map_limit, central.map_limit)):
        assert exact * (1 - 1e-9) <= got <= exact * (1 + step) * (1 + 1e-9)
    assert np.mean(np.asarray(central.normal_scores) <= pooled.threshold) >= 0.95


def test_each_site_writes_the_same_calibration_with_its_own_images(tmp_path):
    score = SCORES["codes"]
    sites = sites_of(tmp_path, score)
    messages = exchanged(sites)
    made = [site.save(*messages) for site in sites]
    read = [load_calibration(tmp_path / str(i), score) for i in range(2)]
    assert made[0].threshold == made[1].threshold == read[0].threshold == read[1].threshold
    assert [len(calibration.image_sha256) for calibration in read] == list(SIZES)
    assert all(sha.startswith("1 val") for sha in read[1].image_sha256)


def test_no_message_holds_an_image_or_a_name(tmp_path):
    """A map or code of one image would have its length; what is there are sums, counts, and what was agreed on."""
    sites = sites_of(tmp_path, SCORES["combined"])
    moments = merge([site.moments() for site in sites])
    scatter = merge([site.scatter(moments) for site in sites])
    sent = [sites[0].moments(), sites[0].scatter(moments), sites[0].scores(moments, scatter)]
    ends = {name.rpartition("/")[2] for message in sent for name in message}
    assert ends == {"header", "n", "total", "square", "largest", "scatter", "fourth", "values", "counts"}
    text = repr([{name: array.tolist() for name, array in message.items()} for message in sent])
    assert "0 val" not in text
    assert "train 0" not in text
    assert sent[0]["map/n"] == SIZES[0]
    np.testing.assert_allclose(sent[0]["map/total"], VAL[0].double().sum(dim=0))
    rows = sent[2]["score/values"]
    assert (rows[np.lexsort(rows.T[::-1])] == rows).all()  # sorted: their order tells nothing


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"weight": 1.0}, "site 1 has another weights_sha256 than site 0"),
        ({"score": ScoreDefinition("l2")}, r"site 1 has another score than site 0: .*'l2'.*, there .*'l1'"),
        ({"specificity": 0.9}, "site 1 has another specificity than site 0: 0.9, there 0.95"),
        ({"step": 0.01}, "site 1 has another step than site 0: 0.01, there 0.001"),
        ({"crop": 5}, r"site 1 has another map/square than site 0: shape \(1, 6, 5\), there \(1, 6, 7\); all sites"),
    ],
)
def test_sites_that_do_not_agree_are_not_merged(other, words, tmp_path):
    first, _ = sites_of(tmp_path, SCORES["plain"])
    crop = other.get("crop", 7)
    arguments = list(parts(tmp_path / "b", other.get("score", SCORES["plain"]), VAL[1][..., :crop], TRAIN[1]))
    torch.save({"weight": torch.tensor(other.get("weight", 0.0))}, tmp_path / "b" / "model.pt")
    arguments[2] = other.get("specificity", 0.95)
    second = SiteCalibrator(*arguments, fewest=10, step=other.get("step", 0.001))
    # the evaluator of a test does not load them
    with pytest.raises(InputError, match=words):
        merge([first.moments(), second.moments()])


def test_a_message_that_is_not_finite_is_refused(tmp_path):
    sites = sites_of(tmp_path, SCORES["plain"])
    messages = [site.moments() for site in sites]
    messages[1]["map/total"] = messages[1]["map/total"] * np.inf
    with pytest.raises(InputError, match="site 1 sent map/total that is not finite: calibrate without it"):
        merge(messages)


def test_messages_of_another_stage_or_calibration_are_refused(tmp_path):
    sites = sites_of(tmp_path, SCORES["plain"])
    moments, _, scores = exchanged(sites)
    with pytest.raises(InputError, match="another stage than site 0: 'scores', there 'moments'"):
        merge([moments, scores])
    with pytest.raises(InputError, match="expected messages of the stages moments, scores, got moments, moments"):
        pooled_calibration(moments, None, moments, "", "")
    others = exchanged(sites_of(tmp_path, SCORES["plain"], step=0.1))
    with pytest.raises(InputError, match="messages of stage scores belong to another calibration"):
        pooled_calibration(moments, None, others[2], "", "")
    with pytest.raises(InputError, match="third messages are of 13 images, the first of 34: start anew"):
        pooled_calibration(moments, None, sites[0].scores(moments), "", "")


def test_of_few_images_nothing_is_sent(tmp_path):
    with pytest.raises(
        InputError, match="val images of at least 20 patients to take part, got 13 that can be read, of 13"
    ):
        SiteCalibrator(*parts(tmp_path / "a", SCORES["plain"], VAL[0], TRAIN[0]))
    with pytest.raises(InputError, match="train images of at least 13 patients to take part, got 12 that can be read"):
        SiteCalibrator(*parts(tmp_path / "a", SCORES["codes"], VAL[0], TRAIN[0][:12]), fewest=13)


@pytest.mark.parametrize("n_unread", [1, 2])
def test_training_images_that_can_not_be_read_do_not_count(n_unread, tmp_path):
    """However many copies there are of the others."""
    *arguments, _ = parts(tmp_path / "a", SCORES["codes"], VAL[0], TRAIN[0][:14])
    unread = [SkippedImage(f"train {i}", "it is damaged") for i in range(n_unread)]
    batch = collate_readable([*unread, *({"image": image} for image in TRAIN[0][n_unread:14])])
    site = SiteCalibrator(*arguments, [batch, batch, batch], fewest=13)
    if n_unread == 1:
        assert site.moments()["code latent/n"] == 3 * 13
        return
    with pytest.raises(InputError, match="train images of at least 13 patients to take part, got 12 that can be read"):
        site.moments()
    with pytest.raises(RuntimeError, match=r"moments\(\) comes before scatter\(\)"):  # no codes are kept
        site.scatter({})


def test_validation_images_that_can_not_be_read_do_not_count(tmp_path):
    evaluator, score, specificity, folder, datalist, *_ = parts(tmp_path / "a", SCORES["plain"], VAL[0], TRAIN[0])
    unread = SkippedImage("val 0", "it is damaged")
    images = [unread, *({"image": image, "label": 0} for image in VAL[0][1:])]
    skipped = SkippedImages()
    skipped.add([unread])
    evaluator.data_loader = DataLoader(Dataset(images), batch_size=5, collate_fn=collate_readable)
    assert SiteCalibrator(evaluator, score, specificity, folder, datalist, skipped, fewest=12).moments()["map/n"] == 12
    site = SiteCalibrator(evaluator, score, specificity, folder, datalist, skipped, fewest=13)
    with pytest.raises(InputError, match="val images of at least 13 patients to take part, got 12 that can be read"):
        site.moments()


@pytest.mark.parametrize("split", ["val", "train"])
def test_slices_of_one_patient_count_once(split, tmp_path):
    *arguments, datalist, _, loader = parts(tmp_path / "a", SCORES["codes"], VAL[0], TRAIN[0][:13])
    first_two = {f"{split} 0", f"{split} 1"}
    items = [{**item, "patient_id": 0} if item["image"] in first_two else item for item in datalist.items]
    same = Datalist(items, "somewhere", False)
    assert SiteCalibrator(*arguments, same, None, loader, fewest=12).moments()["code latent/n"] == 13
    words = f"{split} images of at least 13 patients to take part, got 13 that can be read, of 12: sums of few"
    with pytest.raises(InputError, match=words):
        SiteCalibrator(*arguments, same, None, loader, fewest=13)


def test_all_sites_together_need_enough_images(tmp_path):
    site = sites_of(tmp_path, SCORES["plain"])[0]
    moments = merge([site.moments()])
    with pytest.raises(InputError, match=r"95\.0% specificity needs at least 20 normal validation images, got 13"):
        site.save(moments, None, merge([site.scores(moments)]))


def test_members_of_an_ensemble_are_a_sites_own(tmp_path):
    with pytest.raises(InputError, match="ensemble must be 1 in a federated calibration, got 3"):
        SiteCalibrator(*parts(tmp_path / "a", SCORES["plain"], VAL[0], TRAIN[0]), ensemble=3)
