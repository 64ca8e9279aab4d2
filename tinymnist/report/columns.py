"""What the page shows of one entry: its figures as text, its pictures as data URLs. `page.html` lays them out."""

import base64
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tinymnist.report.confusions import (
    MOST_IN_MATRIX,
    WIDE_MATRIX,
    ClassScore,
    Confused,
    most_confused,
    read_worst,
)
from tinymnist.report.contents import Entry, Metrics
from tinymnist.report.curves import PANELS, Panel
from tinymnist.report.filters import Filters, picture_of
from tinymnist.report.headline import Headline, headline
from tinymnist.report.inspection import Inspection, Mistake
from tinymnist.report.pictures import as_shown, confusion_picture, curves_picture, drawn_names, percent, png
from tinymnist.spec.dump import dump_spec
from tinymnist.text import abbreviated, counted, epochs_text, short_path
from tinymnist.training.diagnosis import diagnose
from tinymnist.training.records import Result, SeriesResult

ENLARGED = 6
"""Side of a weight on the screen, in CSS pixels."""
IMAGE_SIDE = 56
"""CSS pixels to which the longer side of a small image is enlarged."""
CLASS_NAME, SHORT_NAME = 40, 4
"""Characters of a class's name at most, and of one that stands below an image in its width."""
CLASSES_NAMED = 20
"""Classes that are named among the facts of the environment."""

STANDING_OUT = 0.15
"""Part of all mistakes that one pair of classes must have to be mentioned."""

Fact = tuple[str, str]
Words = Callable[[Mapping[str, str | int]], str]
"""Puts a warning into words, from the fields of its notice and their `kind`."""


@dataclass(frozen=True)
class Misread:
    """A wrongly classified image."""

    index: int
    label: str
    guesses: list[tuple[str, str]]
    """The two likeliest classes, each with its probability."""
    url: str
    width: int
    """CSS pixels, as is the height."""
    height: int


@dataclass(frozen=True)
class Layer:
    """The filters of one convolution."""

    name: str
    lines: list[str]
    url: str
    width: int
    """CSS pixels, as is the height."""
    height: int


@dataclass(frozen=True)
class Column:
    """One entry. Its curves have the scales of all `metrics` on the page, so that they can be compared."""

    entry: Entry
    metrics: Sequence[Metrics]
    words: Words

    @property
    def network(self) -> Inspection | None:
        return self.entry.network

    @property
    def warnings(self) -> list[str]:
        """What is worth knowing of the data."""
        return [self.words(each) for each in self.entry.warnings]

    @property
    def diagnosis(self) -> list[str]:
        """Sentences about what went wrong in training, and about the classes that are confused most."""
        spec = self.entry.spec
        early_stopping = spec.train.early_stopping is not None
        sentences = diagnose(self.entry.metrics, spec.classes, images=self.entry.images, early_stopping=early_stopping)
        return [*sentences, *([confused] if (confused := self._confused()) else [])]

    def _confused(self) -> str:
        """The pair of classes that stands out among the mistakes."""
        if self.network is None or not self.network.wrong:
            return ""
        (first,) = most_confused(self.network.evaluation, 1)
        if first.count < STANDING_OUT * self.network.wrong or first.count < 3:
            return ""
        true, read = self._name(first.true), self._name(first.read)
        return f"{first.count} of {self.network.wrong:,} mistakes are {true} classified as {read}"

    def _name(self, label: int) -> str:
        assert self.network is not None
        return abbreviated(self.network.class_names[label], CLASS_NAME)

    @property
    def headline(self) -> Headline:
        return headline(self.entry)

    @property
    def measured(self) -> str:
        """What the headline was measured on, where there is little room for a path."""
        result, network = self.entry.result, self.network
        dataset = network.evaluation.dataset if network is not None else self.entry.record.dataset
        if isinstance(result, SeriesResult):
            dataset = result.dataset
        return self.headline.measured.replace(dataset, short_path(dataset))

    @property
    def facts(self) -> list[Fact]:
        """The table below the headline."""
        result, plan = self.entry.result, self.entry.spec.plan
        facts = [
            *(_spread(result) if isinstance(result, SeriesResult) else _scores(self.entry)),
            ("parameters", f"{plan.parameters:,}"),
            ("multiply-adds", f"{plan.macs:,}"),
            *_epochs(self.entry),
        ]
        chosen_on = "" if result is None else result.chosen_on
        return [*facts, ("recipe chosen on", chosen_on)] if chosen_on else facts

    @property
    def seeds(self) -> list[tuple[str, str, str]]:
        """Seed, accuracy and loss of each run of a series."""
        result = self.entry.result
        if not isinstance(result, SeriesResult):
            return []
        return [
            (str(seed), f"{accuracy:.2f} %", f"{loss:.4f}")
            for seed, accuracy, loss in zip(result.seeds, result.accuracies, result.losses, strict=True)
        ]

    @property
    def classes(self) -> int:
        return self.entry.spec.classes

    @property
    def is_wide(self) -> bool:
        """Whether the section of the confusion matrix takes the width of the page."""
        return self.network is not None and self.classes > WIDE_MATRIX

    @property
    def confusion(self) -> str:
        """The matrix; empty where it has too many classes to be looked at."""
        assert self.network is not None
        if self.classes > MOST_IN_MATRIX:
            return ""
        return data_url(confusion_picture(self.network.evaluation, self.network.class_names), "svg+xml")

    @property
    def numbered(self) -> str:
        """The classes that the matrix shows by their numbers, as in `#3 NAME, #7 NAME`."""
        assert self.network is not None
        drawn = enumerate(drawn_names(self.network.class_names))
        return ", ".join(f"{name} {self._name(label)}" for label, name in drawn if name == f"#{label}")

    @property
    def confused(self) -> list[tuple[str, str, Confused]]:
        """The names of the classes that are confused most, with their figures; none where the matrix is small."""
        assert self.network is not None
        pairs = most_confused(self.network.evaluation) if self.is_wide else []
        return [(self._name(pair.true), self._name(pair.read), pair) for pair in pairs]

    @property
    def worst(self) -> list[tuple[str, ClassScore]]:
        """The names of the classes that are read worst, with their figures; none where the matrix is small."""
        assert self.network is not None
        return [(self._name(each.label), each) for each in read_worst(self.network.evaluation)] if self.is_wide else []

    @property
    def curves(self) -> list[tuple[Panel, str]]:
        return [(panel, data_url(curves_picture(self.entry, self.metrics, [panel]), "svg+xml")) for panel in PANELS]

    @property
    def mistakes(self) -> list[Misread]:
        return [] if self.network is None else [self._misread(each, self.network.ink) for each in self.network.mistakes]

    def _misread(self, mistake: Mistake, ink: bool) -> Misread:
        guesses = [(self._name(label), percent(probability)) for label, probability in mistake.likeliest]
        height, width = _size_on_screen(*mistake.image.shape[:2])
        url = data_url(png(as_shown(mistake.image, ink)), "png")
        return Misread(mistake.index, self._name(mistake.label), guesses, url, width, height)

    @property
    def mistake_width(self) -> float:
        """The least width of an image and its text, in rem."""
        assert self.network is not None
        widths = [_size_on_screen(*each.image.shape[:2])[1] for each in self.network.mistakes]
        short = max(map(len, self.network.class_names)) <= SHORT_NAME
        return max([4.9 if short else 7.5, *(width / 16 + 0.4 for width in widths)])

    @property
    def layers(self) -> list[Layer]:
        return [] if self.network is None else [_layer(each) for each in self.network.filters]

    @property
    def spec(self) -> str:
        return dump_spec(self.entry.spec).rstrip("\n")

    @property
    def environment(self) -> list[Fact]:
        """Everything that the record holds, including keys of later versions."""
        facts = []
        for key, value in self.entry.record.model_dump(exclude={"schema_version"}).items():
            if key == "command":
                value = shlex.join(value)
            if key == "initial" and value is not None:
                value = value["run"]
            if key == "data" and value is not None:
                value = {**value, "class_names": _some(value["class_names"]), "warnings": len(value["warnings"])}
            if isinstance(value, dict):
                value = "\n".join(f"{name} {each}" for name, each in value.items())
            if value not in (None, "", []):
                facts.append((key.replace("_", " "), str(value)))
        return facts


def _spread(result: SeriesResult) -> list[Fact]:
    return [("lowest, highest", f"{result.minimum:.2f}, {result.maximum:.2f} %")]


def _epochs(entry: Entry) -> list[Fact]:
    """How long it was trained and, where the recipe stops early, which epochs the weights are of."""
    result, of_epochs = entry.result, entry.spec.train.epochs
    if result is None:
        return [("epochs", f"{len(entry.metrics[0]) if entry.metrics else 0} of {of_epochs}")]
    if isinstance(result, Result):
        plain = result.best_epoch is None
        return [("epochs", str(result.epochs) if plain else epochs_text(result.epochs, of_epochs, result.best_epoch))]
    if not result.epochs_by_seed or not result.best_epochs:
        return [("epochs", str(result.epochs))]
    fewest, most = min(result.epochs_by_seed), max(result.epochs_by_seed)
    stopped = f"{fewest} to {most} of {of_epochs}, {result.stopped_early} of {counted(result.n, 'seed')} stopped early"
    return [("epochs", stopped), ("weights of epochs", f"{min(result.best_epochs)} to {max(result.best_epochs)}")]


def _scores(entry: Entry) -> list[Fact]:
    """The scores measured for this page, and those measured after training where they differ."""
    assert entry.network is not None, "only a series may lack one"
    evaluation, result = entry.network.evaluation, entry.result
    facts = [
        ("wrong", f"{entry.network.wrong:,} of {evaluation.n:,}"),
        ("balanced accuracy", f"{evaluation.balanced_accuracy:.2f} %"),
        ("macro F1", f"{evaluation.macro_f1:.2f} %"),
        ("loss", f"{evaluation.loss:.4f}"),
    ]
    if isinstance(result, Result) and (result.accuracy, entry.scored_on) != (evaluation.accuracy, entry.network.images):
        facts.append(("after training", f"{result.accuracy:.2f} % of {entry.scored_on}"))
    return [*facts, ("seed", str(*entry.seeds))]


def _size_on_screen(height: int, width: int) -> tuple[int, int]:
    """Height and width of an image in CSS pixels: small ones are enlarged."""
    scale = max(1.0, IMAGE_SIDE / max(height, width))
    return max(1, round(scale * height)), max(1, round(scale * width))


def _layer(filters: Filters) -> Layer:
    picture = picture_of(filters)
    height, width = picture.shape[0] * ENLARGED, picture.shape[1] * ENLARGED
    return Layer(filters.name, filters.words, data_url(png(picture), "png"), width, height)


def _some(class_names: Sequence[str]) -> str:
    shown = [abbreviated(name, CLASS_NAME) for name in class_names[:CLASSES_NAMED]]
    more = len(class_names) - len(shown)
    return ", ".join([*shown, *([f"and {more} more"] if more else [])])


def data_url(content: bytes, kind: Literal["svg+xml", "png"]) -> str:
    """The content of a picture as an address."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
