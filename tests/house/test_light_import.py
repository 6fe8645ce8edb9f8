"""`import holdfast` is light: the standard library only, and of that only what is named here."""

from __future__ import annotations

import json
import subprocess
import sys

# What the client needs as soon as it is imported. Add to it only what a training script must pay
# for before its first run; everything else is imported where it is used.
ALLOWED = {
    *("atexit", "bisect", "collections", "contextlib", "datetime", "errno", "fcntl", "json"),
    *(
        "math",
        "pathlib",
        "platform",
        "secrets",
        "struct",
        "threading",
        "typing",
        "warnings",
        "zlib",
    ),
    # what these load, in one version of Python or another
    *("base64", "binascii", "fnmatch", "glob", "grp", "hashlib", "hmac", "ipaddress", "linecache"),
    *("ntpath", "pwd", "random", "select", "selectors", "signal", "subprocess", "textwrap"),
    *("token", "tokenize", "traceback", "urllib"),
}

_LIST_NEW = """
import json, sys
before = set(sys.modules)
import holdfast
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def test_import_loads_only_what_is_allowed() -> None:
    loaded = _loaded()
    outside = {
        name
        for name in loaded
        if name.split(".")[0] not in sys.stdlib_module_names and name.split(".")[0] != "holdfast"
    }
    assert not outside, f"outside libraries: {sorted(outside)}"
    standard = {name.split(".")[0] for name in loaded} - {"holdfast"}
    # Names with an underscore are how the standard library implements the others.
    more = {name for name in standard if not name.startswith("_")} - ALLOWED
    assert not more, f"more of the standard library: {sorted(more)}"


def test_import_leaves_other_rooms_alone() -> None:
    rooms = {name.split(".")[1] for name in _loaded() if name.startswith("holdfast.")}
    assert rooms <= {"errors", "ids", "settings", "journal", "records", "rundir", "client"}


def _loaded() -> list[str]:
    # -I: no user site, no PYTHON* variables; the modules that site itself loads are not counted.
    done = subprocess.run(
        [sys.executable, "-I", "-c", _LIST_NEW], check=True, capture_output=True, text=True
    )
    names: list[str] = json.loads(done.stdout)
    return names
