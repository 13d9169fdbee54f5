"""Checkpoints as small as they can be: one tensor, which holds a text, and a position."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from nmt.storage.location import Location
from nmt.training.checkpoint import CheckpointStore


def write_checkpoint(folder: Path, step: int = 5, text: str = "") -> None:
    """Write the files of a checkpoint into a local folder."""
    held = np.frombuffer((text or f"weights of {step}").encode(), np.uint8)
    (folder / "state.safetensors").write_bytes(save({"text": held}))
    (folder / "progress.json").write_text(json.dumps({"step": step}))


def weights(folder: Path) -> str:
    """The text that a checkpoint holds."""
    return load((folder / "state.safetensors").read_bytes())["text"].tobytes().decode()


def keep(run: Path | Location, *steps: int) -> CheckpointStore:
    """Store checkpoints of these steps; returns their store."""
    store = CheckpointStore(Location(run), len(steps))
    for step in steps:
        store.keep(step, lambda folder, step=step: write_checkpoint(folder, step))
    return store


def plant(run: Path, step: int, files: dict[str, bytes], changes: dict[str, Any]) -> None:
    """Put files, with their right hashes, in the place of those of a stored checkpoint, and
    change its checkpoint.json."""
    folder = run / f"checkpoint_{step:07d}"
    manifest = folder / "checkpoint.json"
    content = json.loads(manifest.read_text())
    for name, data in files.items():
        (folder / name).write_bytes(data)
        entry = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        content["files"][name] = entry
    manifest.write_text(json.dumps(content | changes))
