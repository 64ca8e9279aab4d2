"""The loss that a recipe trains with."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from tinymnist.spec.recipe import Train


@dataclass(frozen=True, slots=True)
class Objective:
    """The loss of a step, as a mean over images.

    (1 - weight) times the cross-entropy to labels, of which `smoothing` is spread evenly over the classes, plus
    `weight` T^2 times the divergence KL(teacher, network) of the softmaxes at temperature T (Hinton, Vinyals and Dean
    2015).
    """

    smoothing: float = 0.0
    weight: float = 0.0
    temperature: float = 1.0


def objective_of(recipe: Train) -> Objective:
    """The objective that a recipe describes."""
    distill = recipe.distill
    if distill is None:
        return Objective(recipe.label_smoothing)
    return Objective(recipe.label_smoothing, distill.weight, distill.temperature)


def objective_loss(outputs: Tensor, labels: Tensor, teacher: Tensor | None, objective: Objective) -> Tensor:
    """The loss of logits or log-probabilities (n, classes); `teacher` (n, classes) holds a teacher's probabilities at
    the objective's temperature."""
    loss = functional.cross_entropy(outputs, labels, label_smoothing=objective.smoothing)
    if teacher is None:
        return loss
    soft = torch.log_softmax(outputs / objective.temperature, 1)
    divergence = functional.kl_div(soft, teacher, reduction="batchmean")
    return (1 - objective.weight) * loss + objective.weight * objective.temperature**2 * divergence
