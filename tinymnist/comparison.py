"""Comparing two runs, or two series of runs: whether one is better, or the difference may be chance."""

from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import ClassVar, Literal

from tinymnist.errors import UsageError
from tinymnist.evaluation import score_on_test
from tinymnist.notices import Warn, warn_in_python
from tinymnist.spec.packaged import shown_place
from tinymnist.statistics import (
    SIGNIFICANT,
    Difference,
    Interval,
    Summary,
    mcnemar,
    paired_interval,
    summarize,
    welch,
)
from tinymnist.text import images_text, shape_text
from tinymnist.training import Run, Series, open_run
from tinymnist.training.load import series_of
from tinymnist.training.records import SeriesResult, different_images
from tinymnist.training.trained import open_trained

Better = Literal["A", "B"]


@dataclass(frozen=True, slots=True)
class RunSide:
    """One of two networks, and its accuracy on the images of the comparison."""

    run: Run
    accuracy: float
    """Percent."""
    n: int
    """Images."""

    @property
    def warnings(self) -> list[dict[str, str | int]]:
        """What is worth knowing of the data that it was trained on."""
        return self.run.warnings


@dataclass(frozen=True, slots=True)
class SeriesSide:
    """One of two series, and its accuracies in a few figures."""

    series: Series
    result: SeriesResult
    summary: Summary


@dataclass(frozen=True, slots=True)
class RunComparison:
    """Two networks, A and B, on the same images; the comparison says nothing about other seeds.

    The test and the interval are different methods and may disagree about a borderline difference: the test decides.
    """

    a: Run
    b: Run
    dataset: str
    scored_on: Literal["test", "validation"]
    """Whether the images are the test set, or training images that both runs held out."""
    n: int
    """The number of images."""
    both: int
    """Images that both read right."""
    only_a: int
    """Images that only A reads right."""
    only_b: int

    kind: ClassVar = "runs"
    test: ClassVar = "mcnemar-exact"

    @property
    def sides(self) -> tuple[RunSide, RunSide]:
        """A and B."""
        a, b = self.accuracies
        return RunSide(self.a, a, self.n), RunSide(self.b, b, self.n)

    @property
    def accuracies(self) -> tuple[float, float]:
        """The accuracies of A and B, percent."""
        return 100.0 * (self.both + self.only_a) / self.n, 100.0 * (self.both + self.only_b) / self.n

    @property
    def difference(self) -> float:
        """A - B, in points."""
        return 100.0 * (self.only_a - self.only_b) / self.n

    @property
    def interval(self) -> Interval:
        """95 % interval of the difference, in points, by Agresti and Min."""
        low, high = paired_interval(self.only_a, self.only_b, self.n)
        return 100.0 * low, 100.0 * high

    @property
    def p(self) -> float:
        """Two-sided, by McNemar's exact test."""
        return mcnemar(self.only_a, self.only_b)

    @property
    def better(self) -> Better | None:
        """None where no difference is shown."""
        return _better(self.p, self.difference)

    @property
    def conclusion(self) -> str:
        """In words, one line."""
        if self.only_a + self.only_b == 0:
            return "no difference shown: both read the same images right"
        found = "no difference shown" if self.better is None else f"{self.better} is better"
        return f"{found}: two equally good networks would differ this much or more with {p_text(self.p, 'probability')}"


@dataclass(frozen=True, slots=True)
class SeriesComparison:
    """Two series, A and B, compared by the accuracies of their seeds on the same images."""

    a: Series
    b: Series
    results: tuple[SeriesResult, SeriesResult]
    """The results of A and B."""
    summaries: tuple[Summary, Summary]
    """The summaries of their accuracies."""
    welch: Difference
    """A - B, in points."""

    kind: ClassVar = "series"
    test: ClassVar = "welch"

    @property
    def sides(self) -> tuple[SeriesSide, SeriesSide]:
        """A and B."""
        return (
            SeriesSide(self.a, self.results[0], self.summaries[0]),
            SeriesSide(self.b, self.results[1], self.summaries[1]),
        )

    @property
    def better(self) -> Better | None:
        """None where no difference is shown."""
        return _better(self.welch.p, self.welch.difference)

    @property
    def conclusion(self) -> str:
        """In words, one line."""
        if self.welch.interval is None:
            return "cannot be told: neither varies from seed to seed: train more seeds"
        low, high = self.welch.interval
        if self.better == "A":
            return f"A is better: by {low:.2f} to {high:.2f} points"
        if self.better == "B":
            return f"B is better: by {-high:.2f} to {-low:.2f} points"
        return f"no difference shown: A may be up to {-low:.2f} points worse or {high:.2f} points better"


def compare(
    a: Run | Series | str | PathLike[str],
    b: Run | Series | str | PathLike[str],
    *,
    dataset: str | None = None,
    data_dir: Path | None = None,
    device: str = "auto",
    warn: Warn = warn_in_python,
) -> RunComparison | SeriesComparison:
    """Compares two finished runs on the test set of `dataset`, by default the data set that both were trained on. Where
    both held out the same training images and no `dataset` is named, they are compared on those images, so that a
    recipe that is still being tuned is never looked at through the test set. Two finished series are compared by the
    accuracies in their results; beside a series, the name of a network that comes with tinymnist means the series that
    it is from. `warn` is called where `auto` means mnist-5k.

    Raises `RunError` where one is not finished, `UsageError` for two that cannot be compared, `DataError` for data or
    damage.
    """
    first, second = (each if isinstance(each, Run | Series) else open_run(each) for each in (a, b))
    if isinstance(first, Run) and isinstance(second, Series):
        first = series_of(first) or first
    elif isinstance(first, Series) and isinstance(second, Run):
        second = series_of(second) or second
    if isinstance(first, Run) and isinstance(second, Run):
        return _compare_runs(first, second, dataset, data_dir, device, warn)
    if isinstance(first, Series) and isinstance(second, Series):
        return _compare_series(first, second, dataset)
    one, many = (first, second) if isinstance(first, Run) else (second, first)
    assert isinstance(many, Series)
    raise UsageError(
        f"{one.path} is one run, {many.path} a series of runs: compare two series, or the run with one of that series, "
        f"such as {many.seed_path(many.seeds[0])}"
    )


def _compare_runs(a: Run, b: Run, dataset: str | None, data_dir: Path | None, device: str, warn: Warn) -> RunComparison:
    if dataset is None:
        _refuse_other_images(a, b)
    first, second = open_trained([a, b], dataset, data_dir, device, warn, held_out=True)
    data, scored_on = first.data, first.scored_on
    if second.data.digest != data.digest:
        raise UsageError(
            f"{shown_place(a.path)} reads {data.name} as images of {shape_text(data.shape)}, {shown_place(b.path)} as "
            f"{shape_text(second.data.shape)}: compare networks that read the same images"
        )
    both = first, replace(second, data=data)  # in one order, which may differ between formats
    right_a, right_b = (score_on_test(each).predictions == data.test.labels for each in both)
    return RunComparison(
        a,
        b,
        dataset=data.name,
        scored_on=scored_on,
        n=len(data.test),
        both=int((right_a & right_b).sum()),
        only_a=int((right_a & ~right_b).sum()),
        only_b=int((right_b & ~right_a).sum()),
    )


def _refuse_other_images(a: Run, b: Run) -> None:
    """Raises `UsageError` where the runs were trained on different data, or held out different images of it."""
    places = shown_place(a.path), shown_place(b.path)
    first, second = a.trained_on[0], b.trained_on[0]
    if not first.data.is_same(second.data):
        what = (
            f"{places[0]} and {places[1]} were trained on different images, both named {first.dataset}"
            if first.dataset == second.dataset
            else f"{places[0]} was trained on {first.dataset}, {places[1]} on {second.dataset}"
        )
        raise UsageError(f"{what}: choose the test set for both with --dataset")
    advice = f"name the test set with --dataset {first.dataset}, once nothing is tuned any more"
    if first.validation != second.validation:
        raise UsageError(
            f"{places[0]} held out {first.validation:,} training images, {places[1]} {second.validation:,}: {advice}"
        )
    if first.validation and not first.data.holds_out_the_same(second.data):
        raise UsageError(
            f"{places[0]} and {places[1]} held out different images, because {first.dataset} and {second.dataset} have "
            f"the same images in another order: {advice}"
        )


def _compare_series(a: Series, b: Series, dataset: str | None) -> SeriesComparison:
    first, second = a.result, b.result
    if not first.is_of_same_images(second):
        different = different_images(shown_place(a.path), first, shown_place(b.path), second)
        raise UsageError(f"{different}: compare series that were scored on the same images")
    if dataset not in (None, first.dataset, second.dataset):
        raise UsageError(
            f"--dataset {dataset}: series are compared by the accuracies in their results, on {first.dataset}: "
            "leave it out"
        )
    for series, result in ((a, first), (b, second)):
        if len(result.accuracies) < 2:
            raise UsageError(f"{series.path}: one seed says nothing about the spread: compare series of two at least")
    summaries = summarize(first.accuracies), summarize(second.accuracies)
    return SeriesComparison(a, b, (first, second), summaries, welch(first.accuracies, second.accuracies))


def images_of(result: SeriesResult) -> str:
    """The images that a series was scored on, such as `the 10,000 test images of mnist`."""
    return images_text(result.images, result.scored_on, result.dataset)


def p_text(p: float, name: str = "p") -> str:
    """A p-value, such as `p 0.013` or `p < 0.0001`."""
    return f"{name} < 0.0001" if p < 0.0001 else f"{name} {p:.3g}"


def _better(p: float | None, difference: float) -> Better | None:
    if p is None or p >= SIGNIFICANT:
        return None
    return "A" if difference > 0 else "B"
