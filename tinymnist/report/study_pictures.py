"""The pictures of a search: the networks by what they cost, and the best so far."""

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Literal

from tinymnist.plotting import BLUE, VERMILION, constrained_figure, picture_bytes, picture_settings
from tinymnist.report.scales import count_plainly, plain_axes, scale_errors, scale_losses, shown_figure
from tinymnist.report.study_axes import axes_picture
from tinymnist.report.study_contents import StudyContents
from tinymnist.report.study_words import unit_of_time
from tinymnist.search.costs import amount
from tinymnist.search.trials import Figures, Trial
from tinymnist.spec.costs import UNITS, Cost
from tinymnist.text import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Effort = Literal["trainings", "time"]

WIDTH, HEIGHT = 4.4, 3.2
"""Inches."""
GREY = "#8C8C8C"
MOST_MARKS = 500
"""Marks that are drawn one by one; more are drawn as dots of a picture, or the page would be too large."""


def cost_picture(contents: StudyContents, cost: Cost) -> bytes:
    """Draws how good each network was after its longest training, against what it costs, as an SVG."""
    front = {trial.number for trial in contents.front}
    finalists = {each.trial for each in contents.finalists}
    winners = {each.trial for each in contents.winners}
    finished = [trial for trial in contents.trained if trial.state == "finished"]
    groups: list[tuple[str, Sequence[Trial], dict[str, Any]]] = [
        (
            "trained less",
            [trial for trial in contents.trained if trial.state != "finished"],
            {"marker": "o", "markersize": 3, "markerfacecolor": "white", "markeredgecolor": GREY},
        ),
        (
            "trained to the end",
            [trial for trial in finished if trial.number not in front],
            {"marker": "o", "markersize": 4, "markerfacecolor": "white", "markeredgecolor": BLUE},
        ),
        (
            "on the front",
            [trial for trial in finished if trial.number in front],
            {"marker": "o", "markersize": 4.5, "markerfacecolor": BLUE, "markeredgecolor": BLUE},
        ),
        (
            "finalist",
            [trial for trial in finished if trial.number in finalists],
            {"marker": "o", "markersize": 9, "markerfacecolor": "none", "markeredgecolor": VERMILION},
        ),
        (
            "winner",
            [trial for trial in finished if trial.number in winners],
            {"marker": "o", "markersize": 13, "markerfacecolor": "none", "markeredgecolor": VERMILION},
        ),
    ]
    with picture_settings():
        figure = constrained_figure(WIDTH, HEIGHT)
        axes = figure.subplots()
        for label, trials, style in groups:
            points = [(amount(trial, cost), _height(contents, trial.last)) for trial in trials]
            if points:
                dots = len(trials) > MOST_MARKS
                axes.plot(*zip(*points, strict=True), linestyle="", label=label, rasterized=dots, **style)
        every = [known for trial in contents.trained if (known := amount(trial, cost)) < math.inf]
        if every and max(every) > 5 * min(every):
            axes.set_xscale("log")
        _finish(axes, contents, [trial.last for trial in contents.trained])
        count_plainly(axes)
        axes.set_xlabel(UNITS[cost])
        figure.legend(loc="outside lower left", ncols=3, frameon=False, fontsize=7.5)
    return picture_bytes(figure, "svg")


def progress_picture(contents: StudyContents, by: Effort) -> bytes:
    """Draws all trainings and the best so far, by their number or by the time that they took, as an SVG."""
    ended = contents.ended
    unit, seconds = unit_of_time(contents.seconds)
    places = [each.seconds / seconds if by == "time" else float(place + 1) for place, each in enumerate(ended)]
    heights = [_height(contents, each.figures) for each in ended]
    rungs = contents.study.file.search.rungs
    with picture_settings():
        figure = constrained_figure(WIDTH, HEIGHT)
        axes = figure.subplots()
        for number, rung in enumerate(rungs):
            chosen = [place for place, each in enumerate(ended) if each.rung == number]
            face = BLUE if number == len(rungs) - 1 else "white"
            axes.plot(
                [places[place] for place in chosen],
                [heights[place] for place in chosen],
                "o",
                color=BLUE,
                markersize=2.2 + 1.6 * (number + 1) / len(rungs),
                alpha=0.45 + 0.55 * (number + 1) / len(rungs),
                label=counted(rung.epochs, "epoch"),
                rasterized=len(chosen) > MOST_MARKS,
                markerfacecolor=face,
                markeredgewidth=0.8,
            )
        best = list(accumulate(heights, min))
        axes.step(places, best, where="post", color=VERMILION, linewidth=1.4, label="best so far")
        _finish(axes, contents, [each.figures for each in ended])
        axes.set_xlim(0, None)
        count_plainly(axes)
        axes.set_xlabel("trainings" if by == "trainings" else f"{unit} of training")
        figure.legend(loc="outside lower left", ncols=4, frameon=False, fontsize=7.5)
    return picture_bytes(figure, "svg")


def study_pictures(contents: StudyContents) -> Iterator[tuple[str, bytes]]:
    """All pictures, each with the end of its name; none where nothing was trained."""
    if not contents.trained:
        return
    for cost in contents.study.file.search.costs:
        yield f"{cost}.svg", cost_picture(contents, cost)
    yield "trainings.svg", progress_picture(contents, "trainings")
    yield "time.svg", progress_picture(contents, "time")
    yield "axes.svg", axes_picture(contents)


def _height(contents: StudyContents, figures: Figures) -> float:
    return shown_figure(contents.goodness(figures), contents.by_loss)


def _finish(axes: "Axes", contents: StudyContents, figures: Sequence[Figures]) -> None:
    plain_axes(axes)
    heights = [_height(contents, each) for each in figures]
    (scale_losses if contents.by_loss else scale_errors)(axes, min(heights), max(heights))
    title = "Loss (nats per image)" if contents.by_loss else "Accuracy, %"
    axes.set_title(f"{title}, of held-out images", loc="left", fontsize=9)
