from __future__ import annotations

import json

import pytest

from tests.audit.spoilt import FAULTS, write_spoilt


@pytest.fixture(scope="module")
def spoilt(phantoms, tmp_path_factory):
    return write_spoilt(phantoms, tmp_path_factory.mktemp("spoilt") / "set")


def exit_code(cli, *words) -> int:
    with pytest.raises(SystemExit) as e:
        cli(*words)
    return e.value.code


def test_a_spoilt_set_fails_and_its_list_trains(cli, train_tiny, spoilt, tmp_path, capsys):
    fixed = tmp_path / "lists" / "fixed.json"
    words = ["data", "check", spoilt, "--output", tmp_path / "report", "--fix-list", fixed]
    assert exit_code(cli, *words) == 1
    shown = capsys.readouterr().out
    assert "Not fit for training as it is" in shown
    assert "of test   label conflict" in shown
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert FAULTS.keys() <= {finding["kind"] for finding in report["findings"]}
    assert report["fix_list"]["n_left_out"] == len(report["fix_list"]["left_out"]) == 15
    assert (tmp_path / "report" / "report.html").read_text().startswith("<!doctype html>")

    cli("data", "check", fixed)
    assert "No errors" in capsys.readouterr().out
    run = train_tiny("reversed_autoencoder", tmp_path / "run", "--epochs", 1, "--specificity", 0.5, data=fixed)
    assert (run / "models" / "model.pt").is_file()


def test_results_are_not_replaced_unasked(cli, phantoms, tmp_path, capsys):
    words = ["data", "check", phantoms, "--output", tmp_path, "--fix_list", tmp_path / "fixed.json"]
    cli(*words)
    first = (tmp_path / "report.json").read_text()
    assert exit_code(cli, *words) == 2
    assert "report.json exists: give another file, or --overwrite" in capsys.readouterr().err
    cli(*words, "--overwrite")
    assert json.loads(first)["findings"] == json.loads((tmp_path / "report.json").read_text())["findings"]


def test_filters_choose_what_is_checked(cli, phantoms, tmp_path):
    cli("data", "check", phantoms, "--views", "PA", "--output", tmp_path)
    assert json.loads((tmp_path / "report.json").read_text())["counts_by_view"].keys() == {"PA"}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--window", "wide"], "Unsupported option 'wide'"),
        (["--workers", "0"], "workers must be 1 or more"),
        (["--views", "LL"], "LL"),
        (["--patient_pattern", "("], "is not a regular expression"),
    ],
)
def test_wrong_values_are_refused(flags, message, cli, phantoms, capsys):
    assert exit_code(cli, "data", "check", phantoms, *flags) == 2
    assert message in capsys.readouterr().err


def test_a_missing_source_is_one_line(cli, capsys):
    assert exit_code(cli, "data", "check", "/nowhere/at/all") == 2
    assert "/nowhere/at/all does not exist" in capsys.readouterr().err
