from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from imgae_monai.exceptions import InputError
from imgae_monai.transforms.residuals import LPIPS
from tests.transforms.residuals.lpips_file import lpips_state, write_lpips
from tests.transforms.residuals.pairs import random_pair


@pytest.fixture(scope="module")
def lpips(tmp_path_factory) -> LPIPS:
    return LPIPS(write_lpips(tmp_path_factory.mktemp("weights") / "lpips.pt"))


def test_the_map_is_that_of_the_package(lpips):
    """What lpips 0.1.4 gives with these weights: LPIPS(net="squeeze", spatial=True)(x, y, normalize=True)."""
    expected = [
        [0.036138, 0.092753, 0.109390, 0.079628],
        [0.039246, 0.088212, 0.131654, 0.052892],
        [0.027109, 0.079179, 0.105669, 0.052909],
        [0.043794, 0.065393, 0.068303, 0.038091],
        [0.049878, 0.144971, 0.169934, 0.040400],
    ]
    out = lpips(*random_pair(1, 1, 33, 40))
    assert out.shape == (1, 1, 33, 40)
    np.testing.assert_allclose(out[0, 0, ::8, ::10].numpy(), expected, atol=2e-6)
    assert out.mean().item() == pytest.approx(0.0667518, abs=1e-6)


def test_the_same_image_is_at_no_distance_and_channels_may_be_three(lpips):
    first, second = random_pair(2, 1, 24, 24)
    assert torch.equal(lpips(first, first), torch.zeros(2, 1, 24, 24))
    three = [images.repeat(1, 3, 1, 1) for images in (first, second)]
    assert torch.equal(lpips(*three), lpips(first, second))
    torch.testing.assert_close(lpips(first, second)[1:], lpips(first[1:], second[1:]))


def test_no_graph_is_kept_unless_asked_for(lpips):
    first, second = random_pair(1, 1, 24, 24)
    assert not lpips(first, second).requires_grad
    first.requires_grad_()
    (gradient,) = torch.autograd.grad(lpips(first, second).sum(), first)
    assert torch.isfinite(gradient).all()
    assert gradient.abs().max() > 0


@pytest.mark.parametrize("shape", [(1, 16, 24), (2, 24, 24), (1, 24, 24, 24)])
def test_images_that_it_does_not_take_are_refused(lpips, shape):
    images = torch.zeros(1, *shape)
    with pytest.raises(ValueError, match=re.escape(f"17 pixels an axis or more, got {shape}")):
        lpips(images, images)


def test_without_weights_it_says_how_to_get_them(tmp_path):
    with pytest.raises(InputError, match=r"LPIPS needs weights, .* pip install lpips; .*lpips\.LPIPS\(net='squeeze'\)"):
        LPIPS(None)
    with pytest.raises(InputError, match=r"no LPIPS weights at .*none\.pt; .* give its path as lpips_weights"):
        LPIPS(tmp_path / "none.pt")


class Unpickled:
    def __reduce__(self):
        return (pytest.fail, ("it was unpickled",))


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "weights.pt"
    state = lpips_state()
    without = {key: value for key, value in state.items() if key != "net.slice7.12.expand3x3.bias"}
    for other in ({"a": torch.zeros(1)}, without, {**state, "lin3.model.1.weight": -state["lin3.model.1.weight"]}):
        torch.save(other, path)
        with pytest.raises(InputError, match="holds no weights of LPIPS with SqueezeNet"):
            LPIPS(path)
    path.write_bytes(b"cut off")
    with pytest.raises(InputError, match="is no readable file of weights"):
        LPIPS(path)
    torch.save({**state, "more": Unpickled()}, path)
    with pytest.raises(InputError, match="is no readable file of weights"):
        LPIPS(path)
