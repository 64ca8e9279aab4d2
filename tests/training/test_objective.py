"""The objective that a step trains with: the same in C and PyTorch, and what its definition says."""

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tests.support.command_line import ARCHS
from tinymnist import build_model, load_spec, train
from tinymnist.model.loss import Objective, objective_loss
from tinymnist.native import NativeNetwork

CALM = [f"blocks[{block}].dropout=0" for block in range(3)]

OBJECTIVES = {
    "labels": (Objective(), False),
    "smoothed labels": (Objective(0.1), False),
    "labels and a teacher": (Objective(0.1, 0.7, 3.0), True),
    "a teacher alone": (Objective(0.0, 1.0, 0.5), True),
}


def a_batch(n: int = 41) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (n, 1, 28, 28), dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, 10, (n,), generator=generator)
    return images, labels, torch.softmax(2 * torch.randn(n, 10, generator=generator), 1)


WEIGHTS = torch.tensor([3.0, 1, 0.25, 1, 1, 2, 1, 1, 1, 40])
"""One for each class."""


@pytest.mark.parametrize("weighted", [False, True], ids=["images alike", "weighted images"])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_native_gradients_are_those_of_the_objective(name: str, weighted: bool) -> None:
    objective, taught = OBJECTIVES[name]
    spec = load_spec(ARCHS / "tiny3130.yaml", CALM)
    torch.manual_seed(1)  # with 0, two values in a window of a pooling differ by less than float32 can tell
    model = build_model(spec)
    reference = copy.deepcopy(model).double()
    scale, shift = spec.train.normalize.scale_and_shift
    network = NativeNetwork(spec, model, scale=scale, shift=shift, batch_size=64, threads=2)
    images, labels, probabilities = a_batch()
    weights = WEIGHTS[labels] if weighted else None
    network.step(images, labels, 0, objective=objective, teacher=probabilities if taught else None, weights=weights)
    network.close()
    outputs = reference(images.double() * scale + shift)
    objective_loss(outputs, labels, probabilities.double() if taught else None, objective, weights).backward()
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


def test_weights_of_classes_are_those_of_torch() -> None:
    _, labels, _ = a_batch(41)
    logits = torch.randn(41, 10)
    expected = functional.cross_entropy(logits, labels, weight=WEIGHTS)
    torch.testing.assert_close(objective_loss(logits, labels, None, Objective(), WEIGHTS[labels]), expected)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_an_image_of_weight_3_counts_as_three_images(name: str) -> None:
    objective, taught = OBJECTIVES[name]
    _, labels, probabilities = a_batch(5)
    logits, times = torch.randn(5, 10, dtype=torch.float64), torch.tensor([3, 1, 1, 2, 1])
    batch = (logits, labels, probabilities.double())
    (outputs, own, teacher), (repeated, their_own, their_teacher) = (
        batch, (each.repeat_interleave(times, 0) for each in batch)
    )  # fmt: skip
    expected = objective_loss(repeated, their_own, their_teacher if taught else None, objective)
    found = objective_loss(outputs, own, teacher if taught else None, objective, 7 * times)
    assert torch.isclose(found, expected)


@pytest.mark.parametrize("engine", ["torch", "native"])
def test_the_loss_that_is_shown_is_the_cross_entropy_to_the_labels(quick: Path, engine: str, tmp_path: Path) -> None:
    """One step an epoch: what is shown is the loss of the fresh network, whatever it is taught."""
    recipes = {"plain": [], "smooth": ["train.label_smoothing=0.5"], "balanced": ["train.class_weights=balanced"]}
    losses = set()
    for name, recipe in recipes.items():
        spec = load_spec(quick, ["train.epochs=1", "train.batch_size=4000", f"train.engine={engine}", *recipe])
        run = train(spec, seed=1, dataset="mnist-5k", validation=5, output=tmp_path, name=name)
        losses.add(run.result.train_loss)
    assert len(losses) == 1
