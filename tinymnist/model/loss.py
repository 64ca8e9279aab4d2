"""The loss that a recipe trains with."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from tinymnist.spec.recipe import Train


@dataclass(frozen=True, slots=True)
class Objective:
    """The loss of a step, as a mean over images, weighted where classes have weights.

    For each image, (1 - weight) times the cross-entropy to its label, of which `smoothing` is spread evenly over the
    classes, plus `weight` T^2 times the divergence KL(teacher, network) of the softmaxes at temperature T (Hinton,
    Vinyals and Dean 2015).

    The weight of an image multiplies both parts, so that an image of weight 3 counts as three images. Were only the
    cross-entropy weighted, images of rare classes would go by their labels, and those of frequent ones by their
    teacher, more than `weight` says.
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


def objective_loss(
    outputs: Tensor, labels: Tensor, teacher: Tensor | None, objective: Objective, weights: Tensor | None = None
) -> Tensor:
    """The loss of logits or log-probabilities (n, classes); `teacher` (n, classes) holds a teacher's probabilities at
    the objective's temperature, `weights` (n,) how much each image counts: None, all alike."""
    if weights is None:
        loss = functional.cross_entropy(outputs, labels, label_smoothing=objective.smoothing)
    else:
        each = functional.cross_entropy(outputs, labels, label_smoothing=objective.smoothing, reduction="none")
        loss = _weighted_mean(each, weights)
    if teacher is None:
        return loss
    soft = torch.log_softmax(outputs / objective.temperature, 1)
    if weights is None:
        divergence = functional.kl_div(soft, teacher, reduction="batchmean")
    else:
        divergence = _weighted_mean(functional.kl_div(soft, teacher, reduction="none").sum(1), weights)
    return (1 - objective.weight) * loss + objective.weight * objective.temperature**2 * divergence


def _weighted_mean(losses: Tensor, weights: Tensor) -> Tensor:
    return (weights * losses).sum() / weights.sum()
