"""The whole of it: what comes out, and what is left behind."""

from __future__ import annotations

import zipfile

import pytest

from imgae_monai.bundle import pack_bundle
from imgae_monai.exceptions import InputError
from imgae_monai.verify import CHECKS, verify_bundle
from imgae_monai.verify.__main__ import main
from tests.conftest import BUNDLES


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", BUNDLES)
def test_a_run_and_what_is_packed_of_one_pass_and_stay_as_they_are(name, runs, schema, tmp_path):
    """Of 32 px, with weights and data of its own; the bundles themselves are checked by scripts/verify_bundles.sh."""
    folder = runs[name]
    if name == "unet_autoencoder":
        pack_bundle(folder, tmp_path / f"{name}.zip")
        with zipfile.ZipFile(tmp_path / f"{name}.zip") as archive:
            archive.extractall(tmp_path)
        folder = tmp_path / name
    before, lines = contents(folder), []
    found = verify_bundle(folder, schema, report=lines.append)
    assert contents(folder) == before
    assert list(found) == list(CHECKS)
    assert found["files"] == "with weights"
    assert found["verify_net_in_out"] == "[1, 32, 32] to [1, 32, 32]"
    assert found["ckpt_export"] == "the same outputs, with its own weights"
    assert [line.split(": ")[:2] for line in lines] == [[name, check] for check in CHECKS]


def test_the_first_fault_ends_it_and_names_bundle_and_check(bundle, schema, capsys):
    (bundle / "LICENSE").unlink()
    assert main([str(bundle), "--schema", str(schema)]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("unet_autoencoder: name: ok")
    assert "files:" not in out
    assert err == "error: unet_autoencoder: files failed: LICENSE is missing\n"


def test_metadata_without_a_required_key_end_it(bundle, change, schema):
    change(bundle / "configs" / "metadata.json", lambda metadata: metadata.pop("copyright"))
    message = r"unet_autoencoder: verify_metadata failed: ValueError: 'copyright' is a required property"
    with pytest.raises(InputError, match=message):
        verify_bundle(bundle, schema)


def test_an_error_of_the_configs_is_told_with_its_cause(bundle, change, monkeypatch):
    monkeypatch.setattr("imgae_monai.verify.verification.CHECKS", {"verify_net_in_out": CHECKS["verify_net_in_out"]})
    change(bundle / "configs" / "inference.json", lambda config: config.update(image_size="$1 / 0"))
    with pytest.raises(InputError, match=r"verify_net_in_out failed: (?s:.)*; because of ZeroDivisionError: division"):
        verify_bundle(bundle)


def test_what_is_no_bundle_is_said_to_be_none(tmp_path, capsys):
    assert main([str(tmp_path)]) == 1
    assert "is no bundle: it has no folder configs" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([str(tmp_path), "--schema", str(tmp_path / "schema.json")])
    assert "schema.json does not exist" in capsys.readouterr().err
