"""Notebooks: cells in a real IPython shell."""

from __future__ import annotations

from pathlib import Path

import pytest
from client.reading import read, script

SHELL = (
    "from IPython.core.interactiveshell import InteractiveShell\n"
    "shell = InteractiveShell.instance()\n"
    "cell = lambda text: shell.run_cell(text)\n"
    "cell('import holdfast')\n"
    'cell(\'run = holdfast.init(id="first", config={"lr": 1})\')\n'
    "cell('run.log({\"a\": 1})')\n"
)


def folder(tmp_path: Path, run_id: str) -> Path:
    (found,) = (tmp_path / "wandb").glob(f"*-{run_id}")
    return found


def test_a_second_init_ends_the_first_run(tmp_path: Path) -> None:
    text = SHELL + (
        "cell('second = holdfast.init(id=\"second\")')\n"
        "cell('holdfast.log({\"a\": 2}); print(holdfast.run.id)')\n"
    )
    done = script(tmp_path, text, IPYTHONDIR=str(tmp_path / "ipython"))
    assert "second\n" in done.stdout
    first, second = read(folder(tmp_path, "first")), read(folder(tmp_path, "second"))
    assert first.values("a") == [1]
    assert first.replay.exit_code == 0
    assert second.values("a") == [2]
    assert second.replay.exit_code == 0
    assert "it is returned as it is" not in done.stderr


@pytest.mark.parametrize(
    ("last", "code"), [("raise ValueError('x')", 1), ("raise ValueError('x')\n1 + 1", 1), ("1", 0)]
)
def test_the_last_cell_decides(tmp_path: Path, last: str, code: int) -> None:
    script(tmp_path, SHELL + f"cell({last!r})\n", IPYTHONDIR=str(tmp_path / "ipython"))
    written = read(folder(tmp_path, "first"))
    assert written.replay.exit_code == code
    if code:
        assert "ValueError" in written.console


def test_a_cell_that_worked_later_is_no_failure(tmp_path: Path) -> None:
    text = SHELL + "cell('raise ValueError')\ncell('run.log({\"a\": 2})')\n"
    script(tmp_path, text, IPYTHONDIR=str(tmp_path / "ipython"))
    written = read(folder(tmp_path, "first"))
    assert written.replay.exit_code == 0
    assert written.values("a") == [1, 2]


def test_config_changes_freely(tmp_path: Path) -> None:
    text = SHELL + "cell('run.config.lr = 2')\ncell('run.finish()')\n"
    script(tmp_path, text, IPYTHONDIR=str(tmp_path / "ipython"))
    assert read(folder(tmp_path, "first")).replay.config == {"lr": 2}


def test_the_output_of_every_cell_is_kept_once(tmp_path: Path) -> None:
    text = SHELL + "".join(f"cell('print({number})')\n" for number in range(5))
    done = script(tmp_path, text, IPYTHONDIR=str(tmp_path / "ipython"))
    assert done.stdout == "0\n1\n2\n3\n4\n"
    assert read(folder(tmp_path, "first")).console == "0\n1\n2\n3\n4\n"
