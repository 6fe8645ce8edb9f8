"""Which key may go where, and the file that keeps them."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from holdfast.errors import DamagedError, StorageError, UsageError
from holdfast.settings import Key, forget_key, key_for, origin_of, save_key

LAB = "https://lab.example"
LOCAL = "http://127.0.0.1:8080"
WANDB = "https://api.wandb.ai"


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"HOLDFAST_CONFIG_DIR": str(tmp_path / "config")}


def value(base_url: str, environ: dict[str, str]) -> str | None:
    key = key_for(base_url, environ)
    return None if key is None else key.value


@pytest.mark.parametrize(
    ("variables", "address", "expected"),
    [
        ({}, LOCAL, None),
        # a key goes to the address it was configured with
        ({"HOLDFAST_API_KEY": "own", "HOLDFAST_BASE_URL": LAB}, LAB, "own"),
        ({"HOLDFAST_API_KEY": "own", "HOLDFAST_BASE_URL": LAB}, LAB + ":443/", "own"),
        ({"HOLDFAST_API_KEY": "own"}, LOCAL, "own"),
        ({"WANDB_API_KEY": "w", "WANDB_BASE_URL": LAB}, LAB, "w"),
        ({"WANDB_API_KEY": "w"}, WANDB, "w"),
        # and to no other
        ({"HOLDFAST_API_KEY": "own"}, LAB, None),
        ({"HOLDFAST_API_KEY": "own", "WANDB_BASE_URL": LAB}, LAB, None),
        ({"WANDB_API_KEY": "w"}, LAB, None),
        ({"WANDB_API_KEY": "w", "HOLDFAST_BASE_URL": LAB}, LAB, None),
        ({"HOLDFAST_API_KEY": "own", "HOLDFAST_BASE_URL": LAB}, "http://lab.example", None),
        ({"HOLDFAST_API_KEY": "own", "HOLDFAST_BASE_URL": LAB}, LAB + ":8443", None),
        ({"HOLDFAST_API_KEY": "own", "HOLDFAST_BASE_URL": LAB}, "https://x.lab.example", None),
        ({"HOLDFAST_API_KEY": "own", "HOLDFAST_BASE_URL": LAB}, "https://lab.example.x", None),
        # loopback may have it
        ({"HOLDFAST_API_KEY": "own", "HOLDFAST_BASE_URL": LAB}, "http://localhost:9", "own"),
        ({"WANDB_API_KEY": "w"}, "http://[::1]:9", "w"),
        ({"WANDB_API_KEY": "w"}, "http://127.0.0.1.example", None),
        # each variable belongs to its own address
        ({"HOLDFAST_API_KEY": "own", "WANDB_API_KEY": "w", "WANDB_BASE_URL": LAB}, LAB, "w"),
        ({"HOLDFAST_API_KEY": "own", "WANDB_API_KEY": "w"}, LOCAL, "own"),
        # an address that cannot be read is nobody's
        ({"HOLDFAST_API_KEY": "own", "HOLDFAST_BASE_URL": "lab.example"}, LAB, None),
    ],
)
def test_where_a_variable_may_go(
    env: dict[str, str], variables: dict[str, str], address: str, expected: str | None
) -> None:
    assert value(address, {**env, **variables}) == expected


def test_a_saved_key_goes_to_its_address_only(env: dict[str, str]) -> None:
    path = save_key(LAB + "/", " saved \n", env)
    assert key_for("https://LAB.example:443", env) == Key("saved", path)
    assert value("http://lab.example", env) is None
    assert value(LOCAL, env) is None
    assert json.loads(Path(path).read_text()) == {LAB: "saved"}


def test_a_saved_local_key_outranks_one_made_for_wandb(env: dict[str, str]) -> None:
    save_key(LOCAL, "saved", env)
    assert value(LOCAL, {**env, "WANDB_API_KEY": "w"}) == "saved"
    assert value(LOCAL, {**env, "HOLDFAST_API_KEY": "own"}) == "own"
    assert value(LOCAL, {**env, "WANDB_API_KEY": "w", "WANDB_BASE_URL": LOCAL}) == "w"


def test_keys_are_kept_apart_and_forgotten_apart(env: dict[str, str]) -> None:
    save_key(LAB, "one", env)
    save_key(LOCAL, "two", env)
    assert forget_key(LAB, env)
    assert not forget_key(LAB, env)
    assert (value(LAB, env), value(LOCAL, env)) == (None, "two")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
def test_only_the_owner_can_read_the_file(env: dict[str, str]) -> None:
    path = Path(save_key(LAB, "one", env))
    path.chmod(0o644)
    save_key(LAB, "two", env)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [p.name for p in path.parent.iterdir()] == ["credentials"]


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', "not json"])
def test_a_damaged_file_is_named(env: dict[str, str], text: str) -> None:
    path = Path(save_key(LAB, "one", env))
    path.write_text(text)
    with pytest.raises(DamagedError, match="holdfast login") as caught:
        key_for(LAB, env)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("key", ["", "  ", "two words", "línea", "a\nb"])
def test_what_no_key_looks_like_is_refused(env: dict[str, str], key: str) -> None:
    with pytest.raises(UsageError, match="API key"):
        save_key(LAB, key, env)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="credentials"):
        save_key(LAB, "k", {"HOLDFAST_CONFIG_DIR": str(tmp_path / "file" / "below")})


@pytest.mark.parametrize(
    "address",
    [
        "",
        "lab.example",
        "ftp://lab",
        "http://",
        "http://u:p@lab",
        "http://a\\@b",
        "http://a b",
        "http://lab:port",
        "http://lab:99999",
        "http://lab/?q=1",
    ],
)
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(UsageError, match="server address"):
        origin_of(address)


def test_the_repr_of_a_key_hides_it() -> None:
    assert "secret" not in repr(Key("secret", "HOLDFAST_API_KEY"))


def test_the_folder_follows_xdg(tmp_path: Path) -> None:
    assert save_key(LAB, "k", {"XDG_CONFIG_HOME": str(tmp_path)}) == str(
        tmp_path / "holdfast" / "credentials"
    )
