"""Options of the whole test suite. Nothing heavy is imported here: every worker reads it."""

from __future__ import annotations

import signal

import pytest


def pytest_configure() -> None:
    # A shell's background job hands an ignored interrupt down to every child, and there are tests
    # that interrupt one. What has a handler here is at its default in a child.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--crash-moments",
        type=int,
        default=6,
        metavar="N",
        help="how many moments each crash test kills a process at (default: %(default)s)",
    )
    parser.addoption(
        "--crash-schedules",
        type=int,
        default=400,
        metavar="N",
        help="how many random schedules of faults are simulated (default: %(default)s)",
    )
    parser.addoption(
        "--crash-seed",
        type=int,
        default=20261121,
        metavar="SEED",
        help="seed of the moments (default: %(default)s); a failure is repeated with the same seed",
    )


@pytest.fixture(scope="session")
def crash_moments(request: pytest.FixtureRequest) -> int:
    """How many moments each crash test kills a process at."""
    return int(request.config.getoption("--crash-moments"))


@pytest.fixture(scope="session")
def crash_schedules(request: pytest.FixtureRequest) -> int:
    """How many schedules of faults are simulated."""
    return int(request.config.getoption("--crash-schedules"))


@pytest.fixture(scope="session")
def crash_seed(request: pytest.FixtureRequest) -> int:
    """The seed from which the moments are drawn."""
    return int(request.config.getoption("--crash-seed"))
