"""The page: `page.html`, with the scripts and the style of this folder, a network, and what is known about it."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from markupsafe import Markup
from torch import Tensor

from tinymnist.data import Dataset, Split
from tinymnist.export.artifact import public_name
from tinymnist.export.page.words import block_words, class_words
from tinymnist.folded.network import Network
from tinymnist.templating import render, script_json
from tinymnist.text import counted, printable
from tinymnist.training import Run
from tinymnist.version import __version__

DRAWN = ("network.js", "drawing.js", "page.js", "sketch.js")
CHOSEN = ("network.js", "fitting.js", "page.js", "chosen.js")
"""The scripts of a page to draw on, and of one that takes picture files."""
MOST_ROWS = 10
"""Probabilities that are shown at once."""
MOST_EXAMPLES = 20
"""Test images that are shown, each of another class."""
MANY_NUMBERS = 30
"""From so many numbers on, they are shown small."""


def source(name: str) -> str:
    """The text of a file of this folder."""
    return files("tinymnist.export.page").joinpath(name).read_text(encoding="utf-8")


def page(run: Run, network: Network, network_text: str, data: Dataset) -> str:
    """The HTML; `network_text` is the network in JSON.

    Networks of grey pictures that were prepared as MNIST's digits were are drawn for; others are shown picture files.
    """
    classes = [printable(name) for name in network.class_names]
    channels, height, width = network.input
    drawn = channels == 1 and run.prepare == "mnist"
    examples = _examples(data.test)
    return render(
        "tinymnist.export.page",
        "page.html",
        version=__version__,
        name=run.spec.name,
        description=" ".join(run.spec.description.split()),
        drawn=drawn,
        wanted=class_words(classes),
        words=any(len(name) > 2 for name in classes),
        height=height,
        width=width,
        classes=classes,
        rows=classes[:MOST_ROWS],
        examples=[classes[label] for label in examples],
        facts=_facts(run),
        blocks=[_Block.of(network, name, value) for name, value in network.blocks.items()],
        style=_Source(source("page.css")),
        scripts=[_Source(source(name)) for name in (DRAWN if drawn else CHOSEN)],
        network_json=script_json(network_text),
        classes_json=script_json(json.dumps(classes)),
        examples_json=script_json(json.dumps(_encoded(examples))),
    )


@dataclass(frozen=True)
class _Source:
    """A script or a style that goes into the page as it is."""

    content: str

    @property
    def text(self) -> Markup:
        return Markup(self.content)

    @property
    def sha256(self) -> str:
        """The digest by which the page's Content Security Policy allows it, in base64."""
        return base64.b64encode(hashlib.sha256(self.content.encode()).digest()).decode()


@dataclass(frozen=True)
class _Block:
    """A block of the network, whose feature maps are shown."""

    name: str
    value: int
    """The number of the value that it computes."""
    shape: str
    steps: str
    many: bool
    """Whether it is of so many numbers that they are shown small."""

    @staticmethod
    def of(network: Network, name: str, value: int) -> "_Block":
        channels, *size = network.shape(value)
        shape = f"{channels} numbers" if size == [1, 1] else f"{channels} maps, {size[0]} × {size[1]}"
        many = size == [1, 1] and channels >= MANY_NUMBERS
        return _Block(name, value, shape, block_words(network, name), many)


def _facts(run: Run) -> str:
    result = run.result
    best = "" if result.best_epoch is None else f" (weights of epoch {result.best_epoch})"
    trained = (
        f"trained on {public_name(result.dataset)} for {counted(result.epochs, 'epoch')}{best} with seed {result.seed}"
    )
    return (
        f"{result.parameters:,} parameters, {trained}. After training, {result.accuracy:.2f} % of {result.n:,} "
        f"{result.scored_on} images were classified correctly."
    )


def _examples(test: Split) -> dict[int, Tensor]:
    """The first test image of each class; of many classes, of some at even distances."""
    labels = test.labels.tolist()
    present = sorted(set(labels))
    count = min(len(present), MOST_EXAMPLES)
    some = [present[index * len(present) // count] for index in range(count)]
    return {label: test.images[labels.index(label)] for label in some}


def _encoded(examples: Mapping[int, Tensor]) -> list[dict[str, int | str]]:
    return [
        {"label": label, "pixels": base64.b64encode(image.numpy().tobytes()).decode()}
        for label, image in examples.items()
    ]
