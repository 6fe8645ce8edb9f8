"""Lines of live runs: whatever is sent again, late, twice or torn, each is held once."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from server.api_client import Site
from server.gateway.telling import Client, posted, row

from holdfast.journal import scan_payloads
from holdfast.records.replay import Replay
from holdfast.server.settings import Limits

LIMITS = Limits(chunk_bytes=200_000)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path, limits=LIMITS) as site:
        yield site


@pytest.fixture
def client(site: Site) -> Client:
    client = Client(site)
    client.upsert()
    return client


def lines(first: int, end: int, stamp: float = 1.6e9) -> list[str]:
    return [row(step, stamp, loss=step * 2) for step in range(first, end)]


def logged(first: int, end: int) -> list[dict[str, Any]]:
    return [{"loss": step * 2, "_step": step} for step in range(first, end)]


def out(*texts: str, error: bool = False) -> list[str]:
    word = "ERROR " if error else ""
    return [f"{word}2026-11-21T12:00:00.123456 {text}" for text in texts]


def end(code: int = 0) -> dict[str, Any]:
    return {"complete": True, "exitcode": code}


# each post once


def test_all_streams_of_a_run(client: Client) -> None:
    event = {"_timestamp": 5.0, "_runtime": 1, "_wandb": True, "system.cpu": 7.5, "system.gpu.0": 1}
    client.take(
        posted(
            history=(0, lines(0, 3)),
            events=(0, [json.dumps(event)]),
            summary=(0, [json.dumps({"loss": 4, "_step": 2, "best": {"x": 1}})]),
            output=(0, [*out("one", ""), *out("bad", error=True)]),
        )
    )
    client.take(posted(uploaded=["a.txt"], preempting=True, **end(3)))
    run = client.run()
    assert client.rows() == logged(0, 3)
    assert client.samples() == [{"_timestamp": 5.0, "system.cpu": 7.5, "system.gpu.0": 1}]
    assert client.console() == [("stdout", "one"), ("stdout", ""), ("stderr", "bad")]
    assert run["summary"]["best"] == {"x": 1}
    assert (run["state"], run["exit_code"]) == ("failed", 3)
    assert client.counts() == (3, 1, 3)


def test_numbers_and_names_come_back_as_they_were_logged(client: Client) -> None:
    line = (
        '{"nan": NaN, "inf": -Infinity, "big": 123456789012345678901234567890, "e": 1e-5,'
        ' "nested": {"a": {"b": 1.50}, "l": [1, NaN, {"x": null}]}, "\\u00e9\\ud800": "\\u0000",'
        ' "_type": "x", "a.b": true, "": 1, "twice": 1, "twice": 2, "_step": 0}'
    )
    client.take(posted(history=(0, [line])))
    [found] = client.rows()
    assert math.isnan(found.pop("nan"))
    assert math.isnan(found["nested"]["l"].pop(1))
    assert found == {
        "inf": -math.inf,
        "big": 123456789012345678901234567890,
        "e": 1e-5,
        "nested": {"a": {"b": 1.5}, "l": [1, {"x": None}]},
        "\u00e9\\ud800": "\0",
        "_type": "x",
        "a.b": True,
        "": 1,
        "twice": 2,
        "_step": 0,
    }


def test_a_body_may_be_zipped(client: Client) -> None:
    client.take(posted(history=(0, lines(0, 3))), zipped=True)
    assert client.rows() == logged(0, 3)


def test_the_journal_tells_all_of_it(client: Client) -> None:
    """What is stored can be rebuilt: the counts move in the same journal as the rows."""
    client.take(posted(history=(0, lines(0, 3)), output=(0, out("a"))))
    client.take(posted(history=(3, lines(3, 5)), **end()))
    [journal] = client.run()["journals"]
    replay = Replay()
    replay.apply(scan_payloads(client.site.held.bytes_of(journal["journal"], client.path)).payloads)
    assert (replay.counts[""].history, replay.counts[""].output) == (5, 1)
    assert (replay.rows, replay.exit_code, replay.summary["loss"]) == (5, 0, 8)


# what comes again


@pytest.mark.parametrize(
    ("posts", "count"),
    [
        pytest.param([(0, 0, 5), (0, 0, 5)], 5, id="the reply was lost"),
        pytest.param([(0, 0, 5), (0, 0, 8)], 8, id="sent again with more behind"),
        pytest.param([(0, 0, 5), (3, 3, 8)], 8, id="half of it is held"),
        pytest.param([(0, 0, 5), (5, 5, 8), (0, 0, 5), (8, 8, 9)], 9, id="an old post comes late"),
        pytest.param([(0, 0, 5), (5, 0, 5)], 5, id="held rows under other numbers"),
        pytest.param([(0, 0, 5), (5, 3, 8)], 8, id="some held rows under other numbers"),
        pytest.param([(0, 0, 5), (900, 5, 8), (903, 8, 9)], 9, id="the server lost lines"),
        pytest.param([(0, 0, 5), (2**53, 5, 6)], 6, id="the last number there is"),
        pytest.param([(0, 0, 1)] * 5, 1, id="again and again"),
    ],
)
def test_each_row_is_held_once(
    client: Client, posts: list[tuple[int, int, int]], count: int
) -> None:
    for offset, first, last in posts:
        client.take(posted(history=(offset, lines(first, last))))
    assert client.rows(latest=False) == logged(0, count)
    assert client.journals() == 1


def test_rows_without_step_and_time_are_known_by_their_number(client: Client) -> None:
    for _ in range(2):
        client.take(posted(history=(0, ['{"a": 1}', '{"a": 2}'])))
    client.take(posted(history=(1, ['{"a": 2}', '{"a": 3}'])))
    assert client.rows() == [{"a": 1, "_step": 0}, {"a": 2, "_step": 1}, {"a": 3, "_step": 2}]


def test_samples_are_held_once(client: Client) -> None:
    events = [json.dumps({"_timestamp": n, "system.cpu": n}) for n in range(4)]
    for offset, some in ((0, events[:2]), (0, events[:3]), (2, events[2:])):
        client.take(posted(events=(offset, some)))
    assert [one["system.cpu"] for one in client.samples()] == [0, 1, 2, 3]


def test_a_folder_is_synced_twice(client: Client) -> None:
    """The second time nothing is added, however the posts are cut."""
    event = json.dumps({"_timestamp": 7.0, "system.cpu": 1})
    summary = json.dumps({"loss": 18, "_step": 9, "own": 5})
    first = posted(events=(0, [event]), summary=(0, ['{"_wandb": {"runtime": 0}}']))
    rest = posted(history=(0, lines(0, 10)), output=(0, out("a", "b")), summary=(0, [summary]))
    for _ in range(2):
        client.upsert()
        client.take(first)
        client.take({**rest, **end()})
    before = client.run()
    client.upsert()
    client.take(first)
    for n in range(0, 10, 3):
        client.take(posted(history=(n, lines(n, min(n + 3, 10)))))
    client.take({**rest, **end()})
    after = client.run()
    for run in (before, after):
        del run["heard_at"]
        assert run["journals"][0].pop("position") > 0
    assert after == before
    assert client.rows(latest=False) == logged(0, 10)
    assert client.console() == [("stdout", "a"), ("stdout", "b")]
    assert len(client.samples()) == 1
    assert after["summary"]["own"] == 5


def test_folders_of_a_resumed_run_are_synced_twice(client: Client) -> None:
    """The second folder's lines come under new numbers, for the server tells how many it holds."""
    stamps = [json.dumps({"_timestamp": float(n), "system.cpu": n}) for n in range(2)]
    for _ in range(3):
        client.upsert()
        client.take(posted(events=(0, stamps[:1])))
        client.take(posted(history=(0, lines(0, 5)), output=(0, out("first")), **end()))
        rows, events, output = client.counts()
        client.upsert()
        client.take(posted(events=(events, stamps[1:])))
        client.take(posted(history=(rows, lines(5, 9)), output=(output, out("second")), **end()))
    assert client.rows(latest=False) == logged(0, 9)
    assert [text for _, text in client.console()] == ["first", "second"]
    assert len(client.samples()) == 2
    assert client.journals() == 2
    assert client.counts() == (9, 2, 2)


# sessions


def test_a_resumed_run_goes_on_in_a_journal_of_its_own(client: Client) -> None:
    client.take(posted(history=(0, lines(0, 5)), **end(1)))
    bucket = client.upsert()["bucket"]
    assert bucket["historyLineCount"] is None
    assert client.counts() == (5, 0, 0)
    assert client.run()["state"] == "failed"
    client.take(posted(history=(5, lines(5, 8))))
    assert (client.run()["state"], client.journals()) == ("running", 2)
    assert client.counts() == (8, 0, 0)
    client.take(end())
    assert client.run()["state"] == "finished"
    assert client.rows(latest=False) == logged(0, 8)


def test_a_new_run_of_the_same_name_takes_over(client: Client) -> None:
    client.take(posted(history=(0, lines(0, 5)), output=(0, out("old")), **end()))
    client.upsert()
    client.take(posted(history=(0, lines(0, 3, 1.7e9)), output=(0, out("new"))))
    client.take(posted(history=(3, lines(3, 4, 1.7e9))))
    client.take(posted(history=(0, lines(0, 3, 1.7e9))))
    assert client.journals() == 2
    assert client.counts()[0] == 4
    assert client.rows() == [*logged(4, 5), *logged(0, 4)]
    assert client.run()["state"] == "running"


def test_a_run_that_was_killed_is_completed_by_its_folder(client: Client) -> None:
    client.take(posted(history=(0, lines(0, 60))))
    client.upsert()
    client.take(posted(history=(0, lines(0, 100)), **end(1)))
    assert client.rows(latest=False) == logged(0, 100)
    assert (client.run()["state"], client.journals()) == ("failed", 1)


def test_silence_is_a_crash(client: Client) -> None:
    client.take({})
    assert client.run()["state"] == "running"
    client.site.now = time.time() + 290
    assert client.run()["state"] == "running"
    client.site.now = time.time() + 310
    assert client.run()["state"] == "crashed"
    client.take({})


def test_silence_after_preempting_is_no_crash(client: Client) -> None:
    client.take(posted(preempting=True))
    assert client.run()["state"] == "running"
    client.site.now = time.time() + 310
    assert client.run()["state"] == "preempted"
    client.take(posted(**end(1)))
    assert client.run()["state"] == "failed"


def test_a_synced_run_began_when_its_rows_were_logged(client: Client) -> None:
    client.take(posted(history=(0, lines(0, 101)), **end()))
    run = client.run()
    assert (run["started_at"], run["duration"]) == (1.6e9, 100)


def test_a_client_is_told_to_stop(client: Client) -> None:
    assert client.take({}) == {"stopped": False}
    client.mutate("stopRun", "success", id=client.upsert()["bucket"]["id"])
    assert client.take({}) == {"stopped": True}
    query = '{project(name:"digits"){run(name:"r1"){stopped shouldStop}}}'
    asked = client.graphql(query)["data"]["project"]["run"]
    assert asked == {"stopped": True, "shouldStop": True}


def test_a_run_that_is_not_there(site: Site) -> None:
    assert Client(site, "other").post({}).status_code == 404


def test_of_several_clients_each_has_its_own_numbers(client: Client) -> None:
    rows = {name: [row(n, who=name, n=n) for n in range(4)] for name in "ab"}
    for name, offset, last in (("a", 0, 2), ("b", 0, 3), ("a", 0, 3), ("b", 3, 4), ("a", 3, 4)):
        client.take(posted(history=(offset, rows[name][offset:last])), client=name)
    client.take(posted(summary=(0, ['{"of_a": 1, "_step": 3}']), **end()), client="a")
    last = posted(history=(4, ['{"who": "b", "n": 4}']), summary=(0, ['{"of_b": 2, "_step": 4}']))
    client.take(last, client="b")
    for name, count in (("a", 4), ("b", 5)):
        assert [one["n"] for one in client.rows() if one["who"] == name] == list(range(count))
    assert [one["_step"] for one in client.rows()] == list(range(9))
    assert client.journals() == 1
    summary = client.run()["summary"]
    assert (summary["of_a"], summary["of_b"], summary["_step"]) == (1, 2, 8)


# summary and console


def test_the_summary_is_what_the_client_says(client: Client) -> None:
    client.take(posted(history=(0, lines(0, 3)), summary=(0, ['{"loss": NaN, "a": {"b": 1}}'])))
    client.take(posted(summary=(0, ['{"loss": 1}', '{"loss": NaN, "c": 2}'])))
    summary = client.site.held.run(client.path)["summary"]
    assert math.isnan(summary.pop("loss"))
    assert summary.pop("c") == 2
    assert all(key.startswith("_") for key in summary)


def test_a_summary_that_says_nothing_new_adds_nothing(client: Client) -> None:
    said = {"loss": 4, "_step": 2, "_timestamp": 1.6e9 + 2, "_runtime": 2, "nan": math.nan}
    client.take(posted(history=(0, lines(0, 3)), summary=(0, [json.dumps(said)])))
    before = client.run()["journals"][0]["position"]
    client.take(posted(summary=(0, [json.dumps(dict(reversed(said.items())))])))
    assert client.run()["journals"][0]["position"] == before


@pytest.mark.parametrize(
    ("posts", "shown"),
    [
        ([(0, ["10%"]), (0, ["20%"]), (0, ["done", "next"])], ["done", "next"]),
        ([(0, ["a", "b", "c"]), (1, ["B", "C", "d"])], ["a", "B", "C", "d"]),
        ([(0, ["a", "b"]), (0, ["a", "b"]), (2, ["c"])], ["a", "b", "c"]),
        ([(0, ["a", "longer"]), (1, ["b"])], ["a", "b"]),
        ([(0, [str(n) for n in range(300)]), (0, ["x"]), (250, ["y"])], ["0", "1"]),
        ([(0, ["a"]), (5, ["b"])], ["a", "b"]),
    ],
)
def test_lines_are_rewritten(
    client: Client, posts: list[tuple[int, list[str]]], shown: list[str]
) -> None:
    for offset, texts in posts:
        client.take(posted(output=(offset, out(*texts))))
    texts = [text for _, text in client.console()]
    assert texts[: len(shown)] == shown
    if len(texts) == 300:
        assert texts[250] == "y"
    else:
        assert len(texts) == len(shown)


def test_lines_of_two_streams_are_rewritten(client: Client) -> None:
    mixed = [*out("o1"), *out("e1", error=True), *out("o2"), *out("e2", error=True)]
    client.take(posted(output=(0, mixed)))
    client.take(posted(output=(1, [*out("E1", error=True), *out("O2")])))
    assert client.console() == [
        ("stdout", "o1"),
        ("stderr", "E1"),
        ("stdout", "O2"),
        ("stderr", "e2"),
    ]


def test_lines_of_several_clients_keep_apart(client: Client) -> None:
    """Each rewrites its own lines, whatever others printed meanwhile."""

    def said(label: str, *texts: str) -> list[str]:
        moment = "2026-11-21T12:00:00.5"
        return [json.dumps({"ts": moment, "label": label, "content": text}) for text in texts]

    client.take(posted(output=(0, said("rank_0", "10%"))), client="a")
    client.take(posted(output=(0, said("rank_1", "[x] 20%", "on"))), client="b")
    client.take(posted(output=(0, said("rank_0", "done", "end"))), client="a")
    client.take(posted(output=(0, said("rank_1", "[x] 30%"))), client="b")
    page = client.site.get("/".join(("/api/v1/runs", *client.path, "console"))).json()
    assert [(line["label"], line["text"]) for line in page["lines"]] == [
        ("rank_0", "done"),
        ("rank_1", "[x] 30%"),
        ("rank_1", "on"),
        ("rank_0", "end"),
    ]
    document = """query($p: String, $r: String!) {project(name: $p, entityName: "team") {
        run(name: $r) {logLines(first: 9) {edges {node {label line}}}}}}"""
    answer = client.graphql(document, p=client.path.project, r=client.path.run_id)
    nodes = [edge["node"] for edge in answer["data"]["project"]["run"]["logLines"]["edges"]]
    assert nodes == [{"label": one["label"], "line": one["text"]} for one in page["lines"]]


def test_lines_of_every_form(client: Client) -> None:
    said = [
        "no time",
        "2026-11-21T12:00:00.5 text",
        "2026-11-21T12:00:00 text\n",
        '{"ts": "2026-11-21T12:00:00.5", "level": "error", "content": "structured"}',
        '{"ts": "2026-11-21T12:00:00.5", "label": 1, "content": "of nobody"}',
        '{"a": 1}',
        "2026-99-99T99:99:99 text",
    ]
    client.take(posted(output=(0, said)))
    assert client.console() == [
        ("stdout", "no time"),
        ("stdout", "text"),
        ("stdout", "text"),
        ("stderr", "structured"),
        ("stdout", "of nobody"),
        ("stdout", '{"a": 1}'),
        ("stdout", "text"),
    ]


# what no client sends


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"1", b'"x"', b"\xff", b"[" * 100_000, b'{"files": []}'),
        *(posted(uploaded=[path]) for path in ("../../etc/passwd", "/a", "", "a\0b", "\ud800")),
        *(posted(history=(0, [f'{{"_step": {n}}}'])) for n in (-5, 2**53 + 1)),
        b'{"files": {}, "files": {}}',
        *(posted(history=(offset, [])) for offset in (-1, 2**53 + 1, 1.5, True, None, "0", 10**40)),
        *(posted(history=(0, content)) for content in (None, 5, {}, [1], [None], [["a"]])),
        *(posted(history=(0, [line])) for line in ("", "1", "[]", "{", '{"a": }', "{} {}", "nul")),
        posted(history=(0, ["{}", '{"a": ' * 5000])),
        *(posted(events=(0, [line])) for line in ("", "[]", "{")),
        *(posted(summary=(0, [line])) for line in ("", "[]", "{")),
        {"files": {"wandb-history.jsonl": []}},
        *({"uploaded": value} for value in ("a", [1], {"a": 1}, True)),
        *({"complete": True, "exitcode": code} for code in ("0", 1.5, 2**40, True, [])),
    ],
)
def test_a_malformed_body_is_refused_and_changes_nothing(client: Client, body: Any) -> None:
    client.take(posted(history=(0, lines(0, 2))))
    before = client.site.held.everything()
    answer = client.post(body)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert client.site.held.everything() == before


@pytest.mark.parametrize(
    "body",
    [
        {"files": {"unknown.txt": {"offset": 0, "content": ["x"]}}},
        posted(history=(0, []), events=(5, []), summary=(0, []), output=(9, [])),
        {"dropped": 3, "failed": False, "complete": False},
        {"files": None, "uploaded": None, "preempting": None},
        posted(output=(0, ["\ud800 \x1b[31mred\x1b[0m \x1b[999A"])),
        posted(events=(0, ['{"_timestamp": "x", "a": {"b": [1]}}', '{"_timestamp": 1e999}'])),
        posted(history=(0, ['{"_step": NaN}', '{"_step": null}', '{"_timestamp": "x"}'])),
        posted(history=(0, ['{"_step": 9007199254740992, "_timestamp": 1e999}'] * 2)),
        posted(summary=(0, ['{"_wandb": {"runtime": 1e999}, "_runtime": "x"}']), complete=True),
    ],
)
def test_an_odd_body_is_taken(client: Client, body: Any) -> None:
    for _ in range(2):
        client.take(body)
    client.rows()
    client.console()
    client.run()


def test_bodies_are_bounded(client: Client) -> None:
    assert client.post(posted(history=(0, ["x" * 300_000]))).status_code == 413
    bomb = json.dumps(posted(output=(0, ["x" * 10_000_000]))).encode()
    assert client.post(bomb, zipped=True).status_code == 413
    client.take(posted(output=(0, out("y" * 150_000))))
    assert client.counts() == (0, 0, 1)


def test_another_users_run_cannot_be_written(client: Client) -> None:
    key = client.site.users.add("other")
    where = "/".join(("/files", *client.path, "file_stream"))
    assert client.site.ask("POST", where, key=key, content=b"{}").status_code == 403
    assert client.site.ask("POST", where, key=None, content=b"{}").status_code == 401
