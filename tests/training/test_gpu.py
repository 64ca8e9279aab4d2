"""Training on a GPU, by CUDA graphs; without one, what is left of it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.support.command_line import ARCHS, Cli
from tests.support.trainings import StopAfter, outcome_of
from tinymnist import build_model, load_spec, train
from tinymnist.data.affine import AffineAugmenter
from tinymnist.data.warp import warp
from tinymnist.errors import Interrupted
from tinymnist.notices import Notice
from tinymnist.training import Run, resume
from tinymnist.training.cuda_graphs import GraphedFunction
from tinymnist.training.device import choose_device
from tinymnist.training.engine import TorchEngine
from tinymnist.training.optimizer import apply, make_optimizer
from tinymnist.training.schedule import Hyper
from tinymnist.training.score import in_batches

with_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
without_a_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="shows what happens without a GPU")

SPECS = {
    "tiny3130": (ARCHS / "tiny3130.yaml", []),
    "averages and exponentials": (ARCHS / "smooth996.yaml", []),
    "adam": (ARCHS / "tiny3130.yaml", ["train.optimizer=adam", "train.schedule={name: constant, lr: 0.01}"]),
    "muon": (ARCHS / "tiny3130.yaml", ["train.optimizer=muon"]),
    "class weights": (ARCHS / "tiny3130.yaml", ["train.class_weights=balanced"]),
}


@without_a_gpu
def test_what_cannot_be_recorded_is_done_as_it_is_and_told_once() -> None:
    told: list[str] = []
    double = GraphedFunction(lambda tensor: 2 * tensor, told.append)
    assert [double(torch.tensor(number)).item() for number in (1, 2, 3, 4)] == [2, 4, 6, 8]
    assert len(told) == 1


def test_convolutions_are_float32_while_an_engine_is_open() -> None:
    spec = load_spec(ARCHS / "tiny3130.yaml")
    model = build_model(spec)
    before = torch.backends.cudnn.allow_tf32
    engine = TorchEngine(
        spec.train, model, make_optimizer(spec.train.optimizer, model), torch.device("cpu"), lambda notice: None
    )
    assert not torch.backends.cudnn.allow_tf32
    engine.close()
    assert torch.backends.cudnn.allow_tf32 == before


def test_convolutions_are_float32_while_images_are_computed() -> None:
    before = torch.backends.cudnn.allow_tf32
    assert in_batches(lambda batch: torch.backends.cudnn.allow_tf32, torch.zeros(2, 1)) == [False]
    assert torch.backends.cudnn.allow_tf32 == before


def fail(why: str | Notice) -> None:
    raise AssertionError(why)


@with_a_gpu
def test_a_recording_does_what_the_function_does() -> None:
    total = torch.zeros(3, device="cuda")

    def add(tensor: Tensor) -> Tensor:
        total.add_(tensor)
        return 2 * tensor

    graphed = GraphedFunction(add, fail)
    for number in range(1, 5):
        assert graphed(torch.full((3,), float(number), device="cuda")).tolist() == 3 * [2.0 * number]
    assert total.tolist() == [10.0] * 3


@with_a_gpu
@pytest.mark.parametrize("name", SPECS)
def test_steps_by_graphs_are_those_of_the_same_model_without(name: str) -> None:
    path, overrides = SPECS[name]
    spec = load_spec(path, overrides)
    device = choose_device("cuda")
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (6, 64, 1, 28, 28), dtype=torch.uint8, generator=generator).to(device)
    labels = torch.randint(0, 10, (6, 64), generator=generator).to(device)
    weights = None if spec.train.class_weights is None else torch.linspace(0.2, 5, 10, device=device)[labels]
    ends = []
    for graphs in (True, False):
        torch.manual_seed(0)
        model = build_model(spec).to(device)
        optimizer = make_optimizer(spec.train.optimizer, model)
        engine = TorchEngine(spec.train, model, optimizer, device, fail)
        if not graphs:
            engine._learn = engine._gradients
        for number, size in enumerate((64, 64, 64, 32, 32, 64)):  # two shapes, and back to the first
            apply(Hyper(0.01 * (1 + number), 0.9 - 0.1 * number), optimizer)
            weight = None if weights is None else weights[number, :size]
            engine.step(images[number, :size], labels[number, :size], seed=number, weights=weight)
        ends.append((model.state_dict(), engine.totals()))
        engine.close()
    (by_graphs, totals), (as_it_is, totals_as_it_is) = ends
    assert totals == pytest.approx(totals_as_it_is, rel=1e-4)
    for key, expected in as_it_is.items():
        torch.testing.assert_close(by_graphs[key], expected, rtol=1e-3, atol=1e-5, msg=key)


@with_a_gpu
def test_every_seed_has_its_own_dropout() -> None:
    drop = nn.Dropout(0.5)
    graphed = GraphedFunction(drop, fail)
    ones, drawn = torch.ones(1000, device="cuda"), []
    for seed in (1, 1, 2, 3, 2):
        torch.manual_seed(seed)
        drawn.append(graphed(ones).clone())
    assert [int(torch.equal(one, drawn[2])) for one in drawn] == [0, 0, 1, 0, 1]
    assert torch.equal(drawn[0], drawn[1])  # the first call is not a replay


@with_a_gpu
@pytest.mark.parametrize("interpolation", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("border_mode", ["constant", "reflect_101"])
def test_augmentation_gives_the_pixels_of_the_cpu(interpolation: str, border_mode: str) -> None:
    step = f"{{interpolation: {interpolation}, border_mode: {border_mode}, rotate_limit: 30, p: 0.8}}"
    spec = load_spec(ARCHS / "tiny3130.yaml", [f"train.augment=[{{ShiftScaleRotate: {step}}}]"])
    device = choose_device("cuda")
    model = build_model(spec).to(device)
    engine = TorchEngine(spec.train, model, make_optimizer(spec.train.optimizer, model), device, fail)
    augmenter = AffineAugmenter(spec.train.augment, 28, 28)
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (300, 28, 28), np.uint8))
    for seed in range(4):
        (warps,) = augmenter.draw(len(pixels), seed)
        assert torch.equal(engine.warp(pixels.to(device), warps).cpu(), warp(pixels, warps))
    engine.close()


@pytest.fixture(scope="module")
def on_gpu(quick: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(
        load_spec(quick), seed=1, dataset="mnist-5k", output=tmp_path_factory.mktemp("runs"), name="gpu", device="cuda"
    )


@with_a_gpu
@pytest.mark.parametrize(
    "arch", ["tiny3130", "smooth3092", "smooth675", "shared986", "pooled-classes", "separable-residual"]
)
def test_a_seed_gives_the_same_bits_again(arch: str, tmp_path: Path) -> None:
    spec = load_spec(ARCHS / f"{arch}.yaml", ["train.epochs=1", "train.batch_size=512"])
    first, second = (
        outcome_of(train(spec, seed=1, dataset="mnist-5k", output=tmp_path, name=name, device="cuda").path)
        for name in ("first", "second")
    )
    assert first == second


@with_a_gpu
def test_it_learns_as_the_cpu_does(quick: Path, on_gpu: Run, tmp_path: Path) -> None:
    cpu = train(load_spec(quick), seed=1, dataset="mnist-5k", output=tmp_path, name="cpu", device="cpu")
    assert on_gpu.result.accuracy == pytest.approx(cpu.result.accuracy, abs=10)


@with_a_gpu
def test_it_resumes_to_the_bits_of_a_training_that_was_never_stopped(quick: Path, on_gpu: Run, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        train(
            load_spec(quick),
            seed=1,
            dataset="mnist-5k",
            output=tmp_path,
            name="cut",
            device="cuda",
            observer=StopAfter(3),
        )
    resumed = resume(tmp_path / "cut")
    assert outcome_of(resumed.path) == outcome_of(on_gpu.path)


@with_a_gpu
def test_its_network_is_evaluated_on_the_cpu(cli: Cli, on_gpu: Run) -> None:
    assert cli("evaluate", on_gpu.path, "--device", "cpu", "--json").code == 0
