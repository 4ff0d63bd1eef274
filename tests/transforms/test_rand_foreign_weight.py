from __future__ import annotations

import pytest
import torch
from monai.data import MetaTensor
from scipy.stats import kstest

from imgae_monai.transforms import RandForeignWeight, RandForeignWeightd
from imgae_monai.transforms.rand_foreign_weight import RandForeignWeightD, RandForeignWeightDict


def box(weight: torch.Tensor) -> list[tuple[int, int]]:
    """Start and stop an axis."""
    places = weight[0].nonzero()
    return [(a, b + 1) for a, b in zip(places.amin(0).tolist(), places.amax(0).tolist(), strict=True)]


@pytest.mark.parametrize("shape", [(40, 40), (40, 20, 30)])
def test_one_weight_in_a_box_that_is_as_wide_on_each_axis(shape):
    transform = RandForeignWeight(half_width=(0.1, 0.1), core=0.2).set_random_state(0)  # nothing sticks out
    weight = transform(torch.zeros(3, *shape))
    assert weight.shape == (1, *shape)
    assert weight.dtype == torch.float32
    assert len(weight.unique()) == 2
    assert [stop - start for start, stop in box(weight)] == [8] * len(shape)
    assert (weight > 0).sum() == 8 ** len(shape)


def test_weights_and_sides_are_uniform():
    transform = RandForeignWeight(core=0.5).set_random_state(1)  # nothing sticks out
    values, halves = [], []
    for _ in range(400):
        transform.randomize((1000, 1000))
        values.append(transform._value)
        halves.append((transform._box[1].stop - transform._box[1].start) / 2000)
    assert kstest(values, "uniform", (0.05, 0.9)).pvalue > 0.01
    assert kstest(halves, "uniform", (0.05, 0.15)).pvalue > 0.01


def test_centers_are_uniform_in_the_middle_of_each_axis():
    transform = RandForeignWeight(half_width=(0.05, 0.05), core=0.8).set_random_state(2)
    centers: list[list[int]] = []
    for _ in range(400):
        transform.randomize((500, 1000))
        centers.append([s.start + 25 for s in transform._box[1:]])
    for places, size in zip(zip(*centers, strict=True), (500, 1000), strict=True):
        assert kstest(places, "uniform", (0.1 * size, 0.8 * size)).pvalue > 0.01


def test_what_sticks_out_is_cut_off():
    transform = RandForeignWeight(half_width=(0.2, 0.2), core=1.0).set_random_state(3)
    sizes = {tuple(stop - start for start, stop in box(transform(torch.zeros(1, 20, 20)))) for _ in range(60)}
    assert min(min(size) for size in sizes) < 8
    assert max(max(size) for size in sizes) == 8


def test_half_of_the_images_where_prob_is_a_half():
    transform = RandForeignWeight(prob=0.5).set_random_state(4)
    changed = sum(bool(transform(torch.zeros(1, 8, 8)).any()) for _ in range(400))
    assert 160 < changed < 240


def test_dictionary_version():
    image = MetaTensor(torch.rand(2, 16, 16), meta={"a": 1})
    item = {"image": image, "label": 0}
    transform = RandForeignWeightd("image", output_key="w", prob=1.0).set_random_state(5)
    out = transform(item)
    assert out["image"] is image
    assert set(item) == {"image", "label"}
    assert out["w"].shape == (1, 16, 16)
    assert out["w"].meta["a"] == 1
    assert torch.equal(out["w"], RandForeignWeight().set_random_state(5)(image))
    assert RandForeignWeightd(["other"], allow_missing_keys=True)(item) == item
    assert RandForeignWeightD is RandForeignWeightDict is RandForeignWeightd
    with pytest.raises(ValueError, match="keys must name one image"):
        RandForeignWeightd(["a", "b"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"half_width": (0.3, 0.2)}, r"half_width must be two shares of \(0, 1\]"),
        ({"weight": (-0.1, 0.5)}, r"weight must be two numbers of \[0, 1\]"),
        ({"core": 0}, r"core must be in \(0, 1\], got 0"),
    ],
)
def test_bad_numbers_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        RandForeignWeight(**arguments)
