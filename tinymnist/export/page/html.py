"""The page: `page.html`, with the scripts and the style of this folder, a network, and what is known about it."""

import base64
import hashlib
import json
from dataclasses import dataclass
from importlib.resources import files

from markupsafe import Markup

from tinymnist.data import Dataset, Split
from tinymnist.export.folded import Network
from tinymnist.export.page.words import block_words
from tinymnist.templating import render, script_json
from tinymnist.text import counted
from tinymnist.training import Run
from tinymnist.version import __version__

SCRIPTS = ("network.js", "drawing.js", "page.js")

FASHION = ("T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
"""Classes of Fashion-MNIST (Xiao, Rasul, Vollgraf 2017)."""


def source(name: str) -> str:
    """The text of a file of this folder."""
    return files("tinymnist.export.page").joinpath(name).read_text(encoding="utf-8")


def page(run: Run, network: Network, network_text: str, data: Dataset) -> str:
    """The HTML; `network_text` is the network in JSON."""
    fashion = run.environment.dataset == "fashion-mnist"
    classes = FASHION if fashion else tuple(str(index) for index in range(network.classes))
    _, height, width = network.input
    return render(
        "tinymnist.export.page",
        "page.html",
        version=__version__,
        name=run.spec.name,
        description=" ".join(run.spec.description.split()),
        subject="a piece of clothing" if fashion else "a digit",
        height=height,
        width=width,
        classes=classes,
        facts=_facts(run),
        blocks=[_Block.of(network, name, value) for name, value in network.blocks.items()],
        style=_Source(source("page.css")),
        scripts=[_Source(source(name)) for name in SCRIPTS],
        network_json=script_json(network_text),
        classes_json=script_json(json.dumps(classes)),
        examples_json=script_json(json.dumps(_examples(data.test, network.classes))),
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

    @staticmethod
    def of(network: Network, name: str, value: int) -> "_Block":
        channels, *size = network.shape(value)
        shape = f"{channels} numbers" if size == [1, 1] else f"{channels} maps, {size[0]} × {size[1]}"
        return _Block(name, value, shape, block_words(network, name))


def _facts(run: Run) -> str:
    result = run.result
    best = "" if result.best_epoch is None else f" (weights of epoch {result.best_epoch})"
    trained = f"trained on {result.dataset} for {counted(result.epochs, 'epoch')}{best} with seed {result.seed}"
    return (
        f"{result.parameters:,} parameters, {trained}. After training, {result.accuracy:.2f} % of {result.n:,} "
        f"{result.scored_on} images were classified correctly."
    )


def _examples(test: Split, classes: int) -> list[dict[str, int | str]]:
    """The first test image of each class."""
    labels = test.labels.tolist()
    return [
        {"label": label, "pixels": base64.b64encode(test.images[labels.index(label)].numpy().tobytes()).decode()}
        for label in range(classes)
        if label in labels
    ]
