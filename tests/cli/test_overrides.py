from __future__ import annotations

import json

import pytest

from imgae_monai.cli.overrides import data_sources, given, warn_of_map_only
from imgae_monai.exceptions import InputError


def test_sources_are_separated_by_commas_and_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    uris = "hf://owner/name, hf://./local?label=x,kaggle://owner/name,synthetic://?size=32"
    assert data_sources(f"a/b,{uris}") == [
        str(tmp_path / "a" / "b"),
        "hf://owner/name",
        f"hf://{tmp_path}/local?label=x",
        "kaggle://owner/name",
        "synthetic://?size=32",
    ]
    assert data_sources("a") == data_sources(["a"]) == str(tmp_path / "a")
    assert data_sources(data_sources(f"a,{uris}")) == data_sources(f"a,{uris}")  # as compare reads it back


def test_a_path_with_a_comma_that_exists_is_one_source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a,b").mkdir()
    assert data_sources("a,b") == str(tmp_path / "a,b")
    assert data_sources("a,c") == [str(tmp_path / "a"), str(tmp_path / "c")]


@pytest.mark.parametrize("data", ["", "a,,b", "a,", ["a", ""]])
def test_an_empty_source_is_refused(data):
    with pytest.raises(InputError, match="data names an empty source"):
        data_sources(data)


def test_filters_become_lists():
    assert given(views="PA, AP", sexes="F", findings="Mass", ages="18-90", normal_names="0") == {
        "views": ["PA", "AP"],
        "sexes": ["F"],
        "findings": ["Mass"],
        "ages": "18-90",
        "normal_names": ["0"],
    }


def test_what_is_not_given_is_no_override():
    assert given(epochs=3, seed=None, z_score=False) == {"epochs": 3, "z_score": False}


def test_methods_of_explanation_become_a_list():
    assert given(explain="gradient, occlusion") == {"explain": ["gradient", "occlusion"]}


def test_a_number_or_auto_is_told_from_a_word():
    assert given(batch_size="8", memory_budget="1.5") == {"batch_size": 8, "memory_budget": 1.5}
    assert given(batch_size="auto", memory_budget="auto") == {"batch_size": "auto", "memory_budget": "auto"}
    with pytest.raises(InputError, match="--batch_size takes a whole number or auto, got 'much'"):
        given(batch_size="much")
    with pytest.raises(InputError, match="--memory_budget takes a number or auto, got 'all'"):
        given(memory_budget="all")


def test_a_device_becomes_an_expression():
    assert given(device="cuda:1") == {"device": "$imgae_monai.engines.choose_device('cuda:1')"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [("none", []), ("cut_paste", ["cut_paste"]), ("coarse_noise, cut_paste", ["coarse_noise", "cut_paste"])],
)
def test_corruptions_are_a_list_that_may_be_empty(value, expected):
    assert given(corruptions=value) == {"corruptions": expected}


@pytest.mark.parametrize(
    ("combine", "overrides", "said"),
    [
        (["latent", "l1-mean"], {"residual": "l2", "z_score": True}, "--residual, --z_score, the image score does not"),
        (["latent", "l1-mean"], {"residual": "l2", "combine": []}, None),
        (["latent", "l1-mean"], {"two_sided": True, "epochs": 3}, None),
        ([], {"residual": "l2"}, None),
        (None, {"residual": "l2"}, None),  # of a version that combined nothing
    ],
)
def test_flags_that_leave_the_image_score_are_told(combine, overrides, said, tmp_path, caplog):
    (tmp_path / "configs").mkdir()
    config = {"residual": "l1", **({} if combine is None else {"combine": combine})}
    (tmp_path / "configs" / "train.json").write_text(json.dumps(config))
    warn_of_map_only(tmp_path, overrides)
    assert len(caplog.messages) == (said is not None)
    assert said is None or (said in caplog.text and "is made of latent, l1-mean" in caplog.text)
