"""The page: the files of this folder, filled with a network and with what is known of it."""

import base64
import hashlib
import json
from html import escape
from importlib.resources import files
from string import Template

from tinymnist.data import Dataset, Split
from tinymnist.export.folded import Network
from tinymnist.export.page.words import block_words
from tinymnist.text import printable
from tinymnist.training import Run
from tinymnist.version import __version__

SCRIPTS = ("network", "drawing", "page")

FASHION = ("T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
"""Classes of Fashion-MNIST (Xiao, Rasul, Vollgraf 2017)."""


def source(name: str) -> str:
    """A file of this folder."""
    return files("tinymnist.export.page").joinpath(name).read_text(encoding="utf-8")


def page(run: Run, network: Network, network_text: str, data: Dataset) -> str:
    """HTML; `network_text` is the network in JSON. Whatever comes from the run is escaped."""
    fashion = run.environment.dataset == "fashion-mnist"
    classes = FASHION if fashion else tuple(str(index) for index in range(network.classes))
    scripts, style = {name: source(f"{name}.js") for name in SCRIPTS}, source("page.css")
    _, height, width = network.input
    return Template(source("page.html")).substitute(
        policy=_policy(list(scripts.values()), style),
        version=__version__,
        name=_text(run.spec.name),
        description=_text(run.spec.description),
        subject="a piece of clothing" if fashion else "a digit",
        height=height,
        width=width,
        bars="\n".join(_bar(name) for name in classes),
        blocks="\n".join(_block(network, name, value) for name, value in network.blocks.items()),
        facts=_text(_facts(run)),
        style=style,
        steps=_data(network_text),
        classes=_data(json.dumps(classes)),
        examples=_data(json.dumps(_examples(data.test, network.classes))),
        **{f"{name}_js": script for name, script in scripts.items()},
    )


def _policy(scripts: list[str], style: str) -> str:
    """A Content Security Policy: the scripts and the style that were put in, and nothing else, from nowhere."""
    allowed = " ".join(_hash(script) for script in scripts)
    return (
        f"default-src 'none'; script-src {allowed}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _text(text: str) -> str:
    return escape(printable(" ".join(text.split())))


def _data(text: str) -> str:
    """JSON that no part of can end the element it stands in."""
    return text.replace("<", "\\u003c")


def _bar(name: str) -> str:
    return (
        f'<li><span>{escape(name)}</span><span class="track"><span class="bar"></span></span>'
        '<span class="percent"></span></li>'
    )


def _block(network: Network, name: str, value: int) -> str:
    channels, *size = network.shape(value)
    shape = f"{channels} numbers" if size == [1, 1] else f"{channels} maps, {size[0]} × {size[1]}"
    return (
        f"<li><header><h3>{_text(name)}</h3><p>{shape}</p><p>{escape(block_words(network, name))}</p></header>"
        f'<div class="maps" data-value="{value}" role="img" aria-label="Feature maps of {_text(name)}"></div></li>'
    )


def _facts(run: Run) -> str:
    result = run.result
    trained = f"trained on {result.dataset} for {result.epochs} epochs with seed {result.seed}"
    return (
        f"{result.parameters:,} parameters, {trained}. After the last, they read {result.accuracy:.2f} % of "
        f"{result.n:,} {result.scored_on} images right."
    )


def _examples(test: Split, classes: int) -> list[dict[str, int | str]]:
    """The first test image of each class."""
    labels = test.labels.tolist()
    return [
        {"label": label, "pixels": base64.b64encode(test.images[labels.index(label)].numpy().tobytes()).decode()}
        for label in range(classes)
        if label in labels
    ]
