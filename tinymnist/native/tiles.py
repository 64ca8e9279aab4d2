"""How large a part of a layer is computed at once, in registers."""

from dataclasses import dataclass

REGISTERS = {16: 32, 8: 16, 4: 32}
"""Vector registers, by the lanes of a vector: 16 with AVX-512, 8 with AVX2, 4 with NEON."""
SUMS = {16: 24, 8: 12, 4: 24}
"""How many of the registers hold sums; the others are for operands."""
LATENCY = 8
"""Independent sums that keep two multiply-add units busy, when a multiply-add takes four cycles."""


@dataclass(frozen=True, slots=True)
class WeightTile:
    """How many output channels, input channels, kernel rows and kernel columns of a weight gradient are computed at
    once."""

    high: int
    deep: int
    tall: int
    wide: int


def conv_tile(outputs: int, width: int, limit: int) -> tuple[int, int]:
    """Output channels and columns that a convolution computes at once: the cheapest tile by `_cycles` among those of at
    most `limit` sums."""

    def cost(high: int, wide: int) -> float:
        return sum(
            count * _cycles(h, w)
            for h, rows in ((high, outputs // high), (outputs % high, 1))
            for w, count in ((wide, rows * (width // wide)), (width % wide, rows))
            if h and w
        )

    def rests(high: int, wide: int) -> int:
        """How many remainders there are; each is one more piece of code to compile."""
        return (outputs % high > 0) + (width % wide > 0)

    tiles = [
        (high, wide) for high in range(1, min(outputs, limit) + 1) for wide in range(1, min(width, limit // high) + 1)
    ]
    return min(tiles, key=lambda tile: (cost(*tile) * (1 + 0.05 * rests(*tile)), -tile[1]))


def _cycles(high: int, wide: int) -> float:
    """Cycles for one tap: multiply-adds and loads, two of each per cycle, and no fewer than their latency allows."""
    return max(high * wide, high + wide, LATENCY) / 2 + 0.1 * (high + wide)


def weight_tile(inputs: int, outputs: int, kernel: tuple[int, int], lanes: int) -> WeightTile:
    """The tile of a weight gradient: as many sums as the registers hold beside the pixels and gradients that go into
    them. `inputs` and `outputs` are channels per group."""
    wide = _largest_divisor(kernel[1], SUMS[lanes])
    tall = kernel[0] if 2 * kernel[0] * wide <= SUMS[lanes] else 1
    deep = _largest_divisor(inputs, 4) if kernel == (1, 1) else 1
    pixels = deep * tall * wide
    high = min(outputs, SUMS[lanes] // pixels, (REGISTERS[lanes] - pixels) // (pixels + 1))
    return WeightTile(max(high, 1), deep, tall, wide)


def _largest_divisor(number: int, limit: int) -> int:
    return next(divisor for divisor in range(min(number, limit), 0, -1) if number % divisor == 0)
