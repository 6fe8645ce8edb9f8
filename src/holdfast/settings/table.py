"""The table of settings: each line is name, type, default, W&B's names for it, and what it means.

Owns what can be set. A value may be given as an argument, as ``HOLDFAST_<NAME>``, as one of the
variables of wandb named here, or in a settings file, in this order (see `holdfast.settings.load`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar, overload

from holdfast.errors import UsageError
from holdfast.settings import kinds

__all__ = ["Setting", "Settings", "table"]

T = TypeVar("T")

_YES_OR_NO = {"true": "yes", "1": "yes", "on": "yes", "false": "no", "0": "no", "off": "no"}


class Setting(Generic[T]):
    """One line of the table; read on a `Settings` it is the value.

    Args:
        read: turns what was given into the value (see `holdfast.settings.kinds`).
        default: the value when nothing was given.
        meaning: one line for the documentation.
        wandb: environment variables of wandb that say the same, first come first served.
        also: names of the setting in wandb's ``Settings`` and settings files.
    """

    def __init__(
        self,
        read: Callable[[Any], T],
        default: T,
        meaning: str,
        *,
        wandb: tuple[str, ...] = (),
        also: tuple[str, ...] = (),
    ) -> None:
        self.read = read
        self.default = default
        self.meaning = meaning
        self.wandb = wandb
        self.also = also
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @property
    def environment(self) -> tuple[str, ...]:
        """The environment variables, first come first served."""
        return (f"HOLDFAST_{self.name.upper()}", *self.wandb)

    @overload
    def __get__(self, settings: None, owner: type) -> Setting[T]: ...
    @overload
    def __get__(self, settings: Settings, owner: type) -> T: ...
    def __get__(self, settings: Settings | None, owner: type) -> Setting[T] | T:
        if settings is None:
            return self
        value: T = settings.values.get(self.name, self.default)
        return value

    def __set__(self, settings: Settings, value: Any) -> None:
        settings.put(self.name, value, f"setting {self.name}")


class Settings:
    """Values of the settings, and where each came from.

    Made by a caller, it holds what the caller gave; made by `holdfast.settings.load`, all that
    arguments, environment and files say. Names of wandb's ``Settings`` are taken where they mean
    the same; those that mean nothing here are let pass.

    Raises:
        UsageError: a value is not of its type, or a name is unknown.

    Example:
        >>> Settings(mode="disabled", run_group="a").group
        'a'
    """

    mode = Setting(
        kinds.choice("online", "offline", "shared", "disabled", run="online", dryrun="offline"),
        "offline",
        "offline: log to the disk; online: also start `holdfast sync --follow`; shared: offline, "
        "as one of several writers of one run; disabled: nothing",
        wandb=("WANDB_MODE",),
    )
    disabled = Setting(
        kinds.flag, False, "true is the same as mode disabled", wandb=("WANDB_DISABLED",)
    )
    dir = Setting(
        kinds.path,
        "",
        "the folder in which the `wandb` folder lies; default: the current folder",
        wandb=("WANDB_DIR",),
        also=("root_dir",),
    )
    project = Setting(
        kinds.text, "uncategorized", "the project of new runs", wandb=("WANDB_PROJECT",)
    )
    entity = Setting(
        kinds.text,
        "",
        "user or team the run belongs to; default: whose key `holdfast sync` uses",
        wandb=("WANDB_ENTITY",),
    )
    name = Setting(
        kinds.text,
        "",
        "the run's name for people; default: two words and a number",
        wandb=("WANDB_NAME",),
        also=("run_name",),
    )
    run_id = Setting(
        kinds.text, "", "the run's id; default: eight random characters", wandb=("WANDB_RUN_ID",)
    )
    label = Setting(
        kinds.text,
        "",
        "in mode shared: which writer of the run this is; default: `rank_N` by the launcher's "
        "rank, else the machine and six random characters",
        wandb=("WANDB_X_LABEL",),
        also=("x_label",),
    )
    group = Setting(
        kinds.text,
        "",
        "the group of runs that this one belongs to",
        wandb=("WANDB_RUN_GROUP",),
        also=("run_group",),
    )
    job_type = Setting(
        kinds.text,
        "",
        "what the run does: train, eval, …",
        wandb=("WANDB_JOB_TYPE",),
        also=("run_job_type",),
    )
    tags: Setting[tuple[str, ...]] = Setting(
        kinds.names,
        (),
        "tags of the run, separated by commas",
        wandb=("WANDB_TAGS",),
        also=("run_tags",),
    )
    notes = Setting(
        kinds.text,
        "",
        "notes on the run",
        wandb=("WANDB_NOTES",),
        also=("run_notes",),
    )
    resume = Setting(
        kinds.resume,
        "",
        "allow, must or never continue the earlier run with this id; auto finds the last one",
        wandb=("WANDB_RESUME",),
    )
    reinit = Setting(
        kinds.choice(
            "default",
            "return_previous",
            "finish_previous",
            true="finish_previous",
            false="return_previous",
        ),
        "default",
        "what a second init does; default: finish_previous in notebooks, else return_previous",
        wandb=("WANDB_REINIT",),
    )
    sweep_id = Setting(
        kinds.text, "", "the sweep that the run belongs to", wandb=("WANDB_SWEEP_ID",)
    )
    all_ranks = Setting(
        kinds.flag, False, "true: every rank of a distributed job logs a run, not only rank 0"
    )
    silent = Setting(
        kinds.flag, False, "true prints nothing, warnings included", wandb=("WANDB_SILENT",)
    )
    quiet = Setting(kinds.flag, False, "true prints warnings only", wandb=("WANDB_QUIET",))
    console = Setting(
        kinds.choice(
            "wrap",
            "off",
            auto="wrap",
            redirect="wrap",
            wrap_raw="wrap",
            wrap_emu="wrap",
            iopub="wrap",
        ),
        "wrap",
        "wrap keeps what the script prints with the run; off does not",
        wandb=("WANDB_CONSOLE",),
    )
    disable_git = Setting(
        kinds.flag, False, "true leaves out commit, remote and diff", wandb=("WANDB_DISABLE_GIT",)
    )
    disable_code = Setting(
        kinds.flag, False, "true leaves out the diff", wandb=("WANDB_DISABLE_CODE",)
    )
    disable_stats = Setting(
        kinds.flag,
        False,
        "true takes no system metrics",
        wandb=("WANDB_X_DISABLE_STATS", "WANDB__DISABLE_STATS"),
        also=("x_disable_stats", "_disable_stats"),
    )
    stats_interval = Setting(
        kinds.seconds,
        10.0,
        "seconds between two readings of the system metrics",
        wandb=("WANDB_X_STATS_SAMPLING_INTERVAL",),
        also=("x_stats_sampling_interval",),
    )
    summary_interval = Setting(
        kinds.seconds, 5.0, "seconds between two writings of a summary that changes"
    )
    ignore_globs = Setting[tuple[str, ...]](
        kinds.names,
        (),
        "files of the run folder that stay here: globs below files/, separated by commas",
        wandb=("WANDB_IGNORE_GLOBS",),
    )
    preemptible = Setting(
        kinds.choice("auto", "yes", "no", **_YES_OR_NO),
        "auto",
        "whether SIGTERM and SIGUSR1 say that the machine is taken away; auto: in jobs, in pods, "
        "and on spot machines that are known as such",
    )
    fsync = Setting(
        kinds.choice("never", "interval", "always"),
        "interval",
        "when the journal is forced to the disk itself; it bounds what a power cut takes",
    )
    fsync_interval = Setting(kinds.seconds, 1.0, "seconds between two fsyncs of policy interval")
    host = Setting(kinds.text, "", "the name of this machine in the run", wandb=("WANDB_HOST",))
    username = Setting(
        kinds.text, "", "the user's name in the run", wandb=("WANDB_USERNAME", "WANDB_USER")
    )
    program = Setting(kinds.text, "", "the script's path in the run", wandb=("WANDB_PROGRAM",))
    base_url = Setting(
        kinds.url,
        "http://127.0.0.1:8080",
        "the address of the server that `holdfast sync` sends to",
        wandb=("WANDB_BASE_URL",),
    )
    api_key = Setting(
        kinds.text,
        "",
        "the key for the server named beside it: HOLDFAST_API_KEY goes to HOLDFAST_BASE_URL only, "
        "WANDB_API_KEY to WANDB_BASE_URL only, both to this machine",
        wandb=("WANDB_API_KEY",),
    )
    http_timeout = Setting(
        kinds.seconds,
        20.0,
        "seconds to wait for a server's answer before trying again",
        wandb=("WANDB_HTTP_TIMEOUT",),
    )
    config_dir = Setting(
        kinds.path,
        "",
        "folder of `credentials` and `settings`; default: $XDG_CONFIG_HOME/holdfast",
    )
    state_dir = Setting(
        kinds.path,
        "",
        "local folder in which `holdfast watch` notes how it stands; default: "
        "$XDG_STATE_HOME/holdfast",
    )

    def __init__(self, **given: Any) -> None:
        self.values: dict[str, Any] = {}
        self.sources: dict[str, str] = {}
        for name, value in given.items():
            if value is not None:
                self.give(name, value)

    def give(self, name: str, value: Any) -> None:
        """Set by a name that a caller used; raises UsageError for one that nobody knows."""
        known = _BY_NAME.get(name)
        if known is not None:
            self.put(known.name, value, f"argument {name}")
        elif name not in _MEANINGLESS and not name.startswith(("x_", "_")):
            raise UsageError(f"there is no setting {name!r}", _did_you_mean(name))

    def put(self, name: str, value: Any, source: str) -> None:
        """Set one setting of the table; ``source`` says where the value came from.

        Raises:
            UsageError: the value is not of the setting's type.
        """
        setting = _BY_NAME[name]
        try:
            self.values[name] = setting.read(value)
        except ValueError as error:
            shown = "a value" if name == "api_key" else repr(value)
            raise UsageError(f"{source} is {shown}, {error}", "change or remove it") from None
        self.sources[name] = source

    def source(self, name: str) -> str:
        """Where a value came from: ``argument x``, a variable, a file, or ``default``."""
        return self.sources.get(name, "default")

    @property
    def wandb_dir(self) -> str:
        """The folder that holds the run folders (absolute).

        Raises:
            UsageError: `dir` is relative, or not given, and the current folder is gone.
        """
        try:
            return os.path.join(os.path.abspath(self.dir), "wandb")
        except OSError:
            raise UsageError(
                "the current folder does not exist any more", "give dir= or WANDB_DIR"
            ) from None

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Names and values of all settings but the key, which nobody should print."""
        return ((s.name, getattr(self, s.name)) for s in table() if s.name != "api_key")

    def __repr__(self) -> str:
        given = ", ".join(f"{k}={v!r}" for k, v in self.values.items() if k != "api_key")
        return f"Settings({given})"


def table() -> tuple[Setting[Any], ...]:
    """All settings, in the order of the documentation."""
    return _TABLE


def _did_you_mean(name: str) -> str:
    import difflib

    close = difflib.get_close_matches(name, _BY_NAME, 1)
    return f"did you mean {close[0]!r}?" if close else "see docs/guide/settings.md for the list"


def _names(settings: Iterable[Setting[Any]]) -> Mapping[str, Setting[Any]]:
    return {name: setting for setting in settings for name in (setting.name, *setting.also)}


_TABLE = tuple(value for value in vars(Settings).values() if isinstance(value, Setting))
_BY_NAME = _names(_TABLE)

#: of wandb's settings, those that scripts give and that have nothing to act on here
_MEANINGLESS = frozenset(
    {
        "allow_offline_artifacts",
        "allow_val_change",
        "anonymous",
        "app_url",
        "code_dir",
        "console_chunk_max_bytes",
        "console_chunk_max_seconds",
        "console_multipart",
        "disable_job_creation",
        "docker",
        "email",
        "finish_timeout",
        "force",
        "git_commit",
        "git_remote",
        "git_remote_url",
        "git_root",
        "heartbeat_seconds",
        "http_proxy",
        "https_proxy",
        "init_timeout",
        "login_timeout",
        "relogin",
        "save_code",
        "settings_system",
        "show_colors",
        "show_emoji",
        "show_errors",
        "show_info",
        "show_warnings",
        "start_method",
        "strict",
        "summary_timeout",
        "summary_warnings",
        "symlink",
        "sync_tensorboard",
        "table_raise_on_max_row_limit_exceeded",
        "timestamp",
    }
)
