"""Console capture: what is printed is kept, and printing stays what it was."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from client.reading import read, script

from holdfast.client.console import Capture, Lines, newest

BEGIN = "import holdfast, sys\nrun = holdfast.init(settings={'quiet': True})\n"


def output_log(folder: Path) -> str:
    return (read(folder).run_dir.files / "output.log").read_text(encoding="utf-8")


def test_both_streams_are_kept(tmp_path: Path) -> None:
    text = BEGIN + (
        "print('one', 'café ✓')\nprint('two', file=sys.stderr)\nsys.stdout.write('no end')\n"
        "sys.stdout.writelines(['\\nthree\\n'])\nprint('half', end='')\n"
    )
    done = script(tmp_path, text, PYTHONIOENCODING="utf-8", PYTHONUNBUFFERED="1")
    assert done.stdout == "one café ✓\nno end\nthree\nhalf"
    assert done.stderr == "two\n"
    written = read(tmp_path)
    by_stream = {"stdout": "", "stderr": ""}
    for piece in written.applied.console:
        by_stream[piece.stream] += piece.text
        assert piece.timestamp > 1.7e9
    assert by_stream == {"stdout": done.stdout, "stderr": done.stderr}
    assert sorted(output_log(tmp_path).splitlines()) == sorted(
        ["one café ✓", "two", "no end", "three", "half"]
    )


def test_loggers_made_before_are_heard(tmp_path: Path) -> None:
    text = "import logging\nlogging.basicConfig(level='INFO')\n" + BEGIN + "logging.info('hello')\n"
    script(tmp_path, text)
    assert "INFO:root:hello\n" in read(tmp_path).console


def test_console_off(tmp_path: Path) -> None:
    text = (
        "import holdfast\nholdfast.init(settings={'console': 'off', 'quiet': True})\nprint('x')\n"
    )
    script(tmp_path, text)
    assert "output_raw" not in read(tmp_path).kinds


def test_a_progress_bar_is_kept_small(tmp_path: Path) -> None:
    text = BEGIN + (
        "for n in range(20000):\n    sys.stderr.write(f'\\rstep {n}/20000 ' + '#' * 60)\n"
        "sys.stderr.write('\\n')\nprint('done')\n"
    )
    script(tmp_path, text)
    written = read(tmp_path)
    assert len(written.console) < 20_000
    assert "step 19999/20000" in written.console
    lines = output_log(tmp_path).splitlines()
    assert len(lines) == 2
    assert "step 19999/20000 " + "#" * 60 in lines


def test_much_text_at_once(tmp_path: Path) -> None:
    text = BEGIN + "for n in range(30000):\n    print('line', n, 'x' * 40)\n"
    script(tmp_path, text)
    expected = [f"line {n} " + "x" * 40 for n in range(30000)]
    assert output_log(tmp_path).splitlines() == expected
    assert read(tmp_path).console.splitlines() == expected


def test_text_is_kept_while_the_script_runs(tmp_path: Path) -> None:
    text = BEGIN + (
        "import time, os\nprint('early')\nend = time.monotonic() + 20\n"
        "def kept(path):\n    return os.path.exists(path) and b'early' in open(path, 'rb').read()\n"
        "log, journal = os.path.join(run.dir, 'output.log'), run._held.run_dir.journal\n"
        "while not (kept(log) and kept(journal)) and time.monotonic() < end:\n"
        "    time.sleep(0.02)\n"
        "os.kill(os.getpid(), 9) if os.name != 'nt' else os._exit(1)\n"
    )
    script(tmp_path, text)
    assert read(tmp_path).console == "early\n"
    assert output_log(tmp_path) == "early\n"


def test_printing_from_many_threads(tmp_path: Path) -> None:
    text = BEGIN + (
        "import threading\n"
        "def work(n):\n    for c in range(500): sys.stdout.write(f'{n}:{c}\\n')\n"
        "ts = [threading.Thread(target=work, args=(n,)) for n in range(4)]\n"
        "[t.start() for t in ts]; [t.join() for t in ts]\n"
    )
    script(tmp_path, text)
    lines = output_log(tmp_path).splitlines()
    assert sorted(lines) == sorted(f"{n}:{c}" for n in range(4) for c in range(500))


class _Talking(io.StringIO):
    """A stream whose writing prints in turn."""

    def write(self, text: str) -> int:
        if text.strip() == "again":
            print("from inside", file=self)
        return super().write(text)


def exchanged(monkeypatch: pytest.MonkeyPatch) -> _Talking:
    """Other standard streams; called in the test, since pytest puts its own before each."""
    stream = _Talking()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    return stream


def test_streams_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = exchanged(monkeypatch)
    heard: list[str] = []
    capture = Capture(lambda stream, text, when: heard.append(text))
    before = sys.stdout.write
    capture.start()
    assert sys.stdout.write != before
    print("heard")
    print("again")
    capture.stop()
    assert sys.stdout.write == before
    print("unheard")
    assert "".join(heard) == "heard\nfrom inside\nagain\n"
    assert streams.getvalue() == "heard\nfrom inside\nagain\nunheard\n"


def test_a_later_wrapper_is_not_torn_out(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = exchanged(monkeypatch)
    heard: list[str] = []
    capture = Capture(lambda stream, text, when: heard.append(text))
    capture.start()
    ours = sys.stdout.write
    others: list[str] = []

    def theirs(text: str) -> int:
        others.append(text)
        return ours(text)

    sys.stdout.write = theirs  # type: ignore[method-assign]
    print("one")
    capture.stop()
    print("two")
    assert "".join(others) == "one\ntwo\n"
    assert "".join(heard) == "one\n"
    assert streams.getvalue() == "one\ntwo\n"


def test_errors_of_printing_are_the_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = exchanged(monkeypatch)
    heard: list[str] = []
    capture = Capture(lambda stream, text, when: heard.append(text))
    capture.start()
    with pytest.raises(TypeError):
        sys.stdout.write(b"bytes")  # type: ignore[arg-type]
    streams.close()
    with pytest.raises(ValueError, match="closed"):
        print("x")
    capture.stop()
    assert heard == []


def test_a_stream_that_takes_no_attributes_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed:
        __slots__ = ()

        def write(self, text: str) -> int:
            return len(text)

    monkeypatch.setattr(sys, "stdout", Closed())
    monkeypatch.setattr(sys, "stderr", None)
    capture = Capture(lambda stream, text, when: None)
    capture.start()
    print("x")
    capture.stop()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb\n", "a\nb\n"),
        ("10%\r20%\r30%", "\r30%"),
        ("x\n10%\r20%\r\ny\n", "x\n\r20%\r\ny\n"),
        ("windows\r\nlines\r\n", "windows\r\nlines\r\n"),
    ],
)
def test_newest(text: str, expected: str) -> None:
    assert newest(text) == expected


def test_lines() -> None:
    lines = Lines()
    assert lines.add("stdout", "a") == ""
    assert lines.add("stderr", "e\n") == "e\n"
    assert lines.add("stdout", "b\nc\r") == "ab\n"
    assert lines.add("stdout", "d\rdd") == ""
    assert lines.add("stdout", "\nwindows\r\n") == "dd\nwindows\n"
    assert lines.add("stdout", "rest\r") == ""
    assert lines.rest() == "rest\n"
    assert lines.rest() == ""
