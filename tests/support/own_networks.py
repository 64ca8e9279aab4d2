"""Networks trained in a second on pictures of one's own, of all kinds and sizes."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import tinymnist
from tinymnist.notices import Notice
from tinymnist.training import Observer

NAMES = ["red, or so", "grün", "blue"]
"""Names of classes, not in their order: one needs quotes in CSV, one is not ASCII."""

HEIGHT, WIDTH = 12, 10
SPEC = """
name: own
input: {{channels: {channels}, height: {height}, width: {width}}}
classes: {classes}
data: {{dataset: "{dataset}", {data}}}
blocks:
  - convs: [6]
    pool: global_average
train:
  {{epochs: {epochs}, batch_size: 8, augment: [], engine: torch, schedule: {{name: one_cycle, max_lr: 0.1}}}}
checks: {{}}
"""


class Silent(Observer):
    """Leaves warnings out, such as that pictures are transparent."""

    def warned(self, notice: Notice) -> None:
        pass


def colours(label: int, index: int) -> NDArray[np.uint8]:
    """A picture of one class: mostly of its colour, each of another size."""
    draw = np.random.default_rng([label, index])
    pixels = draw.integers(0, 90, (20 + index, 15 + 3 * label, 3), np.uint8)
    pixels[3:-3, 2:-2, label] += np.uint8(150)
    return pixels


def save(path: Path, pixels: NDArray[np.uint8], kind: int) -> None:
    """One of five kinds: PNG, JPEG on its side, with transparency, with a palette, PNG on its side."""
    image = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = 6
    if kind == 1:
        return image.save(path.with_suffix(".jpg"), exif=exif)
    if kind == 2:
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    if kind == 3:
        image = image.quantize(32)
    return image.save(path.with_suffix(".png"), exif=exif if kind == 4 else Image.Exif())


def write_pictures(root: Path, splits: dict[str, int], grey: bool = False) -> Path:
    """`split/CLASS/NUMBER.*`, so many of each class; a split's pictures are in none of the others."""
    first = 0
    for split, count in splits.items():
        for label, name in enumerate(NAMES):
            (root / split / name).mkdir(parents=True)
            for index in range(first, first + count):
                pixels = colours(label, index)
                kind = 0 if grey else index % 5
                save(root / split / name / f"{index:02}", pixels[..., label] if grey else pixels, kind)
        first += count
    return root


def train_on(
    dataset: Path, output: Path, shape: tuple[int, int, int], classes: int = 3, data: str = "", epochs: int = 4
) -> Path:
    """A finished run. `data` are further keys of the spec's `data`."""
    channels, height, width = shape
    path = output / f"{dataset.stem}.yaml"
    text = SPEC.format(
        channels=channels, height=height, width=width, classes=classes, dataset=dataset, data=data, epochs=epochs
    )
    path.write_text(text, encoding="utf-8")
    run = tinymnist.train(tinymnist.load_spec(path), seed=1, output=output, name=dataset.stem, observer=Silent())
    return run.path
