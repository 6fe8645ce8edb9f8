"""The dashboard in a real browser: what is drawn is what was logged, and nothing leaves home."""

from __future__ import annotations

import base64
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from processes import Server, environment, holdfast_command

ROOT = Path(__file__).resolve().parent.parent.parent
MODEL = "linear"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium, as the system has it; it is told not to call home."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = [path for name in names if (path := shutil.which(name))]
    assert found, "no Chromium: run `make chromium`"
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=found[0],
            args=["--no-sandbox", "--disable-gpu", "--no-first-run", *quiet],
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Server, list[dict[str, Any]]]]:
    """A server with one of the demo's models, trained offline and synced; and what was logged."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / "truth").mkdir()
    with Server(folder / "server") as server:
        subprocess.run(
            [sys.executable, str(ROOT / "demo/train.py"), MODEL, str(folder)],
            env=environment(server.config),
            check=True,
            timeout=300,
            capture_output=True,
        )
        sync(server, folder)
        truth = (folder / "truth" / f"{MODEL}.jsonl").read_text().splitlines()
        yield server, [json.loads(line) for line in truth]


def train(server: Server, script: str, *words: str, code: int = 0) -> None:
    """Run a training script offline, to its end with this exit code."""
    done = subprocess.run(
        [sys.executable, "-c", script, *words],
        env=environment(server.config),
        timeout=60,
        capture_output=True,
    )
    assert done.returncode == code, done.stderr


def sync(server: Server, folder: Path) -> None:
    """Send the runs of a folder; all are confirmed."""
    done = holdfast_command("sync", str(folder / "wandb"), server=server)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def page(browser: Browser, served: tuple[Server, list[dict[str, Any]]]) -> Iterator[Page]:
    """A signed-in page; requests to anywhere but the server fail the test."""
    server, _ = served
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    strangers: list[str] = []
    complaints: list[str] = []
    page = context.new_page()
    page.on("request", lambda request: strangers.append(request.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    context.request.post(f"{server.url}/api/v1/session", data={"key": server.key})
    yield page
    context.close()
    assert not [url for url in strangers if not url.startswith((server.url, "data:", "blob:"))]
    assert not complaints


def drawn(page: Page, metric: str) -> list[tuple[float, float]]:
    """The values of a panel's curve, through its table."""
    panel = page.get_by_test_id("panel").and_(page.get_by_label(metric, exact=True))
    panel.scroll_into_view_if_needed()
    panel.get_by_role("button", name="Menu").or_(panel.locator("[aria-haspopup]")).first.click()
    page.get_by_text("Show data").click()
    rows = panel.locator("[data-testid=panel-data] tbody tr")
    expect(rows.first).to_be_visible()
    return [
        (float(x), float(y))
        for x, y in rows.evaluate_all("rows => rows.map(row => [row.dataset.x, row.dataset.y])")
    ]


@pytest.mark.parametrize("metric", ["train/loss", "val/accuracy"])
def test_curve_has_the_logged_values(
    page: Page, served: tuple[Server, list[dict[str, Any]]], metric: str
) -> None:
    server, logged = served
    page.goto(f"{server.url}/local/digits?panels={quote(metric, safe='')}")
    assert drawn(page, metric) == [(float(step), row[metric]) for step, row in enumerate(logged)]


def test_run_is_listed_as_confirmed(
    page: Page, served: tuple[Server, list[dict[str, Any]]]
) -> None:
    server, _ = served
    page.goto(f"{server.url}/local/digits")
    row = page.get_by_test_id("run-row")
    expect(row).to_have_count(1)
    expect(row).to_contain_text(MODEL)
    row.get_by_text(MODEL).click()
    expect(page.get_by_test_id("overview")).to_be_visible()
    expect(page.get_by_test_id("proof").first).to_have_attribute("data-proof", "confirmed")
    expect(page.get_by_test_id("state").first).to_have_text("finished")
    expect(page.get_by_test_id("tree-config")).to_contain_text("optimizer")


_DEFINED = """
import holdfast, sys
run = holdfast.init(project="defined", dir=sys.argv[1], mode="offline")
run.define_metric("epoch", hidden=True)
run.define_metric("val/*", step_metric="epoch")
for step in range(4):
    run.log({"val/acc": step / 8, "loss": 1.0 - step / 8, "epoch": 10 * step})
run.finish()
"""


def test_metrics_are_drawn_over_what_their_run_defined(
    page: Page, served: tuple[Server, list[dict[str, Any]]], tmp_path: Path
) -> None:
    server, _ = served
    train(server, _DEFINED, str(tmp_path))
    sync(server, tmp_path)
    page.goto(f"{server.url}/local/defined")
    values = [0.0, 0.125, 0.25, 0.375]
    assert drawn(page, "val/acc") == list(zip([0.0, 10.0, 20.0, 30.0], values, strict=True))
    assert drawn(page, "loss") == [(float(step), 1.0 - values[step]) for step in range(4)]
    panels = page.get_by_test_id("panel")
    names = panels.evaluate_all("all => all.map(one => one.dataset.panel)")
    assert [name for name in names if name.startswith("history:")] == [
        "history:loss",
        "history:val/acc",
    ]
    page.get_by_role("combobox", name="x", exact=True).select_option(label="Step")
    steps = page.locator("[data-panel='history:val/acc'] [data-testid=panel-data] tbody tr")
    expect(steps.nth(3)).to_have_attribute("data-x", "3")
    page.get_by_role("searchbox", name="Filter panels").fill("epoch")
    expect(page.locator("[data-panel='history:epoch']")).to_be_visible()


def test_link_signs_in_once(browser: Browser, served: tuple[Server, list[dict[str, Any]]]) -> None:
    server, _ = served
    for signed_in in (True, False):
        context = browser.new_context()
        page = context.new_page()
        page.goto(server.login_url)
        expected = page.get_by_test_id("projects") if signed_in else page.get_by_label("API key")
        expect(expected).to_be_visible()
        context.close()


def test_no_key_no_data(browser: Browser, served: tuple[Server, list[dict[str, Any]]]) -> None:
    server, _ = served
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{server.url}/local/digits")
    expect(page.get_by_label("API key")).to_be_visible()
    assert "optimizer" not in page.content()
    context.close()


_TROUBLED = """
import os, signal, sys
import holdfast
run = holdfast.init(project="troubled", id=sys.argv[1], dir=sys.argv[2], mode="offline")
for step in range(2000):
    run.log({"loss": 1 / (step + 1)})
if sys.argv[1] == "taken":
    run.mark_preempting()
    os.kill(os.getpid(), signal.SIGKILL)
run.finish()
"""


@pytest.fixture(scope="module")
def troubled(
    served: tuple[Server, list[dict[str, Any]]], tmp_path_factory: pytest.TempPathFactory
) -> Server:
    """The same server with a run that was damaged and one whose machine was taken away."""
    server, _ = served
    folder = tmp_path_factory.mktemp("troubled")
    for run_id, code in (("damaged", 0), ("taken", -signal.SIGKILL)):
        train(server, _TROUBLED, run_id, str(folder), code=code)
    [journal] = folder.glob("wandb/*-damaged/run-damaged.wandb")
    data = bytearray(journal.read_bytes())
    data[100_000:100_016] = bytes(byte ^ 255 for byte in data[100_000:100_016])
    journal.write_bytes(data)
    sync(server, folder)
    return server


def test_gaps_are_said(page: Page, troubled: Server) -> None:
    page.goto(f"{troubled.url}/local/troubled/runs/damaged")
    expect(page.get_by_test_id("proof").first).to_have_attribute("data-proof", "gaps")
    expect(page.get_by_test_id("overview")).to_contain_text("1 gap: ")
    expect(page.get_by_test_id("overview")).to_contain_text("could not be read (bytes ")


def test_a_run_whose_machine_was_taken_away(page: Page, troubled: Server) -> None:
    page.goto(f"{troubled.url}/local/troubled/runs/taken")
    expect(page.get_by_test_id("state").first).to_have_text("preempted")
    expect(page.get_by_test_id("proof").first).to_have_attribute("data-proof", "confirmed")


def graphql(server: Server, query: str) -> None:
    """What a wandb client says."""
    key = base64.b64encode(f"api:{server.key}".encode()).decode()
    body = json.dumps({"query": query}).encode()
    headers = {"Authorization": f"Basic {key}", "Content-Type": "application/json"}
    with urlopen(Request(f"{server.url}/graphql", body, headers), timeout=30) as answer:
        assert "errors" not in json.load(answer)


def test_alerts_are_shown(page: Page, served: tuple[Server, list[dict[str, Any]]]) -> None:
    server, _ = served
    graphql(
        server,
        'mutation { upsertBucket(input: {name: "warned", modelName: "alerts"}) { inserted } }',
    )
    for level, text in (("WARN", "below"), ("ERROR", "<b>gone</b>"), ("WARN", "below")):
        said = f'title: "accuracy", text: "{text}", severity: {level}'
        given = f'{{projectName: "alerts", runName: "warned", {said}}}'
        graphql(server, f"mutation {{ notifyScriptableRunAlert(input: {given}) {{ success }} }}")
    page.goto(f"{server.url}/local/alerts/runs/warned")
    alerts = page.get_by_test_id("alerts").locator("article")
    expect(alerts).to_have_count(2)
    expect(alerts.nth(0)).to_have_text("warn accuracy 2 timesbelow")
    expect(alerts.nth(1)).to_have_text("error accuracy<b>gone</b>")
