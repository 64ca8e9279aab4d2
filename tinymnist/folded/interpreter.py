"""Computes a folded network step by step: the reference for exported programs, and for their calibration."""

import torch
from torch import Tensor
from torch.nn import functional

from tinymnist.folded.network import Activation, Addition, Convolution, GroupNorm, Network, Numbers, Pooling, Step
from tinymnist.model.activations import ACTIVATIONS


@torch.inference_mode()
def values(network: Network, images: Tensor) -> list[Tensor]:
    """All values of the network for normalised `images`, each (N, channels, height, width); the last is the logits."""
    computed = [images]
    for step in network.steps:
        computed.append(_step(step, computed))
    return computed


def _step(step: Step, computed: list[Tensor]) -> Tensor:
    source = computed[step.source]
    if isinstance(step, Pooling):
        return _pool(step, source)
    if isinstance(step, Convolution):
        weight = torch.from_numpy(step.weight)
        output = functional.conv2d(source, weight, None, step.stride, step.padding, 1, step.groups)
        if step.scale is not None:
            output = output * _by_channel(step.scale)
        output = output + _by_channel(step.bias)
    elif isinstance(step, GroupNorm):
        weight, bias = torch.from_numpy(step.weight), torch.from_numpy(step.bias)
        output = functional.group_norm(source, step.groups, weight, bias, step.eps)
    else:
        assert isinstance(step, Addition)
        output = source + computed[step.other]
    return _activate(step.activation, output)


def _pool(step: Pooling, source: Tensor) -> Tensor:
    if step.average:
        return functional.avg_pool2d(source, step.kernel, step.stride, step.padding, ceil_mode=step.ceil)
    return functional.max_pool2d(source, step.kernel, step.stride, step.padding, ceil_mode=step.ceil)


def _activate(activation: Activation | None, output: Tensor) -> Tensor:
    if activation is None:
        return output
    if activation.slope is not None:
        return functional.leaky_relu(output, activation.slope)
    activated: Tensor = ACTIVATIONS[activation.name]()(output)
    return activated


def _by_channel(numbers: Numbers) -> Tensor:
    return torch.from_numpy(numbers)[:, None, None]
