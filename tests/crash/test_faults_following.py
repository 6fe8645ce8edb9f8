"""Faults while runs are followed, relayed, or sent at a command's end: each once, none lost."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from itertools import cycle, islice, product

import psutil
import pytest
from crash import proxy as net
from crash.faults import FAULTS, Place, Said, fault
from crash.following import Running, is_confirmed, logging_script, sync_log
from crash.proxy import also
from sync.making import append_rows, rows, start_run
from waiting import until

from holdfast.journal import Writer
from holdfast.records import encode

_FEW_MOMENTS = 6
_NOTHING = "nothing: it goes on by itself"
_AGAIN = "`holdfast sync` again"
_HOLDFAST_RUN = (sys.executable, "-m", "holdfast", "run", "--")
_RESTS = "trying again until it answers"
_PATHS = ("/chunks", "/files", "/receipt$")


def _kill_server(place: Place) -> None:
    place.proxy.meet(net.break_off_within(place.restart_server), path="/chunks", times=1)


def _reset_after_commit(place: Place) -> None:
    for path in _PATHS:
        place.proxy.meet(net.reset_after, path=path, times=1)


def _stall(place: Place) -> None:
    place.http_timeout = 1
    for path in _PATHS:
        place.proxy.meet(net.stall, path=path, times=1)


def _revoke_key(place: Place) -> None:
    place.proxy.meet(also(place.revoke_key), path="/chunks", times=1)


def _by_watch(place: Place, *, meanwhile: Callable[[Running | None], None]) -> Said:
    """A run that ended and one that goes on, followed until both are confirmed."""
    place.run("ended", files={"media/a.bin": os.urandom(9)})
    _, writer = start_run(place.runs, "grows", number=1, project=place.project)
    append_rows(writer, rows(50))
    with Running(place, "watch", str(place.folder)) as watch:
        meanwhile(watch)
        append_rows(writer, rows(50, first=50))
        writer.append(encode.exit_record(0, 1))
        writer.close()
        until(lambda: is_confirmed(place, "ended", "grows"))
        watch.until_said("grows: confirmed")
        return watch.stop()


def _by_relay(place: Place, *, meanwhile: Callable[[Running | None], None]) -> Said:
    """What a node is told that syncs through a relay."""
    place.run("ended", files={"media/a.bin": os.urandom(9)})
    with _relay(place) as relay:
        said = place.sync(more=_node(relay))
        meanwhile(relay)
    return said


def _by_run(place: Place, *, meanwhile: Callable[[Running | None], None]) -> Said:
    """`holdfast run -- python script.py`."""
    script = logging_script(place, "script", "offline", *_HOLDFAST_RUN)
    text, _ = script.communicate("\n\n", timeout=90)
    meanwhile(None)
    return Said(script.returncode, text)


def _by_online(place: Place, *, meanwhile: Callable[[Running | None], None]) -> Said:
    """A script of mode online; what it and the process beside it say."""
    script = logging_script(place, "script", "online")
    text, _ = script.communicate("\n\n", timeout=90)
    meanwhile(None)
    until(lambda: "1 of 1 runs confirmed" in sync_log(place))
    return Said(script.returncode, text + sync_log(place))


_WAYS = {"watch": _by_watch, "relay": _by_relay, "run": _by_run, 'init(mode="online")': _by_online}
_CODES = {"watch": 0, "relay": 0, "run": 3, 'init(mode="online")': 3}
_BREAKS = {
    "The server is killed and started again under": (_kill_server, "broke off the connection"),
    "The connection is reset after the server acted, under": (
        _reset_after_commit,
        "broke off the connection",
    ),
    "A proxy stalls for a while, under": (_stall, "gave no answer within 1 s"),
}


def _what(how: str, way: str) -> str:
    return f"{how} `{way}`" if way != "run" else f"{how} `holdfast run`"


for _how, (_, _says) in _BREAKS.items():
    for _way in _WAYS:
        # A relay's node hears of no trouble between relay and server that passes.
        fault(
            _what(_how, _way),
            says="1 of 1 runs confirmed" if _way == "relay" else _says,
            code=_CODES[_way],
            do=_NOTHING,
            command=_way,
        )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """All of them in `make crash`; in `make test` each way and each break, once."""
    if "how" in metafunc.fixturenames:
        pairs = list(product(_BREAKS, _WAYS))
        if metafunc.config.getoption("--crash-moments") <= _FEW_MOMENTS:
            pairs = list(zip(islice(cycle(_BREAKS), len(_WAYS)), _WAYS, strict=True))
        metafunc.parametrize(("how", "way"), pairs)


def test_what_passes(place: Place, how: str, way: str) -> None:
    place.row = FAULTS[_what(how, way)]
    _BREAKS[how][0](place)
    place.meets(_WAYS[way](place, meanwhile=lambda _: None))
    place.check()
    place.finish()


def _relay(place: Place) -> Running:
    return Running(place, "relay", "--port", "0", "--spool", str(place.folder.parent / "spool"))


def _node(relay: Running) -> dict[str, str]:
    """What makes a sync one of a node, which knows the relay."""
    relay.until_said("relay at ")
    url = relay.text.partition("relay at ")[2].partition(",")[0]
    return {"HOLDFAST_BASE_URL": url, "HOLDFAST_HTTP_TIMEOUT": "20"}


# The key is revoked half way.


def _without_key(
    place: Place, way: Callable[..., Said], said: Callable[[Running | None], bool]
) -> None:
    """A follower loses its key, says that it waits for it, and has it again."""
    _revoke_key(place)

    def give_back(running: Running | None) -> None:
        until(lambda: said(running))
        place.give_key()

    place.meets(way(place, meanwhile=give_back))
    place.check()
    place.finish()


@fault(
    "The API key is revoked under `watch`",
    says=f"this server does not know the API key: {_RESTS}",
    code=0,
    do="nothing, if the key comes back; with another key: `holdfast login`, and start it again",
    command="watch",
)
def test_watch_key_revoked(place: Place) -> None:
    _without_key(place, _by_watch, lambda watch: watch is not None and _RESTS in watch.text)


@fault(
    "The API key is revoked under `relay`",
    says="this server does not know the API key",
    code=3,
    do=f"as for `watch`; then {_AGAIN} on the node",
    command="relay",
)
def test_relay_key_revoked(place: Place) -> None:
    _revoke_key(place)
    place.meets(_by_relay(place, meanwhile=lambda _: place.give_key()))
    with _relay(place) as relay:
        said = place.sync(more=_node(relay))
        assert said.code == 0, said.text
    place.check()
    place.finish()


@fault(
    "The API key is revoked under `holdfast run`",
    says="1 of 1 runs are queued: `holdfast sync` sends what is missing",
    code=3,
    do=f"`holdfast login` with a new key; {_AGAIN}",
    command="run",
)
def test_run_key_revoked(place: Place) -> None:
    _revoke_key(place)
    said = _by_run(place, meanwhile=lambda _: place.give_key())
    place.meets(said)
    assert "this server does not know the API key" in said.text
    place.finish()


@fault(
    'The API key is revoked under `init(mode="online")`',
    says=f"this server does not know the API key: {_RESTS}",
    code=3,
    do="nothing, if the key comes back; else `holdfast login`, and `holdfast sync`",
    command='init(mode="online")',
)
def test_online_key_revoked(place: Place) -> None:
    _without_key(place, _by_online, lambda _: _RESTS in sync_log(place))


# The server is set back.


def _grown(place: Place) -> tuple[Writer, Callable[[], bool]]:
    """A run that grows; and whether the server has all of it."""
    run_dir, writer = start_run(place.runs, "grows", number=1, project=place.project)
    append_rows(writer, rows(200))

    def there() -> bool:
        try:
            place.check_run(run_dir)
        except Exception:  # noqa: BLE001 - not there yet, in whichever way
            return False
        return True

    return writer, there


@fault(
    "The server was set back to an older backup under `watch`",
    says="grows: confirmed",
    code=0,
    do="nothing: what grows is sent at once, what was confirmed within ten minutes",
    command="watch",
)
def test_watch_server_restored(place: Place) -> None:
    writer, there = _grown(place)
    watch = partial(Running, place, "watch", str(place.folder))
    with watch() as first:
        until(there)
        backup = place.backup()
        place.run("ended")
        append_rows(writer, rows(200, first=200))
        until(lambda: there() and is_confirmed(place, "ended"))
        place.set_back(backup)
        append_rows(writer, rows(200, first=400))
        until(there)
        assert not place.is_there("ended")
        first.stop()
    writer.append(encode.exit_record(0, 1))
    writer.close()
    with watch() as second:  # it asks at its start, not only in ten minutes
        until(lambda: is_confirmed(place, "ended", "grows"))
        second.until_said("grows: confirmed")
        place.meets(second.stop())
    place.finish()


@fault(
    "The server was set back to an older backup behind a `relay`",
    says="1 of 1 runs confirmed",
    code=0,
    do=f"{_AGAIN} on the node",
    command="relay",
)
def test_relay_server_restored(place: Place) -> None:
    place.run("ended", files={"media/a.bin": os.urandom(9)})
    backup = place.backup()
    with _relay(place) as relay:
        node = _node(relay)
        assert place.sync(more=node).code == 0
        place.set_back(backup)
        assert not place.is_there("ended")
        said = place.sync(more=node)
        while said.code == 1 and "held by the relay" in said.text:  # not within its 15 seconds
            said = place.sync(more=node)
        place.meets(said)
    place.check()
    place.finish()


@fault(
    'The server was set back to an older backup under `init(mode="online")`',
    says="1 of 1 runs confirmed",
    code=3,
    do=_NOTHING,
    command='init(mode="online")',
)
def test_online_server_restored(place: Place) -> None:
    backup = place.backup()
    script = logging_script(place, "script", "online")
    until(lambda: place.is_there("script"))
    place.set_back(backup)
    text, _ = script.communicate("\n\n", timeout=90)
    until(lambda: "1 of 1 runs confirmed" in sync_log(place))
    place.meets(Said(script.returncode, text + sync_log(place)))
    place.finish()


# The sender itself is killed.


@fault(
    "`watch` is killed while it sends, and started again",
    says="long: confirmed",
    code=0,
    do="start it again: it goes on where it was",
    command="watch",
)
def test_watch_killed(place: Place) -> None:
    place.long_run("long")
    watch = partial(Running, place, "watch", str(place.folder))
    with watch() as first:
        place.proxy.meet(also(first.kill), path="/chunks", times=1, after=1)
        first.process.wait(timeout=60)
    with watch() as second:
        second.until_said("long: confirmed")
        place.meets(second.stop())
    place.check()
    place.finish()


@fault(
    "`relay` is killed with chunks that it has not forwarded",
    says="held by the relay",
    code=1,
    do="start it again: it forwards them; then `holdfast sync` on the node has the receipt",
    command="relay",
)
def test_relay_killed(place: Place) -> None:
    place.long_run("long")
    with _relay(place) as first:
        node = _node(first)
        place.proxy.meet(net.reset_before, path="/runs/")
        place.meets(place.sync(more=node))
        assert not place.is_there("long")
        first.kill()
    place.proxy.behave()
    with _relay(place) as second:
        node = _node(second)
        until(lambda: place.is_there("long"))  # the node says nothing meanwhile
        said = place.sync(more=node)
        assert said.code == 0, said.text
    place.check()
    place.finish()


@fault(
    "`holdfast run` is killed while it sends",
    says="",
    code=128 + 9,
    do=f"{_AGAIN}: the run lies in its folder",
    command="run",
)
def test_run_killed(place: Place) -> None:
    script = logging_script(place, "script", "offline", *_HOLDFAST_RUN)
    place.proxy.meet(also(script.kill), path="/chunks", times=1)
    text, _ = script.communicate("\n\n", timeout=90)
    place.meets(Said(128 - script.returncode, text))  # as a shell has it
    place.finish()


@fault(
    'The process beside `init(mode="online")` is killed',
    says="the sync process ended with exit code -9",
    code=3,
    do=f"{_AGAIN}: training goes on and writes to the disk",
    command='init(mode="online")',
)
def test_online_follower_killed(place: Place) -> None:
    script = logging_script(place, "script", "online")
    until(lambda: place.is_there("script"))
    (follower,) = psutil.Process(script.pid).children()
    follower.kill()
    until(lambda: follower.status() == psutil.STATUS_ZOMBIE)
    text, _ = script.communicate("\n\n", timeout=90)
    place.meets(Said(script.returncode, text))
    place.finish()
