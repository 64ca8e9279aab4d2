"""Numbers as C text, with equal arrays written once."""

import textwrap
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tinymnist.folded.network import Convolution, Network, Pooling, Shape

WIDTH = 116


class Pool:
    """Arrays of one type of whole numbers, one after another, in which equal ones are found once."""

    def __init__(self, kind: type[np.signedinteger]) -> None:
        self.kind = np.dtype(kind)
        self.size = 0
        self._places: dict[bytes, int] = {}
        self.arrays: list[NDArray[np.signedinteger]] = []

    def place(self, numbers: NDArray[np.signedinteger]) -> int:
        """Where an array with these numbers begins."""
        key = numbers.tobytes()  # in C order
        if key not in self._places:
            self._places[key] = self.size
            self.size += numbers.size
            self.arrays.append(numbers.ravel())
        return self._places[key]


class Constants:
    """Collects arrays and structures of the network `identifier`; equal ones get the same name."""

    def __init__(self, identifier: str) -> None:
        self.identifier = identifier
        self.bytes = 0
        self._names: dict[tuple[str, bytes], str] = {}
        self._texts: list[str] = []

    def array(self, role: str, numbers: NDArray[np.float32]) -> str:
        """The name of a constant array with these numbers; it says the `role`."""
        key = ("float", numbers.tobytes())
        if key not in self._names:
            self._names[key] = name = self._name(role)
            shown = [single(float(number)) for number in numbers.ravel()]
            self._texts.append(f"static const float {name}[{numbers.size}] = {{\n{_lines(shown)}\n}};\n")
            self.bytes += numbers.nbytes
        return self._names[key]

    def struct(self, role: str, kind: str, members: list[str]) -> str:
        """The name of a constant `struct KIND` with these members; it says the `role`."""
        text = ", ".join(members)
        key = (kind, text.encode())
        if key not in self._names:
            self._names[key] = self._name(role)
            self._texts.append(f"static const struct {self.identifier}_{kind} {self._names[key]} = {{{text}}};\n")
        return self._names[key]

    def table(self, kind: str, role: str, rows: list[str], *, of_arrays: int = 0) -> None:
        """A constant array of `struct KIND`, called NAME_ROLE; `of_arrays` are the bytes of the arrays in it."""
        self.bytes += of_arrays
        body = "".join(f"    {{{row}}},\n" for row in rows)
        self._texts.append(f"static const struct {self.identifier}_{kind} {self.identifier}_{role}[] = {{\n{body}}};\n")

    def pool(self, role: str, pool: Pool) -> None:
        """A constant array with all arrays of a pool, called NAME_ROLE."""
        self.bytes += pool.kind.itemsize * pool.size
        self._array(role, str(pool.kind), pool.arrays, pool.size)

    def packed(self, role: str, pool: Pool, bits: int) -> None:
        """A constant array with all arrays of a pool, called NAME_ROLE, in which a number has a few bits: the first of
        a byte's numbers has its lowest, and 0 is half of what they can mean."""
        per_byte, zero = 8 // bits, 1 << (bits - 1)
        numbers = np.concatenate([*pool.arrays, np.zeros(-pool.size % per_byte, pool.kind)]) + zero
        shifts = bits * np.arange(per_byte)
        packed = (numbers.reshape(-1, per_byte) << shifts).sum(axis=1)
        self.bytes += packed.size
        self._array(role, "uint8", [packed], packed.size)

    def _array(self, role: str, kind: str, arrays: Sequence[NDArray[np.signedinteger]], size: int) -> None:
        body = "".join(f"{_lines([str(number) for number in numbers])},\n" for numbers in arrays)
        self._texts.append(f"static const {kind}_t {self.identifier}_{role}[{size}] = {{\n{body}}};\n")

    def window(self, step: Convolution | Pooling, source: Shape) -> str:
        """The name of the `struct window` of a step whose source has this shape."""
        return self.struct("window", "window", [str(size) for size in _window_sizes(step, source)])

    def _name(self, role: str) -> str:
        stem = f"{self.identifier}_{role}"
        return f"{stem}{1 + sum(name.rstrip('0123456789') == stem for name in self._names.values())}"

    @property
    def text(self) -> str:
        return "".join(self._texts)


def _lines(numbers: list[str]) -> str:
    return "\n".join(f"    {line}" for line in textwrap.wrap(", ".join(numbers), WIDTH, break_on_hyphens=False))


def single(number: float) -> str:
    """A number as a C constant of type float: `0.05f`."""
    return f"{np.float32(number)!s}f"


def _window_sizes(step: Convolution | Pooling, source: Shape) -> list[int]:
    """The members of `struct window` in their order."""
    channels, height, width = source
    out_channels, out_height, out_width = step.shape
    kernel = step.kernel if isinstance(step, Pooling) else step.weight.shape[2:]
    sizes = [height, width, channels, out_height, out_width, out_channels, *kernel, *step.stride, *step.padding]
    return [int(size) for size in sizes]


def size_type(network: Network) -> str:
    """The narrowest C type that holds all sizes in the windows of a network."""
    largest = max(
        max(_window_sizes(step, network.shape(step.source)))
        for step in network.steps
        if isinstance(step, Convolution | Pooling)
    )
    return unsigned_type(largest)


def unsigned_type(largest: int) -> str:
    """The narrowest C type for sizes of up to `largest`."""
    return "uint8_t" if largest < 1 << 8 else "uint16_t" if largest < 1 << 16 else "int32_t"


def most_features(network: Network) -> int:
    """The most features of one pixel in the convolutions of a network; 0 if none has factors."""
    channels = [
        (network.shape(step.source)[0], step.factors) for step in network.steps if isinstance(step, Convolution)
    ]
    return max((inputs * len(factors.filters) for inputs, factors in channels if factors), default=0)
