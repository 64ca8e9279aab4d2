"""A series that is asked for: checked, then made as a folder of which nothing is trained yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import index
from os import PathLike
from pathlib import Path

from tinymnist.check import enforce_budget
from tinymnist.data import trainable_source
from tinymnist.errors import UsageError
from tinymnist.spec import Spec
from tinymnist.spec.data import Data
from tinymnist.training.directory import create_folder
from tinymnist.training.environment import images_and_teachers
from tinymnist.training.images import asked_for
from tinymnist.training.initial import initial_record, open_initial, refuse_missing_initial, refuse_unfit_initial
from tinymnist.training.known import refuse_known_images
from tinymnist.training.material import gather
from tinymnist.training.naming import NewName
from tinymnist.training.observer import SeriesObserver
from tinymnist.training.records import SERIES, Declaration
from tinymnist.training.seeds import LARGEST_SEED, MAX_SEEDS
from tinymnist.training.series import Series


@dataclass(frozen=True)
class SeriesPlan:
    """A series that is asked for, as far as it can be checked without its images."""

    spec: Spec
    seeds: list[int]
    asked: Data
    output: Path
    name: NewName

    @classmethod
    def of(
        cls,
        spec: Spec,
        seeds: Sequence[int],
        dataset: str | None,
        validation: int | None,
        output: Path,
        name: str | None,
    ) -> "SeriesPlan":
        """Checks what `train_series` is given; raises as it does."""
        enforce_budget(spec)
        asked = asked_for(spec, dataset, validation)
        trainable_source(asked.dataset)
        seeds = checked_seeds(seeds)
        new_name = NewName.choose(name, spec, f"{len(seeds)}seeds")
        new_name.refuse(output)
        return cls(spec, seeds, asked, output, new_name)

    def begin(
        self,
        data_dir: Path | None,
        initial: str | PathLike[str] | None,
        device: str,
        threads: int | None,
        observer: SeriesObserver,
    ) -> Series:
        """Makes the folder of the series. Raises as `train_series` does."""
        refuse_missing_initial(self.spec, initial)
        first = None if initial is None else open_initial(initial)
        found = gather(self.spec, self.asked, data_dir, observer.warned)  # before the folder is made
        if first is not None:
            refuse_unfit_initial(first, found.spec, found.data, self.asked.validation)
            refuse_known_images(first, found.data, data_dir, observer.warned)
        declaration = Declaration(
            seeds=self.seeds,
            **images_and_teachers(found),
            initial=None if first is None else initial_record(first),
            device=device,
            threads=threads,
        )
        path, declaration = create_folder(self.output, self.name, found.spec, declaration, SERIES)
        return Series(path, found.spec, declaration)


def checked_seeds(seeds: Sequence[int]) -> list[int]:
    """The seeds as plain integers, which NumPy's are not. Raises `UsageError`."""
    try:
        numbers = [index(seed) for seed in seeds]
    except TypeError:
        raise UsageError("--seeds: expects whole numbers") from None
    if not 1 <= len(numbers) <= MAX_SEEDS or len(set(numbers)) < len(numbers):
        raise UsageError(f"--seeds: expects 1 to {MAX_SEEDS:,} seeds, each once")
    if not all(0 <= seed <= LARGEST_SEED for seed in numbers):
        raise UsageError(f"--seeds: each is a number from 0 to {LARGEST_SEED}")
    return numbers
