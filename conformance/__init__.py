"""Does Holdfast take what real wandb clients say? The table of `docs/wandb-clients.md`, made here.

Real clients from PyPI run scripts against a live `holdfast serve`; what the server then holds is
read back and compared, value by value, with what the scripts logged. `python -m conformance` runs
all of it. This is no part of the package.
"""
