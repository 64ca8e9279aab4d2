"""Where the arrays of a C program lie in memory."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class _Array:
    vectors: int
    phases: set[int] = field(default_factory=set)
    place: int = -1

    @property
    def is_kept(self) -> bool:
        return len(self.phases) > 1


class Arrays:
    """Gives arrays placeholders while a program is written, and places once it is known which phases touch them.

    An array of a block that more than one phase touches is kept beside the block's others (`kept + 123`); every other
    array is in the thread's scratch memory (`scratch + 123`), from `first_vector` on. Sizes and places are in vectors.
    """

    def __init__(self, first_vector: int) -> None:
        self.block_vectors = 0
        self.scratch_vectors = first_vector
        self._arrays: dict[str, _Array] = {}

    def block(self, name: str, vectors: int, phase: int) -> str:
        """A placeholder for an array of the block, which this phase touches."""
        self._arrays.setdefault(name, _Array(vectors)).phases.add(phase)
        return f"@{name}@"

    def thread(self, name: str, vectors: int) -> str:
        """A placeholder for an array that each thread has once."""
        self._arrays.setdefault(name, _Array(vectors))
        return f"@{name}@"

    def place(self) -> None:
        """Gives every array its place, once all phases are written."""
        for array in self._arrays.values():
            if array.is_kept:
                array.place, self.block_vectors = self.block_vectors, self.block_vectors + array.vectors
            else:
                array.place, self.scratch_vectors = self.scratch_vectors, self.scratch_vectors + array.vectors

    def placed(self, text: str) -> str:
        """The text with every placeholder replaced by a place."""
        for name, array in self._arrays.items():
            text = text.replace(f"@{name}@", f"({'kept' if array.is_kept else 'scratch'} + {array.place})")
        return text

    def longest_run(self, phase: int) -> tuple[int, int]:
        """The longest part, from its first vector to its end, of what a block has kept for this phase."""
        longest, first = (0, 0), 0
        for array in self._arrays.values():
            if array.is_kept:
                end = array.place + array.vectors
                if phase not in array.phases or phase == min(array.phases):
                    first = end
                longest = max(longest, (first, end), key=lambda run: run[1] - run[0])
        return longest
