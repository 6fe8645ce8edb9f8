"""Reading back with wandb's own public API, and editing: each answer beside what was logged."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import wandb

from conformance.scripts.telling import Telling, options, tell

ROWS = 30
RUNS = 4

WRONG: list[str] = []


def main() -> None:
    """Log some runs, read everything back, edit one, delete one."""
    commit = repository()
    truths = [write(number) for number in range(RUNS)]
    api = wandb.Api()
    entity = api.default_entity
    place = f"{entity}/{options()['project']}"
    run = api.run(f"{place}/{truths[1]['id']}")
    one_run(run, truths[1])
    history(run, truths[1]["rows"])
    files(run)
    told = around(run, Path(truths[1]["folder"]), commit)
    lists(api, place, truths)
    edits(api, place, truths[2]["id"])
    api.run(f"{place}/{truths[3]['id']}").delete()
    expect("runs after a deletion", len(wandb.Api().runs(place)), RUNS - 1)
    expect("the viewer's name", (api.viewer.username, api.viewer.entity), (entity, entity))
    tell({"wrong": WRONG, "edited": truths[2]["id"], "deleted": truths[3]["id"], **told})


def repository() -> str:
    """Make the folder a git repository with a change that is not committed; its commit."""
    Path("tracked.txt").write_text("as it was\n")
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for words in (("init", "-q"), ("add", "tracked.txt"), (*who, "commit", "-q", "-m", "one")):
        subprocess.run(["git", *words], check=True)
    Path("tracked.txt").write_text("as it is\n")
    done = subprocess.run(["git", "rev-parse", "HEAD"], check=True, stdout=subprocess.PIPE)
    return done.stdout.decode().strip()


def write(number: int) -> dict[str, Any]:
    """A run with config, rows with holes, a file and console output."""
    config = {"number": number, "nested": {"lr": 10.0**-number}, "kind": "ab"[number % 2]}
    run = wandb.init(
        project=options()["project"],
        name=f"run {number}",
        config=config,
        tags=[f"tag{number}", "all"],
        group=f"group{number % 2}",
        notes=f"notes {number}",
        reinit=True,
        settings=wandb.Settings(save_code=True),
    )
    told = Telling(run)
    if number == 1:
        run.log({"chart": a_chart()}, commit=False)
    for step in range(ROWS):
        often = {"loss": (number + 1) / (step + 1), "deep": {"in": step}}
        told.log({**often, **({"rare": step * step} if step % 10 == 5 else {})})
    Path("kept.txt").write_text(f"kept by run {number}\n")
    run.save("kept.txt", policy="now")
    print(f"printed by run {number}")
    if number == 1:
        time.sleep(5)  # the system is measured meanwhile
    told.truth["folder"] = str(Path(run.dir).parent)
    return told.finish(config=config)


def a_chart() -> Any:
    """A custom chart: a table, and a spec that goes into the config."""
    table = wandb.Table(columns=["x", "y"], data=[[1, 2], [3, 4]])
    return wandb.plot.line(table, "x", "y", title="a chart")


def expect(what: str, found: Any, wanted: Any) -> None:
    """Note a difference."""
    if found != wanted:
        WRONG.append(f"{what}: {found!r:.300} and not {wanted!r:.300}")


def plain(rows: Any, keys: tuple[str, ...]) -> list[dict[str, Any]]:
    """Rows cut down to what was logged under ``keys``; what a row lacks is not in it."""
    return [{key: row[key] for key in keys if row.get(key) is not None} for row in rows]


def one_run(run: Any, truth: dict[str, Any]) -> None:
    """All that one run says of itself."""
    expect("config", {k: v for k, v in run.config.items() if k[0] != "_"}, truth["config"])
    expect("name", run.name, "run 1")
    expect("state", run.state, "finished")
    expect("tags", sorted(run.tags), ["all", "tag1"])
    expect("group", run.group, "group1")
    expect("notes", run.notes, "notes 1")
    expect("summary.loss", run.summary["loss"], truth["summary"]["loss"])
    expect("summary.deep", dict(run.summary["deep"]), truth["summary"]["deep"])
    expect("summary.rare", run.summary["rare"], truth["summary"]["rare"])
    expect("lastHistoryStep", run.lastHistoryStep, ROWS - 1)
    expect("created_at is a time", run.created_at[:2], "20")
    own = run.rawconfig["_wandb"]
    spec = own.get("value", own)["visualize"]["chart"]["panel_config"]
    expect("the spec of a chart", spec["panelDefId"], "wandb/line/v0")
    expect("the title of a chart", spec["stringSettings"], {"title": "a chart"})
    expect(
        "the columns of a chart",
        (spec["fieldSettings"]["x"], spec["fieldSettings"]["y"]),
        ("x", "y"),
    )
    expect("url", run.url.endswith(f"/runs/{run.id}"), True)
    expect("artifacts", [*run.used_artifacts(), *run.logged_artifacts()], [])


def history(run: Any, rows: list[dict[str, Any]]) -> None:
    """The ways to rows."""
    keys = ("_step", "loss", "rare")
    wanted = plain(rows, keys)
    expect("history()", plain(run.history(pandas=False), keys), wanted)
    expect("scan_history()", plain(run.scan_history(), keys), wanted)
    rare = [{k: row[k] for k in ("_step", "rare")} for row in rows if "rare" in row]
    expect("scan_history(keys)", list(run.scan_history(keys=["_step", "rare"])), rare)
    pages = plain(run.scan_history(page_size=7), keys)
    expect("scan_history in small pages", pages, wanted)
    part = plain(run.scan_history(min_step=10, max_step=20), keys)
    expect("scan_history(min_step, max_step)", part, [r for r in wanted if 10 <= r["_step"] < 20])
    sampled = run.history(keys=["loss"], samples=1000, pandas=False)
    expect("history(keys)", plain(sampled, ("_step", "loss")), plain(rows, ("_step", "loss")))
    loss = plain(rows, ("loss",))
    small = plain(run.scan_history(keys=["loss"], page_size=7), ("loss",))
    expect("scan_history(keys) in small pages", small, loss)
    some = plain(run.scan_history(keys=["loss"], min_step=10, max_step=20), ("loss",))
    expect("scan_history(keys, min_step, max_step)", some, loss[10:20])
    deep = [row["deep.in"] for row in run.scan_history(keys=["deep.in"])]
    expect("scan_history of a nested key", deep, list(range(ROWS)))
    expect("few samples", len(run.history(samples=5, pandas=False)), 5)
    system = run.history(stream="system", pandas=False)
    expect("system metrics are rows", isinstance(system, list), True)


def files(run: Any) -> None:
    """The list, one by name, its bytes."""
    names = [file.name for file in run.files()]
    expect("a saved file is listed", "kept.txt" in names, True)
    with tempfile.TemporaryDirectory() as folder:
        with run.file("kept.txt").download(root=folder, replace=True) as file:
            expect("its text", file.read(), "kept by run 1\n")
        for name in ("output.log", "config.yaml", "wandb-summary.json", "requirements.txt"):
            expect(f"{name} is listed", name in names, True)
        if "output.log" in names:
            with run.file("output.log").download(root=folder, replace=True) as file:
                expect("output.log", "printed by run 1" in file.read(), True)


def around(run: Any, folder: Path, commit: str) -> dict[str, Any]:
    """What is known of a run beside its numbers; what the system did is for the scenario."""
    expect("commit", run.commit, commit)
    expect("metadata", run.metadata, json.loads((folder / "files/wandb-metadata.json").read_text()))
    with (
        tempfile.TemporaryDirectory() as home,
        run.file("diff.patch").download(root=home, replace=True) as file,
    ):
        patch = file.read()
    expect("diff.patch", patch, (folder / "files/diff.patch").read_text())
    expect("diff.patch has the change", "\n-as it was\n+as it is\n" in patch, True)
    if hasattr(run, "console_logs"):
        lines = [line.content for line in run.console_logs() if line.level != "error"]
        expect("console_logs()", lines.count("printed by run 1"), 1)
    rows = run.history(stream="system", samples=10_000, pandas=False)
    return {"folder": str(folder), "system": rows, "system_metrics": run.system_metrics}


def lists(api: Any, place: str, truths: list[dict[str, Any]]) -> None:
    """Filters, order and paging."""
    ids = [truth["id"] for truth in truths]

    def listed(filters: Any = None, order: str = "+created_at", **how: Any) -> list[str]:
        return [run.id for run in api.runs(place, filters=filters or {}, order=order, **how)]

    expect("all", listed(), ids)
    expect("newest first", listed(order="-created_at"), ids[::-1])
    expect("pages of one", listed(per_page=1), ids)
    expect("config", listed({"config.number": 2}), [ids[2]])
    expect("config.…value", listed({"config.number.value": 2}), [ids[2]])
    expect("$in", listed({"config.number": {"$in": [0, 3]}}), [ids[0], ids[3]])
    expect("$gt", listed({"summary_metrics.loss": {"$gt": 2.5 / ROWS}}), [ids[2], ids[3]])
    expect("$or", listed({"$or": [{"config.number": 0}, {"tags": "tag3"}]}), [ids[0], ids[3]])
    expect("$and", listed({"$and": [{"config.kind": "b"}, {"group": "group1"}]}), [ids[1], ids[3]])
    expect("$regex", listed({"display_name": {"$regex": "run [12]"}}), ids[1:3])
    expect("$ne", listed({"display_name": {"$ne": "run 1"}}), [ids[0], ids[2], ids[3]])
    expect("$all", listed({"tags": {"$all": ["all", "tag2"]}}), [ids[2]])
    expect("$size", listed({"tags": {"$size": 2}}), ids)
    expect("$contains", listed({"display_name": {"$contains": "un 3"}}), [ids[3]])
    expect("$nin", listed({"config.number": {"$nin": [0, 3]}}), ids[1:3])
    expect("$nor", listed({"$nor": [{"config.number": 0}, {"tags": "tag3"}]}), ids[1:3])
    expect("$not", listed({"config.number": {"$not": {"$lt": 2}}}), ids[2:])
    expect("$mod", listed({"config.number": {"$mod": [2, 1]}}), [ids[1], ids[3]])
    expect("$type", listed({"config.kind": {"$type": "string"}}), ids)
    expect("$elemMatch", listed({"tags": {"$elemMatch": {"$gt": "tag1"}}}), ids[2:])
    expect("$options", listed({"group": {"$regex": "^GROUP1", "$options": "i"}}), [ids[1], ids[3]])
    refused(lambda: listed({"config.kind": {"$near": 1}}), "'$near'")
    expect("state", listed({"state": "crashed"}), [])
    expect("by loss", listed(order="-summary_metrics.loss"), ids[::-1])
    expect("by config", listed(order="+config.nested.value.lr"), ids[::-1])
    expect("len", len(api.runs(place)), RUNS)
    names = [project.name for project in api.projects(place.split("/", maxsplit=1)[0])]
    expect("projects", place.split("/")[1] in names, True)


def refused(ask: Callable[[], Any], word: str) -> None:
    """A question of which the client says why it is not answered."""
    try:
        found = ask()
    except Exception as error:  # noqa: BLE001 - its class differs from version to version
        expect(f"an error of the server that has {word}", word in str(error), True)
    else:
        expect(f"no answer to a question with {word}", found, None)


def edits(api: Any, place: str, run_id: str) -> None:
    """What `update` sends arrives."""
    run = api.run(f"{place}/{run_id}")
    run.config["added"] = {"a": [1, 2]}
    run.tags = ["changed"]
    run.notes = "other notes"
    run.name = "another name"
    run.summary["added"] = 12.5
    run.summary.update()
    run.update()
    again = wandb.Api().run(f"{place}/{run_id}")
    expect("edited config", again.config["added"], {"a": [1, 2]})
    expect("kept config", again.config["number"], 2)
    expect("edited tags", list(again.tags), ["changed"])
    expect("edited notes", again.notes, "other notes")
    expect("edited name", again.name, "another name")
    expect("edited summary", again.summary["added"], 12.5)
    expect("kept summary", again.summary["rare"], 625)
    expect("state after an edit", again.state, "finished")


if __name__ == "__main__":
    main()
