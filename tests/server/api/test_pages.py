"""The dashboard's files: caching, one page for every address, nothing outside the folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from server.api_client import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as site:
        (site.web / "assets").mkdir(parents=True)
        (site.web / "index.html").write_text("<!doctype html>the page")
        (site.web / "assets/index-abc123.js").write_text("code")
        (site.web / "favicon.svg").write_text("<svg/>")
        yield site


@pytest.mark.parametrize(
    "path", ["/", "/login", "/login?next=%2F", "/team/digits", "/team/a.b/runs/r1", "/team/%C3%BC"]
)
def test_every_address_is_the_one_page_and_is_asked_for_again(site: Site, path: str) -> None:
    answer = site.get(path, key=None)
    assert answer.text == "<!doctype html>the page"
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["cache-control"] == "no-cache"


def test_files_with_a_hash_in_their_name_are_kept(site: Site) -> None:
    answer = site.get("/assets/index-abc123.js", key=None)
    assert answer.text == "code"
    assert "javascript" in answer.headers["content-type"]
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert site.get("/favicon.svg", key=None).headers["cache-control"] == "no-cache"
    assert site.get("/assets/index-old.js", key=None).status_code == 404


@pytest.mark.parametrize(
    "path",
    ["/../data/secret", "/%2e%2e/data/holdfast.db", "/assets/..%2f..%2fdata/holdfast.db", "//etc"],
)
def test_nothing_outside_the_folder_is_served(site: Site, path: str) -> None:
    (site.settings.data / "secret").write_text("secret")
    answer = site.get(path, key=None)
    assert answer.status_code == 404 or answer.text == "<!doctype html>the page"


def test_without_a_built_dashboard_the_page_says_how(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        answer = site.get("/", key=None)
        assert answer.status_code == 200
        assert "make web" in answer.text
