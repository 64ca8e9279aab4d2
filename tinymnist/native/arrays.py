"""Where the arrays of a C program lie in memory."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class _Array:
    vectors: int
    phases: set[int] = field(default_factory=set)
    kept_at: int | None = None


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

    def placed(self, text: str) -> str:
        """The program with every placeholder replaced by a place."""
        for name, array in self._arrays.items():
            if len(array.phases) > 1:
                array.kept_at = self.block_vectors
                place = f"(kept + {self.block_vectors})"
                self.block_vectors += array.vectors
            else:
                place = f"(scratch + {self.scratch_vectors})"
                self.scratch_vectors += array.vectors
            text = text.replace(f"@{name}@", place)
        return text

    def longest_run(self, phase: int) -> tuple[int, int]:
        """The longest part of what a block keeps, first and end, that this phase finds there from earlier ones."""
        longest, first = (0, 0), 0
        for array in self._arrays.values():
            if array.kept_at is not None:
                end = array.kept_at + array.vectors
                if not min(array.phases) < phase <= max(array.phases) or phase not in array.phases:
                    first = end
                longest = max(longest, (first, end), key=lambda run: run[1] - run[0])
        return longest
