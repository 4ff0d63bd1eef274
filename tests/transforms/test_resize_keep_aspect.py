from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, Invertd
from PIL import Image
from scipy.ndimage import zoom

from imgae_monai.transforms import ResizeKeepAspect, ResizeKeepAspectd
from imgae_monai.transforms.resize_keep_aspect import ResizeKeepAspectD, ResizeKeepAspectDict


def random_image(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).random((1, *shape), dtype=np.float32))


def disk(height: int, width: int, radius: float) -> torch.Tensor:
    y, x = np.mgrid[:height, :width]
    inside = np.hypot(y - (height - 1) / 2, x - (width - 1) / 2) <= radius
    return torch.from_numpy(inside[None].astype(np.float32))


def centre_of_mass(image: torch.Tensor) -> np.ndarray:
    weights = image[0].numpy().astype(np.float64)
    return np.array([(grid * weights).sum() / weights.sum() for grid in np.indices(weights.shape)])


def spread(image: torch.Tensor) -> np.ndarray:
    weights = image[0].numpy().astype(np.float64)
    distances = [grid - centre for grid, centre in zip(np.indices(weights.shape), centre_of_mass(image), strict=True)]
    return np.sqrt([(distance**2 * weights).sum() / weights.sum() for distance in distances])


@pytest.mark.parametrize("method", ["pad", "crop"])
@pytest.mark.parametrize(("shape", "size"), [((40, 40), 80), ((40, 40), 20), ((40, 64), 32), ((64, 40), 48)])
def test_a_centred_circle_stays_round_and_centred(method, shape, size):
    out = ResizeKeepAspect(size, method)(disk(*shape, radius=12))
    ratio = size / (max(shape) if method == "pad" else min(shape))
    assert out.shape == (1, size, size)
    np.testing.assert_allclose(centre_of_mass(out), (size - 1) / 2, atol=0.501)  # an odd number can't be halved
    np.testing.assert_allclose(spread(out), 12 * ratio / 2, rtol=0.03)  # a disk's standard deviation is half its radius


def test_a_wide_image_gets_equal_zero_borders():
    out = ResizeKeepAspect(16)(torch.ones(1, 20, 40))
    expected = torch.zeros(1, 16, 16)
    expected[:, 4:12] = 1  # 20 x 40 scaled by 0.4 is 8 x 16
    torch.testing.assert_close(out, expected)


def test_a_tall_image_gets_equal_zero_borders():
    out = ResizeKeepAspect(16)(torch.ones(1, 10, 5))
    expected = torch.zeros(1, 16, 16)
    expected[:, :, 4:12] = 1
    torch.testing.assert_close(out, expected)


def test_crop_fills_the_frame_and_keeps_the_middle():
    ramp = torch.arange(40.0).expand(1, 20, 40)
    out = ResizeKeepAspect(16, "crop")(ramp)
    # 20 x 40 scaled by 0.8 is 16 x 32, of which columns 8 to 23 stay; pixel centres map as (j + 0.5) / 0.8 - 0.5
    expected = ((torch.arange(16.0) + 8.5) / 0.8 - 0.5).expand(1, 16, 16)
    torch.testing.assert_close(out, expected, rtol=0, atol=0.05)  # a column is 1.25 wide


@pytest.mark.parametrize(("shape", "size"), [((5, 7), (10, 14)), ((30, 42), (10, 14)), ((9, 9), (9, 9))])
def test_two_dimensional_scaling_agrees_with_pillow(shape, size):
    image = random_image(*shape)
    reference = Image.fromarray(image[0].numpy()).resize(size[::-1], Image.Resampling.BILINEAR)
    out = ResizeKeepAspect(size)(image)
    np.testing.assert_allclose(out[0].numpy(), np.asarray(reference), atol=1e-5)


def test_three_dimensional_upscaling_agrees_with_scipy():
    volume = random_image(4, 5, 6)
    out = ResizeKeepAspect((8, 10, 12))(volume)
    reference = zoom(volume[0].numpy(), 2, order=1, mode="nearest", grid_mode=True)
    np.testing.assert_allclose(out[0].numpy(), reference, atol=1e-5)


def test_three_dimensional_volume_is_padded_on_its_short_axes():
    out = ResizeKeepAspect(8)(torch.ones(2, 16, 8, 4))
    expected = torch.zeros(2, 8, 8, 8)
    expected[:, :, 2:6, 3:5] = 1
    torch.testing.assert_close(out, expected)


def test_an_image_of_the_right_size_is_untouched():
    image = random_image(6, 9)
    assert torch.equal(ResizeKeepAspect((6, 9))(image), image)


def test_a_very_thin_image_keeps_one_row():
    out = ResizeKeepAspect(8)(torch.ones(1, 1, 100))
    assert out.sum().item() == pytest.approx(8)
    assert (out[0] > 0).any(dim=1).sum().item() == 1


@pytest.mark.parametrize("method", ["pad", "crop"])
def test_plain_tensors_stay_plain_and_metatensors_keep_their_metadata(method):
    transform = ResizeKeepAspect(8, method)
    image = random_image(12, 20)
    plain = transform(image)
    tracked = transform(MetaTensor(image, meta={"filename_or_obj": "a.png"}))
    assert type(plain) is torch.Tensor
    assert isinstance(tracked, MetaTensor)
    assert tracked.meta["filename_or_obj"] == "a.png"
    assert torch.equal(tracked.as_tensor(), plain)
    assert [operation["class"] for operation in tracked.applied_operations] == ["ResizeKeepAspect"]


@pytest.mark.parametrize("size", range(4, 11))
@pytest.mark.parametrize("other", range(3, 15))
def test_inverse_undoes_padding_and_cropping_to_the_pixel(size, other):
    """No scaling here (one side is as it should be), so that any shift shows; odd and even, both ways."""
    method = "pad" if other <= size else "crop"
    transform = ResizeKeepAspect(size, method)
    image = MetaTensor(1 + torch.arange(1.0 * size * other).reshape(1, size, other))
    restored = transform.inverse(transform(image)).as_tensor()
    seen = restored != 0
    assert restored.shape == image.shape
    assert torch.equal(restored[seen], image.as_tensor()[seen])
    assert seen.sum().item() == size * min(size, other)


@pytest.mark.parametrize("method", ["pad", "crop"])
@pytest.mark.parametrize(("shape", "size"), [((30, 47), 16), ((47, 30), 64), ((21, 22), 15)])
def test_inverse_brings_a_spot_back_to_its_place(method, shape, size):
    image = torch.zeros(1, *shape)
    image[0, 12:17, 13:18] = 1  # inside the crop for each of the shapes, off the middle
    transform = ResizeKeepAspect(size, method)
    restored = transform.inverse(transform(MetaTensor(image)))
    assert restored.shape == image.shape
    np.testing.assert_allclose(centre_of_mass(restored.as_tensor()), [14, 15], atol=0.5)
    assert restored.sum().item() == pytest.approx(25, rel=0.15)


def test_inverse_of_a_volume():
    volume = torch.zeros(1, 10, 20, 12)
    volume[0, 2:6, 9:15, 4:8] = 1
    transform = ResizeKeepAspect(40)
    restored = transform.inverse(transform(MetaTensor(volume)))
    assert restored.shape == volume.shape
    np.testing.assert_allclose(centre_of_mass(restored.as_tensor()), [3.5, 11.5, 5.5], atol=0.1)


def test_inverse_of_the_dictionary_version():
    image = MetaTensor(random_image(5, 8))
    transform = ResizeKeepAspectd(["image", "pred"], 8)
    restored = transform.inverse(transform({"image": image, "pred": image * 0.5, "label": 0}))
    assert torch.equal(restored["image"].as_tensor(), image.as_tensor())
    assert torch.equal(restored["pred"].as_tensor(), image.as_tensor() * 0.5)
    assert restored["label"] == 0


def test_invertd_brings_an_anomaly_map_to_the_images_shape():
    preprocessing = Compose([ResizeKeepAspectd("image", 8)])
    postprocessing = Invertd("anomaly_map", preprocessing, orig_keys="image", nearest_interp=False)
    data = preprocessing({"image": MetaTensor(random_image(5, 8))})
    anomaly_map = torch.zeros(1, 8, 8)
    anomaly_map[0, 1 + 2, 6] = 1  # the 5 rows lie at 1 to 5
    data["anomaly_map"] = MetaTensor(
        anomaly_map, meta=data["image"].meta, applied_operations=data["image"].applied_operations
    )
    restored = postprocessing(data)["anomaly_map"].as_tensor()
    expected = torch.zeros(1, 5, 8)
    expected[0, 2, 6] = 1
    assert torch.equal(restored, expected)


@pytest.mark.parametrize("build", [lambda m: ResizeKeepAspect(8, m), lambda m: ResizeKeepAspectd("image", 8, m)])
def test_unknown_method_suggests_the_spelling(build):
    with pytest.raises(ValueError, match="did you mean 'crop'"):
        build("crops")


def test_wrong_number_of_axes_is_explained():
    message = r"spatial_size \(8, 8\) has 2 axes, the image has 3: \(4, 5, 6\)"
    with pytest.raises(ValueError, match=message):
        ResizeKeepAspect((8, 8))(torch.ones(1, 4, 5, 6))


def test_dictionary_version_and_missing_keys():
    data = {"image": torch.ones(1, 4, 2)}
    with pytest.raises(KeyError, match="mask"):
        ResizeKeepAspectd(["image", "mask"], 8)(data)
    out = ResizeKeepAspectd(["image", "mask"], 8, allow_missing_keys=True)(data)
    assert set(out) == {"image"}
    assert out["image"].shape == (1, 8, 8)
    assert data["image"].shape == (1, 4, 2)


def test_aliases_are_the_dictionary_version():
    assert ResizeKeepAspectD is ResizeKeepAspectDict is ResizeKeepAspectd
