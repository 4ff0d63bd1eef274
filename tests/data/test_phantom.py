from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from sklearn.metrics import roc_auc_score

from imgae_monai.data.phantom import FINDINGS, chest_phantom


def draw(seed, size=64, findings=(), **kwargs):
    return chest_phantom(np.random.default_rng(seed), size, findings, **kwargs)


@pytest.mark.parametrize("size", [32, 64, 128])
@pytest.mark.parametrize("findings", [(), *((f,) for f in FINDINGS), FINDINGS])
def test_image_and_mask_have_the_documented_form(size, findings):
    image, mask = draw(0, size, findings)
    assert image.shape == mask.shape == (size, size)
    assert image.dtype == np.float32
    assert mask.dtype == bool
    assert 0 <= image.min() < image.max() <= 1
    assert mask.any() == bool(findings)


def test_same_state_same_image_and_other_state_another():
    first, again, other = draw(1, findings=["nodule"]), draw(1, findings=["nodule"]), draw(2, findings=["nodule"])
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert np.abs(first[0] - other[0]).mean() > 0.02


def test_drawing_is_that_of_the_generator_version():
    """When this fails on purpose, raise GENERATOR_VERSION in synthetic.py, then paste the new values."""
    image, mask = draw(7, findings=FINDINGS)
    expected = [
        0.299,
        0.708,
        0.711,
        0.27,
        0.657,
        0.455,
        0.46,
        0.598,
        0.632,
        0.416,
        0.566,
        0.474,
        0.579,
        0.797,
        0.804,
        0.521,
    ]
    np.testing.assert_allclose(image[8::16, 8::16].ravel(), expected, atol=2e-3)
    assert mask.sum() == 201


@pytest.mark.parametrize("finding", FINDINGS)
def test_a_lesion_brightens_its_mask_and_little_else(finding):
    """Against the healthy twin, after the exposure (affine, but for the gamma) is fitted away outside the lesion."""
    for seed in range(30):
        image, mask = draw(seed, 96, [finding])
        twin, _ = draw(seed, 96)
        outside = ~ndimage.binary_dilation(mask, iterations=8)
        slope, offset = np.polyfit(twin[outside], image[outside], 1)
        change = image - (slope * twin + offset)
        assert change[mask].mean() > 0.03, seed
        assert change[mask].mean() > 4 * np.abs(change[outside]).mean(), seed


@pytest.mark.parametrize("finding", FINDINGS)
def test_exposure_is_set_after_the_lesion_is_put_in(finding):
    """Mean and standard deviation are those of the healthy twin, but for what is clipped."""
    pairs = [(draw(seed, findings=[finding])[0], draw(seed)[0]) for seed in range(30)]
    for statistic in (np.mean, np.std):
        gap = [abs(statistic(image) - statistic(twin)) for image, twin in pairs]
        assert np.median(gap) < 2e-4
        assert max(gap) < 1e-2


@pytest.mark.parametrize("finding", FINDINGS)
def test_lesions_lie_in_the_lungs(finding):
    """The lungs are the dark part of the healthy twin, away from the border."""
    areas = []
    for seed in range(60):
        _, mask = draw(seed, 64, [finding])
        twin, _ = draw(seed, 64)
        areas.append(mask.mean())
        assert twin[mask].mean() < twin[16:48, 8:56].mean(), seed
        assert not mask[:6].any(), seed
        assert not mask[-6:].any(), seed
        assert not mask[:, :2].any(), seed
        assert not mask[:, -2:].any(), seed
    assert min(areas) > 0.001
    assert max(areas) < 0.15
    assert max(areas) > 2 * min(areas)


def test_lungs_are_darker_than_mediastinum_and_diaphragm():
    mean = np.mean([draw(seed)[0] for seed in range(40)], axis=0)
    lungs = (mean[24:32, 14:19].mean() + mean[24:32, 46:51].mean()) / 2
    assert lungs < mean[30:40, 29:35].mean() - 0.1
    assert lungs < mean[54:60, 14:51].mean() - 0.1
    right, left = mean[36:42, 22:28].mean(), mean[36:42, 36:42].mean()
    assert left > right + 0.03, "the heart lies on the patient's left, which is the right of the image"


SCORES = {
    "mean": lambda images: images.mean((1, 2)),
    "std": lambda images: images.std((1, 2)),
    "gradient": lambda images: sum(np.abs(np.diff(images, axis=axis)).mean((1, 2)) for axis in (1, 2)),
    "noise": lambda images: np.array([np.median(np.abs(ndimage.laplace(image))) for image in images]),
}


@pytest.fixture(scope="module")
def normal_and_abnormal():
    normal = [draw([0, seed])[0] for seed in range(200)]
    abnormal = [draw([1, seed], findings=[FINDINGS[seed % 3]])[0] for seed in range(200)]
    return np.stack(normal + abnormal).astype(float), np.repeat([0, 1], 200)


@pytest.mark.parametrize("score", SCORES)
def test_statistics_of_the_image_do_not_tell_the_classes_apart(score, normal_and_abnormal):
    images, labels = normal_and_abnormal
    assert 0.35 < roc_auc_score(labels, SCORES[score](images)) < 0.65


def test_a_linear_model_of_normal_images_tells_the_classes_apart():
    """Otherwise the set could not show that anything works."""

    def flat(images):
        images = np.stack(images).reshape(len(images), -1).astype(float)
        return (images - images.mean(1, keepdims=True)) / images.std(1, keepdims=True)

    train = flat([draw([2, seed], 32)[0] for seed in range(400)])
    test = flat(
        [draw([3, seed], 32)[0] for seed in range(100)]
        + [draw([4, seed], 32, [FINDINGS[seed % 3]])[0] for seed in range(100)]
    )
    axes = np.linalg.svd(train - train.mean(0), full_matrices=False)[2][:48]
    residual = (test - train.mean(0)) @ (np.eye(axes.shape[1]) - axes.T @ axes)
    score = [np.abs(ndimage.gaussian_filter(r.reshape(32, 32), 1)).max() for r in residual]
    assert roc_auc_score(np.repeat([0, 1], 100), score) > 0.75


def test_two_images_of_one_build_are_more_alike_than_two_patients():
    def distance(build_a, build_b):
        a, b = (
            np.mean([draw([9, b, s], build_rng=np.random.default_rng(b))[0] for s in range(8)], axis=0)
            for b in (build_a, build_b)
        )
        return np.abs(a - b).mean()

    def halves(build):
        a, b = (
            np.mean([draw([9, build, s], build_rng=np.random.default_rng(build))[0] for s in part], axis=0)
            for part in (range(8), range(8, 16))
        )
        return np.abs(a - b).mean()

    same = np.mean([halves(build) for build in range(8)])
    other = np.mean([distance(build, build + 1) for build in range(8)])
    assert same < other


def test_ap_view_has_a_larger_heart():
    pa, ap = (np.mean([draw(seed, view=view)[0] for seed in range(20)], axis=0) for view in ("PA", "AP"))
    assert (ap - pa)[36:44, 38:46].mean() > 0.02


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 64, "findings": ["nodul"]}, "did you mean 'nodule'"),
        ({"size": 64, "findings": "effusions"}, "did you mean 'effusion'"),
        ({"size": 64, "view": "Pa"}, "did you mean 'PA'"),
        ({"size": 31}, "at least 32 pixels, got 31"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        chest_phantom(np.random.default_rng(0), **arguments)
