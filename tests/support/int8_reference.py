"""A quantised network in NumPy and PyTorch, to compare the exported C with: the same whole numbers, bit for bit.

Nothing here loops over windows as the C does: sums of products are convolutions in float64, where whole numbers below
2^53 are exact.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from tinymnist.folded.network import Convolution, Network, Pooling
from tinymnist.quantization.gates import gate_below, gate_table
from tinymnist.quantization.scheme import LIMIT, Output, Quantized, QuantizedAddition, QuantizedConvolution

Integers = NDArray[np.int64]


def whole_logits(network: Network, quantized: Quantized, images: NDArray[np.uint8]) -> Integers:
    """The logits, (N, classes), of images (N, channels, height, width)."""
    values: list[Integers] = [images.astype(np.int64)]
    for index, step in enumerate(network.steps):
        numbers = quantized.steps.get(index)
        source, zero = values[step.source], quantized.affines[step.source].zero
        if isinstance(numbers, QuantizedConvolution):
            assert isinstance(step, Convolution)
            fixed = _scaled(quantized, _sums(step, numbers, source), _column(numbers.factors), numbers.shift)
            fixed = fixed + (_column(numbers.biases) << numbers.bias_shift)
            values.append(fixed if numbers.output is None else _bytes(quantized, numbers.output, fixed))
        elif isinstance(numbers, QuantizedAddition):
            pair = (source, values[step.other])  # type: ignore[union-attr]
            terms = [
                _scaled(quantized, value - value_zero, np.int64(factor), numbers.shift)
                for value, value_zero, factor in zip(pair, numbers.zeros, numbers.factors, strict=True)
            ]
            values.append(_bytes(quantized, numbers.output, terms[0] + terms[1]))
        else:
            assert isinstance(step, Pooling)
            last = index == len(network.steps) - 1
            values.append(_pooled_logits(step, source, zero) if last else _pool(step, source, zero))
    return values[-1].reshape(len(images), -1)


def _sums(step: Convolution, numbers: QuantizedConvolution, source: Integers) -> Integers:
    inputs, weight = torch.from_numpy(source - numbers.zero).double(), torch.from_numpy(numbers.weight).double()
    if numbers.basis is None:
        sums = functional.conv2d(inputs, weight, None, step.stride, step.padding, 1, step.groups)
    else:
        channels = inputs.shape[1]
        filters = torch.from_numpy(numbers.basis.filters).double()[:, None].repeat(channels, 1, 1, 1)
        features = functional.conv2d(inputs, filters, None, step.stride, step.padding, 1, channels)
        features = (features / 2**numbers.basis.shift).floor()
        sums = functional.conv2d(features, weight, None, groups=step.groups)
    return sums.numpy().astype(np.int64)


def _scaled(quantized: Quantized, numbers: Integers, factors: Integers | np.int64, shift: int | Integers) -> Integers:
    scaled: Integers = numbers * factors >> shift
    return np.clip(scaled, -LIMIT, LIMIT) if quantized.wide else scaled


def _bytes(quantized: Quantized, output: Output, fixed: Integers) -> Integers:
    if output.gate:
        below, mirror = gate_below(output.gate)
        place = np.minimum(np.where(fixed < 0, -1 - fixed, fixed) >> 8, 127)
        table = gate_table(output.gate).astype(np.int64)
        gate = np.where(fixed < 0, table[np.where(fixed < 0, place + below, 0)] ^ mirror, table[place])
        shift = output.shift if output.bits is None else output.shift - _column(output.bits)
        fixed = _scaled(quantized, fixed * gate >> 8, np.int64(output.factor), shift)
    if output.has_slope:
        fixed = np.where(fixed < 0, _scaled(quantized, fixed, np.int64(output.factor), output.shift), fixed)
    result: Integers = np.clip((fixed + output.base) >> 8, 0, 255)
    return result


def _pool(step: Pooling, source: Integers, zero: int) -> Integers:
    numbers = torch.from_numpy(source - zero).double()
    shape = step.kernel, step.stride, step.padding
    if not step.average:
        return zero + functional.max_pool2d(numbers, *shape, ceil_mode=step.ceil).numpy().astype(np.int64)
    sums = functional.avg_pool2d(numbers, *shape, ceil_mode=step.ceil, divisor_override=1).numpy().astype(np.int64)
    counts = _counts(step, source.shape[2:])
    result: Integers = (sums + zero * counts + counts // 2) // counts
    return result


def _pooled_logits(step: Pooling, source: Integers, zero: int) -> Integers:
    logits: Integers = (source - zero).sum((2, 3)) if step.average else (source - zero).max((2, 3))
    return logits


def _counts(step: Pooling, size: tuple[int, ...]) -> Integers:
    """How many places of each window lie within the image and its padding."""
    down, across = (
        np.array([min(kernel, length + 2 * border - place * stride) for place in range(count)])
        for kernel, length, border, stride, count in zip(
            step.kernel, size, step.padding, step.stride, step.shape[1:], strict=True
        )
    )
    counts: Integers = np.outer(down, across)
    return counts


def _column(numbers: Integers) -> Integers:
    return numbers[:, None, None]
