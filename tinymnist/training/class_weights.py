"""How much the images of each class count in the objective."""

import torch
from torch import Tensor

from tinymnist.spec.recipe import Train


def class_weights(recipe: Train, labels: Tensor, classes: int) -> Tensor | None:
    """The weight of each class (classes,) float32 for training images with `labels` (n,), on their device; None where
    all images count alike.

    `balanced` gives n / (K n_c) to a class of n_c images, where K is the number of classes (King and Zeng 2001), so
    that every class has the same share of the total, n. A class without images has the weight of one image.
    """
    if recipe.class_weights is None:
        return None
    counts = torch.bincount(labels.cpu(), minlength=classes).clamp(min=1)
    return (len(labels) / (classes * counts)).float().to(labels.device)
