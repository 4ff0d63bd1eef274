from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from sklearn.metrics import roc_auc_score

from imgae_monai.data import write_synthetic_dataset
from imgae_monai.exceptions import InputError
from imgae_monai.explain import METHODS, explain, map_height
from imgae_monai.networks.nets import ReversedAutoencoder
from imgae_monai.transforms import LoadGrayscaled, ScoreDefinition
from tests.explain.test_score_network import calibration, images, network

SCORE = ScoreDefinition("l1", smoothing_sigma=1.0)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A network trained a few steps on phantoms, and one of them with a bright square; where that is."""
    folder = write_synthetic_dataset(
        tmp_path_factory.mktemp("phantoms"), size=32, n_train=16, n_val=2, n_test_normal=1, n_test_abnormal=1, seed=3
    )
    load = LoadGrayscaled("image")
    paths = sorted((folder / "train" / "normal").glob("*.png"))
    batch = torch.stack([torch.as_tensor(np.asarray(load({"image": str(p)})["image"])) for p in paths]).float()
    torch.manual_seed(0)
    net = ReversedAutoencoder(2, 1, 1, (8, 16, 16), (1, 2, 2), 4, 32, hidden_size=32, dropout=0.0)
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        (net(batch) - batch).abs().mean().backward()
        optimizer.step()
    optimizer.zero_grad()
    square = torch.zeros(1, 1, 32, 32, dtype=torch.bool)
    square[..., 12:18, 8:14] = True
    return net.eval(), torch.where(square, torch.ones(()), batch[:1]), square


@pytest.mark.parametrize("method", METHODS)
def test_an_implanted_square_is_found(trained, method):
    net, image, square = trained
    found = explain(net, image, SCORE, methods=[method])[method]
    assert found.shape == image.shape
    assert roc_auc_score(square.flatten(), found.flatten()) > 0.9
    if method == "occlusion":
        assert square[tuple(np.unravel_index(int(found.argmax()), found.shape))]


@pytest.mark.parametrize("method", METHODS)
def test_other_weights_give_another_attribution(trained, method):
    """The sanity check of Adebayo et al. 2018, "Sanity checks for saliency maps": it must not be an edge detector."""
    net, image, _ = trained
    torch.manual_seed(1)
    random = ReversedAutoencoder(2, 1, 1, (8, 16, 16), (1, 2, 2), 4, 32, hidden_size=32, dropout=0.0)
    maps = [explain(n, image, SCORE, methods=[method])[method].flatten().numpy() for n in (net, random)]
    assert abs(np.corrcoef(*maps)[0, 1]) < 0.5


@pytest.mark.parametrize("training", [True, False])
def test_the_network_is_left_as_it_was(training):
    net = network().train(training)
    net[1].eval()  # as where a batch norm is frozen
    net[4].weight.requires_grad_(False)
    for parameter in net[0].parameters():
        parameter.grad = torch.ones_like(parameter)
    modes = [module.training for module in net.modules()]
    state = {key: value.clone() for key, value in net.state_dict().items()}
    explain(net, images(1, 1, 24, 16), SCORE)
    assert [module.training for module in net.modules()] == modes
    assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items())
    assert [p.requires_grad for p in net.parameters()] == [True, True, True, True, False, True]
    assert [p.grad is None for p in net.parameters()] == [False, False, True, True, True, True]
    assert torch.equal(net[0].weight.grad, torch.ones_like(net[0].weight))


def test_an_error_leaves_it_so_too():
    net = network().train()
    with pytest.raises(RuntimeError):
        explain(net, images(1, 2, 24, 16), SCORE)
    assert net.training
    assert all(p.requires_grad for p in net.parameters())


def test_an_image_gets_the_same_maps_in_any_company():
    batch, score = images(3, 1, 24, 16), ScoreDefinition("l2", z_score=True)
    together = explain(network(), batch, score, calibration())
    with torch.no_grad():  # as in an evaluator
        alone = explain(network(), batch[2:], score, calibration())
    for method in METHODS:
        assert together[method].dtype == torch.float32
        assert torch.equal(together[method][2:], alone[method])


def test_metadata_is_left_behind():
    maps = explain(network(), MetaTensor(images(1, 1, 24, 16)), SCORE)
    assert {type(m) for m in maps.values()} == {torch.Tensor}


def test_volumes_are_explained():
    maps = explain(network(3), images(1, 1, 8, 9, 10), SCORE)
    assert {m.shape for m in maps.values()} == {(1, 1, 8, 9, 10)}
    assert all(float(m.abs().max()) > 0 for m in maps.values())


def test_unknown_methods_are_named():
    with pytest.raises(InputError, match=r"explain takes gradient, occlusion .*, got 'lime'"):
        explain(network(), images(1, 1, 24, 16), SCORE, methods=["gradient", "lime"])


def test_clahe_is_explained_by_occlusion_only():
    score = ScoreDefinition("l1", residual_clahe=True)
    with pytest.raises(InputError, match=r"'l1-clahe-mean' goes through CLAHE, .*: explain by occlusion only"):
        explain(network(), images(1, 1, 24, 16), score)
    found = explain(network(), images(1, 1, 24, 16), score, methods=["occlusion"])["occlusion"]
    plain = explain(network(), images(1, 1, 24, 16), ScoreDefinition("l1"), methods=["occlusion"])["occlusion"]
    assert (found - plain).abs().max() > 0.01 * plain.abs().max() > 0


def test_the_height_of_a_map_is_the_mean_of_its_highest_hundredth():
    values = torch.zeros(1, 20, 20)
    values[0, 0, :4] = torch.tensor([-4.0, 2.0, 1.0, 1.0])
    assert map_height(values) == pytest.approx(2.0)
    assert map_height(torch.zeros(1, 20, 20)) == 1e-12
