"""The command line: words and exit codes. One command, one module; `main` only dispatches."""
