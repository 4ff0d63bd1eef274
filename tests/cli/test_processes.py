from __future__ import annotations

import pytest


@pytest.fixture
def two_processes(monkeypatch):
    for name, value in {"RANK": "1", "WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("command", [("evaluate", "run"), ("compare", "one", "two", "--output", "x"), ("info",)])
def test_what_is_not_shared_out_is_refused_under_torchrun(command, two_processes, cli, capsys):
    with pytest.raises(SystemExit) as caught:
        cli(*command)
    assert caught.value.code == 2
    assert f"error: {command[0]} is done by one process: start it without torchrun" in capsys.readouterr().err


def test_alone_nothing_is_refused(cli, capsys):
    cli("info", "unet_autoencoder")
    assert "unet_autoencoder" in capsys.readouterr().out
