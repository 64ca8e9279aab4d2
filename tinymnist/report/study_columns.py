"""What the page about a search shows, as text and data URLs. `study.html` lays it out."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from tinymnist.report.columns import Fact, data_url
from tinymnist.report.study_axes import MOST_AXES, MOST_OTHERS, axes_picture, best_count
from tinymnist.report.study_contents import StudyContents
from tinymnist.report.study_importance import FEWEST, MOST
from tinymnist.report.study_pictures import cost_picture, progress_picture
from tinymnist.report.study_words import (
    SAMPLERS,
    STATES,
    objective_text,
    range_text,
    rungs_text,
    spread_text,
    time_text,
    value_text,
)
from tinymnist.search.costs import TITLES, Costs, cell
from tinymnist.search.declaration import Search
from tinymnist.search.driver import rung_spec
from tinymnist.search.load import budget_text
from tinymnist.search.records import Finalist, Winner
from tinymnist.search.space import Axis
from tinymnist.search.trials import Trial
from tinymnist.spec.costs import UNITS
from tinymnist.spec.dump import dump_spec
from tinymnist.text import abbreviated, counted, images_text

LISTED = 20
"""Networks of the front that are listed."""
NAME, OPTIONS, CELL = 60, 300, 36
"""Characters of an axis's name, of the list of its values, and of a value in a narrow column, at most."""


@dataclass(frozen=True)
class StudyHeadline:
    """The best figure, and what it was measured on."""

    figure: str
    measured: str


@dataclass(frozen=True)
class Picture:
    """A picture, and what it shows in words."""

    url: str
    words: str


@dataclass(frozen=True)
class StudyColumns:
    """A study as the page shows it."""

    contents: StudyContents

    @property
    def search(self) -> Search:
        return self.contents.study.file.search

    @property
    def path(self) -> str:
        return str(self.contents.study.path)

    @property
    def finished(self) -> bool:
        return self.contents.result is not None

    @property
    def resume(self) -> str:
        """The command that resumes it."""
        return f"tinymnist search --resume {shlex.quote(self.path)}"

    @property
    def held_out(self) -> str:
        record = self.contents.study.record
        return images_text(record.validation, "validation", record.dataset)

    @property
    def headlines(self) -> list[StudyHeadline]:
        """The winners on the test set; before there are any, the best network on the held-out images."""
        if self.finished:
            return [_winner(each, self.contents.study.record.dataset) for each in self.contents.winners]
        return [self._best_so_far(trial) for trial in self.contents.best[:1]]

    def _best_so_far(self, best: Trial) -> StudyHeadline:
        last = best.last
        figure = f"loss {last.loss:.4f}" if self.contents.by_loss else f"{last.accuracy:.2f} %"
        name = f"network {best.number}, {best.parameters:,} parameters"
        return StudyHeadline(figure, f"best so far of {self.held_out}: {name}, after {counted(last.epochs, 'epoch')}")

    @property
    def facts(self) -> list[Fact]:
        """What was searched for, and how far it is."""
        contents, search = self.contents, self.search
        states = ", ".join(
            f"{count:,} {STATES[state]}"
            for state in ("finished", "dropped", "running", "diverged")
            if (count := contents.count(state))
        )
        return [
            ("base", search.base),
            ("budget", budget_text(contents.study.file.space)),
            ("objective", ", ".join(objective_text(each) for each in search.objective)),
            ("data set", contents.study.record.dataset),
            ("compared on", self.held_out),
            ("rungs", rungs_text(search)),
            ("sampler", f"{SAMPLERS[search.sampler]}, seed {search.seed}"),
            ("networks", f"{len(contents.trials):,} of {search.trials:,} tried" + (f": {states}" if states else "")),
            ("trainings", f"{len(contents.ended):,}, of {counted(contents.epochs, 'epoch')} together"),
            ("training time", f"{time_text(contents.seconds)}, not counting finalists and winners"),
        ]

    @property
    def axes(self) -> list[tuple[str, str]]:
        return [(abbreviated(axis.key, NAME), abbreviated(range_text(axis), OPTIONS)) for axis in self._axes]

    @property
    def cost_titles(self) -> list[str]:
        """The titles of what the tables say of a network's costs."""
        return [TITLES[cost] for cost in self.search.shown_costs]

    def _costs(self, costs: Costs) -> list[str]:
        return [cell(costs, cost) for cost in self.search.shown_costs]

    def _figures(self, trial: Trial) -> list[str]:
        last = trial.last
        figures = [str(last.epochs), f"{last.accuracy:.2f} %", f"{last.loss:.4f}"]
        return [str(trial.number), *self._costs(trial), *figures]

    def _finalist(self, finalist: Finalist) -> list[str]:
        accuracy = f"{spread_text(finalist.accuracy, finalist.std)} %"
        return [finalist.name, *self._costs(finalist), accuracy, f"{finalist.loss:.4f}", str(finalist.n)]

    @property
    def _axes(self) -> Sequence[Axis]:
        return self.contents.study.file.space.axes

    @property
    def finalists(self) -> list[list[str]]:
        tested = {each.trial: f"{spread_text(each.accuracy, each.std)} %" for each in self.contents.winners}
        scores = [[tested.get(each.trial, "")] if self.finished else [] for each in self.contents.finalists]
        return [[*self._finalist(each), *score] for each, score in zip(self.contents.finalists, scores, strict=True)]

    @property
    def finalists_words(self) -> str:
        which = f"accuracy and loss of {self.held_out}"
        text = f"Mean over seeds, with the standard deviation: {which}, which the networks are chosen by."
        if not self.finished:
            return f"{text} More may follow."
        best = "Each that nothing beats" if len(self.contents.winners) > 1 else "The best"
        return f"{text} {best} was trained again on all training images, and only then scored on the test set."

    @property
    def costs(self) -> list[Picture]:
        return [
            Picture(data_url(cost_picture(self.contents, cost), "svg+xml"), f"{self._measure} by {UNITS[cost]}")
            for cost in self.search.costs
        ]

    @property
    def front_words(self) -> str:
        front = self.contents.front
        text = "Each network after its longest training so far."
        if not front:
            return text
        numbers = ", ".join(str(trial.number) for trial in front[:LISTED])
        more = f", and {len(front) - LISTED:,} more" if len(front) > LISTED else ""
        beaten = f"in {self._measure.lower()}, {', '.join(self.cost_titles[:-1])} and {self.cost_titles[-1]}"
        return f"{text} On the front are those that no other beats {beaten}: {numbers}{more}."

    @property
    def _measure(self) -> str:
        return "Loss" if self.contents.by_loss else "Accuracy"

    @property
    def progress(self) -> list[Picture]:
        return [
            Picture(data_url(progress_picture(self.contents, "trainings"), "svg+xml"), f"{self._measure} by training"),
            Picture(data_url(progress_picture(self.contents, "time"), "svg+xml"), f"{self._measure} by time"),
        ]

    @property
    def best_titles(self) -> list[tuple[str, bool]]:
        """The titles of the table of the best networks; whether each is the name of an axis."""
        figures = ("network", *self.cost_titles, "epochs", "accuracy", "loss")
        return [*((title, False) for title in figures), *((abbreviated(axis.key, NAME), True) for axis in self._axes)]

    @property
    def best(self) -> list[list[str]]:
        return [
            [*self._figures(trial), *(abbreviated(value_text(trial.values[axis.key]), CELL) for axis in self._axes)]
            for trial in self.contents.best
        ]

    @property
    def best_words(self) -> str:
        shown, trained = len(self.contents.best), len(self.contents.trained)
        which = "All networks" if shown == trained else f"The best {shown} of {trained:,} networks"
        figures = f"Each figure is of a single training, on {self.held_out}."
        return f"{which}: those that were trained longest come first. {figures}"

    @property
    def importance(self) -> list[tuple[str, float]]:
        return [(abbreviated(key, NAME), share) for key, share in self.contents.importance.shares.items()]

    @property
    def importance_words(self) -> str:
        found = self.contents.importance
        if not found.shares:
            return f"How much each axis explains is not estimated: {self._unknown}."
        some = f", evenly spaced among all {len(self.contents.trained):,}" if len(self.contents.trained) > MOST else ""
        return (
            f"How much of the differences in {self._measure.lower()} after the first training each axis alone "
            "explains, estimated by a random forest (functional ANOVA, Hutter, Hoos and Leyton-Brown 2014) from "
            f"{found.trials:,} networks{some}. The shares add up to 100 %. From a few networks they are rough."
        )

    @property
    def _unknown(self) -> str:
        trials = self.contents.importance.trials
        if len(self._axes) < 2:
            return "only one axis was varied"
        return f"that takes {FEWEST} networks, and there are {trials}" if trials < FEWEST else "all networks are alike"

    @property
    def parallel(self) -> str:
        return data_url(axes_picture(self.contents), "svg+xml")

    @property
    def parallel_words(self) -> str:
        trained, measure = len(self.contents.trained), self._measure.lower()
        text = (
            f"One line per network. Vermilion: the best {best_count(trained)} by {measure} after the first training. "
            "Among the others, the stronger the blue, the better. Within an option, the better are further right."
        )
        if trained - best_count(trained) > MOST_OTHERS:
            text += " Not all of the others are drawn, but evenly spaced ones."
        return text if len(self._axes) <= MOST_AXES else f"{text} Only the first {MOST_AXES} axes are drawn."

    @property
    def search_file(self) -> str:
        return self.contents.study.file.text.rstrip("\n")

    @property
    def specs(self) -> list[tuple[str, str]]:
        """The winners' names and specs; before there are any, those of the best network."""
        study, by_number = self.contents.study, {trial.number: trial for trial in self.contents.trials}
        named = [(f"Spec of the winner {each.name}", each.trial) for each in self.contents.winners]
        if not named and self.contents.best:
            number = self.contents.best[0].number
            named = [(f"Spec of {study.network_name(number)}, the best so far", number)]
        return [
            (name, dump_spec(rung_spec(study, by_number[number], -1)).rstrip("\n"))
            for name, number in named
            if number in by_number
        ]

    @property
    def environment(self) -> list[Fact]:
        record = self.contents.study.record
        return [
            ("created", record.created),
            ("command", shlex.join(record.command)),
            ("device", record.device),
            ("threads", "torch's choice" if record.threads is None else str(record.threads)),
            ("versions", "\n".join(f"{name} {each}" for name, each in record.versions.items())),
        ]


def _winner(winner: Winner, dataset: str) -> StudyHeadline:
    trained = f"{winner.name}, {winner.parameters:,} parameters, trained on all training images"
    measured = f"of the test images of {dataset}, {counted(winner.n, 'seed')}: {trained}"
    return StudyHeadline(f"{spread_text(winner.accuracy, winner.std)} %", measured)
