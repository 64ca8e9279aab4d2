"""The end of a search: the best networks with many seeds, and the best of all on the test set."""

import os
from collections.abc import Sequence
from pathlib import Path

from tinymnist.errors import RunError
from tinymnist.files import make_folder, write_atomically
from tinymnist.search.driver import rung_spec
from tinymnist.search.observer import SearchObserver
from tinymnist.search.ranking import Scores, front, order
from tinymnist.search.records import Finalist, Winner
from tinymnist.search.study import FINALISTS, WINNERS, Study
from tinymnist.search.trials import Trial
from tinymnist.spec.dump import dump_spec
from tinymnist.training.records import RESULT
from tinymnist.training.series import Series, open_series
from tinymnist.training.series_plan import SeriesPlan
from tinymnist.training.side_by_side import train_side_by_side
from tinymnist.training.task import Conditions
from tinymnist.training.workers import Workers


def train_finalists(
    study: Study, trials: Sequence[Trial], workers: Workers, conditions: Conditions, observer: SearchObserver
) -> list[Finalist]:
    """Trains the best networks of the last rung with many seeds, and returns them best first. Raises `RunError` where
    there is none, and else as `train_series`."""
    search = study.file.search
    last = len(search.rungs) - 1
    finished = [trial for trial in trials if trial.state == "finished"]
    if not finished:
        raise RunError(f"{study.path}: no network came to the end of the last rung: its trials.csv says why")
    scores = [trial.scores(search, last) for trial in finished]
    chosen = [finished[place] for place in order(scores)[: search.finalists.keep]]
    observer.finalists_started(len(chosen), search.finalists.seeds)
    trained = _train(study, chosen, FINALISTS, workers, conditions, conditions.validation, observer)
    return _best_first(study, [_finalist(study, *each) for each in zip(chosen, trained, strict=True)])


def finalists_so_far(study: Study, trials: Sequence[Trial]) -> list[Finalist]:
    """The finalists that have all their seeds, best first; nothing is trained or written. Raises `DataError`."""
    paths = {trial.number: study.path / FINALISTS / study.network_name(trial.number) for trial in trials}
    done = [trial for trial in trials if os.path.lexists(paths[trial.number] / RESULT)]
    return _best_first(study, [_finalist(study, trial, open_series(paths[trial.number])) for trial in done])


def train_winners(
    study: Study,
    finalists: Sequence[Finalist],
    trials: Sequence[Trial],
    workers: Workers,
    conditions: Conditions,
    observer: SearchObserver,
) -> list[Winner]:
    """Trains the best finalist on all training images and scores it on the test set; where there are several
    objectives, each that nothing beats."""
    scores = [_scores(study, finalist) for finalist in finalists]
    best = front(scores) if len(study.file.search.objective) > 1 else [0]
    observer.winners_started(len(best), study.file.search.finalists.seeds)
    by_number = {trial.number: trial for trial in trials}
    chosen = [by_number[finalists[place].trial] for place in best]
    trained = _train(study, chosen, WINNERS, workers, conditions, 0, observer)
    return [_winner(study, *each) for each in zip(chosen, trained, strict=True)]


def _train(
    study: Study,
    trials: Sequence[Trial],
    folder: str,
    workers: Workers,
    conditions: Conditions,
    validation: int,
    observer: SearchObserver,
) -> list[Series]:
    """The series of each network in a folder of the study, all trained side by side; their specs lie beside them."""
    output = study.path / folder
    make_folder(output)
    several = [_series(study, trial, output, conditions, validation, observer) for trial in trials]
    unfinished = [series for series in several if not series.finished]
    train_side_by_side(unfinished, workers, conditions.data_dir, observer)
    return several


def _series(
    study: Study, trial: Trial, output: Path, conditions: Conditions, validation: int, observer: SearchObserver
) -> Series:
    """The series of a network, new or as it was left."""
    spec = rung_spec(study, trial, -1)
    write_atomically(output / f"{spec.name}.yaml", dump_spec(spec))
    if os.path.lexists(output / spec.name):
        return open_series(output / spec.name)
    plan = SeriesPlan.of(
        spec, range(study.file.search.finalists.seeds), conditions.dataset, validation, output, spec.name
    )
    return plan.begin(conditions.data_dir, None, conditions.device, conditions.threads, observer)


def _winner(study: Study, trial: Trial, series: Series) -> Winner:
    result = series.result
    return Winner(
        trial=trial.number,
        name=study.network_name(trial.number),
        parameters=trial.parameters,
        run=result.run,
        accuracy=result.mean,
        std=result.std,
        n=result.n,
    )


def _finalist(study: Study, trial: Trial, series: Series) -> Finalist:
    result = series.result
    return Finalist(
        trial=trial.number,
        name=study.network_name(trial.number),
        parameters=trial.parameters,
        macs=trial.macs,
        ram=trial.ram,
        flash=trial.flash,
        run=result.run,
        accuracy=result.mean,
        std=result.std,
        loss=sum(result.losses) / result.n,
        n=result.n,
    )


def _best_first(study: Study, finalists: Sequence[Finalist]) -> list[Finalist]:
    return [finalists[place] for place in order([_scores(study, finalist) for finalist in finalists])]


def _scores(study: Study, finalist: Finalist) -> Scores:
    return study.file.search.scores(finalist.accuracy, finalist.loss, finalist)
