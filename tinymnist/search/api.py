"""Searching from Python: the functions behind `tinymnist search`."""

import platform
import shlex
import sys
from datetime import datetime, timezone
from importlib.metadata import version
from os import PathLike
from pathlib import Path

from tinymnist.errors import Interrupted
from tinymnist.search.driver import Driver
from tinymnist.search.finals import train_finalists, train_winners
from tinymnist.search.journal import Journal
from tinymnist.search.load import SearchFile
from tinymnist.search.observer import SearchObserver
from tinymnist.search.records import StudyResult
from tinymnist.search.study import JOURNAL, RESULT, Study, create_study
from tinymnist.signals import stop_on_signals
from tinymnist.spec.load import document_from_text
from tinymnist.text import printable
from tinymnist.training.device import prepare_device
from tinymnist.training.environment import images_and_teachers
from tinymnist.training.images import asked_for
from tinymnist.training.local import workers_or_own
from tinymnist.training.lock import locked
from tinymnist.training.material import gather
from tinymnist.training.naming import NewName
from tinymnist.training.records import write_record
from tinymnist.training.task import Conditions
from tinymnist.training.workers import Workers
from tinymnist.version import __version__


def search(
    file: SearchFile,
    *,
    jobs: int | None = None,
    dataset: str | None = None,
    data_dir: Path | None = None,
    output: str | PathLike[str] = "studies",
    name: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    workers: Workers | None = None,
    observer: SearchObserver | None = None,
) -> Study:
    """Searches as `file` says and returns the finished study in `output/name`, by default named as the search is.

    `jobs` networks are trained at once, or `workers` train them, as the seeds of `train_series` are. Proposals depend
    on what came of the networks before, and so on which of them was finished first: with several at once they do not
    repeat, but each training does. Raises as `train_series` does, but a network whose loss is no longer finite only
    ends its trial.
    """
    observer = observer or SearchObserver()
    spec = document_from_text(file.space.base, file.space.file).spec
    asked = asked_for(spec, dataset or file.search.dataset, file.search.validation)
    new_name = NewName(name or file.search.name, True, "search")
    with workers_or_own(workers, jobs, file.search.trials, prepare_device(device, spec.train.engine, threads)) as here:
        found = images_and_teachers(gather(spec, asked, data_dir, observer.warned))
        record = {
            "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "command": [printable(argument) for argument in sys.argv],
            **{key: found[key] for key in ("dataset", "checksums", "data", "validation")},
            "device": device,
            "threads": here.threads if threads is None else threads,
            "versions": {
                "tinymnist": __version__,
                "python": platform.python_version(),
                **{package: version(package) for package in ("torch", "numpy", "optuna")},
            },
        }
        return _go_on(create_study(Path(output), new_name, file, record), here, data_dir, observer)


def resume_search(
    study: Study,
    *,
    jobs: int | None = None,
    data_dir: Path | None = None,
    workers: Workers | None = None,
    observer: SearchObserver | None = None,
) -> Study:
    """Goes on with a study that was interrupted. Raises as `search` does."""
    observer = observer or SearchObserver()
    if study.finished:
        return study
    spec = document_from_text(study.file.space.base, study.file.space.file).spec
    device = prepare_device(study.record.device, spec.train.engine, study.record.threads)
    with workers_or_own(workers, jobs, study.file.search.trials, device) as here:
        return _go_on(study, here, data_dir, observer)


def _go_on(study: Study, workers: Workers, data_dir: Path | None, observer: SearchObserver) -> Study:
    record = study.record
    conditions = Conditions(
        dataset=record.dataset,
        digest=None if record.data is None else record.data.digest,
        validation=record.validation,
        initial=None,
        device=record.device,
        threads=record.threads,
        data_dir=data_dir,
    )
    with locked(study.path), stop_on_signals() as stop:
        try:
            journal = Journal(study.path / JOURNAL, study.file.search, study.file.space)
            observer.search_started(study, journal.trials, workers.slots)
            Driver(study, journal, conditions, observer).run(workers, stop)
            trials = journal.trials
            finalists = train_finalists(study, trials, workers, conditions, observer)
            winners = train_winners(study, finalists, trials, workers, conditions, observer)
        except Interrupted as problem:
            remedy = f"resume it with `tinymnist search --resume {shlex.quote(str(study.path))}`"
            raise Interrupted(f"stopped: {remedy}", problem.signal_number) from None
        rungs = [figures for trial in trials for figures in trial.rungs]
        result = StudyResult(
            study=printable(str(study.path)),
            name=study.file.search.name,
            dataset=record.dataset,
            chosen_on=chosen_on(record.validation, record.dataset),
            trials=len(trials),
            trainings=len(rungs),
            epochs=sum(figures.epochs for figures in rungs),
            seconds=sum(figures.seconds for figures in rungs),
            finalists=finalists,
            winners=winners,
        )
        write_record(result, study.path / RESULT)
    return study


def chosen_on(validation: int, dataset: str) -> str:
    """What a network of a search was chosen on."""
    return f"{validation:,} held-out training images of {dataset}"
