"""Two sites, three rounds, a calibration of both: MONAI's federated client over each bundle, with its own trainer."""

from __future__ import annotations

import copy
import dataclasses
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.bundle import ConfigWorkflow
from monai.fl.client import MonaiAlgo
from monai.fl.utils.constants import ModelType, WeightType
from monai.fl.utils.exchange_object import ExchangeObject
from PIL import Image

from imgae_monai.bundle import pack_bundle
from imgae_monai.cli.run_differences import compare_training
from imgae_monai.data import write_synthetic_dataset
from imgae_monai.data.fingerprint import file_sha256
from imgae_monai.exceptions import InputError
from imgae_monai.fl import (
    fed_avg,
    finish_site,
    initial_weights,
    load_client,
    merge,
    prepare_site,
    save_weights,
    site_calibrator,
)
from imgae_monai.handlers.run_summary import final_metrics
from imgae_monai.transforms import Calibration
from tests.conftest import BUNDLES, REPO

ROUNDS = 3
N_TRAIN = (16, 8)
DIFFERENT = "reversed_autoencoder"  # whose sites are not alike
TINY = {
    "unet_autoencoder": {"channels": [4, 8, 8], "strides": [2, 2]},
    "reversed_autoencoder": {"channels": [4, 8, 8], "strides": [2, 2, 2]},
}
OVERRIDES = {"image_size": 32, "latent_size": 4, "batch_size": 8, "device": "cpu", "tensorboard": False}
OVERRIDES |= {"code_copies": 1, "learning_rate": 0.005, "specificity": 0.9}


@dataclasses.dataclass
class Federation:
    """Two sites after their rounds, and after the calibration."""

    bundle: str
    runs: list[Path]
    clients: list[MonaiAlgo]
    losses: list[list[float]]  # of each site by the weights of all, before the first round and after each
    sent: list[list[dict[str, torch.Tensor]]]  # by each site, by round
    weights: list[dict[str, torch.Tensor]]  # of all, before the first round and after each
    calibrations: list[Calibration]


def sites_data(folder: Path, alike: bool) -> list[Path]:
    """Phantoms of two seeds; where the sites are not alike, those of the second are dark."""
    sites = [
        write_synthetic_dataset(folder / f"data_{i}", 32, n, n_val=20, n_test_normal=6, n_test_abnormal=6, seed=i)
        for i, n in enumerate(N_TRAIN)
    ]
    if not alike:
        for path in sites[1].rglob("*.png"):
            Image.fromarray((np.asarray(Image.open(path)) * 0.4).astype(np.uint8)).save(path)
    return sites


def exchange(weights: dict[str, torch.Tensor]) -> ExchangeObject:
    return ExchangeObject(weights=copy.deepcopy(weights), weight_type=WeightType.WEIGHTS)


@pytest.fixture(scope="module", params=BUNDLES)
def federation(request, tmp_path_factory) -> Federation:
    bundle = request.param
    folder = tmp_path_factory.mktemp(bundle)
    data = sites_data(folder, alike=bundle != DIFFERENT)
    overrides = OVERRIDES | TINY[bundle]
    runs = [prepare_site(bundle, folder / f"site_{i}", str(d), ROUNDS, 1, None, overrides) for i, d in enumerate(data)]
    clients = [load_client(run) for run in runs]
    made = Federation(bundle, runs, clients, [], [], [clients[0].get_weights().weights], [])
    made.weights = copy.deepcopy(made.weights)
    for _ in range(ROUNDS):
        made.losses.append([c.evaluate(exchange(made.weights[-1])).metrics["val_loss"] for c in clients])
        for client in clients:
            client.train(exchange(made.weights[-1]))
        made.sent.append(copy.deepcopy([client.get_weights().weights for client in clients]))
        made.weights.append(fed_avg(made.sent[-1], N_TRAIN))
    made.losses.append([c.evaluate(exchange(made.weights[-1])).metrics["val_loss"] for c in clients])
    for run in runs:
        save_weights(run, made.weights[-1])
    made.calibrations = calibrate(runs)
    for client, calibration in zip(clients, made.calibrations, strict=True):
        finish_site(client, calibration)
    return made


def calibrate(runs: list[Path]) -> list[Calibration]:
    sites = [site_calibrator(run, fewest=5) for run in runs]
    moments = merge([site.moments() for site in sites])
    scatter = merge([site.scatter(moments) for site in sites])
    scores = merge([site.scores(moments, scatter) for site in sites])
    return [site.save(moments, scatter, scores) for site in sites]


def test_weights_of_all_are_the_mean_over_images(federation):
    for sent, averaged in zip(federation.sent, federation.weights[1:], strict=True):
        for name, value in averaged.items():
            a, b = (np.asarray(site[name], dtype=np.float64) for site in sent)
            expected = (N_TRAIN[0] * a + N_TRAIN[1] * b) / sum(N_TRAIN)
            if value.is_floating_point():
                np.testing.assert_allclose(value.numpy(), expected, rtol=1e-6, atol=1e-12)
            else:
                assert value.item() == np.round(expected)
        assert any((sent[0][name] != sent[1][name]).any() for name in averaged)


def test_the_loss_of_the_weights_of_all_falls(federation):
    pooled = np.mean(federation.losses, axis=1)  # each site has as many validation images
    assert (np.diff(pooled) < 0).all(), federation.losses
    assert (np.asarray(federation.losses[-1]) < federation.losses[0]).all()


def test_a_site_trains_from_the_weights_of_all_one_epoch_a_round(federation):
    for run, client in zip(federation.runs, federation.clients, strict=True):
        record = json.loads((run / "train.json").read_text())
        assert [epoch for epoch, _ in record["train_loss"]] == [1, 2, 3]
        assert client.trainer.state.iteration == ROUNDS * client.trainer.state.epoch_length
        assert record["finished"]
        stored = torch.load(run / "models" / "model.pt", weights_only=True)
        assert all(torch.equal(value, stored[name]) for name, value in federation.weights[-1].items())
        final = torch.load(run / "models" / "model_final.pt", weights_only=True)
        sent = federation.sent[-1][federation.runs.index(run)]
        assert all(torch.equal(value, final[name]) for name, value in sent.items())
        handed = client.get_weights({"model_type": ModelType.FINAL_MODEL}).weights
        assert handed.keys() == sent.keys()


def test_no_epoch_of_a_site_is_called_the_best_of_the_weights_of_all(federation, cli, tmp_path, capsys):
    for run in federation.runs:
        record = json.loads((run / "train.json").read_text())
        assert record["federated"] == {"rounds": ROUNDS, "local_epochs": 1}
        assert (record["best_epoch"], record["best_val_loss"]) == (None, None)
        assert record["checkpoint_sha256"] == file_sha256(run / "models" / "model.pt")
        assert (run / "losses.png").is_file()
    run = federation.runs[0]
    assert set(final_metrics(run)) == {"epochs_run", "threshold"}
    assert all(difference.identical for difference in compare_training(run, run))
    with pytest.raises(SystemExit):
        cli("reproduce", run)
    assert "is a site's run of a federation, which one site alone can't reproduce" in capsys.readouterr().err
    pack_bundle(run, tmp_path / "site.zip")
    with zipfile.ZipFile(tmp_path / "site.zip") as archive:
        told = json.loads(archive.read("site/docs/training.json"))
    assert (told["best_epoch"], told["best_val_loss"]) == (None, None)
    assert told["federated"] == {"rounds": ROUNDS, "local_epochs": 1}


def test_the_learning_rate_follows_its_schedule_over_all_rounds(federation):
    """The U-Net's cosine ends at 0; the reversed autoencoder's has its first step after five epochs."""
    optimizer = federation.clients[0].trainer.optimizer
    expected = {"unet_autoencoder": 0.0, "reversed_autoencoder": 0.005}[federation.bundle]
    assert optimizer.param_groups[0]["lr"] == pytest.approx(expected, abs=1e-12)


def central_calibration(federation: Federation, folder: Path) -> Calibration:
    """What the calibrator makes of the images of both sites together, by the weights of all."""
    pooled = {"training": [], "validation": [], "test": []}
    for run in federation.runs:
        listed = json.loads((run / "models" / "datalist.json").read_text())
        for split, items in pooled.items():
            items += [{**item, "patient_id": f"{run.name} {item['patient_id']}"} for item in listed[split]]
    (folder / "all.json").write_text(json.dumps(pooled))
    overrides = OVERRIDES | TINY[federation.bundle]
    run = prepare_site(federation.bundle, folder / "all", str(folder / "all.json"), 1, 1, None, overrides)
    save_weights(run, federation.weights[-1])
    kwargs = {"meta_file": None, "logging_file": False, "workflow_type": "train", "bundle_root": str(run)}
    workflow = ConfigWorkflow(str(run / "configs" / "train.json"), **kwargs)
    workflow.initialize()
    return workflow.parser.get_parsed_content("calibrate#calibrator").run()


def test_the_calibration_is_that_of_all_images_together(federation, tmp_path):
    """But for histograms of 0.1 % a step; ``test_site_calibrator.py`` has them without."""
    if federation.bundle != DIFFERENT:
        pytest.skip("sites that are not alike show it better")
    central = central_calibration(federation, tmp_path)
    assert central.n_images == 40
    for pooled in federation.calibrations:
        assert pooled.n_images == 40
        torch.testing.assert_close(pooled.mean, central.mean)
        torch.testing.assert_close(pooled.std, central.std)
        for name, code in central.codes.items():
            torch.testing.assert_close(pooled.codes[name].mean, code.mean)
        assert central.map_limit <= pooled.map_limit * (1 + 1e-9)
        assert pooled.map_limit <= central.map_limit * 1.001 * (1 + 1e-9)
        assert central.pixel_threshold <= pooled.pixel_threshold * (1 + 1e-9)
        assert pooled.pixel_threshold <= central.pixel_threshold * 1.001 * (1 + 1e-9)
        assert pooled.threshold == pytest.approx(central.threshold, rel=0.02)
    site_0, site_1 = federation.calibrations
    assert site_0.threshold == site_1.threshold
    # hashes of a site's images stay there
    assert sorted([*site_0.image_sha256, *site_1.image_sha256]) == list(central.image_sha256)


def test_a_site_evaluates_by_the_threshold_of_all(federation, cli, tmp_path, capsys):
    if federation.bundle == DIFFERENT:
        pytest.skip("evaluate.json is the same in both bundles")
    run = federation.runs[1]
    cli("evaluate", run, "--output", tmp_path / "results", "--n_bootstrap", 100, "--no_model", "false")
    metrics = json.loads((tmp_path / "results" / "metrics.json").read_text())
    assert metrics["threshold"] == federation.calibrations[0].threshold
    assert "not trained to its end" not in capsys.readouterr().err


def test_monais_client_evaluates_the_test_split_by_evaluate_json(federation):
    """With its default arguments, but for ``bundle_root``, once there is a calibration."""
    if federation.bundle == DIFFERENT:
        pytest.skip("evaluate.json is the same in both bundles")
    run = federation.runs[0]
    kwargs = {"bundle_root": str(run), "output_dir": str(run / "by_client"), "n_bootstrap": 50, "no_model": False}
    client = MonaiAlgo(str(run), train_kwargs={"bundle_root": str(run)}, eval_kwargs=kwargs)
    client.initialize()
    metrics = client.evaluate(exchange(federation.weights[-1])).metrics
    assert 0 <= metrics["auroc"] <= 1
    written = json.loads((run / "by_client" / "metrics.json").read_text())
    assert written["auroc"] == pytest.approx(metrics["auroc"])


def test_a_site_that_has_a_run_is_not_trained_over(federation):
    run = federation.runs[0]
    before = (run / "models" / "model.pt").read_bytes()
    with pytest.raises(InputError, match="already holds a run"):
        prepare_site(federation.bundle, run, "synthetic://", ROUNDS)
    client = load_client(run)
    with pytest.raises(InputError, match="already holds a run"):
        client.train(exchange(federation.weights[-1]))
    assert (run / "models" / "model.pt").read_bytes() == before


@pytest.mark.parametrize("id", ["epochs", "patience", "ensemble", "dataset_dir", "output_dir", "overwrite"])
def test_what_follows_from_the_federation_can_not_be_set(id, tmp_path):
    with pytest.raises(InputError, match=f"a site's {id} can't be set: it follows from the federation"):
        prepare_site("unet_autoencoder", tmp_path / "site", "synthetic://", ROUNDS, overrides={id: 1})
    assert not (tmp_path / "site").exists()


def test_the_first_weights_follow_from_the_seed_alone():
    tiny = OVERRIDES | TINY["unet_autoencoder"]
    first, again, other = (initial_weights("unet_autoencoder", overrides=tiny | {"seed": seed}) for seed in (0, 0, 1))
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert any(not torch.equal(value, other[name]) for name, value in first.items())


def test_a_bundle_as_it_is_is_trained_by_monais_client(phantoms, tmp_path):
    """A copy of the bundle, MonaiAlgo's own arguments; what is misspelt is refused though ``run`` is never called."""
    folder = tmp_path / "bundle"
    shutil.copytree(REPO / "bundles" / "unet_autoencoder", folder)
    kwargs = {"bundle_root": str(folder), "dataset_dir": str(phantoms), **OVERRIDES, **TINY["unet_autoencoder"]}
    client = MonaiAlgo(str(folder), train_kwargs=kwargs, eval_kwargs=dict(kwargs))
    client.initialize()
    first = copy.deepcopy(client.trainer.network.state_dict())
    client.train(exchange(first))
    sent = client.get_weights()
    assert sent.weight_type == WeightType.WEIGHT_DIFF
    trained = client.trainer.network.state_dict()
    for name, value in trained.items():
        torch.testing.assert_close(first[name] + sent.weights[name], value)
    assert any(change.abs().sum() > 0 for change in sent.weights.values())
    misspelt = MonaiAlgo(str(folder), train_kwargs={**kwargs, "epoch": 5}, config_evaluate_filename=None)
    misspelt.initialize()
    with pytest.raises(InputError, match=r"'epoch' \(did you mean 'epochs'"):
        misspelt.train(exchange(first))
