from __future__ import annotations

import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, Invertd

from imgae_monai.transforms import ResizeKeepAspectd, SplitAnomalyd


def test_the_score_keeps_its_digits_and_the_map_can_be_brought_back():
    resize = Compose([ResizeKeepAspectd("image", 4)])
    data = resize({"image": MetaTensor(torch.rand(1, 2, 4), meta={"filename_or_obj": "a.png"})})
    score = 1 / 3
    data["pred"] = torch.cat([torch.full((1, 4, 4), 0.25), torch.full((1, 4, 4), 0.0)]).double()
    data["pred"][1] = score
    found = SplitAnomalyd("pred")(data)
    assert found["score"].item() == score
    assert "pred" not in found
    assert found["anomaly_map"].dtype == torch.float32
    back = Invertd("anomaly_map", transform=resize, orig_keys="image", nearest_interp=False)(found)
    assert back["anomaly_map"].tolist() == torch.full((1, 2, 4), 0.25).tolist()


def test_a_reconstruction_is_no_such_tensor():
    with pytest.raises(ValueError, match=r"pred \(1, 4, 4\): expected 2 channels, the map and the score"):
        SplitAnomalyd("pred")({"image": torch.zeros(1, 4, 4), "pred": torch.zeros(1, 4, 4)})


def test_one_tensor_at_a_time():
    with pytest.raises(ValueError, match="one tensor"):
        SplitAnomalyd(["a", "b"])
