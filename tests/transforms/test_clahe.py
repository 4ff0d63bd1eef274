from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from skimage.exposure import equalize_adapthist

from imgae_monai.transforms import CLAHE, CLAHEd
from imgae_monai.transforms.clahe import CLAHED, CLAHEDict

IMAGE = torch.rand(2, 24, 32, generator=torch.Generator().manual_seed(0)) * 0.3 + 0.2


@pytest.mark.parametrize("options", [{}, {"clip_limit": 0.05}, {"kernel_size": 8}])
def test_each_channel_is_scikit_images(options):
    out = CLAHE(**options)(IMAGE)
    for channel, source in zip(out, IMAGE, strict=True):
        np.testing.assert_allclose(channel, equalize_adapthist(source.numpy(), **options), atol=1e-6)
    assert out.dtype == IMAGE.dtype


def test_volumes_are_equalised_as_volumes():
    volume = IMAGE[:1, :, :, None].repeat(1, 1, 1, 4) * torch.linspace(0.5, 1, 4)
    turned = equalize_adapthist(volume[0].permute(2, 0, 1).numpy())  # a last axis of 4 would pass for colours
    np.testing.assert_allclose(CLAHE()(volume)[0], turned.transpose(1, 2, 0), atol=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_a_constant_image_becomes_zero_and_not_nan(value):
    assert CLAHE()(torch.full((1, 16, 16), value)).unique().tolist() == [0.0]


def test_contrast_grows_where_it_was_low():
    flat = 0.5 + 0.02 * IMAGE
    assert CLAHE()(flat).std() > 5 * flat.std()


def test_metadata_stay_and_the_input_too():
    image = MetaTensor(IMAGE.clone(), meta={"filename_or_obj": "a.png"})
    out = CLAHE()(image)
    assert out.meta["filename_or_obj"] == "a.png"
    assert torch.equal(image.as_tensor(), IMAGE)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clip_limit": 0}, r"clip_limit must be in \(0, 1\], got 0"),
        ({"clip_limit": 1.5}, "clip_limit"),
        ({"kernel_size": 0}, "kernel_size must be at least 1 pixel, got 0"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        CLAHE(**options)


def test_dictionary_version():
    out = CLAHEd("image", clip_limit=0.05)({"image": IMAGE, "label": 1})
    assert torch.equal(out["image"], CLAHE(0.05)(IMAGE))
    assert out["label"] == 1
    assert CLAHED is CLAHEDict is CLAHEd
    with pytest.raises(KeyError):
        CLAHEd("image")({"label": 1})
    assert CLAHEd("image", allow_missing_keys=True)({"label": 1}) == {"label": 1}
