"""Where values of settings come from, and what is said about bad ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.errors import UsageError
from holdfast.settings import Settings, load, table
from holdfast.settings.load import wandb_cache_folder


def environ(tmp_path: Path, **variables: str) -> dict[str, str]:
    return {"HOLDFAST_CONFIG_DIR": str(tmp_path / "config"), **variables}


def write_settings(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "settings"
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_need_nothing(tmp_path: Path) -> None:
    settings = load({"dir": tmp_path}, environ(tmp_path))
    assert settings.mode == "offline"
    assert settings.project == "uncategorized"
    assert settings.tags == ()
    assert settings.base_url == "http://127.0.0.1:8080"
    assert settings.source("mode") == "default"


def test_each_place_outranks_the_next(tmp_path: Path) -> None:
    runs, user = tmp_path / "wandb", tmp_path / "config"
    beside = write_settings(runs, "[default]\nproject = beside\nentity = beside\n")
    write_settings(user, "[default]\nproject = user\nentity = user\nrun_group = user\n")
    env = environ(tmp_path, HOLDFAST_PROJECT="own", WANDB_PROJECT="theirs", WANDB_DIR=str(tmp_path))

    settings = load({"project": "argument"}, env)
    assert (settings.project, settings.source("project")) == ("argument", "argument project")
    settings = load({}, env)
    assert (settings.project, settings.source("project")) == ("own", "HOLDFAST_PROJECT")
    del env["HOLDFAST_PROJECT"]
    settings = load({}, env)
    assert (settings.project, settings.source("project")) == ("theirs", "WANDB_PROJECT")
    del env["WANDB_PROJECT"]
    settings = load({}, env)
    assert (settings.project, settings.source("project")) == ("beside", f"project in {beside}")
    assert settings.entity == "beside"
    assert settings.group == "user"


def test_none_is_not_given_and_empty_variables_are_unset(tmp_path: Path) -> None:
    settings = load(
        {"project": None, "dir": tmp_path},
        environ(tmp_path, WANDB_PROJECT="theirs", HOLDFAST_PROJECT="", WANDB_MODE=""),
    )
    assert settings.project == "theirs"
    assert settings.mode == "offline"


@pytest.mark.parametrize(
    ("variable", "value", "name", "expected"),
    [
        ("WANDB_MODE", "dryrun", "mode", "offline"),
        ("WANDB_NAME", "n", "name", "n"),
        ("WANDB_RUN_ID", "abc", "run_id", "abc"),
        ("WANDB_RUN_GROUP", "g", "group", "g"),
        ("WANDB_JOB_TYPE", "train", "job_type", "train"),
        ("WANDB_TAGS", "a, b,,a", "tags", ("a", "b")),
        ("WANDB_NOTES", "hello", "notes", "hello"),
        ("WANDB_ENTITY", "team", "entity", "team"),
        ("WANDB_SILENT", "true", "silent", True),
        ("WANDB_SILENT", "False", "silent", False),
        ("WANDB_HTTP_TIMEOUT", "7", "http_timeout", 7.0),
        ("WANDB_BASE_URL", "https://lab.example/", "base_url", "https://lab.example"),
        ("WANDB_CONSOLE", "redirect", "console", "wrap"),
        ("WANDB_RESUME", "TRUE", "resume", "auto"),
        ("WANDB_REINIT", "true", "reinit", "finish_previous"),
    ],
)
def test_wandb_variables(
    tmp_path: Path, variable: str, value: str, name: str, expected: object
) -> None:
    settings = load({"dir": tmp_path}, environ(tmp_path, **{variable: value}))
    assert getattr(settings, name) == expected
    assert settings.source(name) == variable


@pytest.mark.parametrize(
    ("variables", "arguments", "mode"),
    [
        ({"WANDB_DISABLED": "true"}, {}, "disabled"),
        ({"WANDB_DISABLED": "true", "WANDB_MODE": "online"}, {}, "disabled"),
        ({"WANDB_DISABLED": "true", "HOLDFAST_MODE": "offline"}, {}, "offline"),
        ({"WANDB_DISABLED": "true"}, {"mode": "offline"}, "offline"),
        ({"WANDB_DISABLED": "false"}, {}, "offline"),
        ({"HOLDFAST_DISABLED": "1", "WANDB_MODE": "online"}, {}, "disabled"),
    ],
)
def test_disabled(
    tmp_path: Path, variables: dict[str, str], arguments: dict[str, str], mode: str
) -> None:
    assert load({"dir": tmp_path, **arguments}, environ(tmp_path, **variables)).mode == mode


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"WANDB_MODE": "sideways"}, "WANDB_MODE is 'sideways', not one of online, offline"),
        ({"WANDB_HTTP_TIMEOUT": "soon"}, "WANDB_HTTP_TIMEOUT is 'soon', which is not a positive"),
        ({"HOLDFAST_SILENT": "maybe"}, "HOLDFAST_SILENT is 'maybe', which is neither true nor"),
        ({"WANDB_BASE_URL": "lab.example"}, "WANDB_BASE_URL is 'lab.example', which is not an"),
        ({"WANDB_BASE_URL": "http://a@b"}, "WANDB_BASE_URL is 'http://a@b', which has a user"),
        ({"WANDB_RESUME": "perhaps"}, "WANDB_RESUME is 'perhaps', not one of allow"),
    ],
)
def test_a_bad_value_names_its_variable(
    tmp_path: Path, variables: dict[str, str], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        load({"dir": tmp_path}, environ(tmp_path, **variables))
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_bad_value_names_its_file_or_argument(tmp_path: Path) -> None:
    path = write_settings(tmp_path / "wandb", "[default]\nmode = sideways\n")
    with pytest.raises(UsageError, match=r"mode in .*settings is 'sideways'") as caught:
        load({"dir": tmp_path}, environ(tmp_path))
    assert str(path) in str(caught.value)
    with pytest.raises(UsageError, match="argument mode is 3"):
        load({"mode": 3})
    with pytest.raises(UsageError, match="argument tags is 3, which is not a list"):
        Settings(tags=3)


@pytest.mark.parametrize("text", ["not an ini", "[default]\nx\n", "[default]\na=1\na=2\n"])
def test_an_unreadable_file_is_named(tmp_path: Path, text: str) -> None:
    path = write_settings(tmp_path / "wandb", text)
    with pytest.raises(UsageError) as caught:
        load({"dir": tmp_path}, environ(tmp_path))
    assert str(path) in str(caught.value)


def test_unknown_settings() -> None:
    with pytest.raises(UsageError, match="there is no setting 'projekt'; did you mean 'project'"):
        Settings(projekt="digits")
    # wandb's settings that have nothing to act on, and its experimental ones, do not stop a script
    settings = Settings(init_timeout=300, start_method="thread", x_primary=False, _offline=True)
    assert dict(settings.values) == {}


def test_wandb_names_of_settings() -> None:
    settings = Settings(run_group="g", run_tags=["a"], x_disable_stats=True, root_dir="/data")
    assert (settings.group, settings.tags, settings.disable_stats) == ("g", ("a",), True)
    assert settings.dir == "/data"


def test_the_key_is_never_shown(tmp_path: Path) -> None:
    settings = load({"api_key": "secret"}, environ(tmp_path))
    assert settings.api_key == "secret"
    assert "secret" not in repr(settings)
    assert "api_key" not in dict(settings)


def test_every_line_of_the_table_is_complete() -> None:
    lines = table()
    assert len({line.name for line in lines}) == len(lines)
    for line in lines:
        assert line.meaning
        assert line.environment[0] == f"HOLDFAST_{line.name.upper()}"
        assert line.read(line.default) == line.default or line.default == ""


def test_where_wandb_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setattr("sys.platform", "linux")
    assert wandb_cache_folder({"WANDB_CACHE_DIR": "/scratch/cache"}) == "/scratch/cache"
    assert wandb_cache_folder({"XDG_CACHE_HOME": "/x"}) == "/x/wandb"
    assert wandb_cache_folder({"XDG_CACHE_HOME": "x"}) == "/home/ada/.cache/wandb"
    monkeypatch.setattr("sys.platform", "darwin")
    assert wandb_cache_folder({}) == "/home/ada/Library/Caches/wandb"
