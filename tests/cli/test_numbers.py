"""Numbers on the command line, and the options that take them."""

from __future__ import annotations

import argparse

import pytest

from holdfast.cli.main import main
from holdfast.cli.numbers import positive, read_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1000", 1000),
        ("1K", 1024),
        (" 2MiB ", 2 << 20),
        ("4.7GB", 4_700_000_000),
        ("1.5g", 3 << 29),
        ("1tb", 10**12),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert read_size(text) == size


@pytest.mark.parametrize("text", ["", "fast", "-1", "10 apples", "1e9", "M", "1.M"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        read_size(text)


def test_positive() -> None:
    assert positive("3") == 3
    for text in ("0", "-1", "many"):
        with pytest.raises((argparse.ArgumentTypeError, ValueError)):
            positive(text)


@pytest.mark.parametrize(
    "words",
    [
        ("watch", "--bandwidth", "fast"),
        ("watch", "--bandwidth", "0"),
        ("watch", "--bandwidth", "0.5/s"),
        ("watch", "--jobs", "0"),
        ("sync", "--jobs", "0"),
        ("import", "x", "--timeout", "0"),
        ("export", "--split", "big"),
    ],
)
def test_a_bad_number_is_a_usage_error(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(list(words))
    assert caught.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("holdfast: argument ")
    assert words[-2] in line
