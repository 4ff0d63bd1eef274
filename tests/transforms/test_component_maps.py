from __future__ import annotations

import pytest
import torch
from monai.data import MetaTensor
from torch import nn

from imgae_monai.exceptions import InputError
from imgae_monai.networks.nets import IntrospectiveAutoencoder
from imgae_monai.transforms import ComponentMaps, ComponentMapsd, ResidualMap, ScoreDefinition
from imgae_monai.transforms.component_maps import ComponentMapsD, ComponentMapsDict

COMBINED = ScoreDefinition("l2", combine=("l1-mean", "l1-z-mean", "l1-max", "l1-sigma1-mean", "l2-clahe-mean"))


class Encoding(nn.Module):
    """Codes that differ between the modes."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(1, affine=False)

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(x).mean(dim=2)[:, 0]


def pair() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(1, 16, 16, generator=generator), torch.rand(1, 16, 16, generator=generator)


def test_each_map_is_the_residual_map_of_its_name():
    image, reconstruction = pair()
    maps = ComponentMaps(COMBINED)(image, reconstruction)
    assert maps.keys() == {"l1", "l1-sigma1", "l2-clahe"}
    assert torch.equal(maps["l1"], ResidualMap("l1")(image, reconstruction))
    assert torch.equal(maps["l1-sigma1"], ResidualMap("l1", 1.0)(image, reconstruction))
    assert torch.equal(maps["l2-clahe"], ResidualMap("l2", residual_clahe=True)(image, reconstruction))


def test_maps_that_components_share_are_computed_once(monkeypatch):
    calls = []
    plain = ResidualMap.__call__
    monkeypatch.setattr(ResidualMap, "__call__", lambda self, *a: calls.append(self.residual) or plain(self, *a))
    image, reconstruction = pair()
    mapper = ComponentMaps(COMBINED)
    mapper(image, reconstruction)
    assert calls == ["l1", "l1", "l2"]
    anomaly_map = torch.full((1, 16, 16), 7.0)
    item = {"image": image, "pred": reconstruction, "anomaly_map": anomaly_map}
    found = ComponentMapsd("pred", ScoreDefinition("l1", two_sided=True))(item)
    assert found["component_maps"]["l1"] is anomaly_map
    assert len(calls) == 3


def test_without_components_nothing_is_computed():
    item = dict(zip(("image", "pred"), pair(), strict=True))
    assert ComponentMapsd("pred", ScoreDefinition("l1"))(item).keys() == item.keys()


@pytest.mark.parametrize("track_meta", [False, True])
def test_the_code_is_that_of_eval_mode_and_leaves_the_mode(track_meta):
    network, image = Encoding().train(), pair()[0]
    network.norm.running_mean.fill_(0.25)
    given = MetaTensor(image) if track_meta else image
    code = ComponentMaps(ScoreDefinition(combine=("latent",)), network)(given, image)["latent"]
    torch.testing.assert_close(code, (image.mean(dim=1)[0] - 0.25) / (1 + 1e-5) ** 0.5)
    assert type(code) is torch.Tensor
    assert network.training
    assert not code.requires_grad
    assert network.norm.num_batches_tracked == 0


def test_of_a_variational_network_the_mean_is_taken():
    network = IntrospectiveAutoencoder(2, 1, 1, (4, 4), (2, 2), 3, 16).eval()
    image = pair()[0]
    code = ComponentMaps(ScoreDefinition(combine=("latent",)), network)(image, image)["latent"]
    assert torch.equal(code, network.encode(image[None])[0][0])


def test_a_network_that_does_not_encode_is_refused():
    score = ScoreDefinition(combine=("latent", "l1-mean"))
    for network, name in ((None, "NoneType"), (nn.Conv2d(1, 1, 1), "Conv2d")):
        with pytest.raises(InputError, match=f"the score latent needs a network with encode, got {name}"):
            ComponentMaps(score, network)
    network = Encoding()
    network.encode = lambda x: x
    with pytest.raises(InputError, match=r"Encoding\.encode does not give one vector an image"):
        ComponentMaps(score, network)(*pair())


def test_aliases_are_the_dictionary_version():
    assert ComponentMapsD is ComponentMapsDict is ComponentMapsd
