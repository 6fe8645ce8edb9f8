"""A deleted run over HTTP: what its sender hears, and who may let it in again."""

from __future__ import annotations

from pathlib import Path

from server.api_client import Site, journal_path
from server.held import RUN
from server.making import journal_of

MADE = journal_of([{"a": 1}])
PATH = "/api/v1/runs/team/digits/r1/readmit"


def test_it_is_refused_until_its_owner_wants_it_again(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        site.sync(MADE)
        site.held.ingest.remove_run(RUN, "team")
        assert site.get("/api/v1/runs/team/digits/r1").status_code == 404
        for answer in (site.chunk(MADE), site.get(journal_path(MADE))):
            assert answer.status_code == 410
            said = answer.json()["error"]
            assert (said["code"], said["by"]) == ("run_deleted", "team")
            assert isinstance(said["at"], float)
        assert site.ask("POST", PATH, key=None).status_code == 401
        other = site.users.add("other")
        assert site.ask("POST", PATH, key=other).status_code == 403
        assert site.chunk(MADE).status_code == 410
        assert site.ask("POST", PATH).json() == {"deleted": False}
        site.sync(MADE)
