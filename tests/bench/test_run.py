"""The whole bench with tiny numbers and Holdfast alone: the others would have to be installed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def test_all_figures_of_holdfast_are_taken(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "--tools", "holdfast", "--out", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    (path,) = tmp_path.glob("*.json")
    result = json.loads(path.read_text(encoding="utf-8"))
    medians = {figure["key"]: figure["medians"]["holdfast"] for figure in result["figures"]}
    assert all(value is not None and value > 0 for value in medians.values()), medians
    for figure in result["figures"]:
        assert figure["label"] in ended.stdout
