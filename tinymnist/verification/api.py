"""Verifies runs and series. Nothing that a run says of itself is believed where it can be computed, and nothing in it
is executed."""

import os
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from statistics import fmean

from torch import nn

from tinymnist.errors import TinyMnistError
from tinymnist.spec.packaged import shown_place
from tinymnist.training import Observer, Run, Series, load_run, open_run
from tinymnist.training.directory import not_finished
from tinymnist.training.load import load_runs
from tinymnist.training.records import Result
from tinymnist.verification.claims import accuracy, originality, origins, records, rules
from tinymnist.verification.findings import Finding, Verification
from tinymnist.verification.retraining import retraining


def verify(
    path: str | PathLike[str],
    *,
    dataset: str | None = None,
    data_dir: Path | None = None,
    retrain: bool = False,
    observer: Observer | None = None,
) -> Iterator[Verification]:
    """Verifies a run, or the run of each seed of a series and then the series.

    With `retrain`, each run is trained again from its seed. `dataset` is used instead of the data set that a run names,
    and has to be the same. What is wrong with a run is in the result; only `Interrupted` is raised, after SIGINT or
    SIGTERM.
    """
    try:
        opened = open_run(path)
        if isinstance(opened, Series) and not opened.finished:
            raise not_finished(opened.path)
        runs = load_runs(path)
    except TinyMnistError as error:
        yield Verification(str(path), None, (), error)
        return
    for run in runs:
        yield _of_run(run, dataset, data_dir, retrain, observer or Observer())
    if isinstance(opened, Series):
        yield _of_series(opened, runs)


def _of_run(run: Run, dataset: str | None, data_dir: Path | None, retrain: bool, observer: Observer) -> Verification:
    place, name = shown_place(run.path), run.spec.name
    try:
        result, model = run.result, run.load_model()
    except TinyMnistError as error:
        return Verification(place, name, (), error)
    scored, findings = _claims(run, result, model, dataset, data_dir, observer)
    findings += [_of_origin(origin, digest, dataset, data_dir, observer) for origin, digest in origins(run)]
    identical = None
    if retrain:
        identical, finding = retraining(run, result, dataset, data_dir, observer)
        findings.append(finding)
    return Verification(place, name, tuple(findings), None, result.accuracy, scored, identical)


def _claims(
    run: Run, result: Result, model: nn.Module, dataset: str | None, data_dir: Path | None, observer: Observer
) -> tuple[float | None, list[Finding]]:
    """The accuracy of its network now, percent, and what a run says of itself."""
    scored, about_score = accuracy(run, result, dataset, data_dir, observer.warned)
    return scored, [rules(run.spec), records(run, result), originality(run, model), *about_score]


def _of_origin(path: str, digest: str, dataset: str | None, data_dir: Path | None, observer: Observer) -> Finding:
    """Whether a network that a run begins with, or learns from, is itself what it claims to be. It is not trained
    again."""
    try:
        run = load_run(path)
        result, model = run.result, run.load_model()
    except TinyMnistError as error:
        if not os.path.lexists(path):
            return Finding("origins", f"builds on {path}, which is not there, so it is not verified", True)
        return Finding("origins", f"builds on {error}", False)
    if result.weights_sha256 != digest:
        return Finding("origins", f"builds on {path}, which has other weights now", False)
    _, findings = _claims(run, result, model, dataset, data_dir, observer)
    failed = [f"{finding.question}: {finding.found}" for finding in findings if not finding.passed]
    said = "; ".join(failed) or "its claims hold; it was not trained again"
    return Finding("origins", f"builds on {path}: {said}", not failed)


def _of_series(series: Series, runs: list[Run]) -> Verification:
    """Whether its figures are those of its seeds."""
    place, name = str(series.path), series.spec.name
    try:
        result, accuracies = series.result, [run.result.accuracy for run in runs]
    except TinyMnistError as error:
        return Verification(place, name, (), error)
    mean = fmean(accuracies)
    same = result.accuracies == accuracies and abs(result.mean - mean) < 1e-6
    found = f"claims a mean of {result.mean:.2f} % over {result.n} seeds, its runs have {mean:.2f} % over {len(runs)}"
    return Verification(place, name, (Finding("figures", found, same),), None, result.mean)
