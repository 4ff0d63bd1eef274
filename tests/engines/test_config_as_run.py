from __future__ import annotations

import json
import math

import pytest
import torch
from monai.bundle import ConfigParser

from imgae_monai.engines import config_as_run

CONFIG = {
    "imports": ["$import imgae_monai", "$import imgae_monai.engines"],
    "_meta_": {"version": "0.1"},
    "epochs": 3,
    "lr": "$1 / @epochs",
    "network": {"_target_": "torch.nn.Linear", "in_features": 1, "out_features": "@epochs"},
    "config": "$imgae_monai.engines.config_as_run()",
    "outer": {"_target_": "builtins.dict", "seen": "@config", "network": "@network"},
}


def parser_of(**overrides) -> ConfigParser:
    parser = ConfigParser(json.loads(json.dumps(CONFIG)))
    parser.update(overrides)
    return parser


def test_is_the_raw_config_with_its_overrides_and_without_metadata():
    expected = {key: value for key, value in CONFIG.items() if key != "_meta_"}
    assert parser_of().get_parsed_content("config") == expected
    seen = parser_of(epochs=5).get_parsed_content("outer")["seen"]
    assert seen == {**expected, "epochs": 5}


def test_an_override_after_a_first_look_is_seen():
    parser = parser_of()
    parser.get_parsed_content("config")
    parser["network::in_features"] = 7
    assert parser.get_parsed_content("config")["network"]["in_features"] == 7


def test_the_innermost_of_two_configs_is_meant():
    both = {"of_the_inner": "$@inner.get_parsed_content('config')", "own": "$imgae_monai.engines.config_as_run()"}
    outer = parser_of(both=both, inner="$parser_of(epochs=9)")
    outer.globals["parser_of"] = parser_of
    assert outer.get_parsed_content("both::of_the_inner")["epochs"] == 9
    assert outer.get_parsed_content("both::own")["epochs"] == 3


def test_can_be_written_as_json_and_changed_without_changing_the_run():
    parser = parser_of(device=torch.device("cpu"), function=math.sqrt)
    config = parser.get_parsed_content("config")
    assert json.loads(json.dumps(config)) == config
    assert config["device"] == "cpu"
    config["epochs"] = 99
    assert parser["epochs"] == 3


def test_outside_a_config_is_an_error():
    with pytest.raises(RuntimeError, match="is for a bundle's config"):
        config_as_run()
