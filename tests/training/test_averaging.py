"""Averaged weights, and the batch norm statistics that belong to them."""

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.support.command_line import ARCHS
from tinymnist import build_model, load_spec, train
from tinymnist.data import Split
from tinymnist.model.tensors import read_tensors
from tinymnist.notices import Notice
from tinymnist.spec.recipe import Train
from tinymnist.training.averaging import Average, measure_norms
from tinymnist.training.engine import TorchEngine, choose_engine
from tinymnist.training.optimizer import make_optimizer

CALM = [f"blocks[{block}].dropout=0" for block in range(3)]


def a_batch(n: int = 41) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (n, 1, 28, 28), dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, 10, (n,), generator=generator)
    return images, labels, torch.softmax(2 * torch.randn(n, 10, generator=generator), 1)


def test_the_average_follows_the_weights() -> None:
    model = nn.Sequential(nn.Linear(1, 1, bias=False))
    (parameter,) = model.parameters()
    images = torch.zeros(2, 1, 1, dtype=torch.uint8)
    recipe = Train.model_validate({"ema": {"decay": 0.5}})
    engine = TorchEngine(recipe, model, make_optimizer(recipe.optimizer, model), torch.device("cpu"), _fail)
    with torch.no_grad():
        parameter.fill_(1.0)
        average = Average(model, recipe, Split(images, torch.zeros(2, dtype=torch.int64)))
        expected = 1.0
        for step, value in enumerate([2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0]):
            parameter.fill_(value)
            average.follow(step, engine)
            kept = min(0.5, (1 + step) / (10 + step))
            expected = kept * expected + (1 - kept) * value
    assert float(average.tensors["0.weight"]) == pytest.approx(expected)


@pytest.mark.parametrize("engine", [pytest.param("native", marks=pytest.mark.slow), "torch"])
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
        reference.train()(batch.float() * scale + shift)
    for name, buffer in model.named_buffers():
        if "running" in name:
            torch.testing.assert_close(buffer, dict(reference.named_buffers())[name], rtol=1e-4, atol=1e-5)


def test_the_result_is_the_average_and_training_continues_from_the_weights(quick: Path, tmp_path: Path) -> None:
    plain = train(load_spec(quick), seed=1, dataset="mnist-5k", output=tmp_path, name="plain")
    averaged = train(load_spec(quick, ["train.ema=0.9"]), seed=1, dataset="mnist-5k", output=tmp_path, name="averaged")
    checkpoint = read_tensors(averaged.path / "checkpoint" / "state.safetensors")
    weights, name = read_tensors(averaged.path / "weights.safetensors"), "block1.conv1.weight"
    assert torch.equal(checkpoint[f"model.{name}"], read_tensors(plain.path / "weights.safetensors")[name])
    assert torch.equal(checkpoint[f"average.{name}"], weights[name])
    assert not torch.equal(weights[name], checkpoint[f"model.{name}"])
    assert [row.train_loss for row in plain.read_metrics()] == [row.train_loss for row in averaged.read_metrics()]


def _fail(notice: Notice) -> None:
    raise AssertionError(notice)
