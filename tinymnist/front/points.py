"""Points of parameters and accuracy, and which of them are on the Pareto front."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tinymnist.front.published import DATASET, IMAGES, PUBLISHED, Published
from tinymnist.statistics import Interval, Summary, summarize
from tinymnist.text import images_text


@dataclass(frozen=True, slots=True)
class Point:
    """One network, trained with one or more seeds and scored on the test set after the last epoch."""

    name: str
    source: Path
    """The `result.json` that the point comes from."""
    parameters: int
    summary: Summary
    """Summary of the accuracies, in percent."""
    packaged: bool = False
    """Whether the series is one that comes with tinymnist."""

    @property
    def error(self) -> float:
        """Mean test error, percent."""
        return 100.0 - self.summary.mean

    @property
    def error_interval(self) -> Interval | None:
        """95 % interval of the mean error, percent; None if n is 1."""
        interval = self.summary.interval
        return None if interval is None else (100.0 - interval[1], 100.0 - interval[0])

    @property
    def error_range(self) -> Interval:
        """Error of the best and of the worst seed, percent."""
        return 100.0 - self.summary.maximum, 100.0 - self.summary.minimum

    @property
    def figures(self) -> str:
        """`99.40 ± 0.05 % (n 5)`: mean, standard deviation and number of seeds."""
        spread = "" if self.summary.std is None else f" ± {self.summary.std:.2f}"
        return f"{self.summary.mean:.2f}{spread} % (n {self.summary.n})"


@dataclass(frozen=True, slots=True)
class Front:
    """Points scored on the same test images, sorted by parameters, and which of them are on the Pareto front."""

    dataset: str
    images: int
    points: tuple[Point, ...]
    on_front: tuple[bool, ...]
    """For each point, whether no other has as few parameters and as high a mean, and is better in one of the two."""
    published: tuple[Published, ...]
    """What others report on the same test set."""
    damaged: tuple[str, ...] = ()
    """What is wrong with results that were left out."""

    @property
    def best(self) -> list[Point]:
        """The points on the front. Parameters and means both rise, unless two points are equal in both."""
        return [point for point, on_front in zip(self.points, self.on_front, strict=True) if on_front]

    @property
    def scored_on(self) -> str:
        """`the 10,000 test images of mnist`."""
        return images_text(self.images, "test", self.dataset)


def front(points: Sequence[Point], dataset: str, images: int, *, alone: bool = False) -> Front:
    """The Pareto front of `points`, which are all scored on the same `images` test images of `dataset`; beside it,
    unless it stands `alone`, what others have published on the same images."""
    ordered = tuple(sorted(points, key=lambda point: (point.parameters, -point.summary.mean, point.name)))
    on_front, best, best_at = [], -1.0, 0
    for point in ordered:
        mean, equal = point.summary.mean, point.summary.mean == best and point.parameters == best_at
        on_front.append(mean > best or equal)
        if mean > best:
            best, best_at = mean, point.parameters
    published = () if alone or (dataset, images) != (DATASET, IMAGES) else PUBLISHED
    return Front(dataset, images, ordered, tuple(on_front), published)


def point(name: str, source: Path, parameters: int, accuracies: Sequence[float], *, packaged: bool = False) -> Point:
    """The point of a series; `accuracies` are in percent, one per seed. Raises `UsageError` if there are none."""
    return Point(name, source, parameters, summarize(accuracies), packaged)
