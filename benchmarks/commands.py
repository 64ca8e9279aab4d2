"""Measures the light commands: process time, wall time and peak memory, medians of five runs in turns.

    python benchmarks/commands.py

Needs tinymnist installed for this Python; runs on Linux and macOS.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 5
ROOT = Path(__file__).resolve().parent.parent

HUGE = {
    "layers.yaml": "  - convs: [{out_channels: 6, kernel_size: 3, activation: silu}]\n" * 10_000,
    "channels.yaml": "  - convs: [1000000000, 1000000000]\n",
}


def measure(arguments: list[str], folder: Path) -> tuple[float, float, float]:
    """Process time in seconds, wall time in seconds, and peak memory in megabytes, of one run."""
    command = [sys.executable, "-m", "tinymnist", *arguments]
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, _, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return usage.ru_utime + usage.ru_stime, wall, peak / 1e6


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, blocks in HUGE.items():
            (folder / file).write_text(f"name: huge\nblocks:\n{blocks}", encoding="utf-8")
        contestants = {
            "tinymnist --help": ["--help"],
            "tinymnist check (all of archs/)": ["check", str(ROOT / "archs")],
            "tinymnist check, 10,000 layers": ["check", "layers.yaml", "--max-params", "3130"],
            "tinymnist check, 10^9 channels": ["check", "channels.yaml", "--max-params", "3130"],
        }
        runs: dict[str, list[tuple[float, float, float]]] = {title: [] for title in contestants}
        for _ in range(ROUNDS):
            for title, arguments in contestants.items():
                runs[title].append(measure(arguments, folder))
    print(f"{'command':34}  process s  wall s  peak MB")
    for title, figures in runs.items():
        process, wall, peak = (statistics.median(column) for column in zip(*figures, strict=True))
        print(f"{title:34}  {process:9.2f}  {wall:6.2f}  {peak:7.0f}")


if __name__ == "__main__":
    main()
