"""`config.yaml` as wandb's clients and ours write it, read back; PyYAML says what is right."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from holdfast.client.files import config_yaml
from holdfast.sync.config_yaml import read_config

TEXT = st.text(max_size=30)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)
)


@given(st.dictionaries(TEXT, VALUES, max_size=4))
def test_what_our_client_writes(config: dict[str, Any]) -> None:
    assert read_config(config_yaml(config)) == (config, [])


@given(st.dictionaries(st.text("abc_.-1", min_size=1, max_size=9), VALUES, min_size=1, max_size=4))
@example({"1": "0E0", "a": ["1e-05", 1e-05, {"b": "1.5e3"}], "b": "-7e+10", "c": "-.0"})
def test_what_yaml_writers_write_is_right_or_named(config: dict[str, Any]) -> None:
    """Wandb's clients write with PyYAML, in blocks: what is read is right, the rest is named."""
    wrapped = {name: {"desc": None, "value": value} for name, value in config.items()}
    text = "wandb_version: 1\n\n" + yaml.safe_dump(wrapped, default_flow_style=False)
    expected = {
        name: entry["value"]
        for name, entry in yaml.safe_load(text).items()
        if isinstance(entry, dict)
    }
    found, unread = read_config(text)
    assert found == {name: value for name, value in expected.items() if name in found}
    assert len(found) + len(unread) == len(expected)


def test_the_usual_config_is_read_whole() -> None:
    text = """\
wandb_version: 1

_wandb:
  desc: null
  value:
    cli_version: 0.16.6
    t:
      1:
      - 1
      - 55
    m:
    - 1: loss
      6:
      - 3
epochs:
  desc: null
  value: 10
layers:
  desc: null
  value:
  - 64
  - - 1
    - 2
  - {}
notes:
    value: |-
        two
          lines
optimizer:
    value:
        betas: [0.9, 0.999]
        lr: 1e-05
        name: adam
        when: 'it''s "late": now'
"""
    found, unread = read_config(text)
    assert unread == []
    assert found.pop("_wandb") == {
        "cli_version": "0.16.6",
        "t": {"1": [1, 55]},
        "m": [{"1": "loss", "6": [3]}],
    }
    assert found == {
        "epochs": 10,
        "layers": [64, [1, 2], {}],
        "notes": "two\n  lines",
        "optimizer": {
            "betas": [0.9, 0.999],
            "lr": 1e-05,
            "name": "adam",
            "when": 'it\'s "late": now',
        },
    }


@pytest.mark.parametrize(
    "text",
    [
        "a:\n  value: !!python/tuple\n  - 1\n",
        "a:\n  value: 'two\n    lines'\n",
        "a:\n  value: *x\n",
    ],
)
def test_what_is_beyond_it_is_named(text: str) -> None:
    assert read_config(text + "b:\n  value: 1\n") == ({"b": 1}, ["a"])


def test_noise_is_no_error() -> None:
    assert read_config("") == ({}, [])
    assert read_config("{}\n") == ({}, [])
    assert read_config("\0\1[[[\n")[0] == {}
