"""SGD, Adam and AdamW in C take the steps that PyTorch's take, and keep the same state."""

import copy
from typing import Any

import pytest
import torch

from tests.support.command_line import ARCHS
from tinymnist import build_model, load_spec
from tinymnist.notices import Notice
from tinymnist.training.engine import choose_engine
from tinymnist.training.optimizer import apply, make_optimizer, optimizer_tensors, restore_optimizer
from tinymnist.training.schedule import Hyper

OPTIMIZERS = {
    "sgd": {"name": "sgd", "momentum": 0.9, "weight_decay": 0.01},
    "sgd, nesterov": {"name": "sgd", "momentum": 0.9, "nesterov": True, "decay_norms_and_biases": False},
    "sgd without momentum": {"name": "sgd", "momentum": 0, "weight_decay": 0.1},
    "adam": {"name": "adam", "weight_decay": 0.1},
    "adamw": {"name": "adamw", "weight_decay": 0.1, "decay_norms_and_biases": False},
}


def _no_notice(notice: Notice) -> None:
    pytest.fail(str(notice))


@pytest.mark.parametrize("options", OPTIMIZERS.values(), ids=OPTIMIZERS.keys())
def test_steps_in_c_are_those_of_torch(options: dict[str, Any]) -> None:
    spec = load_spec(ARCHS / "tiny3130.yaml", [f"blocks[{block}].dropout=0" for block in range(3)])
    recipe = spec.train.model_validate({**spec.train.model_dump(), "optimizer": options})
    spec = spec.model_copy(update={"train": recipe})
    torch.manual_seed(1)
    model = build_model(spec)
    reference = copy.deepcopy(model)
    ours, theirs = make_optimizer(recipe.optimizer, model), make_optimizer(recipe.optimizer, reference)
    engine = choose_engine("native", spec, model, ours, torch.device("cpu"), _no_notice)
    images = torch.randint(0, 256, (64, 1, 28, 28), dtype=torch.uint8)
    labels = torch.randint(0, 10, (64,))
    for number in range(6):
        hyper = Hyper(0.01 * (1 + number), recipe.optimizer.model_dump().get("momentum", 0.9) * (1 - 0.05 * number))
        apply(hyper, ours)
        apply(hyper, theirs)
        engine.step(images, labels, 0)
        for parameter, other in zip(model.parameters(), reference.parameters(), strict=True):
            assert parameter.grad is not None
            other.grad = parameter.grad.clone()
        theirs.step()
        if number == 2:  # as a resumed training does
            restore_optimizer(ours, {name: tensor.clone() for name, tensor in optimizer_tensors(ours).items()})
        torch.testing.assert_close(list(model.parameters()), list(reference.parameters()), rtol=1e-5, atol=1e-6)
    engine.close()
    torch.testing.assert_close(optimizer_tensors(ours), optimizer_tensors(theirs), rtol=1e-5, atol=1e-6)


def test_averages_in_c_move_by_their_share() -> None:
    spec = load_spec(ARCHS / "tiny3130.yaml")
    model = build_model(spec)
    engine = choose_engine(
        "native", spec, model, make_optimizer(spec.train.optimizer, model), torch.device("cpu"), _no_notice
    )
    averages, values = [torch.zeros(3), torch.ones(2, 2)], [torch.ones(3), torch.full((2, 2), 5.0)]
    engine.average(averages, values, 0.25)
    engine.close()
    assert [average.tolist() for average in averages] == [[0.25] * 3, [[2.0, 2.0]] * 2]
