"""Media of every type that wandb makes without further packages."""

from __future__ import annotations

import struct
import wave
from pathlib import Path

import numpy as np
import wandb

from conformance.scripts.telling import options, sha256, tell

STEPS = 3


def main() -> None:
    """Log media in three steps; the truth is the files that wandb wrote to its folder."""
    run = wandb.init(project=options()["project"])
    for step in range(STEPS):
        run.log({"loss": 0.5**step, **pictures(step), **others(step)})
    run.log({"curve": wandb.plot.line(wandb.Table(["x", "y"], [[1, 2], [2, 4]]), "x", "y")})
    folder = Path(run.dir)
    run.finish()
    media = (path for path in folder.rglob("media/**/*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): sha256(path) for path in media}
    tell({"id": run.id, "files": files, "state": "finished", "exit_code": 0, "steps": STEPS})


def pictures(step: int) -> dict[str, object]:
    """One, several, and one with masks and boxes."""
    pixels = np.full((16, 24, 3), 40 * step, dtype=np.uint8)
    mask = {"mask_data": np.zeros((16, 24), dtype=np.uint8), "class_labels": {0: "none"}}
    box = {
        "position": {"minX": 0.1, "maxX": 0.4, "minY": 0.2, "maxY": 0.8},
        "class_id": 1,
        "scores": {"sure": 0.5},
    }
    return {
        "image": wandb.Image(pixels, caption=f"step {step}"),
        "images/some": [wandb.Image(pixels), wandb.Image(255 - pixels)],
        "labelled": wandb.Image(
            pixels,
            masks={"predicted": mask},
            boxes={"found": {"box_data": [box], "class_labels": {1: "a thing"}}},
        ),
    }


def others(step: int) -> dict[str, object]:
    """A table, HTML, a histogram, sound, a clip, points and a molecule."""
    return {
        "table": wandb.Table(columns=["n", "text"], data=[[step, "ü"], [2, "b"]]),
        "html": wandb.Html(f"<p>step {step}</p>"),
        "histogram": wandb.Histogram(np.arange(100) * (step + 1)),
        "sound": wandb.Audio(str(sound(step)), caption="a tone"),
        "clip": wandb.Video(str(clip(step))),
        "points": wandb.Object3D(np.arange(30, dtype=np.float64).reshape(10, 3)),
        "molecule": wandb.Molecule(str(molecule())),
    }


def sound(step: int) -> Path:
    """A WAV file."""
    path = Path(f"tone{step}.wav")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"".join(struct.pack("<h", (i * step) % 3000) for i in range(800)))
    return path


def clip(step: int) -> Path:
    """A file that is called a clip: wandb looks at the name only."""
    path = Path(f"clip{step}.mp4")
    path.write_bytes(b"\x00\x00\x00\x18ftypmp42" + bytes([step]) * 5000)
    return path


def molecule() -> Path:
    """A file that is called a molecule."""
    path = Path("water.pdb")
    path.write_text("HETATM    1  O   HOH     1       0.000   0.000   0.000\n")
    return path


if __name__ == "__main__":
    main()
