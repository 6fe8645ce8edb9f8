"""W&B's language of filters and orders, put to runs of a real server."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from server.api_client import Site
from server.gateway.asking import Graph
from server.making import START, journal_of

from holdfast.ids import RunPath

DAY = 86400.0


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    """Four runs, each a day after the one before."""
    with Site(tmp_path_factory.mktemp("site")) as site:
        runs: list[dict[str, Any]] = [
            {
                "name": "alpha",
                "tags": ("t0", "all"),
                "config": {
                    "lr": 0.1,
                    "opt": {"name": "adam", "betas": [0.9, 0.99]},
                    "none": None,
                    "layers": [{"kind": "conv", "in": {"size": 3}}, {"kind": "fc", "off": True}],
                },
                "group": "g0",
            },
            {
                "name": "beta (1)",
                "tags": ("t1", "all"),
                "config": {"lr": 1, "a.b": "x", "on": True},
            },
            {
                "name": "Gamma",
                "notes": "kept\nand seen",
                "exit_code": 3,
                "config": {"lr": "high", "on": 1, "steps": -7, "odd": math.nan},
            },
            {"config": {"steps": 10.5}, "exit_code": None},
        ]
        for number, said in enumerate(runs):
            name = f"r{number}"
            rows = [] if number == 3 else [{"loss": 1.0 / (number + 1), "deep": {"x": number}}]
            made = journal_of(rows, run_id=name, start_time=START + number * DAY, **said)
            site.sync(made, RunPath("team", "digits", name))
        yield Graph(site)


def listed(graph: Graph, filters: Any = None, order: str | None = None) -> str:
    """The numbers of the runs found."""
    document = """query($f: JSONString, $o: String) {project(name: "digits") {
        runCount(filters: $f) runs(filters: $f, order: $o) {totalCount edges {node {name}}}}}"""
    project = graph(document, f=None if filters is None else json.dumps(filters), o=order)[
        "project"
    ]
    names = [edge["node"]["name"] for edge in project["runs"]["edges"]]
    assert project["runCount"] == project["runs"]["totalCount"] == len(names)
    return "".join(name[1:] for name in names)


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (None, "0123"),
        ({}, "0123"),
        ({"config.lr": 0.1}, "0"),
        ({"config.lr.value": 0.1}, "0"),
        ({"config.lr": 1.0}, "1"),
        ({"config.opt.name": "adam"}, "0"),
        ({"config.opt.value.name": "adam"}, "0"),
        ({"config.opt": {"name": "adam", "betas": [0.9, 0.99]}}, "0"),
        ({"config.opt.betas": 0.9}, "0"),
        ({"config.opt.betas": [0.9, 0.99]}, "0"),
        ({"config.a.b": "x"}, "1"),
        ({"config.on": True}, "1"),
        ({"config.on": 1}, "2"),
        ({"config.none": None}, "0123"),
        ({"config.none": {"$exists": True}}, "0"),
        ({"config.lr": {"$exists": False}}, "3"),
        ({"config.lr": {"$gt": 0.05}}, "01"),
        ({"config.lr": {"$gte": 0.1, "$lt": 1}}, "0"),
        ({"config.lr": {"$gt": "a"}}, "2"),
        ({"config.lr": {"$ne": 1}}, "023"),
        ({"config.lr": {"$in": [1, "high"]}}, "12"),
        ({"config.lr": {"$nin": [1, "high"]}}, "03"),
        ({"config.lr": {"$not": {"$gt": 0.5}}}, "023"),
        ({"summary_metrics.loss": {"$lte": 0.5}}, "12"),
        ({"summary_metrics.deep.x": 2}, "2"),
        ({"tags": "t0"}, "0"),
        ({"tags": {"$in": ["t0", "t1"]}}, "01"),
        ({"tags": {"$ne": "all"}}, "23"),
        ({"tags": {"$regex": "^t[1-9]"}}, "1"),
        ({"tags": {"$exists": True}}, "01"),
        ({"tags": []}, "23"),
        ({"display_name": {"$regex": "a$"}}, "02"),
        ({"displayName": {"$regex": "^gamma", "$options": "i"}}, "2"),
        ({"displayName": "r3"}, "3"),
        ({"display_name": {"$regex": r"\(\d\)"}}, "1"),
        ({"name": "r1"}, "1"),
        ({"group": "g0"}, "0"),
        ({"group": None}, "123"),
        ({"group": ""}, "123"),
        ({"notes": {"$exists": True}}, "2"),
        ({"username": "team"}, "0123"),
        ({"sweep": None}, "0123"),
        ({"state": "finished"}, "01"),
        ({"state": "failed"}, "2"),
        ({"state": {"$in": ["crashed", "running"]}}, "3"),
        ({"created_at": {"$gt": "2023-11-15T22:13:20Z"}}, "23"),
        ({"createdAt": {"$gte": "2023-11-15T23:13:20+01:00"}}, "123"),
        ({"createdAt": {"$lt": "2023-11-16"}}, "01"),
        ({"createdAt": {"$regex": "^2023-11-14"}}, "0"),
        ({"duration": {"$gte": 0}}, "0123"),
        ({"$or": [{"config.lr": 1}, {"tags": "t0"}]}, "01"),
        ({"$and": [{"tags": "all"}, {"config.lr": {"$lt": 1}}]}, "0"),
        ({"$nor": [{"config.lr": 1}, {"tags": "t0"}]}, "23"),
        ({"$not": {"tags": "all"}}, "23"),
        ({"tags": {"$all": ["all", "t1"]}}, "1"),
        ({"tags": {"$all": ["all"]}}, "01"),
        ({"tags": {"$all": []}}, ""),
        ({"tags": {"$not": {"$all": ["all", "t1"]}}}, "023"),
        ({"config.lr": {"$all": [1]}}, "1"),
        ({"config.opt.betas": {"$all": [[0.9, 0.99]]}}, "0"),
        ({"config.opt.betas": {"$all": [{"$elemMatch": {"$gt": 0.95}}]}}, "0"),
        ({"tags": {"$size": 2}}, "01"),
        ({"tags": {"$size": 0}}, "23"),
        ({"config.on": {"$size": 1}}, ""),
        ({"config.opt.betas": {"$elemMatch": {"$gt": 0.95, "$lt": 1}}}, "0"),
        ({"config.opt.betas": {"$elemMatch": {"$gt": 0.9, "$lt": 0.99}}}, ""),
        ({"config.layers": {"$elemMatch": {"kind": "conv", "in.size": {"$gte": 3}}}}, "0"),
        ({"config.layers": {"$elemMatch": {"kind": "conv", "off": True}}}, ""),
        ({"config.layers": {"$elemMatch": {"$or": [{"off": True}, {"kind": "x"}]}}}, "0"),
        ({"config.layers": {"$elemMatch": {"in": {"$exists": False}}}}, "0"),
        ({"config.lr": {"$elemMatch": {"$gt": 0}}}, ""),
        ({"config.steps": {"$mod": [5, 0]}}, "3"),
        ({"config.steps": {"$mod": [5, -2]}}, "2"),
        ({"config.odd": {"$mod": [2, 1]}}, ""),
        ({"config.odd": math.nan}, "2"),
        ({"config.lr": {"$type": "double"}}, "0"),
        ({"config.lr": {"$type": "int"}}, "1"),
        ({"config.lr": {"$type": "number"}}, "01"),
        ({"config.lr": {"$type": ["string", 16]}}, "12"),
        ({"config.on": {"$type": "bool"}}, "1"),
        ({"config.opt": {"$type": 3}}, "0"),
        ({"config.opt.betas": {"$type": "array"}}, "0"),
        ({"config.opt.betas": {"$type": "double"}}, "0"),
        ({"config.none": {"$type": "null"}}, "0"),
        ({"config.lr": {"$not": {"$type": "number"}}}, "23"),
        ({"createdAt": {"$type": "date"}}, "0123"),
        ({"display_name": {"$contains": "mm"}}, "2"),
        ({"display_name": {"$contains": "(1"}}, "1"),
        ({"tags": {"$contains": "t"}}, "01"),
        ({"config.lr": {"$contains": "1"}}, ""),
        ({"notes": {"$regex": "^and"}}, ""),
        ({"notes": {"$regex": "^AND", "$options": "im"}}, "2"),
        ({"notes": {"$regex": "kept.and"}}, ""),
        ({"notes": {"$regex": "kept.and", "$options": "s"}}, "2"),
        ({"$and": []}, "0123"),
        ({"$or": []}, ""),
        ({"$or": [{"$and": [{"tags": "all"}, {"$or": [{"config.lr": 1}]}]}]}, "1"),
    ],
    ids=str,
)
def test_filters(graph: Graph, filters: Any, found: str) -> None:
    assert listed(graph, filters) == found


@pytest.mark.parametrize(
    ("order", "found"),
    [
        (None, "0123"),
        ("", "0123"),
        ("+created_at", "0123"),
        ("created_at", "0123"),
        ("-created_at", "3210"),
        ("+summary_metrics.loss", "2103"),
        ("-summary_metrics.loss", "0123"),
        ("+config.lr", "0123"),
        ("-config.lr.value", "2103"),
        ("display_name", "0123"),
        ("-displayName", "3210"),
        ("state", "3201"),
    ],
)
def test_orders(graph: Graph, order: str | None, found: str) -> None:
    assert listed(graph, order=order) == found


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ("{", "the filters are not JSON"),
        ("[" * 100_000, "the filters are not JSON"),
        ("[]", "a filter is an object"),
        ("3", "a filter is an object"),
        ('{"nothing": 1}', "runs have no field 'nothing'"),
        ('{"config.lr": {"$near": 1}}', "filters have no operator '$near'"),
        ('{"$where": "1"}', "there is no $where"),
        ('{"$expr": {}}', "there is no $expr"),
        ('{"config.lr": {"$gt": 1, "other": 2}}', "filters have no operator 'other'"),
        ('{"config.lr": {"$options": "i"}}', "filters have no operator '$options'"),
        ('{"config.opt": {"$elemMatch": {"$where": 1}}}', "filters have no operator '$where'"),
        ('{"config.opt": {"$elemMatch": {"$or": [{"$a": 1}]}}}', "there is no $a at this place"),
        ('{"config.opt": {"$elemMatch": 1}}', "$elemMatch takes an object"),
        ('{"name": {"$regex": 1}}', "$regex takes a pattern"),
        ('{"name": {"$regex": "a", "$options": "x"}}', "$regex has no $options 'x'"),
        ('{"name": {"$regex": "a", "$options": 1}}', "$regex has no $options 1"),
        ('{"name": {"$contains": 1}}', "$contains takes a text"),
        ('{"name": {"$not": "r1"}}', "$not takes a condition"),
        ('{"name": {"$exists": "no"}}', "$exists takes true or false"),
        ('{"tags": {"$all": "t0"}}', "$all takes a list"),
        ('{"tags": {"$all": [' + ",".join(["1"] * 1001) + "]}}", "$all of more than 1000"),
        ('{"tags": {"$size": true}}', "$size takes a number"),
        ('{"tags": {"$size": -1}}', "$size takes a number"),
        ('{"config.lr": {"$mod": [0, 1]}}', "$mod takes a divisor"),
        ('{"config.lr": {"$mod": [2]}}', "$mod takes a divisor"),
        ('{"config.lr": {"$mod": [NaN, 1]}}', "$mod takes a divisor"),
        ('{"config.lr": {"$type": "regex"}}', "$type knows no type 'regex'"),
        ('{"config.lr": {"$type": true}}', "$type knows no type True"),
        ('{"config.lr": {"$type": [[]]}}', "$type knows no type []"),
        ('{"$or": {}}', "$or takes a list"),
        ('{"config.lr": {"$in": 1}}', "$in takes a list"),
        ('{"created_at": {"$gt": "soon"}}', "'soon' is no time"),
        ('{"name": {"$regex": "("}}', "is no regular expression"),
        ('{"name": {"$regex": "' + "a" * 2000 + '"}}', "a pattern of 2000 characters"),
        ('{"$and": [' * 30 + "{}" + "]}" * 30, "more than 20 levels"),
        ('{"name": {"$not": ' + '{"$not": ' * 300 + '{"$gt": 1}' + "}" * 302, "more than 20"),
        ('{"tags": ' + '{"$elemMatch": ' * 30 + "{}" + "}" * 31, "more than 20 levels"),
        ('{"$or": [' + ",".join(['{"name": "a"}'] * 1001) + "]}", "more than 1000 conditions"),
    ],
)
def test_filters_that_are_none(graph: Graph, filters: str, message: str) -> None:
    document = 'query($f: JSONString) {project(name: "digits") {runCount(filters: $f)}}'
    [said] = graph.errors(document, f=filters)
    assert message in said


def test_an_order_by_nothing_that_runs_have(graph: Graph) -> None:
    document = '{project(name: "digits") {runs(order: "-nothing") {edges {node {id}}}}}'
    [said] = graph.errors(document)
    assert "runs have no field 'nothing'" in said


def test_a_pattern_cannot_hold_the_server_up(graph: Graph) -> None:
    """One that takes other engines longer than the world will last."""
    pattern = "(" * 8 + "a" + "+)" * 8 + "$"
    assert listed(graph, {"display_name": {"$regex": "^(a?){500}a{500}$"}}) == ""
    assert listed(graph, {"notes": {"$regex": pattern}}) == ""
