"""Tells the classes of picture files with a trained network."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from os import PathLike

from tinymnist.errors import ImageError, UsageError
from tinymnist.notices import Warn, warn_in_python
from tinymnist.prediction.classifier import DIGITS, Classifier
from tinymnist.prediction.find import Found, find_images
from tinymnist.prediction.images import Picture, read_scaled
from tinymnist.prediction.prepare import prepare, prepare_each
from tinymnist.prediction.resized import read_resized
from tinymnist.prediction.several import Box
from tinymnist.training import Run, load_run


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What a network said of one file."""

    file: str
    picture: Picture
    """The network's input, uint8: (H, W), or (H, W, 3) in colour."""
    class_names: tuple[str, ...]
    probabilities: tuple[float, ...]
    """One per class, from 0 to 1, as the network gives them. They are not a promise, least of all for a picture that
    shows none of the classes."""
    label: int | None = None
    """The place in `class_names` of the class that the file's folder is named by, if it is."""
    box: Box | None = None
    """Where the character lies, where several were looked for."""

    @property
    def class_name(self) -> str:
        """The most probable class."""
        return self.class_names[self.top(1)[0]]

    @property
    def digit(self) -> int | None:
        """The most probable digit; None where the classes are not 0 to 9."""
        return self.top(1)[0] if self.class_names == DIGITS else None

    @property
    def true_class(self) -> str | None:
        """The class that the file's folder is named by, if it is."""
        return None if self.label is None else self.class_names[self.label]

    def top(self, count: int) -> list[int]:
        """The places in `class_names` of the `count` most probable classes, most probable first; the place of a digit
        is the digit."""
        return sorted(range(len(self.probabilities)), key=lambda label: -self.probabilities[label])[:count]


@dataclass(frozen=True, slots=True)
class Unusable:
    """A file that could not be used."""

    file: str
    error: ImageError
    label: int | None = None
    true_class: str | None = None


def predict(
    run: Run | str | PathLike[str],
    images: Iterable[str | PathLike[str]],
    *,
    many: bool = False,
    device: str = "auto",
    warn: Warn = warn_in_python,
) -> list[Prediction]:
    """Tells what pictures show with the network of a finished run: PNG, JPEG and WebP files, folders of such files, and
    files that match patterns such as `digits/*.png`; each file once. Pictures are prepared as the images were that the
    network was trained on. With `many`, reads every digit or letter in a picture, from left to right.

    Raises `ImageError` for the first file that cannot be used, `RunError` where the run is not finished or no picture
    can be prepared for it, `UsageError` where it cannot read `many`, `DataError` where it is damaged.
    """
    found = predict_each(run, images, many=many, device=device, warn=warn)
    for each in found:
        if isinstance(each, Unusable):
            raise each.error
    return [each for each in found if isinstance(each, Prediction)]


def predict_each(
    run: Run | str | PathLike[str],
    images: Iterable[str | PathLike[str]],
    *,
    many: bool = False,
    device: str = "auto",
    warn: Warn = warn_in_python,
) -> list[Prediction | Unusable]:
    """Predicts as `predict` does, with an `Unusable` for each file that cannot be used. Raises `RunError`, `UsageError`
    and `DataError`."""
    if not isinstance(run, Run):
        run = load_run(run)
    if many and run.prepare != "mnist":
        raise UsageError(f"--many: {run.path} takes whole pictures, as it was trained: leave it out")
    classifier = Classifier(run, device)
    prepared = [each for file in find_images(images, run.class_names, warn) for each in _prepared(run, file, many)]
    pictures = [each.picture for each in prepared if isinstance(each, Prediction)]
    probabilities = iter(classifier.probabilities(pictures).tolist())
    return [
        replace(each, probabilities=tuple(next(probabilities))) if isinstance(each, Prediction) else each
        for each in prepared
    ]


def _prepared(run: Run, file: Found, many: bool) -> list[Prediction] | list[Unusable]:
    """The pictures to put to the network, without probabilities yet: one, or with `many` one per character."""
    names = run.class_names
    try:
        if many:
            boxes = prepare_each(*read_scaled(file.path))
            return [Prediction(file.path, picture, names, (), box=box) for box, picture in boxes]
        if run.prepare == "mnist":
            picture = prepare(read_scaled(file.path)[0])
        else:
            picture = read_resized(file.path, run.spec.input)
        return [Prediction(file.path, picture, names, (), file.label)]
    except ImageError as error:
        label = None if many else file.label
        named = ImageError(f"{file.path}: {error}")
        return [Unusable(file.path, named, label, None if label is None else names[label])]
