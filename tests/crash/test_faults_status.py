"""Every status code on every route of the write side, as a proxy may answer it."""

from __future__ import annotations

import os

import pytest
from crash.faults import FAULTS, Place, fault
from crash.proxy import Act, status

from holdfast.wire import digest_of

_AGAIN = "`holdfast sync` again"
_FOREIGN = "with an HTML page: it is not a Holdfast server"
_BEHIND = "with an HTML page: a proxy whose server does not answer?"
_MOVED = "sends requests on to http://elsewhere.example"
#: of each status: what is said, the exit code, what one does
_STATUSES = {
    **dict.fromkeys((301, 302, 307, 308), (_MOVED, 5, "give that address as the server's")),
    400: (f"answered 400 {_FOREIGN}", 5, "correct the address, or the proxy"),
    401: (
        "answered 401 with an HTML page, not as a Holdfast server does",
        3,
        "log in at the proxy",
    ),
    403: (f"answered 403 {_FOREIGN}", 5, "ask who runs the proxy what it forbids"),
    404: (f"answered 404 {_FOREIGN}", 5, "correct the address, or the proxy"),
    405: (f"answered 405 {_FOREIGN}", 5, "correct the address, or the proxy"),
    408: (f"answered 408 {_BEHIND}", 5, "nothing, if it ends within two minutes; else later"),
    409: (f"answered 409 {_FOREIGN}", 5, "correct the address, or the proxy"),
    410: (f"answered 410 {_FOREIGN}", 5, "correct the address, or the proxy"),
    413: ("refuses bodies of this size (413)", 5, "raise the proxy's limit for bodies"),
    422: (f"answered 422 {_FOREIGN}", 5, "correct the address, or the proxy"),
    425: (f"answered 425 {_BEHIND}", 5, "nothing, if it ends within two minutes; else later"),
    429: (f"answered 429 {_BEHIND}", 5, "nothing, if it ends within two minutes; else later"),
    500: (f"answered 500 {_BEHIND}", 5, "nothing, if it ends within two minutes; else see the log"),
    502: (f"answered 502 {_BEHIND}", 5, "nothing, if it ends within two minutes; else see the log"),
    503: (f"answered 503 {_BEHIND}", 5, "nothing, if it ends within two minutes; else see the log"),
    504: (f"answered 504 {_BEHIND}", 5, "nothing, if it ends within two minutes; else see the log"),
    507: (f"answered 507 {_BEHIND}", 5, "make room on the server's disk"),
}
_PASSING = {408, 425, 429, 500, 502, 503, 504}
_SMALL = ("readmit", "chunks", "files", "receipt", "edit")
_COMMON = {"requirements.txt": b"numpy\n"}


def _what(code: int) -> str:
    return f"A proxy answers {code}, on whichever route, again and again"


for _code, (_says, _exit, _do) in _STATUSES.items():
    fault(_what(_code), says=_says, code=_exit, do=f"{_do}; {_AGAIN}")


@pytest.fixture(params=_STATUSES)
def code(request: pytest.FixtureRequest, place: Place) -> int:
    """A status, with its row of the table in the place."""
    place.row = FAULTS[_what(request.param)]
    return int(request.param)


def _answer(code: int) -> Act:
    return status(code, Location="http://elsewhere.example/") if code < 400 else status(code)


def test_at_the_first_word(place: Place, code: int) -> None:
    place.run("small", files=_COMMON)
    place.proxy.meet(_answer(code), path="/viewer")
    said = place.sync("--timeout", "1")
    place.meets(said)
    assert (": trying again for 1 s" in said.text) == (code in _PASSING)
    assert not [line for line in place.proxy.requests if "/chunks" in line]
    place.finish()


def test_on_every_route(place: Place, code: int) -> None:
    """One sync of many runs, each of which meets the status on a route of its own."""
    place.run("held", files=_COMMON)
    known = place.run("known", number=1, files=_COMMON)
    assert place.sync().code == 0
    (known.files / "later.txt").write_bytes(_COMMON["requirements.txt"])
    big = {name: os.urandom(300_000) for name in ("state", "part")}
    for number, (name, files) in enumerate(
        {
            **dict.fromkeys(("good", *_SMALL), _COMMON),
            **{name: {"big.bin": data} for name, data in big.items()},
        }.items()
    ):
        place.run(name, number=2 + number, files=files)
    for method, path in _routes(place.project, big):
        place.proxy.meet(_answer(code), method=method, path=path)
    said = place.sync("--timeout", "1", "--jobs", "10", "--again", "--job-type", "eval")
    place.meets(said)
    assert "1 of 9 runs confirmed" in said.text
    says = FAULTS[_what(code)].says
    for name in ("known", *_SMALL, *big):
        (line,) = (line for line in said.text.splitlines() if f"/{name}: " in line)
        assert says in line, name
    assert says in said.text.splitlines()[-2], "of the receipts given before"
    place.finish()


def _routes(project: str, big: dict[str, bytes]) -> list[tuple[str, str]]:
    """Method and pattern of every route of the write side, but the first word."""
    journal = rf"/runs/local/{project}/%s/journals/[0-9a-f]+"
    blob = {name: digest_of(data).partition(":")[2] for name, data in big.items()}
    return [
        ("POST", "/receipts$"),
        ("GET", f"{journal % 'known'}$"),
        ("POST", f"/runs/local/{project}/readmit/readmit$"),
        ("POST", f"{journal % 'chunks'}/chunks"),
        ("POST", f"{journal % 'files'}/files$"),
        ("POST", f"{journal % 'receipt'}/receipt$"),
        ("POST", f"/runs/local/{project}/edit/edit$"),
        ("GET", f"/blobs/local/.*{blob['state']}"),
        ("PUT", f"/blobs/local/.*{blob['part']}"),
    ]
