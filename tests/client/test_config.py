"""`run.config`: dict and attributes, and that values change only when that is meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from client.reading import only, read

import holdfast
from holdfast.client.config import Config, ConfigError
from holdfast.client.files import config_yaml

QUIET = {"silent": True, "console": "off", "disable_git": True, "disable_stats": True}


def listening() -> tuple[Config, list[Any]]:
    said: list[Any] = []
    return Config(lambda update, removed: said.append((update, removed))), said


def test_as_dict_and_as_attributes() -> None:
    config, said = listening()
    config.lr = 0.1
    config["opt"] = {"name": "adam"}
    config.update({"a": 1}, b=2)
    assert config["lr"] == config.lr == 0.1
    assert config.opt["name"] == "adam"
    assert config.setdefault("lr", 5) == 0.1
    assert config.setdefault("new", 5) == 5
    assert config.get("missing", 7) == 7
    assert "a" in config
    assert list(config) == ["lr", "opt", "a", "b", "new"]
    assert dict(**config)["b"] == 2
    del config["a"]
    del config.b
    assert said[0] == ({"lr": 0.1}, ())
    assert said[-1] == ({}, ("b",))
    with pytest.raises(AttributeError, match="the config has no value 'a'"):
        _ = config.a


def test_values_change_only_when_asked() -> None:
    config, said = listening()
    config.update({"lr": 0.1, "nan": float("nan")})
    config.update({"lr": 0.1, "nan": float("nan")})
    assert len(said) == 1
    with pytest.raises(ConfigError, match=r"config 'lr' is 0\.1 and would become 0\.2"):
        config.update({"new": 1, "lr": 0.2})
    assert "new" not in config
    with pytest.raises(ConfigError):
        config.lr = 0.2
    config.update({"lr": 0.2}, allow_val_change=True)
    assert config.lr == 0.2


def test_in_notebooks_values_change_freely() -> None:
    config = Config(lambda update, removed: None, {"a": 1}, free=True)
    config.a = 2
    with pytest.raises(ConfigError):
        config.update({"a": 3}, allow_val_change=False)


def test_values_are_plain_data() -> None:
    config, _ = listening()

    class Device:
        def __str__(self) -> str:
            return "cuda"

    config.update({"n": np.float32(0.5), "set": {1}, "device": Device(), "a": np.array([1, 2])})
    assert config.as_dict() == {"n": 0.5, "set": [1], "device": "cuda", "a": [1, 2]}


def test_changes_are_in_the_journal_and_in_the_file(tmp_path: Path) -> None:
    run = holdfast.init(config={"lr": 0.1, "gone": 1}, settings=QUIET)
    run.config.epochs = 5
    del run.config["gone"]
    assert read(tmp_path).replay.config == {"lr": 0.1, "epochs": 5}
    run.finish()
    told = yaml.safe_load((only(tmp_path).files / "config.yaml").read_text(encoding="utf-8"))
    assert told.pop("_wandb")["value"]["python_version"]
    assert told == {"lr": {"value": 0.1}, "epochs": {"value": 5}}


AWKWARD = {
    "float": 1e-05,
    "big": 1e300,
    "nan": float("inf"),
    "none": None,
    "flag": True,
    "word": "yes",
    "number in text": "1e5",
    "quotes": '"it\'s" \\ \n\t\x07\x85\u2028\ufeff\U0001f600',
    "lone": "\ud800",
    "key: with # signs": {"deep": [1, [], {}, {"x": -0.0}], "": ""},
    "int": 10**30,
    "0": "0",
}


def test_the_yaml_reads_back() -> None:
    told = yaml.safe_load(config_yaml(AWKWARD))
    assert {key: item["value"] for key, item in told.items()} == AWKWARD
    assert config_yaml({}) == ""
