"""Begin a run and say what came of it: for keys that are wrong and resumes that must not be."""

from __future__ import annotations

import wandb

from conformance.scripts.telling import options, tell


def main() -> None:
    """Begin with ``how``, end at once; an error of the client ends the script with its words."""
    asked = options()
    run = wandb.init(project=asked["project"], **asked.get("how", {}))
    tell({"id": run.id})
    run.finish()


if __name__ == "__main__":
    main()
