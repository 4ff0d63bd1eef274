from __future__ import annotations

import pytest
import torch
from monai.data import MetaTensor

from imgae_monai.exceptions import InputError
from imgae_monai.explain import ExplainScored, explain
from imgae_monai.transforms import ScoreDefinition
from tests.explain.test_score_network import calibration, images, network

SCORE = ScoreDefinition("l2", z_score=True)


def test_maps_stand_beside_the_image_with_its_metadata():
    image = MetaTensor(images(1, 24, 16), meta={"filename_or_obj": "a.png"})
    net = network()
    transform = ExplainScored("image", net, SCORE, calibration(), ["occlusion", "gradient"], seed=3)
    done = transform({"image": image, "label": 1})
    assert list(done) == ["image", "label", "occlusion", "gradient"]
    expected = explain(net, image[None], SCORE, calibration(), seed=3)
    for method, maps in expected.items():
        assert torch.equal(done[method].as_tensor(), maps[0])
        assert done[method].meta["filename_or_obj"] == "a.png"


def test_mistakes_are_found_when_it_is_built():
    with pytest.raises(InputError, match="got 'gradients'"):
        ExplainScored("image", network(), SCORE, calibration(), ["gradients"])
    with pytest.raises(InputError, match="explain by occlusion only"):
        ExplainScored("image", network(), ScoreDefinition(residual_clahe=True))
    with pytest.raises(ValueError, match="keys must name one image"):
        ExplainScored(["image", "pred"], network(), SCORE, calibration())
