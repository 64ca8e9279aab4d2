"""Which part of a layer is computed at once, in registers."""

from dataclasses import dataclass

REGISTERS = {16: 32, 8: 16, 4: 32}
"""By the lanes of a vector: AVX-512, AVX2, NEON."""
SUMS = {16: 24, 8: 12, 4: 24}
"""As many of them hold sums; the operands need some."""
LATENCY = 8
"""Independent sums that keep two multiply-add units busy, at four cycles each."""


@dataclass(frozen=True, slots=True)
class WeightTile:
    high: int
    deep: int
    tall: int
    wide: int


def conv_tile(outputs: int, width: int, limit: int) -> tuple[int, int]:
    """Channels and columns that a convolution computes at once: the cheapest by `_cycles`."""

    def cost(high: int, wide: int) -> float:
        return sum(
            count * _cycles(h, w)
            for h, rows in ((high, outputs // high), (outputs % high, 1))
            for w, count in ((wide, rows * (width // wide)), (width % wide, rows))
            if h and w
        )

    def rests(high: int, wide: int) -> int:
        """Each remainder is one more piece of code to compile."""
        return (outputs % high > 0) + (width % wide > 0)

    tiles = [
        (high, wide) for high in range(1, min(outputs, limit) + 1) for wide in range(1, min(width, limit // high) + 1)
    ]
    return min(tiles, key=lambda tile: (cost(*tile) * (1 + 0.05 * rests(*tile)), -tile[1]))


def _cycles(high: int, wide: int) -> float:
    """Of one tap: multiply-adds and loads, two of each a cycle, and no fewer than their latency allows."""
    return max(high * wide, high + wide, LATENCY) / 2 + 0.1 * (high + wide)


def weight_tile(inputs: int, outputs: int, kernel: tuple[int, int], lanes: int) -> WeightTile:
    """Output channels, input channels, rows and columns of a weight gradient computed at once: as many sums as the
    registers hold beside the pixels and gradients that they are made of."""
    wide = _largest_divisor(kernel[1], SUMS[lanes])
    tall = kernel[0] if 2 * kernel[0] * wide <= SUMS[lanes] else 1
    deep = _largest_divisor(inputs, 4) if kernel == (1, 1) else 1
    pixels = deep * tall * wide
    high = min(outputs, SUMS[lanes] // pixels, (REGISTERS[lanes] - pixels) // (pixels + 1))
    return WeightTile(max(high, 1), deep, tall, wide)


def _largest_divisor(number: int, limit: int) -> int:
    return next(divisor for divisor in range(min(number, limit), 0, -1) if number % divisor == 0)
