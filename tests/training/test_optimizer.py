"""Optimizers: which weights decay, and which of them Muon moves."""

from pathlib import Path

import pytest
import torch
from torch.nn import functional

from tests.support.command_line import ARCHS
from tinymnist import build_model, load_spec, train
from tinymnist.training.optimizer import apply, make_optimizer
from tinymnist.training.schedule import Hyper


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
def test_muon_trains_without_convolutions_or_momentum(overrides: list[str], quick: Path, tmp_path: Path) -> None:
    spec = load_spec(quick, ["train.epochs=1", *overrides])
    assert train(spec, seed=1, dataset="mnist-5k", output=tmp_path).finished


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
