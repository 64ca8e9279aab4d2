"""Grading from Python: the function behind `tinymnist grade`."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from tinymnist.data import Dataset, trainable_source
from tinymnist.errors import DivergedError, Interrupted, SpecError, TooSlowError
from tinymnist.grading.copies import remarks_on_copies
from tinymnist.grading.declaration import Assignment, load_assignment
from tinymnist.grading.grades import Grade, Part, Status, accuracy_part
from tinymnist.grading.judging import Judged, judge
from tinymnist.grading.observer import GradingObserver
from tinymnist.grading.record import (
    Grading,
    GradingRecord,
    assignment_digest,
    create_grading,
    drawn_seeds,
    open_grading,
)
from tinymnist.grading.submissions import is_one_submission, submission_at, submissions_in
from tinymnist.grading.training import Training, folder_of, train_submissions
from tinymnist.signals import stop_on_signals
from tinymnist.spec.data import Data
from tinymnist.statistics import prediction_interval
from tinymnist.training.device import prepare_device
from tinymnist.training.images import load_images, origin_of, refuse_unfit_images
from tinymnist.training.local import workers_or_own
from tinymnist.training.lock import locked
from tinymnist.training.task import Conditions
from tinymnist.training.workers import Workers

SEEDS_FOR_AN_INTERVAL = 3
"""With fewer, 95 % of seeds may lie anywhere."""


@dataclass(frozen=True)
class Graded:
    """All grades, in the order of the submissions' names, and the folder in which they were found."""

    grading: Grading
    grades: tuple[Grade, ...]
    one: bool
    """Whether a single submission was asked about, not those of a class."""


def grade(
    file: str,
    submissions: Path,
    *,
    jobs: int | None = None,
    one: bool = False,
    limit: float | None = None,
    data_dir: Path | None = None,
    output: Path = Path("grades"),
    device: str = "auto",
    threads: int | None = None,
    workers: Workers | None = None,
    observer: GradingObserver | None = None,
) -> Graded:
    """Grades what was handed in by the assignment in `file`, in the folder `output/NAME`, where NAME is that of the
    assignment.

    If `one`, `submissions` is a single one, even where it is a folder. Where the folder of the grades exists, its seeds
    are used again, and what was trained is not trained again. A training is given up after `limit` seconds. The other
    options are those of `train_series`. What is wrong with a submission is in its grade.

    Raises `SpecError` for the assignment, `RunError` where there is nothing to grade, `UsageError` for options,
    `DataError` for data and files, and `Interrupted`.
    """
    observer = observer or GradingObserver()
    assignment, text = load_assignment(file)
    one = one or is_one_submission(submissions)
    handed_in = [submission_at(submissions)] if one else submissions_in(submissions, observer.warned)
    judged = [judge(each, assignment) for each in handed_in]
    asked = Data(dataset=assignment.dataset)
    trainable_source(asked.dataset)
    chosen = prepare_device(device, "auto", threads)
    data = load_images(asked, data_dir, observer.warned)
    judged = [_fitting(each, assignment, data) for each in judged]
    trained = [each for each in judged if each.to_train is not None]
    seeds = len(assignment.seeds) if isinstance(assignment.seeds, tuple) else assignment.seeds
    with workers_or_own(workers, jobs, max(1, seeds * len(trained)), chosen) as here:
        path = output / assignment.name
        if os.path.lexists(path):
            grading = open_grading(path, text)
        else:
            record = GradingRecord(
                created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
                assignment_sha256=assignment_digest(text),
                seeds=drawn_seeds(assignment),
                dataset=data.name,
                data=origin_of(data, asked),
                device=device,
                threads=here.threads if threads is None else threads,
            )
            grading = create_grading(path, assignment, text, record)
        trainings = {each.submission.name: _training(each, grading) for each in trained}
        observer.started(path, len(judged), len(trained) * len(grading.record.seeds), here.slots)
        _train(grading, [*trainings.values()], data, data_dir, limit, here, observer)
    remarks = remarks_on_copies(judged)
    grades = []
    for each in judged:
        name = each.submission.name
        found = _grade(each, trainings[name], assignment) if name in trainings else each.grade
        grades.append(replace(found, remarks=(*found.remarks, *remarks[name])))
    return Graded(grading, tuple(grades), one)


def _fitting(judged: Judged, assignment: Assignment, data: Dataset) -> Judged:
    """The same, but not to be trained where the network does not take the images of the assignment."""
    if judged.to_train is None:
        return judged
    try:
        refuse_unfit_images(judged.to_train, data)
    except SpecError as error:
        return replace(judged, to_train=None, grade=_untrained(judged.grade, assignment, "unfit", str(error)))
    return judged


def _training(judged: Judged, grading: Grading) -> Training:
    assert judged.to_train is not None
    folder = folder_of(grading.runs, judged.submission.name, judged.to_train)
    return Training(judged.submission.name, folder, judged.to_train, grading.record.seeds)


def _train(
    grading: Grading,
    trainings: Sequence[Training],
    data: Dataset,
    data_dir: Path | None,
    limit: float | None,
    workers: Workers,
    observer: GradingObserver,
) -> None:
    record = grading.record
    conditions = Conditions(
        dataset=record.dataset,
        digest=data.digest,
        validation=0,
        initial=None,
        device=record.device,
        threads=record.threads,
        data_dir=data_dir,
        limit=limit,
    )
    with locked(grading.path), stop_on_signals() as stop:
        try:
            train_submissions(trainings, conditions, workers, observer, stop)
        except Interrupted as problem:
            raise Interrupted("stopped: give the same command again to go on", problem.signal_number) from None


def _untrained(grade: Grade, assignment: Assignment, status: Status, reason: str) -> Grade:
    part = Part("accuracy", 0.0, assignment.points.accuracy, reason)
    return replace(grade, status=status, parts=(*grade.parts, part))


def _grade(judged: Judged, training: Training, assignment: Assignment) -> Grade:
    if training.problem is not None:
        kinds: dict[type, Status] = {DivergedError: "diverged", TooSlowError: "too slow"}
        status = kinds.get(type(training.problem), "unfit")
        return _untrained(judged.grade, assignment, status, str(training.problem).removeprefix(f"{training.folder}/"))
    epochs = [training.epochs[seed] for seed in training.seeds]
    accuracies = tuple(each[-1] for each in epochs)
    return replace(
        judged.grade,
        parts=(*judged.grade.parts, accuracy_part(assignment, epochs)),
        accuracy=sum(accuracies) / len(accuracies),
        accuracies=accuracies,
        remarks=_about_claim(judged.submission.claimed, accuracies),
    )


def _about_claim(claimed: float | None, accuracies: Sequence[float]) -> tuple[str, ...]:
    """A claim above what new seeds of the same network have."""
    if claimed is None or len(accuracies) < SEEDS_FOR_AN_INTERVAL:
        return ()
    _, high = prediction_interval(accuracies)
    if claimed <= high:
        return ()
    return (f"its own result claims {claimed:.2f} %, and 95 % of seeds have at most {high:.2f} %",)
