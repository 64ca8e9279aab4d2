"""The end of a search: the best networks with many seeds, and the best of all on the test set."""

import os
from collections.abc import Sequence

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
from tinymnist.training.series_api import resume_series, train_series
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
    found = []
    for trial in chosen:
        series = _series(study, trial, FINALISTS, workers, conditions, conditions.validation, observer)
        found.append(_finalist(study, trial, series))
    return _best_first(study, found)


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
    winners = []
    for place in best:
        finalist = finalists[place]
        series = _series(study, by_number[finalist.trial], WINNERS, workers, conditions, 0, observer)
        result = series.result
        winners.append(
            Winner(
                trial=finalist.trial,
                name=finalist.name,
                parameters=finalist.parameters,
                run=result.run,
                accuracy=result.mean,
                std=result.std,
                n=result.n,
            )
        )
    return winners


def _series(
    study: Study,
    trial: Trial,
    folder: str,
    workers: Workers,
    conditions: Conditions,
    validation: int,
    observer: SearchObserver,
) -> Series:
    """The series of a network in a folder of the study, trained or resumed; its spec lies beside it."""
    spec = rung_spec(study, trial, -1)
    output = study.path / folder
    make_folder(output)
    write_atomically(output / f"{spec.name}.yaml", dump_spec(spec))
    if os.path.lexists(output / spec.name):
        series = open_series(output / spec.name)
        return resume_series(series, workers=workers, data_dir=conditions.data_dir, observer=observer)
    return train_series(
        spec,
        range(study.file.search.finalists.seeds),
        workers=workers,
        dataset=conditions.dataset,
        data_dir=conditions.data_dir,
        validation=validation,
        output=output,
        name=spec.name,
        device=conditions.device,
        threads=conditions.threads,
        observer=observer,
    )


def _finalist(study: Study, trial: Trial, series: Series) -> Finalist:
    result = series.result
    return Finalist(
        trial=trial.number,
        name=study.network_name(trial.number),
        parameters=trial.parameters,
        macs=trial.macs,
        run=result.run,
        accuracy=result.mean,
        std=result.std,
        loss=sum(result.losses) / result.n,
        n=result.n,
    )


def _best_first(study: Study, finalists: Sequence[Finalist]) -> list[Finalist]:
    return [finalists[place] for place in order([_scores(study, finalist) for finalist in finalists])]


def _scores(study: Study, finalist: Finalist) -> Scores:
    return study.file.search.scores(finalist.accuracy, finalist.loss, finalist.parameters, finalist.macs)
