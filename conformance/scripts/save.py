"""`wandb.save` under its three policies, `wandb.restore`, and code."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import wandb

from conformance.scripts.telling import options, sha256, tell


def main() -> None:
    """Save, change, end; the truth has for each policy what must have arrived."""
    run = wandb.init(project=options()["project"], settings=wandb.Settings(save_code=True))
    folder = Path("saved")
    (folder / "deep").mkdir(parents=True)
    for name in ("now", "live", "end", "deep/ünï code"):
        (folder / f"{name}.txt").write_text(f"{name} first\n" * 1000, encoding="utf-8")
    (folder / "empty.bin").write_bytes(b"")
    now = sha256(folder / "now.txt")
    for name, policy in (
        ("now.txt", "now"),
        ("live.txt", "live"),
        ("end.txt", "end"),
        ("deep/ünï code.txt", "now"),
        ("empty.bin", "now"),
    ):
        run.save(str((folder / name).resolve()), base_path=str(folder.resolve()), policy=policy)
    run.log({"loss": 1.0})
    time.sleep(5)  # "now" has been taken
    for name in ("live", "end"):
        (folder / f"{name}.txt").write_text(f"{name} second\n" * 2000, encoding="utf-8")
    run.log_code(str(Path(__file__).parent), include_fn=lambda path: path.endswith("save.py"))
    path = f"{run.entity}/{run.project}/{run.id}"
    run.finish()
    restored = wandb.restore("live.txt", run_path=path, root="restored")
    tell(
        {
            "id": run.id,
            "state": "finished",
            "files": {
                "now.txt": now,
                "live.txt": sha256(folder / "live.txt"),
                "end.txt": sha256(folder / "end.txt"),
                "deep/ünï code.txt": sha256(folder / "deep/ünï code.txt"),
                "empty.bin": hashlib.sha256(b"").hexdigest(),
            },
            "restored": restored is not None
            and sha256(restored.name) == sha256(folder / "live.txt"),
        }
    )


if __name__ == "__main__":
    main()
