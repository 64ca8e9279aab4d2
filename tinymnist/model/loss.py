"""What a network is taught."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from tinymnist.spec.recipe import Train


@dataclass(frozen=True, slots=True)
class Lesson:
    """The loss of a step, as a mean over images.

    (1 - weight) times the cross-entropy to labels, of which `smoothing` is spread evenly over the classes, plus
    `weight` T^2 times the divergence KL(teacher, network) of the softmaxes at temperature T (Hinton, Vinyals and Dean
    2015).
    """

    smoothing: float = 0.0
    weight: float = 0.0
    temperature: float = 1.0


def lesson_of(recipe: Train) -> Lesson:
    """The lesson that a recipe gives."""
    distill = recipe.distill
    if distill is None:
        return Lesson(recipe.label_smoothing)
    return Lesson(recipe.label_smoothing, distill.weight, distill.temperature)


def lesson_loss(outputs: Tensor, labels: Tensor, teacher: Tensor | None, lesson: Lesson) -> Tensor:
    """The loss of logits or log-probabilities (n, classes); `teacher` (n, classes) holds probabilities at the lesson's
    temperature."""
    loss = functional.cross_entropy(outputs, labels, label_smoothing=lesson.smoothing)
    if teacher is None:
        return loss
    soft = torch.log_softmax(outputs / lesson.temperature, 1)
    divergence = functional.kl_div(soft, teacher, reduction="batchmean")
    return (1 - lesson.weight) * loss + lesson.weight * lesson.temperature**2 * divergence
