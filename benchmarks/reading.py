"""Measures how long it takes to read MNIST as a folder of 70,000 PNG files, and from other formats.

    python benchmarks/reading.py

Each format is read three times; shown are medians of wall time and of the time that the cores were busy. The files
were just written, so that the disk matters little. Only the second row finds the pictures in the cache.
"""

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tinymnist.data import decoding, read_image_set
from tinymnist.data.cache import CACHE
from tinymnist.data.image_set import Images, ImageSet, SplitName

ROUNDS = 3


def write_pngs(splits: Mapping[SplitName, Images], class_names: Sequence[str], root: Path) -> Path:
    """`root/SPLIT/CLASS/NUMBER.png`."""
    for split, images in splits.items():
        for number, (pixels, label) in enumerate(zip(images.pixels, images.labels.tolist(), strict=True)):
            folder = root / split / class_names[label]
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels[0]).save(folder / f"{number}.png")
    return root


def write_npz(data: ImageSet, path: Path) -> Path:
    arrays: dict[str, NDArray[Any]] = {}
    for split, images in data.splits.items():
        arrays |= {f"x_{split}": images.pixels[:, 0], f"y_{split}": images.labels}
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
    return path


def write_csv(data: ImageSet, root: Path) -> Path:
    root.mkdir()
    for split, images in data.splits.items():
        table = np.column_stack([images.labels, images.pixels.reshape(len(images), -1)])
        head = ",".join(["label", *(f"pixel{index}" for index in range(table.shape[1] - 1))])
        np.savetxt(root / f"{split}.csv", table, "%d", ",", header=head, comments="")
    return root


def emptied_cache() -> None:
    shutil.rmtree(CACHE.folder, ignore_errors=True)


def report(
    title: str, read: Callable[[], ImageSet], digest: str, prepare: Callable[[], object] = emptied_cache
) -> None:
    walls, busy = [], []
    for _ in range(ROUNDS):
        prepare()
        began, before = time.perf_counter(), time.process_time()
        assert read().digest == digest
        walls.append(time.perf_counter() - began)
        busy.append(time.process_time() - before)
    print(f"{title:28}  {statistics.median(walls):6.2f}  {statistics.median(busy):6.2f}")


def main() -> None:
    data = read_image_set("mnist")
    print(f"{len(data.train) + len(data.test):,} images, {os.cpu_count()} cores\n{'':28}  wall s  busy s")
    with tempfile.TemporaryDirectory() as name:
        os.environ["XDG_CACHE_HOME"] = str(Path(name) / "cache")
        pngs = write_pngs(data.splits, data.class_names, Path(name) / "pngs")
        report("PNG files", lambda: read_image_set(str(pngs)), data.digest)
        report("PNG files, again", lambda: read_image_set(str(pngs)), data.digest, prepare=lambda: None)
        decoding.MAX_THREADS = 1
        report("PNG files, one thread", lambda: read_image_set(str(pngs)), data.digest)
        for title, path in (
            (".npz, compressed", write_npz(data, Path(name) / "mnist.npz")),
            ("CSV", write_csv(data, Path(name) / "csv")),
        ):
            report(title, lambda path=path: read_image_set(str(path)), data.digest)  # type: ignore[misc]
        report("IDX, verified", lambda: read_image_set("mnist"), data.digest)


if __name__ == "__main__":
    main()
