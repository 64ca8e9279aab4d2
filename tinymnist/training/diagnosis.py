"""What the metrics of a training say about it: sentences, each with the figures that it rests on.

A training that went well has none.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import mean, stdev

from tinymnist.training.early_stopping import best_row
from tinymnist.training.observer import EpochRow

Epochs = Sequence[EpochRow]

FALL = 3.0
"""Points that the accuracy falls from one epoch to the next, where the learning rate is to blame. With the reference
recipe it falls by 0.7 at most."""
LEARNED = 0.5, 1 / 18
"""Nothing was learned where the accuracy exceeds that of guessing by less than this part of it, and by less than this
part of what it leaves: of ten classes, 15 % are both limits; of two, 53 %; of 100, 1.5 %."""
TINY_RATE = 1e-4
"""A highest rate below this is too low rather than too high; the recipes of tinymnist go to 0.05 and more."""
GAP, KNOWN = 1.5, 90.0
"""Points by which the training accuracy exceeds the other one, where the network has learned its images by heart; and
the training accuracy below which it cannot have."""
ERRORS = 3.0
"""Standard errors by which it exceeds the other one at least, because few images leave much to chance."""
RISE = 0.15
"""Points that the accuracy gains in each of the last two epochs, where the end came too soon."""
SCATTER = 0.3
"""Standard deviation over seeds, in points; three times that of most networks here."""


def diagnose(
    epochs_by_seed: Sequence[Epochs], classes: int, *, images: int = 10_000, early_stopping: bool = False
) -> list[str]:
    """Sentences about a training with one seed or many, from its epochs, of which each was scored on so many `images`.
    Accuracies are percent. With early stopping, the result is the best epoch of each seed, else the last one."""
    if not any(epochs_by_seed):
        return []
    ends = [best_row(epochs) if early_stopping else epochs[-1] for epochs in epochs_by_seed]
    sentences = [
        _did_not_learn(epochs_by_seed, ends, classes) or _fell(epochs_by_seed),
        _by_heart(ends, images),
        _too_soon(epochs_by_seed, images),
        _scattered(ends, images),
    ]
    return [sentence for sentence in sentences if sentence]


def _did_not_learn(epochs_by_seed: Sequence[Epochs], ends: Epochs, classes: int) -> str:
    guessing = 100.0 / classes
    learned = guessing + min(LEARNED[0] * guessing, LEARNED[1] * (100.0 - guessing))
    failed = [row.train_accuracy for row in ends if row.train_accuracy < learned]
    if not failed:
        return ""
    who = "the network" if len(epochs_by_seed) == 1 else f"{len(failed)} of {len(epochs_by_seed)} seeds"
    highest = max(row.lr for epochs in epochs_by_seed for row in epochs)
    return (
        f"{who} learned nothing: training accuracy {min(failed):.1f} %, guessing gives {guessing:.1f} %; the learning "
        f"rate rose to {highest:.2g}: try {'a tenth of it' if highest >= TINY_RATE else 'a much higher one'}"
    )


def _fell(epochs_by_seed: Sequence[Epochs]) -> str:
    falls = [
        (before.train_accuracy - after.train_accuracy, before, after)
        for epochs in epochs_by_seed
        for before, after in pairwise(epochs)
    ]
    if not falls:
        return ""
    fall, before, after = max(falls, key=lambda each: each[0])
    if fall < FALL:
        return ""
    return (
        f"training accuracy fell from {before.train_accuracy:.1f} to {after.train_accuracy:.1f} % in epoch "
        f"{after.epoch}, at a learning rate of {after.lr:g}: a lower one may do better"
    )


def _by_heart(ends: Epochs, images: int) -> str:
    known, other = max(((_known(row), row.eval_accuracy) for row in ends), key=lambda pair: pair[0] - pair[1])
    chance = ERRORS * math.sqrt(2.0) * _standard_error((known + other) / 2.0, images)
    if known < KNOWN or known - other < max(GAP, chance):
        return ""
    return (
        f"the training images are known better than others: {known:.2f} against {other:.2f} %: "
        "augmentation or dropout, or more of it, may help"
    )


def _known(row: EpochRow) -> float:
    """The accuracy on training images as they are; in metrics of earlier versions, as they were trained on."""
    return row.train_accuracy if row.clean_train_accuracy is None else row.clean_train_accuracy


def _standard_error(accuracy: float, images: int) -> float:
    """The standard error, in points, of an accuracy over so many images."""
    right = accuracy / 100.0
    return 100.0 * math.sqrt(right * (1.0 - right) / images)


def _too_soon(epochs_by_seed: Sequence[Epochs], images: int) -> str:
    gains = [
        [after.eval_accuracy - before.eval_accuracy for before, after in pairwise(epochs[-3:])]
        for epochs in epochs_by_seed
        if len(epochs) > 2
    ]
    if not gains or not all(min(each) >= RISE for each in gains):
        return ""
    least, last = min(map(sum, gains)), min(epochs[-1].eval_accuracy for epochs in epochs_by_seed)
    if least < _standard_error(last, images):
        return ""
    return f"accuracy was still rising, by {least:.2f} points in the last two epochs: more epochs may help"


def _scattered(ends: Epochs, images: int) -> str:
    accuracies = [row.eval_accuracy for row in ends]
    if len(accuracies) < 3:
        return ""
    deviation = stdev(accuracies)
    if deviation < max(SCATTER, _standard_error(mean(accuracies), images)):
        return ""
    return f"seeds scatter: {min(accuracies):.2f} to {max(accuracies):.2f} %, standard deviation {deviation:.2f} points"
