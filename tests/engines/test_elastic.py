from __future__ import annotations

import pytest

from imgae_monai.engines import mark_launch, restarted


@pytest.fixture
def started_again(monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")


def test_a_first_start_is_no_restart(tmp_path):
    mark_launch(tmp_path)
    assert not restarted(tmp_path)


def test_a_restart_knows_the_run_that_its_launch_began(tmp_path, started_again):
    mark_launch(tmp_path)
    assert restarted(tmp_path)


@pytest.mark.parametrize("of_another", [None, "elsewhere 17 1.0"])
def test_a_run_of_another_launch_is_not_gone_on_with(of_another, tmp_path, started_again):
    if of_another is not None:
        (tmp_path / ".launch").write_text(of_another)
    assert not restarted(tmp_path)
