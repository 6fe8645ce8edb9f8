"""The page that `holdfast export --html` writes, in a real browser that has no network."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sync.making import start_run

from holdfast.cli.main import main
from holdfast.records import encode

LOSS = [2.0 / (1 + i / 10) for i in range(300)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome")
    found = [path for name in names if (path := shutil.which(name))]
    assert found, "no Chromium: run `make chromium`"
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--no-first-run"]
        chromium = playwright.chromium.launch(executable_path=found[0], args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """The page of two runs; any request but that for the file itself fails the test."""
    for number, run_id in enumerate(("aa", "bb"), start=1):
        _, writer = start_run(tmp_path / "wandb", run_id, number=number, name=f"run {run_id}")
        writer.append(encode.config({"lr": 0.1 * number, "depth": 3}))
        encoder = encode.HistoryEncoder()
        for step, loss in enumerate(LOSS):
            row = {"train/loss": loss * number, "odd": math.nan if step == 7 else 1.0}
            writer.append(encoder.encode({**row, "_step": step}, step))
        writer.append(encode.output("stdout", f"<b>hello</b> from {run_id}\n", 1.0))
        writer.append(encode.stats({"cpu": 40.0}, 1_790_000_010.0))
        writer.append(encode.exit_record(0, 9))
        writer.close()
    file = tmp_path / "runs.html"
    assert main(["export", "--html", str(file), str(tmp_path / "wandb")]) == 0
    context = browser.new_context(
        viewport={"width": 1280, "height": 800}, offline=True, color_scheme="dark"
    )
    page = context.new_page()
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.goto(file.as_uri())
    yield page
    context.close()
    assert asked == [file.as_uri()]
    assert not complaints


def test_curves_have_the_values_that_were_logged(page: Page) -> None:
    panel = page.get_by_test_id("panel").and_(page.get_by_label("train/loss", exact=True))
    panel.get_by_role("button", name="data").click()
    listed = panel.locator("tbody tr").evaluate_all(
        "rows => rows.map(row => [row.dataset.run, Number(row.dataset.x), Number(row.dataset.y)])"
    )
    for number, run_id in enumerate(("aa", "bb"), start=1):
        mine = [(x, y) for run, x, y in listed if run == run_id]
        assert mine == [(step, loss * number) for step, loss in enumerate(LOSS)]


def test_curves_are_drawn_and_answer(page: Page) -> None:
    canvas = page.get_by_label("curve of train/loss")
    colours = """canvas => {
      const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
      const found = new Set();
      for (let i = 0; i < data.length; i += 4) found.add(data.slice(i, i + 3).join());
      return [...found];
    }"""
    page.wait_for_function(f"canvas => ({colours})(canvas).length > 5", arg=canvas.element_handle())
    assert {"47,120,215", "224,118,11"} <= set(canvas.evaluate(colours))
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 52, box["y"] + 60)
    expect(page.locator(".tip")).to_contain_text("step 0")
    expect(page.locator(".tip")).to_contain_text("run bb4")
    page.get_by_role("button", name="run bb").click()
    page.mouse.move(box["x"] + 53, box["y"] + 60)
    expect(page.locator(".tip")).not_to_contain_text("run bb")


def test_tables_console_and_theme(page: Page) -> None:
    config = page.get_by_role("region", name="Config")
    expect(config.locator("tr.differs")).to_have_count(1)
    expect(config.locator("tr.differs")).to_contain_text("lr")
    page.get_by_label("only what differs").check()
    expect(config.locator("tbody tr")).to_have_count(1)
    page.get_by_role("button", name="Console").first.click()
    expect(page.get_by_text("<b>hello</b> from aa")).to_be_visible()
    expect(page.get_by_label("curve of cpu")).to_be_hidden()
    page.get_by_role("button", name="System").click()
    expect(page.get_by_label("curve of cpu")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="light or dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.keyboard.press("/")
    page.keyboard.type("loss")
    expect(page.get_by_test_id("panel").and_(page.get_by_label("odd"))).to_be_hidden()
    expect(page.get_by_label("curve of train/loss")).to_be_visible()
