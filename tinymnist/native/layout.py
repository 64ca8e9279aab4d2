"""Where the values of a tensor are in memory."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Layout:
    """Where element (c, y, x) of a tensor lies, in vectors: at offset + c * plane + y * row + x * step."""

    offset: int
    plane: int
    row: int
    step: int

    @property
    def distances(self) -> tuple[int, int, int]:
        return self.plane, self.row, self.step

    def at(self, c: str, y: str, x: str) -> str:
        """The C expression for the place of (c, y, x)."""
        return f"{self.offset} + {c} * {self.plane} + {y} * {self.row} + {x} * {self.step}"


def flat(shape: tuple[int, int, int]) -> Layout:
    """The layout of a tensor (channels, height, width) without padding."""
    _, height, width = shape
    return Layout(0, height * width, width, 1)
