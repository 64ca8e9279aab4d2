"""Pixels as a network takes them."""

import torch
from torch import Tensor

from tinymnist.spec.recipe import Normalize


def normalized(images: Tensor, normalize: Normalize, device: torch.device) -> Tensor:
    """The input of a network for uint8 images (N, C, H, W): float32, (pixel / 255 - mean) / std."""
    scale, shift = normalize.scale_and_shift
    return images.to(device).float().mul_(scale).add_(shift)
