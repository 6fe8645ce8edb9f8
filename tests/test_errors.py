"""Errors: one line each, an exit code each, and all of them caught as one."""

from __future__ import annotations

import pickle

import pytest

from holdfast import errors
from holdfast.errors import HoldfastError, RefusedError, UsageError

_KINDS = [getattr(errors, name) for name in errors.__all__]


def test_the_tree_has_one_root() -> None:
    assert all(issubclass(kind, HoldfastError) for kind in _KINDS)
    assert {kind.__bases__[0] for kind in _KINDS} == {Exception, HoldfastError}


def test_exit_codes() -> None:
    assert {kind.__name__: kind.exit_code for kind in _KINDS} == {
        "HoldfastError": 1,
        "UnconfirmedError": 1,
        "UsageError": 2,
        "AuthError": 3,
        "UnreachableError": 4,
        "RefusedError": 5,
        "DamagedError": 6,
        "StorageError": 7,
        "NotFoundError": 8,
    }


@pytest.mark.parametrize(
    ("what", "do", "line"),
    [
        ("it broke", "mend it", "it broke; mend it"),
        ("it broke", "", "it broke"),
        ("it\n  broke\tbadly", "mend\nit", "it broke badly; mend it"),
    ],
)
@pytest.mark.parametrize("kind", _KINDS)
def test_an_error_is_one_line(kind: type[HoldfastError], what: str, do: str, line: str) -> None:
    error = kind(what, do)
    assert str(error) == line
    assert "\n" not in error.what + error.do


@pytest.mark.parametrize("kind", _KINDS)
def test_errors_pass_between_processes(kind: type[HoldfastError]) -> None:
    again = pickle.loads(pickle.dumps(kind("it broke", "mend it")))
    assert type(again) is kind
    assert str(again) == "it broke; mend it"


def test_what_a_refusal_carries() -> None:
    bare = RefusedError("no")
    assert (bare.status, bare.code, bare.detail) == (0, "", {})
    full = RefusedError("no", "wait", status=409, code="position_mismatch", detail={"position": 7})
    assert (full.status, full.code, full.detail) == (409, "position_mismatch", {"position": 7})
    assert RefusedError("no").detail is not bare.detail


def test_all_are_caught_as_one() -> None:
    with pytest.raises(HoldfastError):
        raise UsageError("wrong")
