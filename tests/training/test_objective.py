"""What a recipe adds to plain training: smoothed labels, teachers, averaged weights, a late end of augmentation, and
images held out."""

import copy
import os
import shutil
import signal
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from tests.support.command_line import ARCHS, Cli
from tinymnist import Spec, build_model, load_run, load_spec, train
from tinymnist.data import Split, load_dataset
from tinymnist.data.affine import AffineAugmenter
from tinymnist.data.load import _shares
from tinymnist.errors import DataError, Interrupted, UsageError
from tinymnist.model.loss import Objective, objective_loss
from tinymnist.model.tensors import read_tensors
from tinymnist.native import NativeNetwork
from tinymnist.notices import Notice
from tinymnist.spec.recipe import Train
from tinymnist.training import Observer, Run, resume, train_series
from tinymnist.training.averaging import Average, measure_norms
from tinymnist.training.engine import choose_engine
from tinymnist.training.observer import Step
from tinymnist.training.optimizer import apply, make_optimizer
from tinymnist.training.schedule import Hyper
from tinymnist.training.teacher import refuse_unfit_teachers

CALM = [f"blocks[{block}].dropout=0" for block in range(3)]

OBJECTIVES = {
    "labels": (Objective(), False),
    "smoothed labels": (Objective(0.1), False),
    "labels and a teacher": (Objective(0.1, 0.7, 3.0), True),
    "a teacher alone": (Objective(0.0, 1.0, 0.5), True),
}


def a_batch(n: int = 41) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (n, 28, 28), dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, 10, (n,), generator=generator)
    return images, labels, torch.softmax(2 * torch.randn(n, 10, generator=generator), 1)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_native_gradients_are_those_of_the_objective(name: str) -> None:
    objective, taught = OBJECTIVES[name]
    spec = load_spec(ARCHS / "tiny3130.yaml", CALM)
    torch.manual_seed(0)
    model = build_model(spec)
    reference = copy.deepcopy(model).double()
    scale, shift = spec.train.normalize.scale_and_shift
    network = NativeNetwork(spec, model, scale=scale, shift=shift, batch_size=64, threads=2)
    images, labels, probabilities = a_batch()
    network.step(images, labels, 0, objective=objective, teacher=probabilities if taught else None)
    network.close()
    outputs = reference(images.double().unsqueeze(1) * scale + shift)
    objective_loss(outputs, labels, probabilities.double() if taught else None, objective).backward()
    shares = {}
    for (parameter_name, ours), theirs in zip(model.named_parameters(), reference.parameters(), strict=True):
        assert ours.grad is not None
        assert theirs.grad is not None
        allowed = 1e-4 * float(theirs.grad.abs().max()) + 1e-6
        shares[parameter_name] = float((ours.grad.double() - theirs.grad).abs().max()) / allowed
    assert {key: share for key, share in shares.items() if not share <= 1} == {}


def test_the_objective_is_what_its_definition_says() -> None:
    _, labels, teacher = a_batch(5)
    logits = torch.randn(5, 10, dtype=torch.float64)
    smooth = 0.8 * functional.one_hot(labels, 10) + 0.2 / 10
    crossed = -(smooth * torch.log_softmax(logits, 1)).sum(1).mean()
    soft = torch.softmax(logits / 3, 1)
    divergence = (teacher.double() * (teacher.double() / soft).log()).sum(1).mean()
    expected = 0.25 * crossed + 0.75 * 9 * divergence
    assert torch.isclose(objective_loss(logits, labels, teacher.double(), Objective(0.2, 0.75, 3.0)), expected)


def test_the_loss_that_is_shown_is_the_cross_entropy_to_the_labels(quick: Path, tmp_path: Path) -> None:
    """One step an epoch: what is shown is the loss of the fresh network, whatever it is taught."""
    losses = []
    for name, smoothing in (("plain", 0.0), ("smooth", 0.5)):
        spec = load_spec(quick, ["train.epochs=1", "train.batch_size=4000", f"train.label_smoothing={smoothing}"])
        losses.append(train(spec, seed=1, dataset="mnist-5k", output=tmp_path, name=name).result.train_loss)
    assert losses[0] == losses[1]


# Teachers


@pytest.fixture(scope="module")
def teacher(quick: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(load_spec(quick), seed=5, dataset="mnist-5k", output=tmp_path_factory.mktemp("runs"), name="teacher")


def taught(quick: Path, teacher: Path, *overrides: str) -> Spec:
    return load_spec(quick, [f"train.distill={{teacher: ['{teacher}'], weight: 1.0}}", *overrides])


@pytest.mark.parametrize("views", ["clean", "same"])
def test_a_taught_network_comes_to_agree_with_its_teacher(
    views: str, quick: Path, teacher: Run, tmp_path: Path
) -> None:
    spec = taught(quick, teacher.path, f"train.distill.views={views}", "train.epochs=8")
    student = train(spec, seed=1, dataset="mnist-5k", output=tmp_path, name="student")
    alone = train(load_spec(quick, ["train.epochs=8"]), seed=1, dataset="mnist-5k", output=tmp_path, name="alone")
    images = load_dataset("mnist-5k").test.images.unsqueeze(1).float() / 255

    @torch.no_grad()
    def distance(run: Run) -> float:
        ours, theirs = (each.load_model()(images).log_softmax(1) for each in (run, teacher))
        return functional.kl_div(ours, theirs, reduction="batchmean", log_target=True).item()

    assert distance(student) < 0.5 * distance(alone)


@pytest.mark.parametrize("engine", ["native", "torch"])
def test_a_taught_training_resumes_to_the_same_bits(engine: str, quick: Path, teacher: Run, tmp_path: Path) -> None:
    spec = taught(quick, teacher.path, f"train.engine={engine}", "train.ema=0.9")
    uncut = train(spec, seed=1, dataset="mnist-5k", output=tmp_path, name="uncut")
    with pytest.raises(Interrupted):
        train(spec, seed=1, dataset="mnist-5k", output=tmp_path, name="cut", observer=_StopAt(13))
    assert _weights(resume(tmp_path / "cut")) == _weights(uncut)
    assert uncut.environment.teachers == {str(teacher.path): teacher.result.weights_sha256}


def test_a_series_teaches_as_an_ensemble_of_its_seeds(quick: Path, tmp_path: Path) -> None:
    series = train_series(
        load_spec(quick, ["train.epochs=1"]), [1, 2], jobs=1, dataset="mnist-5k", output=tmp_path, name="two"
    )
    by_series = train(taught(quick, series.path), seed=3, dataset="mnist-5k", output=tmp_path, name="a")
    by_runs = load_spec(
        quick, [f"train.distill={{teacher: ['{series.path}/seed-1', '{series.path}/seed-2'], weight: 1.0}}"]
    )
    assert _weights(by_series) == _weights(train(by_runs, seed=3, dataset="mnist-5k", output=tmp_path, name="b"))


def test_a_changed_teacher_is_noticed_when_a_run_goes_on(quick: Path, tmp_path: Path) -> None:
    train(load_spec(quick, ["train.epochs=1"]), seed=5, name="teacher", dataset="mnist-5k", output=tmp_path)
    with pytest.raises(Interrupted):
        train(
            taught(quick, tmp_path / "teacher"),
            seed=1,
            name="cut",
            observer=_StopAt(3),
            dataset="mnist-5k",
            output=tmp_path,
        )
    shutil.rmtree(tmp_path / "teacher")
    train(load_spec(quick, ["train.epochs=1"]), seed=6, name="teacher", dataset="mnist-5k", output=tmp_path)
    with pytest.raises(DataError, match="its teachers are not those it was begun with"):
        resume(tmp_path / "cut")


def test_a_teacher_that_has_seen_what_is_held_out_is_refused(quick: Path, teacher: Run, tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match="it was trained on mnist-5k, all of it, so it may know images that are scored"
    ):
        train(taught(quick, teacher.path), seed=1, dataset="mnist-5k", validation=500, output=tmp_path)


def test_a_teacher_of_other_images_is_refused(quick: Path, teacher: Run) -> None:
    other = load_spec(quick, ["input.height=32"])
    with pytest.raises(UsageError, match="cannot teach quick: it takes 1x28x28 images of 10 classes"):
        refuse_unfit_teachers([teacher], other, "mnist-5k", 0)


def test_a_missing_teacher_is_one_line(quick: Path, cli: Cli, tmp_path: Path) -> None:
    option = "train.distill={teacher: nowhere}"
    outcome = cli("train", "--arch", quick, "--set", option, "--dataset", "mnist-5k", "--output", tmp_path)
    assert outcome.code == 2
    assert outcome.err.startswith(
        "tinymnist: train.distill.teacher, looked for from the current folder: nowhere: no such run directory"
    )


# Averages


def test_the_average_follows_the_weights() -> None:
    model = nn.Sequential(nn.Linear(1, 1, bias=False))
    (parameter,) = model.parameters()
    images = torch.zeros(2, 1, 1, dtype=torch.uint8)
    recipe = Train.model_validate({"ema": {"decay": 0.5}})
    with torch.no_grad():
        parameter.fill_(1.0)
        average = Average(model, recipe, Split(images, torch.zeros(2, dtype=torch.int64)))
        expected = 1.0
        for step, value in enumerate([2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0]):
            parameter.fill_(value)
            average.follow(step)
            kept = min(0.5, (1 + step) / (10 + step))
            expected = kept * expected + (1 - kept) * value
    assert float(average.tensors["0.weight"]) == pytest.approx(expected)


@pytest.mark.parametrize("engine", ["native", "torch"])
def test_measured_norms_are_the_means_over_the_batches(engine: str) -> None:
    spec = load_spec(ARCHS / "tiny3130.yaml", [*CALM, "train.batch_size=16"])
    torch.manual_seed(0)
    model = build_model(spec)
    reference = copy.deepcopy(model)
    images, labels, _ = a_batch(41)
    chosen = choose_engine(engine, spec, model, make_optimizer(spec.train.optimizer, model), torch.device("cpu"), _fail)
    measure_norms(model, chosen, Split(images, labels), 16)
    chosen.close()
    for norm in (module for module in reference.modules() if isinstance(module, nn.BatchNorm2d)):
        norm.momentum = None  # torch's own plain mean
        norm.reset_running_stats()
    scale, shift = spec.train.normalize.scale_and_shift
    for batch in images[:32].split(16):
        reference.train()(batch.unsqueeze(1).float() * scale + shift)
    for name, buffer in model.named_buffers():
        if "running" in name:
            torch.testing.assert_close(buffer, dict(reference.named_buffers())[name], rtol=1e-4, atol=1e-5)


def test_the_result_is_the_average_and_training_goes_on_from_the_weights(quick: Path, tmp_path: Path) -> None:
    plain = train(load_spec(quick), seed=1, dataset="mnist-5k", output=tmp_path, name="plain")
    averaged = train(load_spec(quick, ["train.ema=0.9"]), seed=1, dataset="mnist-5k", output=tmp_path, name="averaged")
    checkpoint = read_tensors(averaged.path / "checkpoint" / "state.safetensors")
    weights, name = read_tensors(averaged.path / "weights.safetensors"), "block1.conv1.weight"
    assert torch.equal(checkpoint[f"model.{name}"], read_tensors(plain.path / "weights.safetensors")[name])
    assert torch.equal(checkpoint[f"average.{name}"], weights[name])
    assert not torch.equal(weights[name], checkpoint[f"model.{name}"])
    assert [row.train_loss for row in plain.read_metrics()] == [row.train_loss for row in averaged.read_metrics()]


# Augmentation, weight decay, held-out images


def test_augmentation_ends_when_the_recipe_says(quick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    original = AffineAugmenter.__call__

    def counted(self: AffineAugmenter, images: Tensor, seed: int) -> Tensor:
        calls.append(seed)
        return original(self, images, seed)

    monkeypatch.setattr(AffineAugmenter, "__call__", counted)
    overrides = ["train.augment=[ShiftScaleRotate]", "train.epochs=4", "train.augment_until=0.75"]
    train(load_spec(quick, overrides), seed=1, dataset="mnist-5k", output=tmp_path)
    assert len(calls) == 3 * 10  # epochs, steps


def test_weight_decay_can_leave_norms_and_biases_alone() -> None:
    spec = load_spec(ARCHS / "tiny3130.yaml", ["train.optimizer.decay_norms_and_biases=false"])
    model = build_model(spec)
    optimizer = make_optimizer(spec.train.optimizer, model)
    decayed = {id(one) for group in optimizer.param_groups if group["weight_decay"] for one in group["params"]}
    names = {name for name, parameter in model.named_parameters() if id(parameter) in decayed}
    assert names == {name for name, parameter in model.named_parameters() if parameter.dim() > 1}


@pytest.mark.parametrize(
    "overrides",
    [["train.optimizer={name: muon, momentum: 0}"], ["blocks=[{pool: max}]", "train.optimizer=muon"]],
    ids=["no momentum", "no convolution"],
)
def test_muon_trains_what_there_is(overrides: list[str], quick: Path, tmp_path: Path) -> None:
    spec = load_spec(quick, ["train.epochs=1", *overrides])
    assert train(spec, seed=1, dataset="mnist-5k", output=tmp_path).finished


def test_a_teacher_must_have_held_out_the_very_images(quick: Path, tmp_path: Path) -> None:
    spec = load_spec(quick, ["train.epochs=1"])
    more = train(spec, seed=5, dataset="mnist-5k", validation=600, output=tmp_path, name="more")
    with pytest.raises(UsageError, match="of which 600 images were held out"):
        train(taught(quick, more.path), seed=1, dataset="mnist-5k", validation=500, output=tmp_path)


def test_muon_moves_filters_by_orthogonal_steps_and_all_else_as_sgd() -> None:
    spec = load_spec(ARCHS / "tiny3130.yaml", ["train.optimizer={name: muon, others: 0.5}"])
    torch.manual_seed(0)
    model = build_model(spec)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer = make_optimizer(spec.train.optimizer, model)
    functional.cross_entropy(model(torch.randn(16, 1, 28, 28)), torch.arange(16) % 10).backward()
    apply(Hyper(0.1, 0.9), optimizer)
    optimizer.step()
    moved = {name: before[name] - parameter.detach() for name, parameter in model.named_parameters()}
    singular = torch.linalg.svdvals(moved["block1.conv2.weight"].flatten(1)) / 0.1
    assert 0.6 < float(singular.min()) <= float(singular.max()) < 1.3  # as near to 1 as five Newton-Schulz steps come
    head = dict(model.named_parameters())["head.linear.weight"]
    assert head.grad is not None
    torch.testing.assert_close(moved["head.linear.weight"], 0.05 * (1 + 0.9) * head.grad)


def test_validation_holds_out_the_last_training_images_of_each_class() -> None:
    data = load_dataset("mnist-5k")
    held = data.hold_out(503)
    assert held.test.labels.bincount().tolist() == [51, 51, 51, 50, 50, 50, 50, 50, 50, 50]
    for label in range(10):
        kept, of_class = (split.images[split.labels == label] for split in (held.train, data.train))
        assert torch.equal(torch.cat([kept, held.test.images[held.test.labels == label]]), of_class)


@given(st.lists(st.integers(1, 9999), min_size=1, max_size=12), st.data())
def test_shares_add_up_and_are_within_one_of_proportion(sizes: list[int], data: st.DataObject) -> None:
    count = data.draw(st.integers(1, sum(sizes)))
    shares = _shares(sizes, count)
    assert sum(shares) == count
    assert all(abs(share - size * count / sum(sizes)) < 1 for share, size in zip(shares, sizes, strict=True))
    assert all(share <= size for share, size in zip(shares, sizes, strict=True))


def test_a_validated_run_says_so_and_never_scores_the_test_set(quick: Path, cli: Cli, tmp_path: Path) -> None:
    outcome = cli("train", "--arch", quick, "--validation", 500, "--dataset", "mnist-5k", "--output", tmp_path,
                  "--seed", 1, "--name", "held")  # fmt: skip
    assert " % on mnist-5k (500 held-out training images, " in outcome.out
    assert "validation loss" in outcome.err
    assert "test loss" not in outcome.err
    run = load_run(tmp_path / "held")
    assert (run.result.scored_on, run.result.n, run.environment.validation) == ("validation", 500, 500)


@pytest.mark.parametrize("count", [4000, 5000])
def test_not_all_images_can_be_held_out(count: int, quick: Path, cli: Cli, tmp_path: Path) -> None:
    outcome = cli("train", "--arch", quick, "--validation", count, "--dataset", "mnist-5k", "--output", tmp_path)
    assert (outcome.code, outcome.err) == (
        2, f"tinymnist: --validation {count}: expects 1 to 3,999 of mnist-5k's training images\n"
    )  # fmt: skip


class _StopAt(Observer):
    def __init__(self, steps: int) -> None:
        self.left = steps

    def stepped(self, step: Step) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)


def _weights(run: Run) -> bytes:
    return (run.path / "weights.safetensors").read_bytes()


def _fail(notice: Notice) -> None:
    raise AssertionError(notice)
