"""Questions to a server that hangs."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from holdfast.errors import AuthError, UnreachableError
from holdfast.sync.relay import asking
from holdfast.sync.relay.asking import Asking

LONG = 1e6


@pytest.fixture
def hanging() -> Iterator[threading.Event]:
    """What no question is given before the test is over."""
    answer = threading.Event()
    yield answer
    answer.set()


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_LEAST_SECONDS", 0.0)


def test_what_is_answered_and_what_is_raised_comes_back() -> None:
    def refuse() -> int:
        raise AuthError("revoked")

    asked = Asking()
    assert asked.ask(lambda: 3, LONG) == 3
    with pytest.raises(AuthError, match="revoked"):
        asked.ask(refuse, LONG)


def test_many_questions_share_one_silence(hanging: threading.Event) -> None:
    now = 0.0
    asked = Asking(clock=lambda: now)
    with pytest.raises(UnreachableError, match="the server gives no answer"):
        asked.ask(hanging.wait, 0)
    now = LONG
    for _ in range(3):
        with pytest.raises(UnreachableError):
            asked.ask(hanging.wait, LONG)


def test_an_answer_to_anybody_ends_the_silence(hanging: threading.Event) -> None:
    now = 0.0
    asked, some_time_later = Asking(clock=lambda: now), threading.Event()
    with pytest.raises(UnreachableError):
        asked.ask(hanging.wait, 0)
    now = LONG
    assert asked.ask(lambda: 3, 2 * LONG) == 3
    timer = threading.Timer(0.1, some_time_later.set)
    timer.start()
    assert asked.ask(some_time_later.wait, LONG)
    timer.join()


def test_no_answer_of_the_connection_is_none(hanging: threading.Event) -> None:
    now = 0.0
    asked = Asking(clock=lambda: now)

    def time_out() -> bool:
        raise UnreachableError("no answer within 20 s")

    with pytest.raises(UnreachableError):
        asked.ask(hanging.wait, 0)
    with pytest.raises(UnreachableError, match="20 s"):
        asked.ask(time_out, LONG)
    now = LONG
    with pytest.raises(UnreachableError):
        asked.ask(hanging.wait, LONG)


def test_when_nobody_waits_the_clock_of_silence_begins_again() -> None:
    now = 0.0
    asked = Asking(clock=lambda: now)

    def time_out() -> bool:
        raise UnreachableError("no answer within 20 s")

    with pytest.raises(UnreachableError):
        asked.ask(time_out, LONG)
    now, some_time_later = 2 * LONG, threading.Event()
    timer = threading.Timer(0.1, some_time_later.set)
    timer.start()
    assert asked.ask(some_time_later.wait, LONG)
    timer.join()


def test_questions_without_answer_are_never_too_many(
    hanging: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "_MOST_QUESTIONS", 2)
    asked = Asking()
    for _ in range(2):
        with pytest.raises(UnreachableError):
            asked.ask(hanging.wait, 0)
    with pytest.raises(UnreachableError, match="the server gives no answer"):
        asked.ask(lambda: 3, LONG)  # it is not asked


def test_it_is_known_since_when_questions_fail() -> None:
    now = 0.0

    def fail() -> int:
        raise UnreachableError("refused", "start it")

    asked = Asking(clock=lambda: now)
    assert asked.failing_for == 0
    for _ in range(2):
        now += 2
        with pytest.raises(UnreachableError, match="refused"):
            asked.ask(fail, LONG)
    assert asked.failing_for == 2
    assert asked.ask(lambda: 3, LONG) == 3
    assert asked.failing_for == 0
