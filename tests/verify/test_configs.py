from __future__ import annotations

import pytest

from imgae_monai.exceptions import InputError
from imgae_monai.verify.configs import check_ids, check_properties


def test_a_misspelt_id_is_named(subject, change):
    check_ids(subject)
    change(subject.folder / "configs" / "inference.json", lambda c: c.update(inferrer=c.pop("inferer")))
    with pytest.raises(InputError, match=r"configs/inference\.json has no inferer$"):
        check_ids(subject)


def test_every_missing_id_is_named(subject, change):
    def spoil(config):
        config["train"]["handler"] = config["train"].pop("handlers")
        config["validate"]["metric"] = config["validate"].pop("key_metric")

    change(subject.folder / "configs" / "train.json", spoil)
    with pytest.raises(InputError, match=r"configs/train\.json has no train#handlers, validate#key_metric$"):
        check_ids(subject)


def test_another_interval_of_validation_is_refused(subject, change):
    change(subject.folder / "configs" / "train.json", lambda c: c["train"]["handlers"][0].update(interval=1))
    with pytest.raises(InputError, match="interval of ValidationHandler should be @val_interval, got 1"):
        check_ids(subject)


@pytest.mark.parametrize("name", ["evaluator", "network_def"])
def test_a_property_that_monai_does_not_find_fails(name, subject, change):
    def spoil(config):
        config[f"{name}s"] = config.pop(name)

    # the first two workflows are in order, so leave them out: they take seconds
    change(subject.folder / "configs" / "inference.json", spoil)
    with pytest.raises(Exception, match=name):
        check_properties(subject, workflows=(("infer", ("inference",)),))
