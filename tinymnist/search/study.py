"""The folder of a study: what was searched for, and what came of it."""

import csv
import hashlib
import io
import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinymnist.errors import DataError, RunError
from tinymnist.files import read_bytes, write_atomically, write_folder
from tinymnist.search.costs import amount, known
from tinymnist.search.load import SearchFile, search_from_text
from tinymnist.search.ranking import front
from tinymnist.search.records import StudyRecord, StudyResult
from tinymnist.search.trials import Trial
from tinymnist.spec.strict_yaml import read_file
from tinymnist.training.directory import refuse_link
from tinymnist.training.naming import NewName
from tinymnist.training.records import read_record, record_text

SEARCH, BASE, RECORD, JOURNAL = "study.yaml", "base.yaml", "study.json", "journal.log"
TRIALS, FRONT, RESULT = "trials.csv", "front.csv", "result.json"
TRAININGS, FINALISTS, WINNERS = "trials", "finalists", "winners"

FIGURES = ("epochs", "accuracy", "loss")


@dataclass(frozen=True)
class Study:
    """A study in a folder: going on, interrupted, or finished."""

    path: Path
    file: SearchFile
    record: StudyRecord

    @property
    def finished(self) -> bool:
        return os.path.lexists(self.path / RESULT)

    @property
    def result(self) -> StudyResult:
        if not self.finished:
            remedy = f"resume it with `tinymnist search --resume {shlex.quote(str(self.path))}`"
            raise RunError(f"{self.path}: not finished: {remedy}")
        return read_record(StudyResult, self.path / RESULT)

    def training_path(self, number: int, epochs: int) -> Path:
        """The run directory of a trial's training."""
        return self.path / TRAININGS / f"{number:05d}" / f"{epochs}-epochs"

    def network_name(self, number: int) -> str:
        """What a network of the study is called."""
        return f"{self.file.search.name}-{number}"

    def write_tables(self, trials: list[Trial]) -> None:
        """Writes `trials.csv` and `front.csv`. Raises `DataError`."""
        write_atomically(self.path / TRIALS, self._table(trials))
        write_atomically(self.path / FRONT, self._table(self.front(trials)))

    def front(self, trials: list[Trial]) -> list[Trial]:
        """The networks that finished and that no other one beats: in accuracy or loss, parameters, multiply-adds, and
        RAM and flash where the search is about them."""
        finished = [trial for trial in trials if trial.state == "finished"]
        by_loss = any(objective.measure == "validation_loss" for objective in self.file.search.objective)
        scores = [
            (
                trial.rungs[-1].loss if by_loss else -trial.rungs[-1].accuracy,
                *(amount(trial, cost) for cost in self.file.search.shown_costs),
            )
            for trial in finished
        ]
        return sorted((finished[place] for place in front(scores)), key=lambda trial: trial.parameters)

    def _table(self, trials: list[Trial]) -> str:
        keys, shown_costs = [axis.key for axis in self.file.space.axes], self.file.search.shown_costs
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["trial", "state", *shown_costs, *FIGURES, *keys])
        for trial in trials:
            last = trial.rungs[-1] if trial.rungs else None
            figures = [""] * len(FIGURES) if last is None else [last.epochs, f"{last.accuracy:.2f}", f"{last.loss:.4f}"]
            values = [trial.values[key] for key in keys]
            costs = [known(trial, cost) for cost in shown_costs]  # None becomes an empty cell
            writer.writerow([trial.number, trial.state, *costs, *figures, *values])
        return text.getvalue()


def create_study(output: Path, name: NewName, file: SearchFile, record: dict[str, Any]) -> Study:
    """Makes the folder `output/name`, whole or not at all. Raises as `NewName.refuse` does, and `DataError`."""
    name.refuse(output)
    base = file.space.base
    full = StudyRecord(**record, search_sha256=_digest(file.text), base_sha256=_digest(base))
    path = output / name.text
    try:
        write_folder(path, {SEARCH: file.text, BASE: base, RECORD: record_text(full)})
    except FileExistsError:
        raise name.taken(output) from None
    except OSError as error:
        problem = f"cannot be written: {error.strerror or error}: choose another --output"
        raise DataError(f"{output}: {problem}") from None
    return Study(path, file, full)


def is_study(path: Path) -> bool:
    """Whether there is the folder of a study, damaged or not."""
    return os.path.lexists(path / RECORD)


def open_study(path: Path) -> Study:
    """Opens the folder of a study. Raises `RunError` where there is none, `DataError` where it is damaged."""
    if not is_study(path):
        raise RunError(f"{path}: is not the folder of a study: `tinymnist search` makes one under studies/")
    for name in (SEARCH, BASE, RECORD, JOURNAL, RESULT):
        refuse_link(path / name)
    record = read_record(StudyRecord, path / RECORD)
    for name, digest in ((SEARCH, record.search_sha256), (BASE, record.base_sha256)):
        if hashlib.sha256(read_bytes(path / name)).hexdigest() != digest:
            raise DataError(f"{path / name}: has changed since the study began: put it back, or begin a new study")
    return Study(path, search_from_text(read_file(str(path / SEARCH)), str(path / SEARCH), str(path / BASE)), record)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
