"""Measures how long 60,000 MNIST images take from PNG files in class folders, for tinymnist and for torchvision.

    python benchmarks/loading.py

tinymnist reads them the first time, with an empty cache, and again; `ImageFolder` is read once through by a
`DataLoader` with a worker per core. Each reading has a process of its own, in turns; shown are medians, without the
time of the imports. Both have the files in the system's page cache.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from reading import emptied_cache, write_pngs

from tinymnist.data import read_image_set

ROUNDS = 5
IMAGES = 60_000
BATCH = 512
"""Images per batch of the `DataLoader`."""


def tinymnist_first(root: Path) -> float:
    emptied_cache()
    return tinymnist_again(root)


def tinymnist_again(root: Path) -> float:
    began = time.perf_counter()
    data = read_image_set(str(root))
    seconds = time.perf_counter() - began
    assert len(data.train) + len(data.test) == IMAGES
    return seconds


def image_folder(root: Path, workers: int) -> float:
    from torch.utils.data import DataLoader
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    began = time.perf_counter()
    data = ImageFolder(root, transforms.Compose([transforms.Grayscale(), transforms.ToTensor()]))
    seen = sum(len(labels) for _, labels in DataLoader(data, BATCH, shuffle=True, num_workers=workers))
    seconds = time.perf_counter() - began
    assert seen == IMAGES
    return seconds


CORES = os.cpu_count() or 1
CONTESTANTS: dict[str, Callable[[Path], float]] = {
    "tinymnist, first time": tinymnist_first,
    "tinymnist, again": tinymnist_again,
    f"ImageFolder, {CORES} workers": lambda root: image_folder(root, CORES),
    "ImageFolder, no workers": lambda root: image_folder(root, 0),
}


def main() -> None:
    if len(sys.argv) > 1:  # in a process of its own
        print(CONTESTANTS[sys.argv[1]](Path(sys.argv[2])))
        return
    seconds: dict[str, list[float]] = {title: [] for title in CONTESTANTS}
    with tempfile.TemporaryDirectory() as name:
        data = read_image_set("mnist")
        root = write_pngs({"train": data.train}, data.class_names, Path(name) / "pngs") / "train"
        environment = {**os.environ, "XDG_CACHE_HOME": str(Path(name) / "cache")}
        for _ in range(ROUNDS):
            for title in CONTESTANTS:
                command = [sys.executable, __file__, title, str(root)]
                done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
                seconds[title].append(float(done.stdout))
    print(f"{IMAGES:,} images, {CORES} cores, load {os.getloadavg()[0]:.1f}\n\n| | s | images/s | from | to |")
    print("|---|---|---|---|---|")
    for title, some in seconds.items():
        middle = statistics.median(some)
        print(f"| {title} | {middle:.2f} | {IMAGES / middle:,.0f} | {min(some):.2f} | {max(some):.2f} |")


if __name__ == "__main__":
    main()
