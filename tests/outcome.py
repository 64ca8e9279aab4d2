"""What a training leaves behind, but for the time it took: what two trainings that ended alike have in common."""

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import safe_open

from tinymnist.training import load_run

TIMES = ("seconds", "images_per_second")


def outcome_of(path: Path) -> dict[str, Any]:
    """Weights, the state of model, optimizer and average at the end, metrics, result, and which files there are.

    The generators have no state to compare: every draw is made from the seed and its place.
    """
    run = load_run(path)
    with safe_open(run.checkpoint, framework="pt") as stream:
        progress = json.loads(stream.metadata()["progress"])
        state = {name: _sha256(stream.get_tensor(name).numpy().tobytes()) for name in stream.offset_keys()}
    return {
        "weights": _sha256((path / "weights.safetensors").read_bytes()),
        "state": state,
        "progress": {key: value for key, value in progress.items() if key not in ("rows", *TIMES)},
        "metrics": [{k: v for k, v in asdict(row).items() if k not in TIMES} for row in run.read_metrics()],
        "result": run.result.model_dump(exclude={"run", "seconds"}),
        "files": files_in(path),
    }


def files_in(path: Path) -> list[str]:
    """All of them, but for locks, which stay."""
    found = [str(file.relative_to(path)) for file in path.rglob("*") if not file.is_dir()]
    return sorted(name for name in found if os.path.basename(name) != ".lock")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
