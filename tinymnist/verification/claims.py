"""What can be found out about a run without training: whether its parts fit each other, and its score now."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from torch import nn

from tinymnist.check import check
from tinymnist.errors import TinyMnistError
from tinymnist.evaluation import score_on_test
from tinymnist.notices import Warn
from tinymnist.spec import Document, Place, Spec
from tinymnist.spec.packaged import packaged_networks
from tinymnist.training import PackedRun, Run, load_run
from tinymnist.training.observer import EpochRow
from tinymnist.training.records import Result, TrainedOn
from tinymnist.training.trained import open_trained
from tinymnist.verification.findings import Finding

IMAGES_PER_DOUBT = 5000
"""Of so many scored images, one may be classified otherwise than when the run was trained: engines and processors round
differently."""
NEARLY = 0.01
"""The distance, relative to the length of a tensor, up to which weights count as copied. The convolutions of
two seeds are about a length apart."""


def rules(spec: Spec) -> Finding:
    """Whether the network keeps to the budget and the rules of its own spec."""
    verdicts = check(Document(spec.name, spec, {(): Place(spec.name)})).verdicts
    failed = [f"{each.rule}: asked {each.asked}, found {each.found}" for each in verdicts if not each.passed]
    return Finding("rules", "; ".join(failed) or f"{spec.plan.parameters:,} parameters; its rules hold", not failed)


def records(run: Run, result: Result) -> Finding:
    """Whether what is written down about a run fits its spec, and the result its last epoch."""
    environment, recipe = run.environment, run.spec.train
    pairs: dict[str, tuple[object, object]] = {
        "name": (result.name, run.spec.name),
        "parameters": (result.parameters, run.spec.plan.parameters),
        "seed": (result.seed, environment.seed),
        "dataset": (result.dataset, environment.dataset),
        "scored_on": (result.scored_on, run.scored_on),
        "chosen_on": (result.chosen_on, recipe.chosen_on),
    }
    if recipe.early_stopping is None:
        pairs["epochs"] = result.epochs, recipe.epochs
    wrong = [
        f"result.json says {key} {claimed!r}, the run {known!r}"
        for key, (claimed, known) in pairs.items()
        if claimed != known
    ]
    if not isinstance(run, PackedRun):
        try:
            wrong += _metrics(run.read_metrics(), result)
        except TinyMnistError as error:
            wrong.append(str(error))
    return Finding("records", "; ".join(wrong) or f"spec, weights and figures fit; seed {result.seed}", not wrong)


def _metrics(rows: Sequence[EpochRow], result: Result) -> list[str]:
    if len(rows) != result.epochs:
        return [f"metrics.csv has {len(rows):,} epochs, result.json {result.epochs:,}"]
    row = rows[(result.best_epoch or result.epochs) - 1]
    pairs = (row.eval_accuracy, result.accuracy), (row.eval_loss, result.loss), (row.train_loss, result.train_loss)
    return (
        []
        if all(one == other for one, other in pairs)
        else [f"result.json and epoch {row.epoch} of metrics.csv have different figures"]
    )


def originality(run: Run, model: nn.Module) -> Finding:
    """Whether the weights are those of a network that comes with tinymnist, or nearly so, under another name or for
    another seed."""
    for name, path in packaged_networks().items():
        packaged = load_run(path)
        if _are_nearly(model, packaged.load_model()):
            same = (run.spec.name, run.environment.seed) == (packaged.spec.name, packaged.environment.seed)
            found = f"the weights of {name}, seed {packaged.environment.seed}, which comes with tinymnist"
            return Finding("originality", found, same)
    return Finding("originality", "the weights of no network that comes with tinymnist", True)


def origins(run: Run) -> list[tuple[str, str]]:
    """The trained networks that a run builds on, its beginning and its teachers: their paths and digests."""
    initial = run.environment.initial
    beginning = [] if initial is None else [(initial.run, initial.weights_sha256)]
    return [*beginning, *run.environment.teachers.items()]


def _are_nearly(model: nn.Module, known: nn.Module) -> bool:
    """Whether each tensor of one network is within `NEARLY` of one of the other's, whatever the layers are called."""
    ours, theirs = ([each.detach().double() for each in network.parameters()] for network in (model, known))
    if sorted(each.shape for each in ours) != sorted(each.shape for each in theirs):
        return False
    return all(
        any(one.shape == other.shape and (one - other).norm() <= NEARLY * other.norm() for other in theirs)
        for one in ours
    )


def fingerprint(model: nn.Module) -> str:
    """Tells the weights of networks apart, bit for bit."""
    digest = hashlib.sha256()
    for tensor in model.state_dict().values():
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def accuracy(
    run: Run, result: Result, dataset: str | None, data_dir: Path | None, warn: Warn
) -> tuple[float | None, list[Finding]]:
    """The accuracy of its network now, percent, and whether that is what it claims; where `dataset` is named, also
    whether it was trained on that."""
    try:
        (trained,) = open_trained([run], dataset, data_dir, warn=warn, held_out=True)
        scored = score_on_test(trained)
    except TinyMnistError as error:
        return None, [Finding("accuracy", f"claims {result.accuracy:.2f} %, and cannot be scored: {error}", False)]
    data, n = trained.data, len(trained.data.test)
    findings = []
    if dataset is not None:
        same = run.trained_on[0].is_same(TrainedOn(dataset=data.name, validation=0, digest=data.digest))
        findings.append(Finding("images", f"trained on {run.environment.dataset}", same))
    measured = 100.0 * scored.correct / n
    others = abs(scored.correct - result.accuracy * result.n / 100)
    passed = result.n == n and others <= max(1, n / IMAGES_PER_DOUBT) + 1e-6
    kind = "test" if trained.scored_on == "test" else "held-out"
    text = f"claims {result.accuracy:.2f} % of {result.n:,} images, has {measured:.2f} % of the {n:,} {kind} images of"
    return measured, [*findings, Finding("accuracy", f"{text} {data.name}", passed)]
