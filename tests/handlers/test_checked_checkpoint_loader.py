from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from monai.data import DataLoader
from monai.engines import SupervisedEvaluator
from torch import nn

from imgae_monai.exceptions import InputError
from imgae_monai.handlers import CheckedCheckpointLoader, check_checkpoint
from imgae_monai.networks.nets import IntrospectiveAutoencoder, ReversedAutoencoder, UNetAutoencoder


def unet(img_size: int = 8, latent_size: int = 3, channels: tuple = (2, 4)) -> nn.Module:
    strides = (2,) * (len(channels) - 1)
    return UNetAutoencoder(2, 1, 1, channels, strides, latent_size, img_size, deep_supervision=True)


def reversed_net(img_size: int = 8, latent_size: int = 3, channels: tuple = (2, 4)) -> nn.Module:
    strides = (1,) + (2,) * (len(channels) - 1)
    return ReversedAutoencoder(2, 1, 1, channels, strides, latent_size, img_size, hidden_size=5)


def introspective(img_size: int = 8, latent_size: int = 3, channels: tuple = (2, 4)) -> nn.Module:
    return IntrospectiveAutoencoder(2, 1, 1, channels, (2,) * len(channels), latent_size, img_size)


MAKERS: dict[str, Callable[..., nn.Module]] = {
    "UNetAutoencoder": unet,
    "ReversedAutoencoder": reversed_net,
    "IntrospectiveAutoencoder": introspective,
}


def evaluator(path: Path, network: nn.Module) -> SupervisedEvaluator:
    images = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    return SupervisedEvaluator(
        device="cpu",
        val_data_loader=DataLoader([{"image": image} for image in images], batch_size=3),
        network=network,
        val_handlers=[CheckedCheckpointLoader(path, network, map_location="cpu")],
    )


class Touch:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", MAKERS)
def test_loads_the_weights_before_the_first_image(name, tmp_path):
    torch.manual_seed(1)
    trained, network = MAKERS[name](), MAKERS[name]()
    torch.save(trained.state_dict(), tmp_path / "model.pt")
    engine = evaluator(tmp_path / "model.pt", network)
    engine.run()
    with torch.no_grad():
        expected = trained.eval()(torch.stack([item["image"] for item in engine.state.batch]))
    torch.testing.assert_close(torch.stack([item["pred"] for item in engine.state.output]), expected)
    assert all(torch.equal(value, trained.state_dict()[key]) for key, value in network.state_dict().items())


def test_a_missing_file_is_named(tmp_path):
    path = tmp_path / "model.pt"
    with pytest.raises(InputError, match=f"no checkpoint at {path}: train first, or give the folder of a finished run"):
        evaluator(path, unet()).run()
    with pytest.raises(InputError, match=f"no checkpoint at {tmp_path}"):
        check_checkpoint(tmp_path, unet())


def cut(path: Path) -> None:
    torch.save(unet().state_dict(), path)
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"no checkpoint at all" * 50),
        cut,
        lambda path: torch.save(torch.zeros(3), path),
        lambda path: torch.save([torch.zeros(3)], path),
        lambda path: torch.save({"network": unet().state_dict(), "trainer": {"epoch": 3}}, path),
    ],
    ids=["empty", "text", "cut", "tensor", "list", "checkpoint of a whole training"],
)
def test_what_is_no_state_dict_is_refused(write, tmp_path):
    path = tmp_path / "model.pt"
    write(path)
    with pytest.raises(InputError, match=f"{path} is not a readable checkpoint of a network"):
        evaluator(path, unet()).run()


@pytest.mark.parametrize(
    "write",
    [
        lambda touch, path: torch.save(touch, path),
        lambda touch, path: torch.save({**unet().state_dict(), "extra": touch}, path),
        lambda touch, path: path.write_bytes(pickle.dumps(touch)),
    ],
    ids=["alone", "among tensors", "plain pickle"],
)
def test_code_in_a_checkpoint_is_not_run(write, tmp_path):
    path, trace = tmp_path / "model.pt", tmp_path / "executed"
    write(Touch(trace), path)
    with pytest.raises(InputError, match="is not a readable checkpoint of a network"):
        evaluator(path, unet()).run()
    assert not trace.exists()
    pickle.loads(pickle.dumps(Touch(trace)))
    assert trace.exists()


@pytest.mark.parametrize(
    ("stored", "wanted"),
    [
        ("UNetAutoencoder", "ReversedAutoencoder"),
        ("ReversedAutoencoder", "UNetAutoencoder"),
        ("ReversedAutoencoder", "IntrospectiveAutoencoder"),
        ("IntrospectiveAutoencoder", "ReversedAutoencoder"),
    ],
)
def test_the_other_networks_checkpoint_is_named(stored, wanted, tmp_path):
    path = tmp_path / "model.pt"
    torch.save(MAKERS[stored]().state_dict(), path)
    message = f"{path} is a checkpoint of {stored}, expected {wanted}: use the bundle and preset that"
    with pytest.raises(InputError, match=message):
        evaluator(path, MAKERS[wanted]()).run()


@pytest.mark.parametrize(
    ("name", "stored", "n_differing", "tensor"),
    [
        # 8 px with one stride of 2 leave 4 channels of 4 x 4 = 64 features, 16 px leave 4 of 8 x 8 = 256
        (
            "UNetAutoencoder",
            {"img_size": 16},
            3,
            r"to_latent\.1\.weight: \(3, 256\) in the file, \(3, 64\) in the network",
        ),
        (
            "UNetAutoencoder",
            {"latent_size": 7},
            3,
            r"from_latent\.0\.weight: \(64, 7\) in the file, \(64, 3\) in the network",
        ),
        (
            "ReversedAutoencoder",
            {"img_size": 16},
            3,
            r"to_latent\.1\.weight: \(5, 256\) in the file, \(5, 64\) in the network",
        ),
        (
            "ReversedAutoencoder",
            {"latent_size": 7},
            3,
            r"to_latent\.3\.weight: \(7, 5\) in the file, \(3, 5\) in the network",
        ),
    ],
)
def test_another_size_names_the_tensors_and_both_shapes(name, stored, n_differing, tensor, tmp_path):
    path, network = tmp_path / "model.pt", MAKERS[name]()
    torch.save(MAKERS[name](**stored).state_dict(), path)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    n = len(before)
    message = rf"checkpoint of a {name} of another size: {n_differing} of {n} tensors differ, as .*{tensor}"
    with pytest.raises(InputError, match=message) as e:
        evaluator(path, network).run()
    assert str(e.value).endswith("Use the preset, image_size, latent_size and channels of its training")
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


@pytest.mark.parametrize(
    ("stored", "wanted", "tensor"),
    [
        ((4, 4, 4), (4, 4), r"decoder\.1[\w.]+: \(.+?\) in the file, absent in the network"),
        ((4, 4), (4, 4, 4), r"decoder\.1[\w.]+: absent in the file, \(.+?\) in the network"),
    ],
)
def test_another_depth_names_tensors_that_one_of_them_lacks(stored, wanted, tensor, tmp_path):
    path = tmp_path / "model.pt"
    torch.save(reversed_net(channels=stored).state_dict(), path)
    with pytest.raises(InputError, match=rf"a ReversedAutoencoder of another size: .*{tensor}"):
        evaluator(path, reversed_net(channels=wanted)).run()


@pytest.mark.parametrize("state_dict", [nn.Conv2d(1, 1, 3).state_dict(), {}], ids=["convolution", "nothing"])
def test_a_state_dict_of_something_else_is_refused(state_dict, tmp_path):
    torch.save(state_dict, tmp_path / "model.pt")
    with pytest.raises(InputError, match=r"is a checkpoint of another network than "):
        evaluator(tmp_path / "model.pt", unet()).run()
