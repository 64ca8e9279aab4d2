"""What the page shows of one entry: its figures as text, its pictures as data URLs. `page.html` lays them out."""

import base64
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tinymnist.report.contents import Entry, Metrics
from tinymnist.report.curves import PANELS, Panel
from tinymnist.report.filters import Filters, picture_of
from tinymnist.report.headline import Headline, headline
from tinymnist.report.inspection import Inspection, Mistake
from tinymnist.report.pictures import confusion_picture, curves_picture, percent, png
from tinymnist.spec.dump import dump_spec
from tinymnist.text import counted, epochs_text
from tinymnist.training.diagnosis import diagnose
from tinymnist.training.records import Result, SeriesResult

ENLARGED = 6
"""Side of a weight on the screen, in CSS pixels."""

STANDING_OUT = 0.15
"""Part of all mistakes that one pair of classes must have to be mentioned."""

Fact = tuple[str, str]


@dataclass(frozen=True)
class Digit:
    """A wrongly classified image."""

    index: int
    label: int
    guesses: list[str]
    url: str


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

    @property
    def network(self) -> Inspection | None:
        return self.entry.network

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
        count, true, read = max(
            (count, true, read)
            for true, row in enumerate(self.network.evaluation.confusion)
            for read, count in enumerate(row)
            if true != read
        )
        if count < STANDING_OUT * self.network.wrong or count < 3:
            return ""
        return f"{count} of {self.network.wrong:,} mistakes are {true} classified as {read}"

    @property
    def headline(self) -> Headline:
        return headline(self.entry)

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
    def confusion(self) -> str:
        assert self.network is not None
        return _data_url(confusion_picture(self.network.evaluation), "svg+xml")

    @property
    def curves(self) -> list[tuple[Panel, str]]:
        return [(panel, _data_url(curves_picture(self.entry, self.metrics, [panel]), "svg+xml")) for panel in PANELS]

    @property
    def mistakes(self) -> list[Digit]:
        return [] if self.network is None else [_digit(each) for each in self.network.mistakes]

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


def _digit(mistake: Mistake) -> Digit:
    guesses = [f"{label}: {percent(probability)}" for label, probability in mistake.likeliest]
    return Digit(mistake.index, mistake.label, guesses, _data_url(png(255 - mistake.image), "png"))


def _layer(filters: Filters) -> Layer:
    picture = picture_of(filters)
    height, width = picture.shape[0] * ENLARGED, picture.shape[1] * ENLARGED
    return Layer(filters.name, filters.words, _data_url(png(picture), "png"), width, height)


def _data_url(content: bytes, kind: Literal["svg+xml", "png"]) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
