"""`tinymnist train`: train an architecture with one seed or many, or resume a training."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tinymnist.cli import scheduler as cluster
from tinymnist.cli import train_options as given
from tinymnist.cli.options import DataDir, Dataset, Json, Set, load, load_from_run
from tinymnist.console import loading_torch
from tinymnist.errors import UsageError
from tinymnist.text import counted

if TYPE_CHECKING:
    from tinymnist.spec import Spec


def command(
    arch: given.Arch = None,
    arch_option: given.ArchOption = None,
    recipe: given.Recipe = None,
    epochs: given.Epochs = None,
    batch_size: given.BatchSize = None,
    initial: given.From = None,
    seed: given.Seed = None,
    seeds: given.Seeds = None,
    jobs: given.Jobs = None,
    target: given.Target = None,
    last_epochs: given.LastEpochs = None,
    dataset: Dataset = None,
    data_dir: DataDir = None,
    validation: given.Validation = None,
    device: given.Device = None,
    engine: given.Engine = None,
    threads: given.Threads = None,
    scheduler: cluster.Scheduler = None,
    tls_ca: cluster.Authority = None,
    tls_cert: cluster.Certificate = None,
    tls_key: cluster.Key = None,
    output: given.Output = None,
    name: given.Name = None,
    resume: given.Resume = None,
    overrides: Set = None,
    as_json: Json = False,
) -> int:
    """Train an architecture, with one seed or many.

    The run directory holds everything that comes of it.
    """
    _check_target(target, last_epochs)
    where = cluster.parsed(scheduler, tls_ca, tls_cert, tls_key, jobs)
    of_recipe = {"--epochs": epochs, "--batch-size": batch_size, "--engine": engine}
    of_run = {"seed": seed, "dataset": dataset, "validation": validation, "output": output, "name": name}
    here = {"data_dir": data_dir, "device": device, "threads": threads}
    if resume is not None:
        named = {"ARCH": arch, "--arch": arch_option, "--recipe": recipe, "--set": overrides, "--from": initial}
        _refuse_beside_resume({**named, **of_recipe, **{f"--{option}": value for option, value in of_run.items()}})

        with loading_torch():
            from tinymnist.cli.train_resume import resume_any
            from tinymnist.training import open_run

        _check_last_epochs(last_epochs, open_run(resume).spec)
        run = resume_any(resume, seeds, jobs, here, where)
    else:
        chosen = _one_arch(arch, arch_option)
        if chosen is None and initial is not None:
            spec, trained_on = load_from_run(initial, overrides, recipe, of_recipe)
            of_run["dataset"] = dataset or trained_on
        elif chosen is not None:
            spec = load(chosen, overrides, recipe, of_recipe)
        else:
            raise UsageError("train: give an architecture, as in `tinymnist train tiny3130`, or a run with --resume")
        _check_last_epochs(last_epochs, spec)

        with loading_torch():
            from tinymnist.cli.train_start import start_any

        run = start_any(spec, seeds, jobs, {**of_run, "initial": initial, **here}, where)

    from tinymnist.cli.train_result import show_result

    return show_result(run, target, last_epochs, as_json, data_dir)


def _one_arch(arch: str | None, option: str | None) -> str | None:
    if arch is not None and option not in (None, arch):
        raise UsageError(f"{arch} and --arch {option}: are two architectures: give one of the two")
    return arch or option


def _check_target(target: float | None, last_epochs: int | None) -> None:
    if last_epochs is not None and target is None:
        raise UsageError("--last-epochs: needs a --target that each of them is held to")
    if target is not None and not 1 < target <= 100:
        raise UsageError(f"--target {target:g}: expects percent, above 1 and up to 100, as in 99.4")


def _check_last_epochs(last_epochs: int | None, spec: "Spec") -> None:
    if last_epochs is not None and last_epochs > spec.train.epochs:
        raise UsageError(f"--last-epochs {last_epochs}: the recipe has {counted(spec.train.epochs, 'epoch')}")


def _refuse_beside_resume(options: Mapping[str, object]) -> None:
    for option, value in options.items():
        if value is not None:
            raise UsageError(
                f"{option}: a resumed run keeps what it was declared with: leave it out, or start a new run"
            )
