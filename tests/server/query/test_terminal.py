r"""The lines that a terminal would show: ``\r``, cursor moves, two streams, colours left out."""

from __future__ import annotations

import pytest

from holdfast.server.query.terminal import Terminal


def shown(*texts: str, stream: str = "stdout") -> list[str]:
    terminal = Terminal()
    for number, text in enumerate(texts):
        terminal.write(stream, float(number), text)
    return [line.text for line in terminal.lines]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["a\nb\n"], ["a", "b"]),
        (["a\n", "b"], ["a", "b"]),
        (["a", "b\n", "c"], ["ab", "c"]),
        (["a\n\nb\n"], ["a", "", "b"]),
        (["a\r\nb\r\n"], ["a", "b"]),
        (["10%\r20%\r100%\n"], ["100%"]),
        (["long text\rshort"], ["shorttext"]),
        (["long text\r\x1b[Kshort"], ["short"]),
        (["abc\x1b[1K"], ["   "]),
        (["abc\x1b[2Kd"], ["   d"]),
        (["ab\bc"], ["ac"]),
        (["\x1b[31mred\x1b[0m text"], ["red text"]),
        (["\x1b]0;title\x07text"], ["text"]),
        (["abc\x1b[2Gx"], ["axc"]),
        (["abc\x1b[2Dx\x1b[1Cy"], ["axcy"]),
        ([], []),
        ([""], []),
    ],
)
def test_lines(texts: list[str], expected: list[str]) -> None:
    assert shown(*texts) == expected


def test_nested_bars_rewrite_the_lines_above() -> None:
    bars = [
        "outer 0\n",
        "inner 0\x1b[A\r",
        "outer 1\n",
        "\rinner 9\x1b[A\r",
        "outer 2\n\n",
        "end\n",
    ]
    assert shown(*bars) == ["outer 2", "inner 9", "end"]


def test_streams_have_cursors_of_their_own() -> None:
    terminal = Terminal()
    terminal.write("stderr", 1.0, "bar 1%")
    terminal.write("stdout", 2.0, "text\n")
    terminal.write("stderr", 3.0, "\rbar 2%\n")
    terminal.write("stderr", 4.0, "more")
    assert [(line.stream, line.text, line.timestamp) for line in terminal.lines] == [
        ("stderr", "bar 2%", 3.0),
        ("stdout", "text", 2.0),
        ("stderr", "more", 4.0),
    ]


def test_a_million_rewrites_stay_one_line_and_no_line_grows_without_end() -> None:
    assert shown("x" * 10 + "\r" * 100_000 + "y") == ["y" + "x" * 9]
    assert len(shown("x" * 1_000_000)[0]) == 64 * 1024


def test_the_cursor_reaches_far_up_but_not_for_ever() -> None:
    lines = "".join(f"{number}\n" for number in range(1000))
    text = shown(lines + "\x1b[3A\rup")
    assert text[997] == "up7"
    assert len(text) == 1000
