"""Posts of any shape and order: never a failure of ours, and each line once."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from server.api_client import Site
from server.gateway.telling import Client, posted, row

_SLOW = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
_runs = itertools.count()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Site(tmp_path_factory.mktemp("site")) as site:
        yield site


def fresh(site: Site) -> Client:
    client = Client(site, f"r{next(_runs)}")
    client.upsert()
    return client


@st.composite
def attempts(draw: st.DrawFn) -> list[tuple[int, int]]:
    """(first, end) of posts, each of which begins with a line that is held or the next one."""
    found, held = [], 0
    for _ in range(draw(st.integers(1, 8))):
        first = draw(st.integers(0, held))
        end = draw(st.integers(first, held + 5))
        found.append((first, end))
        held = max(held, end)
    return found


@given(posts=attempts(), ends=st.sets(st.integers(0, 7)), zipped=st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=_SLOW)
def test_each_line_is_held_once(
    site: Site, posts: list[tuple[int, int]], ends: set[int], zipped: bool
) -> None:
    """Also when the run ended in between, some of its posts come late, and it goes on."""
    client = fresh(site)
    for number, (first, end) in enumerate(posts):
        rows = [row(step, loss=step) for step in range(first, end)]
        client.take(posted(history=(first, rows)), zipped=zipped)
        if number in ends:
            client.take({"complete": True, "exitcode": 0})
    count = max(end for _, end in posts)
    assert [one["loss"] for one in client.rows(latest=False)] == list(range(count))
    assert client.counts()[0] == count


_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
_keys = st.sampled_from(
    ["_step", "_timestamp", "_runtime", "_wandb", "_type", "a", "a.b", "system.x"]
)
_texts = st.one_of(
    st.text(max_size=30),
    _json.map(json.dumps),
    st.dictionaries(_keys, _json, max_size=4).map(json.dumps),
)
_streams = st.dictionaries(
    st.sampled_from(
        ["wandb-history.jsonl", "wandb-events.jsonl", "wandb-summary.json", "output.log", "x"]
    ),
    st.one_of(
        _json,
        st.fixed_dictionaries(
            {
                "offset": st.one_of(st.integers(-1, 300), _json),
                "content": st.lists(_texts, max_size=4),
            }
        ),
    ),
    max_size=4,
)
_bodies = st.one_of(
    _json,
    st.fixed_dictionaries(
        {},
        optional={
            "files": _streams,
            "uploaded": st.one_of(_json, st.lists(st.text(max_size=5), max_size=3)),
            "complete": st.one_of(st.booleans(), _json),
            "exitcode": st.one_of(st.integers(-300, 300), _json),
            "preempting": _json,
        },
    ),
)


@given(bodies=st.lists(_bodies, min_size=1, max_size=4), raw=st.binary(max_size=30))
@settings(max_examples=150, deadline=None, suppress_health_check=_SLOW)
def test_no_body_makes_the_server_fail(site: Site, bodies: list[Any], raw: bytes) -> None:
    client = fresh(site)
    for body in [*bodies, raw]:
        assert client.post(body).status_code in {200, 400}
    for stored in client.rows(), client.console(), client.run(), client.samples():
        assert stored is not None


_words = st.one_of(
    st.none(),
    st.text(max_size=8),
    _json.map(json.dumps),
    st.dictionaries(st.sampled_from(["lr", "_wandb"]), _json, max_size=2).map(json.dumps),
    st.fixed_dictionaries(
        {
            "_wandb": st.fixed_dictionaries(
                {
                    "value": st.dictionaries(
                        st.sampled_from(["t", "m", "e", "branch_point"]), _json, max_size=4
                    )
                }
            )
        }
    ).map(json.dumps),
)


@given(
    said=st.dictionaries(
        st.sampled_from(
            [
                "config",
                "summaryMetrics",
                "displayName",
                "notes",
                "groupName",
                "jobType",
                "host",
                "commit",
                "jobRepo",
            ]
        ),
        _words,
        max_size=5,
    ),
    tags=st.one_of(st.none(), st.lists(st.text(max_size=5), max_size=3)),
)
@settings(max_examples=150, deadline=None, suppress_health_check=_SLOW)
def test_no_upsert_makes_the_server_fail(
    site: Site, said: dict[str, Any], tags: list[str] | None
) -> None:
    client = fresh(site)
    query = (
        "mutation M($i: UpsertBucketInput!) { upsertBucket(input: $i) { bucket { id config } } }"
    )
    given_now = {"name": client.path.run_id, "modelName": "digits", "tags": tags, **said}
    body = {"query": query, "variables": {"i": given_now}}
    for _ in range(2):
        answer = site.ask("POST", "/graphql", json=body)
        assert answer.status_code in {200, 400}, answer.text
        assert "failed:" not in answer.text
    assert client.run()["run_id"] == client.path.run_id
