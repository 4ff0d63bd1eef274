from __future__ import annotations

import doctest
import re

import pytest
import torch

from imgae_monai.networks import checks
from imgae_monai.networks.nets import UNetAutoencoder, unet_autoencoder

SMALL = {
    "spatial_dims": 2,
    "in_channels": 1,
    "out_channels": 1,
    "channels": (4, 8),
    "strides": (2,),
    "latent_size": 3,
    "img_size": 8,
}

SHAPES = [
    pytest.param({}, id="one level"),
    pytest.param({"channels": (4, 6, 8, 8), "strides": (2, 2, 2), "img_size": (16, 32)}, id="not square"),
    pytest.param({"channels": [2] * 6, "strides": [2] * 5, "img_size": 64}, id="five levels"),
    pytest.param({"channels": (4, 6, 8), "strides": (3, 2), "img_size": [12, 18]}, id="unequal strides"),
    pytest.param({"channels": (4, 6, 8), "strides": (1, 2)}, id="a stride of 1"),
    pytest.param({"in_channels": 3, "out_channels": 2}, id="channels in and out"),
    pytest.param({"spatial_dims": 3, "channels": (2, 4, 6), "strides": (2, 2), "img_size": 8}, id="3-D"),
    pytest.param({"spatial_dims": 3, "img_size": (4, 8, 6), "dropout": 0, "norm": "instance"}, id="3-D, not cubic"),
]


def build(**changes) -> UNetAutoencoder:
    torch.manual_seed(0)
    return UNetAutoencoder(**{**SMALL, **changes})


def images(net: UNetAutoencoder, batch_size: int = 2) -> torch.Tensor:
    return torch.rand(batch_size, *net.input_shape, generator=torch.Generator().manual_seed(1))


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.fixture(scope="module")
def reference():
    with torch.device("meta"):
        return UNetAutoencoder(
            spatial_dims=2,
            in_channels=1,
            out_channels=1,
            channels=(64, 128, 256, 512, 512),
            strides=(2, 2, 2, 2),
            latent_size=512,
            img_size=128,
        )


def test_reference_size_has_its_number_of_parameters(reference):
    assert count(reference) == 54_986_305
    assert sum(count(child) for child in reference.children()) == 54_986_305
    assert reference(torch.empty(2, 1, 128, 128, device="meta")).shape == (2, 1, 128, 128)


@pytest.mark.parametrize(
    ("child", "expected"),
    [
        ("encoder", [37_696, 221_696, 885_760, 3_540_992, 4_720_640]),
        ("to_latent", [0, 16_777_728]),
        ("from_latent", [16_809_984, 0]),
        ("decoder", [2_950_144, 737_792, 184_576, 110_848]),
        ("skip_free_decoder", [5_769_728, 1_705_216, 426_624, 106_816]),
        ("head", [65, 0]),
    ],
)
def test_every_stage_of_the_reference_size_has_its_number_of_parameters(reference, child, expected):
    assert [count(stage) for stage in getattr(reference, child).children()] == expected


def test_child_names_are_those_that_checkpoints_are_told_apart_by():
    names = [name for name, _ in build().named_children()]
    assert names == ["encoder", "to_latent", "from_latent", "decoder", "skip_free_decoder", "head"]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("changes", SHAPES)
def test_shapes_and_value_range(changes, training):
    net = build(**changes).train(training)
    x = images(net)
    expected = (2, net.head.out_channels, *x.shape[2:])
    z = net.encode(x)
    assert z.shape == (2, SMALL["latent_size"])
    for y in (net(x), net.decode(z)):
        assert y.shape == expected
        assert 0 <= y.min() < y.max() <= 1


@pytest.mark.parametrize("changes", SHAPES)
def test_deep_supervision_stacks_both_reconstructions_in_training_mode_only(changes):
    net = build(**{**changes, "dropout": 0, "deep_supervision": True})
    x = images(net)
    outputs = net(x)
    assert outputs.shape == (2, 2, net.head.out_channels, *x.shape[2:])
    torch.testing.assert_close(outputs[:, 1], net.decode(net.encode(x)))

    single = build(**{**changes, "dropout": 0})
    torch.testing.assert_close(outputs[:, 0], single(x))  # same seed, so same weights
    assert net.eval()(x).shape == single(x).shape


def test_forward_sees_the_skips_and_the_latent_vector_and_decode_the_latent_vector_alone():
    net = build().eval()
    x, other = images(net).split(1)
    full = net(x)
    with torch.no_grad():
        net.to_latent[1].weight.zero_()  # the same latent vector for every image
    assert not torch.equal(net(x), full)
    assert not torch.equal(net(x), net(other))
    torch.testing.assert_close(net.decode(net.encode(x)), net.decode(net.encode(other)))


def test_a_batch_of_one_trains_with_batch_norm():
    net = build(deep_supervision=True)
    assert net(images(net, batch_size=1)).isfinite().all()


def test_decoder_upsamples_linearly_with_aligned_corners():
    upsample = build().decoder[0].upsample
    ramp = torch.tensor([[0.0, 3.0], [0.0, 3.0]]).expand(1, 8, 2, 2)
    torch.testing.assert_close(upsample(ramp), torch.tensor([0.0, 1.0, 2.0, 3.0]).expand(1, 8, 4, 4))


@pytest.mark.parametrize("deep_supervision", [True, False])
def test_gradient_reaches_every_parameter_that_forward_uses(deep_supervision):
    net = build(channels=(4, 6, 8), strides=(2, 2), dropout=0, deep_supervision=deep_supervision)
    net(images(net)).square().mean().backward()
    without = {name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()}
    skip_free = {name for name, _ in net.named_parameters() if name.startswith("skip_free_decoder.")}
    assert without == (set() if deep_supervision else skip_free)


def skip_free_error(weight: float, x: torch.Tensor, steps: int) -> float:
    """Mean squared error of ``decode(encode(x))`` after training with this weight on the skip-free output."""
    net = build(channels=(8, 16), latent_size=8, dropout=0, deep_supervision=True)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(steps):
        error = (net(x) - x.unsqueeze(1)).square().mean(dim=(0, 2, 3, 4))
        optimizer.zero_grad()
        (error[0] + weight * error[1]).backward()
        optimizer.step()
    net.eval()
    return (net.decode(net.encode(x)) - x).square().mean().item()


def test_skip_free_decoder_learns_only_from_its_own_output():
    x = torch.zeros(8, 1, 8, 8)
    for i in range(8):
        x[i, 0, i] = 1  # eight bars: a decoder that ignores the latent vector can't beat their mean
    of_the_mean = (x - x.mean(dim=0)).square().mean().item()
    trained = skip_free_error(1.0, x, steps=60)
    assert trained < 0.25 * of_the_mean
    assert skip_free_error(0.0, x, steps=60) > of_the_mean
    assert skip_free_error(1.0, x, steps=0) > of_the_mean


@pytest.mark.parametrize("changes", SHAPES)
def test_torchscript_equals_eager(changes):
    net = build(**changes).eval()
    x = images(net)
    scripted = torch.jit.script(net)
    torch.testing.assert_close(scripted(x), net(x))
    torch.testing.assert_close(scripted.decode(scripted.encode(x)), net.decode(net.encode(x)))
    torch.testing.assert_close(scripted.features(x), net.features(x))


def test_features_are_those_of_every_level_and_the_last_leads_to_the_latent_ones():
    net = build(channels=(4, 8, 12), strides=(2, 2)).eval()
    x = images(net)
    features = net.features(x)
    assert [tuple(f.shape[1:]) for f in features] == [(4, 8, 8), (8, 4, 4), (12, 2, 2)]
    torch.testing.assert_close(net.to_latent(features[-1]), net.encode(x))


@pytest.mark.parametrize("training", [True, False])
def test_torchscript_equals_eager_with_deep_supervision(training):
    net = build(dropout=0, deep_supervision=True).train(training)
    x = images(net)
    torch.testing.assert_close(torch.jit.script(net)(x), net(x))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"spatial_dims": 1}, "spatial_dims should be 2 or 3, got 1."),
        ({"channels": (4,), "strides": ()}, "channels should have at least 2 values, got 1."),
        ({"strides": (2, 2)}, "strides should have 1 values for the 2 channels (4, 8), got 2: (2, 2)."),
        ({"strides": []}, "strides should have 1 values for the 2 channels (4, 8), got 0: ()."),
        ({"strides": (0,)}, "strides should be positive ints, got (0,)."),
        ({"strides": ((2, 2),)}, "strides should be positive ints, got ((2, 2),)."),
        ({"channels": (4, -8)}, "channels should be positive ints, got (4, -8)."),
        ({"img_size": 0}, "img_size should be positive ints, got (0, 0)."),
        ({"img_size": (8, 8, 8)}, "img_size should be an int or have 2 values, one an axis, got (8, 8, 8)."),
        (
            {"channels": [4] * 5, "strides": [2] * 4, "img_size": 100},
            "img_size (100, 100) should be divisible by 16, the product of the strides: use 96 or 112 instead of 100.",
        ),
        (
            {"spatial_dims": 3, "channels": (4, 4, 4), "strides": (3, 2), "img_size": (4, 12, 17)},
            "img_size (4, 12, 17) should be divisible by 6, the product of the strides: "
            "use 6 instead of 4, use 12 or 18 instead of 17.",
        ),
    ],
)
def test_arguments_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        build(**changes)


@pytest.mark.parametrize("scripted", [True, False])
@pytest.mark.parametrize(
    ("method", "shape", "message"),
    [
        ("forward", (2, 3, 8, 8), "x should have the shape (B, 1, 8, 8), got (2, 3, 8, 8)."),
        ("forward", (2, 1, 16, 8), "x should have the shape (B, 1, 8, 8), got (2, 1, 16, 8)."),
        ("forward", (1, 8, 8), "x should have the shape (B, 1, 8, 8), got (1, 8, 8)."),
        ("encode", (2, 1, 8, 8, 8), "x should have the shape (B, 1, 8, 8), got (2, 1, 8, 8, 8)."),
        ("features", (1, 8, 8), "x should have the shape (B, 1, 8, 8), got (1, 8, 8)."),
        ("decode", (2, 4), "z should have the shape (B, 3), got (2, 4)."),
    ],
)
def test_inputs_of_another_shape_are_refused(method, shape, message, scripted):
    net = torch.jit.script(build()) if scripted else build()
    with pytest.raises(torch.jit.Error if scripted else ValueError, match=re.escape(message)):
        getattr(net, method)(torch.rand(shape))


@pytest.mark.parametrize("module", [unet_autoencoder, checks])
def test_docstring_examples_run(module):
    results = doctest.testmod(module)
    assert results.attempted > 0
    assert results.failed == 0
