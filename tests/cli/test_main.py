"""Dispatch: one line and the right exit code for whatever goes wrong; commands load when named."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast import errors
from holdfast.cli import main as cli
from holdfast.cli import version


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """`holdfast version` raises what is put in here."""
    to_raise: list[BaseException] = []

    def run(args: object) -> int:
        raise to_raise[0]

    monkeypatch.setattr(version, "run", run)
    return to_raise


@pytest.mark.parametrize(
    ("kind", "exit_code"),
    [
        (errors.UnconfirmedError, 1),
        (errors.UsageError, 2),
        (errors.AuthError, 3),
        (errors.UnreachableError, 4),
        (errors.RefusedError, 5),
        (errors.DamagedError, 6),
        (errors.StorageError, 7),
        (errors.NotFoundError, 8),
    ],
)
def test_our_errors_are_one_line_and_their_code(
    failing: list[BaseException],
    capsys: pytest.CaptureFixture[str],
    kind: type[errors.HoldfastError],
    exit_code: int,
) -> None:
    failing.append(kind("the disk\nis full", "make room"))
    assert cli.main(["version"]) == exit_code
    assert capsys.readouterr().err == "holdfast: the disk is full; make room\n"


def test_an_interrupt_is_130(
    failing: list[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    failing.append(KeyboardInterrupt())
    assert cli.main(["version"]) == 130
    assert capsys.readouterr().err == "holdfast: interrupted\n"


def test_a_defect_is_one_line_that_says_where_its_traceback_lies(
    failing: list[BaseException],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    failing.append(ZeroDivisionError("two\nlines"))
    assert cli.main(["version"]) == 70
    said = capsys.readouterr().err
    found = re.fullmatch(
        r"holdfast: a defect of Holdfast \(ZeroDivisionError: two lines\); "
        r"please report it with the traceback in (\S+)\n",
        said,
    )
    assert found, said
    report = Path(found[1]).read_text()
    assert "Traceback" in report
    assert "raise to_raise[0]" in report


@pytest.mark.parametrize(
    "words",
    [["nothing"], ["serve", "--nothing"], ["users"], ["version", "more"], ["serve", "--port"]],
)
def test_a_wrong_command_line_is_2_and_one_line(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(words)
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("holdfast: ")
    assert said.count("\n") == 1
    assert "--help" in said


def test_no_command_prints_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    said = capsys.readouterr().out
    for name in cli.COMMANDS:
        assert re.search(rf"^    {name}  ", said, flags=re.MULTILINE), name


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["--version"])
    assert left.value.code == 0
    assert re.fullmatch(r"holdfast \d+\.\d+\S*\n", capsys.readouterr().out)
    assert cli.main(["version"]) == 0
    assert f"Python {sys.version_info[0]}.{sys.version_info[1]}" in capsys.readouterr().out


def test_a_reader_that_leaves_is_no_error() -> None:
    script = "import sys; from holdfast.cli.main import main; sys.exit(main(['version']))"
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait(60) == 1


def test_naming_a_command_loads_no_other() -> None:
    script = (
        "import sys; from holdfast.cli.main import main; main(['version']);"
        "print(sorted(name for name in sys.modules if 'server' in name or 'fastapi' in name"
        " or name in {'holdfast.cli.sync', 'holdfast.cli.serve', 'urllib3', 'google.protobuf'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
