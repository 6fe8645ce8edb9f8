"""`holdfast COMMAND …`: parse, dispatch, and turn what went wrong into one line and an exit code.

Owns the list of commands and the exit codes of the process. Knows nothing that a command does:
each command is a module with ``add(subparsers)`` and ``run(args) -> int``, loaded when it is
named, so that `holdfast sync` does not pay for the server.

Exit codes: 0 done, 1 not all of it proven, 2 usage, 3 to 8 as in `holdfast.errors`, 70 a defect
of Holdfast, 130 interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

from holdfast.cli.version import version_line
from holdfast.errors import HoldfastError

__all__ = ["COMMANDS", "main"]

COMMANDS = {
    "doctor": "holdfast.cli.doctor",
    "export": "holdfast.cli.export",
    "import": "holdfast.cli.import_",
    "login": "holdfast.cli.login",
    "relay": "holdfast.cli.relay",
    "repair": "holdfast.cli.repair",
    "run": "holdfast.cli.run",
    "serve": "holdfast.cli.serve",
    "status": "holdfast.cli.status",
    "sync": "holdfast.cli.sync",
    "users": "holdfast.cli.users",
    "verify": "holdfast.cli.verify",
    "version": "holdfast.cli.version",
    "watch": "holdfast.cli.watch",
}

_EXIT_DEFECT = 70
_EXIT_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the words after the program's name; by default those of this process.

    Returns:
        The exit code. Nothing but argparse's own exit (usage, ``--help``) is raised.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    named = next((word for word in words if not word.startswith("-")), "")
    try:
        parser, modules = _parser([named] if named in COMMANDS else list(COMMANDS))
        args = parser.parse_args(words)
        if args.command is None:
            parser.print_help()
            return 2
        code: int = modules[args.command].run(args)
        sys.stdout.flush()
    except HoldfastError as error:
        print(f"holdfast: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("holdfast: interrupted", file=sys.stderr)
        return _EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader (a pager, `head`) left. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001 - the last line of defence: said, written down, exit 70
        return _defect(error)
    return code


class _Parser(argparse.ArgumentParser):
    """argparse, with usage errors in the manner of all other errors: one line and what to do."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"holdfast: {message}; see '{self.prog} --help'\n")


def _parser(names: Sequence[str]) -> tuple[_Parser, dict[str, Any]]:
    parser = _Parser(
        prog="holdfast",
        description="Offline-first experiment tracker: log to the local disk, sync it, prove it.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version", action="version", version=version_line(), help="print the version and exit"
    )
    subparsers = parser.add_subparsers(
        dest="command", metavar="COMMAND", title="commands", parser_class=_Parser
    )
    modules = {name: importlib.import_module(COMMANDS[name]) for name in names}
    for module in modules.values():
        module.add(subparsers)
    return parser, modules


def _defect(error: Exception) -> int:
    report = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    try:
        handle, where = tempfile.mkstemp(prefix="holdfast-error-", suffix=".txt")
        with open(handle, "w", encoding="utf-8") as file:
            file.write(f"{version_line()}\n{' '.join(sys.argv)}\n\n{report}")
    except OSError:
        # No room even for the report: the terminal is the only place left for it.
        print(report, file=sys.stderr)
        where = "above"
    name = type(error).__name__
    print(
        f"holdfast: a defect of Holdfast ({name}: {' '.join(str(error).split())}); "
        f"please report it with the traceback in {where}",
        file=sys.stderr,
    )
    return _EXIT_DEFECT


if __name__ == "__main__":
    sys.exit(main())
