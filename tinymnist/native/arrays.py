"""Where the tensors of a C program stand in memory."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class _Array:
    vectors: int
    phases: set[int] = field(default_factory=set)


class Arrays:
    """Names for arrays while a program is written; their places once it is known which phases touch them.

    An array of a block that more than one phase touches is kept beside the block's others (`kept + 123`); all else is
    in the thread's scratch memory (`scratch + 123`), from `first_vector` on.
    """

    def __init__(self, first_vector: int) -> None:
        self.block_vectors = 0
        self.scratch_vectors = first_vector
        self._arrays: dict[str, _Array] = {}

    def block(self, name: str, vectors: int, phase: int) -> str:
        """A stand-in for an array of the block, touched in this phase."""
        self._arrays.setdefault(name, _Array(vectors)).phases.add(phase)
        return f"@{name}@"

    def thread(self, name: str, vectors: int) -> str:
        """A stand-in for an array that each thread has once."""
        self._arrays.setdefault(name, _Array(vectors))
        return f"@{name}@"

    def placed(self, text: str) -> str:
        """The program with places for stand-ins."""
        for name, array in self._arrays.items():
            if len(array.phases) > 1:
                place = f"(kept + {self.block_vectors})"
                self.block_vectors += array.vectors
            else:
                place = f"(scratch + {self.scratch_vectors})"
                self.scratch_vectors += array.vectors
            text = text.replace(f"@{name}@", place)
        return text
