"""Trains a run again from its seed, and compares."""

import tempfile
from dataclasses import replace
from pathlib import Path

from tinymnist.errors import Interrupted, TinyMnistError
from tinymnist.notices import Difference
from tinymnist.statistics import prediction_interval
from tinymnist.training import Observer, PackedRun, Run, train
from tinymnist.training.environment import differences
from tinymnist.training.records import Result
from tinymnist.verification.claims import fingerprint
from tinymnist.verification.findings import Finding

NEW_SEEDS = 3
"""Trainings that a claim is compared with where a training here has other bits in any case."""


def retraining(
    run: Run, result: Result, dataset: str | None, data_dir: Path | None, observer: Observer
) -> tuple[bool | None, Finding]:
    """Whether training it again gives the same weights. Where what differs here is enough to change bits, whether its
    accuracy is one that new seeds have too.

    Raises `Interrupted` after SIGINT or SIGTERM.
    """
    again: list[Run] = []
    with tempfile.TemporaryDirectory(prefix="tinymnist-verify-") as folder:
        try:
            for seed in range(run.environment.seed, run.environment.seed + NEW_SEEDS):
                again.append(_trained(run, seed, dataset, data_dir, Path(folder), observer))
                if fingerprint(again[0].load_model()) == fingerprint(run.load_model()):
                    parting = None if isinstance(run, PackedRun) else _first_difference(run, again[0])
                    found = "trained again from its seed: weights identical"
                    if parting is not None:
                        found += f", but metrics.csv has other figures for epoch {parting}"
                    return True, Finding("retraining", found, parting is None)
                elsewhere = differences(run.environment, again[0].environment)
                if not elsewhere:
                    return False, Finding(
                        "retraining", f"trained again from its seed: {_parting(run, again[0])}", False
                    )
        except Interrupted:
            raise
        except TinyMnistError as error:
            return None, Finding("retraining", f"cannot be trained again: {error}", False)
        return False, _like_new_seeds(result, [each.result.accuracy for each in again], elsewhere)


def _trained(run: Run, seed: int, dataset: str | None, data_dir: Path | None, folder: Path, observer: Observer) -> Run:
    """The same training, as far as this machine can do it."""
    environment = run.environment
    recipe = run.spec.train.model_copy(update={"engine": environment.engine})
    return train(
        run.spec.model_copy(update={"train": recipe}),
        seed=seed,
        dataset=dataset or environment.dataset,
        data_dir=data_dir,
        validation=environment.validation,
        initial=None if environment.initial is None else environment.initial.run,
        output=folder,
        name=f"seed-{seed}",
        device=environment.device,
        threads=environment.threads,
        observer=observer,
    )


def _parting(run: Run, again: Run) -> str:
    """Where two trainings went different ways."""
    if isinstance(run, PackedRun):
        return f"other weights, which have {again.result.accuracy:.2f} %"
    epoch = _first_difference(run, again)
    if epoch is None:
        return "the same figures in every epoch, and other weights"
    return f"other figures from epoch {epoch} on, and in the end {again.result.accuracy:.2f} %"


def _first_difference(run: Run, again: Run) -> int | None:
    """The first epoch that has other figures, besides times."""
    for one, other in zip(run.read_metrics(), again.read_metrics(), strict=False):
        if replace(one, seconds=other.seconds, images_per_second=other.images_per_second) != other:
            return other.epoch
    return None


def _like_new_seeds(result: Result, accuracies: list[float], elsewhere: tuple[Difference, ...]) -> Finding:
    low, high = prediction_interval(accuracies)
    there = ", ".join(f"{each.what} {each.before}, here {each.now}" for each in elsewhere)
    text = (
        f"other weights, as is to be expected (trained with {there}); claims {result.accuracy:.2f} %, and by "
        f"{len(accuracies)} trainings here, 95 % of seeds have {max(low, 0):.2f} to {min(high, 100):.2f} %"
    )
    return Finding("retraining", text, low <= result.accuracy <= high)
