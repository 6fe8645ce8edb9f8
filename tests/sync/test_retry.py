"""What is tried again, for how long, and that no wait is silent or endless."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from sync.memory_server import MemoryServer, refused

from holdfast.errors import AuthError, HoldfastError, RefusedError, UnreachableError
from holdfast.sync.retry import Patience, RetryingTransport, StoppedError
from holdfast.wire.failures import UntrustedError


class Clock:
    """Time that passes by waiting only."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def stop(self) -> threading.Event:
        clock = self

        class Event(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                assert timeout is not None
                clock.waits.append(timeout)
                clock.now += timeout
                return self.is_set()

        return Event()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def failing(errors: list[Exception]) -> Callable[[str, str], None]:
    def fail(method: str, when: str) -> None:
        if when == "before" and errors:
            raise errors.pop(0)

    return fail


def wrapped(
    clock: Clock, errors: list[Exception], patience: Patience | None = None
) -> tuple[RetryingTransport, list[str]]:
    server = MemoryServer()
    server.fail = failing(errors)
    said: list[str] = []
    patience = patience or Patience()
    stop = clock.stop()
    return RetryingTransport(server, patience, say=said.append, stop=stop, clock=clock), said


@pytest.mark.parametrize(
    "error",
    [
        UnreachableError("away", "try"),
        refused("", 502),
        refused("unavailable", 503),
        refused("rate_limited", 429),
        refused("internal", 500),
        refused("digest_mismatch", 422),
    ],
    ids=str,
)
def test_what_passes_is_tried_again(clock: Clock, error: HoldfastError) -> None:
    transport, said = wrapped(clock, [error, error])
    assert transport.viewer().user == "ann"
    assert len(clock.waits) == 2
    assert 0.1 <= clock.waits[0] <= 0.2
    assert 0.2 <= clock.waits[1] <= 0.4
    assert len(said) == 1
    assert error.what in said[0]


@pytest.mark.parametrize(
    "error",
    [
        AuthError("no", "log in"),
        UntrustedError("no", "x"),
        refused("bad_request", 400),
        refused("forbidden", 403),
        refused("not_found", 404),
        refused("position_mismatch", 409),
        refused("claim_mismatch", 409),
        refused("too_large", 413),
        refused("invalid", 422),
        refused("storage_full", 507),
    ],
    ids=str,
)
def test_what_does_not_pass_is_raised_at_once(clock: Clock, error: HoldfastError) -> None:
    transport, said = wrapped(clock, [error])
    with pytest.raises(type(error)):
        transport.viewer()
    assert clock.waits == []
    assert said == []


def test_retry_after_is_honoured(clock: Clock) -> None:
    error = refused("rate_limited", 429, retry_after="17")
    transport, _ = wrapped(clock, [error])
    transport.viewer()
    assert clock.waits == [17]


def test_retry_after_as_a_date(clock: Clock) -> None:
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 30))
    transport, _ = wrapped(clock, [refused("unavailable", 503, retry_after=date)])
    transport.viewer()
    assert 27 < clock.waits[0] <= 30


def test_retry_after_of_a_clock_that_is_years_ahead(clock: Clock) -> None:
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 1e8))
    transport, _ = wrapped(clock, [refused("unavailable", 503, retry_after=date)])
    transport.viewer()
    assert sum(clock.waits) < 2


@pytest.mark.parametrize("text", ["soon", "-5", "", "9" * 400])
def test_odd_retry_after(clock: Clock, text: str) -> None:
    error = refused("unavailable", 503, retry_after=text)
    transport, _ = wrapped(clock, [error])
    if text.startswith("9"):
        with pytest.raises(RefusedError):
            transport.viewer()
    else:
        transport.viewer()
    assert sum(clock.waits) < 2


def test_patience_ends(clock: Clock) -> None:
    away = [UnreachableError("away", "try") for _ in range(1000)]
    transport, said = wrapped(clock, list(away), Patience(limit=100))
    with pytest.raises(UnreachableError):
        transport.viewer()
    assert 90 < sum(clock.waits) <= 100
    assert max(clock.waits) <= 5
    assert 1 <= len(said) <= 2
    # The next request gets one try: many runs must not wait one after the other.
    before = len(clock.waits)
    clock.now += 50
    with pytest.raises(UnreachableError):
        transport.viewer()
    assert len(clock.waits) == before


def test_one_request_that_never_works_ends_though_others_do(clock: Clock) -> None:
    server = MemoryServer()

    def fail(method: str, when: str) -> None:
        if method == "viewer":
            transport.upload_state("a", "sha256:" + "0" * 64)  # another thread's success
            raise UnreachableError("away", "try")

    transport = RetryingTransport(
        server, Patience(limit=60), say=print, stop=clock.stop(), clock=clock
    )
    server.fail = fail
    with pytest.raises(UnreachableError):
        transport.viewer()
    assert sum(clock.waits) <= 60


def test_a_defect_of_the_server_is_tried_a_few_times(clock: Clock) -> None:
    transport, _ = wrapped(clock, [refused("internal", 500) for _ in range(100)])
    with pytest.raises(RefusedError):
        transport.viewer()
    assert len(clock.waits) == 3


def test_a_long_wait_speaks_every_minute(clock: Clock) -> None:
    errors: list[Exception] = [UnreachableError("away", "x") for _ in range(200)]
    transport, said = wrapped(clock, errors, Patience(limit=10_000, longest=30))
    transport.viewer()
    waited = sum(clock.waits)
    assert waited > 3000
    assert waited / 60 - 30 < len(said) <= waited / 60 + 1
    assert max(clock.waits) <= 30


def test_a_full_server_is_not_waited_for(clock: Clock) -> None:
    transport, _ = wrapped(clock, [refused("storage_full", 507)])
    with pytest.raises(RefusedError):
        transport.viewer()
    assert clock.waits == []


def test_stop_ends_a_wait() -> None:
    server = MemoryServer()
    server.fail = failing([UnreachableError("away", "x")] * 100)
    stop = threading.Event()
    stop.set()
    transport = RetryingTransport(server, Patience(), say=print, stop=stop)
    with pytest.raises(StoppedError):
        transport.viewer()
