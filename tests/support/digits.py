"""Pictures of digits for `predict`."""

import cv2
import numpy as np
from numpy.typing import NDArray

from tinymnist.data.published import read_published

Pixels = NDArray[np.uint8]


def mnist_5k() -> tuple[Pixels, NDArray[np.int64], Pixels, NDArray[np.int64]]:
    """Training images and labels, test images and labels."""
    parts = read_published("mnist-5k")[0].parts
    train, test = parts["train"], parts["test"]
    return np.asarray(train.images), train.labels, np.asarray(test.images), test.labels


def on_paper(count: int, side: int = 112, margin: int = 40) -> tuple[list[Pixels], list[int]]:
    """Some of MNIST's training images, dark on white paper, and their labels."""
    images, labels, *_ = mnist_5k()
    step = len(images) // count
    chosen = [cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC) for image in images[::step][:count]]
    return [np.asarray(255 - np.pad(image, margin)) for image in chosen], labels[::step][:count].tolist()


def with_lines(page: Pixels, places: list[tuple[float, float, float, float]], level: int, thick: int) -> Pixels:
    """Draws lines between two points each, in parts of the page's width and height, under the ink."""
    height, width = page.shape
    lines = np.full((height, width), 255, np.uint8)
    for x0, y0, x1, y1 in places:
        start, end = ((round(x * (width - 1)), round(y * (height - 1))) for x, y in ((x0, y0), (x1, y1)))
        cv2.line(lines, start, end, level, thick, cv2.LINE_AA)
    return np.minimum(page, lines)
