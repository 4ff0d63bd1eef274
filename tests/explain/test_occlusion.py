from __future__ import annotations

import pytest
import torch
from monai.visualize import OcclusionSensitivity

from imgae_monai.explain import ScoreNetwork, occlusion_attribution
from imgae_monai.transforms import ScoreDefinition
from tests.explain.test_gradient import Grey
from tests.explain.test_score_network import images, network


def test_the_fall_of_the_score_by_hand():
    image = torch.full((1, 1, 4, 4), 0.5)
    image[..., 0, 0] = 0.9  # the only residual
    model = ScoreNetwork(Grey(), ScoreDefinition("l1"))
    apart = occlusion_attribution(model, image, patch_size=2, overlap=0.0)
    expected = torch.zeros(1, 1, 4, 4, dtype=torch.float64)
    expected[..., :2, :2] = 0.4 / 16
    torch.testing.assert_close(apart, expected, atol=1e-8, rtol=0)
    # patches start at 0, 1 and 2: the pixel at 1, 1 lies in four, of which one holds the residual
    overlapping = occlusion_attribution(model, image, patch_size=2, overlap=0.5)
    expected[..., 0, 1] = expected[..., 1, 0] = 0.4 / 16 / 2
    expected[..., 1, 1] = 0.4 / 16 / 4
    torch.testing.assert_close(overlapping, expected, atol=1e-8, rtol=0)


@pytest.mark.filterwarnings("ignore:Using a non-tuple sequence")
@pytest.mark.parametrize("shape", [(24, 16), (8, 9, 10)])
def test_where_the_filling_is_the_same_everywhere_it_agrees_with_monai(shape):
    model, image = ScoreNetwork(Grey(), ScoreDefinition("l2", smoothing_sigma=1.0)).eval(), images(1, 1, *shape)
    other = OcclusionSensitivity(model, mask_size=4, mode=0.5, overlap=0.5, activate=False, verbose=False)
    occluded, _ = other(image)
    found = occlusion_attribution(model, image, patch_size=4, overlap=0.5)
    torch.testing.assert_close(found.float(), float(model(image)) - occluded.as_tensor(), atol=1e-7, rtol=1e-3)
    assert float(found.abs().max()) > 1e-4


def test_what_replaces_a_patch_is_its_reconstruction():
    model, image = ScoreNetwork(network(), ScoreDefinition("l1")), images(1, 1, 24, 16)
    filled = image.clone()
    filled[..., 8:12, 4:8] = model.reconstruct(image).detach()[..., 8:12, 4:8]
    found = occlusion_attribution(model, image, patch_size=4, overlap=0.0)
    with torch.no_grad():
        assert float(found[..., 9, 5]) == pytest.approx(float(model(image) - model(filled)), rel=1e-4)


def test_a_patch_without_which_the_rest_looks_more_abnormal_is_negative():
    image = torch.full((1, 1, 4, 4), 0.9)

    class Darker(torch.nn.Module):
        def forward(self, x):
            return torch.where(x.amin() < 0.85, torch.zeros_like(x), x - 0.1)

    found = occlusion_attribution(ScoreNetwork(Darker(), ScoreDefinition("l1")), image, patch_size=2)
    assert float(found.max()) < -0.5


@pytest.mark.parametrize(("shape", "sides"), [((16, 24), (2, 3)), ((8, 8, 12), (2, 2, 3)), ((4, 4), (1, 1))])
def test_the_patch_follows_the_size_of_the_image(shape, sides):
    model, image = ScoreNetwork(Grey(), ScoreDefinition("l1")), images(1, 1, *shape)
    assert torch.equal(occlusion_attribution(model, image), occlusion_attribution(model, image, patch_size=sides))


@pytest.mark.parametrize("batch_size", [1, 7])
def test_it_does_not_depend_on_the_batch(batch_size):
    model, image = ScoreNetwork(network(), ScoreDefinition("l1")), images(1, 1, 24, 16)
    found = occlusion_attribution(model, image, patch_size=4, batch_size=batch_size)
    torch.testing.assert_close(found, occlusion_attribution(model, image, patch_size=4), atol=1e-8, rtol=1e-4)


def test_arguments_out_of_range_are_refused():
    model, image = ScoreNetwork(Grey(), ScoreDefinition("l1")), images(1, 1, 4, 6)
    with pytest.raises(ValueError, match=r"patch_size must lie in 1 to the image's \(4, 6\), got \(5, 5\)"):
        occlusion_attribution(model, image, patch_size=5)
    with pytest.raises(ValueError, match=r"overlap must be in \[0, 1\), got 1"):
        occlusion_attribution(model, image, patch_size=2, overlap=1)
