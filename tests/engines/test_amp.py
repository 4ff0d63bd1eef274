from __future__ import annotations

import pytest
import torch

from imgae_monai.engines import check_amp
from imgae_monai.exceptions import InputError


@pytest.mark.parametrize("device", ["cpu", "mps", torch.device("cpu"), torch.device("cpu", 0)])
def test_amp_is_refused_where_it_would_do_nothing(device):
    message = f"amp works on CUDA only, the device is {device}: leave amp off, or choose a CUDA device"
    with pytest.raises(InputError, match=message):
        check_amp(True, device)


@pytest.mark.parametrize("device", ["cuda", "cuda:1", torch.device("cuda", 0)])
def test_amp_is_allowed_on_cuda(device):
    assert check_amp(True, device) is True


@pytest.mark.parametrize("device", ["cpu", "cuda", torch.device("cpu")])
def test_without_amp_every_device_is_allowed(device):
    assert check_amp(False, device) is False
