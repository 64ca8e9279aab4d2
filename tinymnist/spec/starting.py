"""The commented spec that `tinymnist new` writes, as it is or made for somebody's own images."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from tinymnist.spec.dump import entry
from tinymnist.spec.load import document_from_text
from tinymnist.text import printable

FINAL_SIDE = 8
"""Pixels that pooling leaves on the shorter side, at most, before the last block."""
BUDGET = 3130
RECIPES = ((20_000, 512, 0.4), (2_000, 128, 0.1), (0, 32, 0.1))
"""From so many training images on: batch size and learning rate. On held-out images of Fashion-MNIST, rates of 0.05,
0.1 and 0.4 gave 70.4, 75.0 and 74.6 % with 600 training images and batches of 32, and 85.3, 86.6 and 85.7 % with 3,000
and batches of 128."""
STEPS = 2000
"""Optimizer steps of the recipe, about as many as the reference recipe takes on MNIST."""


@dataclass(frozen=True, slots=True)
class Images:
    """What a spec has to know of the images that it is written for."""

    dataset: str
    shape: tuple[int, int, int]
    """Channels, height and width."""
    class_names: Sequence[str]
    train: int
    """Training images."""
    mean: float
    std: float
    """Of the pixels, from 0 to 1."""
    unequal: bool = False
    """Whether some class has many times the images of another."""
    resize: tuple[int, int] | None = None
    skip_unreadable: bool = False


def starting_text(name: str, images: Images | None = None, *, mirror: bool = False) -> str:
    """The YAML for a network called `name`; with `mirror`, training images are mirrored at random."""
    text = files("tinymnist.spec").joinpath("template.yaml").read_text(encoding="utf-8")
    text = _with(text, "name: NAME", entry("name", name))
    return text if images is None else _for_images(text, images, mirror)


def _for_images(text: str, images: Images, mirror: bool) -> str:
    channels, height, width = images.shape
    classes = len(images.class_names)
    text = _with(
        text, "{channels: 1, height: 28, width: 28}", f"{{channels: {channels}, height: {height}, width: {width}}}"
    )
    text = _with(text, "classes: 10\n", f"classes: {classes}{' ' * 23}# {_shown(images.class_names)}\n")
    description = entry("description", f"{classes} classes of {images.dataset}.")
    text = _with(text, "description: The idea, in a sentence.", description)
    text = _with_blocks(text, max(0, math.ceil(math.log2(min(height, width) / FINAL_SIDE))), _features(classes))
    network, _, _ = text.partition("# What is left out")
    return _with_budget(network) + _data(images) + _recipe(images, mirror)


def _with_budget(text: str) -> str:
    """The text with a budget that the network keeps."""
    parameters = document_from_text(
        _with(text, f"max_params: {BUDGET}", "max_params: 1000000000"), ""
    ).spec.plan.parameters
    return text.replace(f"max_params: {BUDGET}", f"max_params: {max(BUDGET, math.ceil(parameters / 100) * 100)}")


def _with_blocks(text: str, poolings: int, features: int) -> str:
    """The text with so many poolings before the last block, and `features` channels in that."""
    begin, end = text.index("  - convs:\n      - {kind: separable"), text.index("  - convs: [{kind: separable")
    middle = text[begin:end].replace("out_channels: 16", f"out_channels: {features}")
    if poolings == 0:
        text = _with(text, "    pool: max                     # max,", "    pool: none                    # max,")
    if poolings < 2:
        middle = _with(middle, "    pool: max\n", "")
    last = text[end:].replace("out_channels: 16", f"out_channels: {features}")
    return text[:begin] + middle * max(1, poolings - 1) + last


def _data(images: Images) -> str:
    lines = [
        f"  {entry('dataset', images.dataset)}",
        "  validation: 0                   # training images to hold out and score while you tune",
    ]
    if images.resize is not None:
        lines.append(f"  resize: [{images.resize[0]}, {images.resize[1]}]")
    if images.skip_unreadable:
        lines.append("  skip_unreadable: true")
    return "\n".join(["data:", *lines, "", ""])


def _recipe(images: Images, mirror: bool) -> str:
    batch_size, max_lr = next(recipe for least, *recipe in RECIPES if images.train >= least)
    epochs = min(200, max(20, round(STEPS * batch_size / images.train)))
    weights = (
        "  class_weights: balanced         # small classes count as much as large ones\n" if images.unequal else ""
    )
    flip = "    - HorizontalFlip: {p: 0.5}\n" if mirror else ""
    return f"""# What is left out, at any depth, is as in the reference recipe (see docs/network.md).
train:
  epochs: {epochs}
  batch_size: {batch_size}
  schedule: {{name: one_cycle, max_lr: {max_lr}}}
{weights}  normalize: measured             # on the training images: mean {images.mean:.4f}, std {images.std:.4f}
  augment:
{flip}    - ShiftScaleRotate: {{shift_limit: 0.0625, scale_limit: 0.05, rotate_limit: 12, border_mode: replicate}}
"""


def _features(classes: int) -> int:
    return 16 if classes <= 16 else 24 if classes <= 64 else 32


def _shown(class_names: Sequence[str]) -> str:
    some = ", ".join(printable(name) for name in class_names[:10])
    more = "" if len(class_names) <= 10 else f", ... ({len(class_names):,})"
    return some + more


def _with(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, old
    return text.replace(old, new)
