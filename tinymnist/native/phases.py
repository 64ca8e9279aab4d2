"""A pass over the network in C as phases, and where its tensors are in memory.

A phase is what a block of images goes through independently of the other blocks; batch norm ends a phase, because it
needs sums over the whole batch. A tensor that only one phase touches lives in the thread's scratch memory; any other is
kept for every block.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod

from tinymnist.native.arrays import Arrays
from tinymnist.native.graph import BatchNorm, Convolution, Graph, GroupNorm, Node, Root, Shape
from tinymnist.native.layout import Layout
from tinymnist.native.literals import real

_WORKER = ["struct network *net = worker->network;", "vf *scratch = worker->scratch;", "(void)net, (void)scratch;"]
_BLOCK = [
    "const uint32_t block = (uint32_t)at;",
    "const vi mask = images_in(net, at);",
    "(void)block, (void)mask;",
]
_TRAINED_BLOCK = [
    "vf *kept = net->activations + at * BLOCK_VECTORS;",
    "fours *gradients = net->partial + at * PARTIALS;",
    "fours *block_sums = net->sums + at * SUMS;",
    "(void)kept, (void)gradients, (void)block_sums;",
]


def c_function(signature: str, lines: Sequence[str]) -> str:
    """A function of C that returns nothing."""
    return "\n".join([f"static void {signature} {{", *(f"    {line}" for line in lines), "}"]) + "\n"


@dataclass(slots=True)
class _Phase:
    lines: list[str] = field(default_factory=list)
    """C for one block."""
    closing: list[str] = field(default_factory=list)
    """C that each thread runs after all blocks."""


class Phases:
    """The phases of one pass, scoring or training, while they are written."""

    training = False

    def __init__(
        self,
        graph: Graph,
        lanes: int,
        functions: dict[str, str],
        *,
        first_vector: int = 0,
        partials: int = 0,
    ) -> None:
        self.graph = graph
        self.lanes = lanes
        self.functions = functions
        self.phases = [_Phase()]
        self.opening: list[str] = []
        self.arrays = Arrays(first_vector)  # training and scoring share no buffers, so that borders stay zero
        self.partials = partials  # sums that a block adds to gradients: each parameter's, then those of `_early_sums`
        self.sums = 0
        self.first_sum: dict[int, int] = {}
        self.packed: set[str] = set()
        self.recomputed: set[tuple[int, int]] = set()
        self.contributed: set[int] = set()
        self.last: list[str] = []
        self.returning = False
        self.kept: tuple[int, int] | None = None

    def text(self) -> str:
        kind = "train" if self.training else "score"
        job = [*_WORKER, *self.opening, *self._running_norms()]
        self.arrays.place()
        functions = []
        for number, phase in enumerate(self.phases):
            if phase.lines:
                name = f"{kind}_phase{number}"
                head = [*_WORKER, *_BLOCK, *(_TRAINED_BLOCK if self.training else [])]
                if self.training and number == 0:
                    head.append("memset(gradients, 0, PARTIALS * sizeof *gradients);")
                functions.append(c_function(f"{name}(struct worker *worker, const int64_t at)", [*head, *phase.lines]))
                # A phase begins with the blocks that the previous one ended with, which the caches still hold.
                turn = "net->blocks - 1 - b" if number % 2 else "b"
                first, end = self.arrays.longest_run(number + 1)
                following = f"{turn} {'-' if number % 2 else '+'} net->threads"
                look = [f"look_ahead(worker, {following}, {first}, {end});"] if end > first else []
                job += [
                    f"for (int64_t b; (b = take(net, {number})) < net->blocks;) {{",
                    *look,
                    f"{name}(worker, {turn});",
                    "}",
                ]
                job += ["barrier(net);"] if self.training else []
            job += phase.closing
        return self.arrays.placed("".join(functions) + c_function(f"{kind}(struct worker *worker)", job))

    def _running_norms(self) -> list[str]:
        if self.training:
            return []
        return [
            f"running_norm(net, {root.shape[0]}, {real(norm.eps)}, {self._pointer(norm.weight)}, "
            f"{self._pointer(norm.bias)}, {self._conv_bias(root)}, {norm.number}, {self._norm(root)});"
            for root in self.graph.roots
            if isinstance(norm := root.norm, BatchNorm)
        ]

    def _line(self, line: str) -> None:
        self.phases[-1].lines.append(line)

    def _end_phase(self, *closing: str) -> None:
        self.phases[-1].closing += closing
        self.phases.append(_Phase())

    def _function(self, kind: str, text: str) -> str:
        """The name of the function with this text; equal texts have the same name."""
        return self.functions.setdefault(text, f"{kind}{len(self.functions)}")

    # Memory

    def _array(self, name: str, vectors: int) -> str:
        """The C expression for a block's array, which the current phase touches."""
        return self.arrays.block(name, vectors, len(self.phases))

    def _staging(self, role: str, shape: Shape, layout: Layout, size: int) -> str:
        """The C expression for a buffer whose border stays zero; tensors of one role, shape and layout share it."""
        return self.arrays.thread(f"{role}{shape}{layout}", size)

    def _gradient(self, node: Node) -> str:
        return self._array(f"gradient{node.index}", prod(node.shape))

    def _norm(self, root: Root) -> str:
        assert root.norm is not None
        if isinstance(root.norm, GroupNorm):
            return self._array(f"norm{root.index}", 4 * root.shape[0])
        return self.arrays.thread(f"norm{root.index}", 4 * root.shape[0])

    def _norm_or_null(self, root: Root) -> str:
        return "NULL" if root.norm is None else self._norm(root)

    def _back(self, root: Root) -> str:
        return "NULL" if root.norm is None else self.arrays.thread(f"back{root.index}", 3 * root.shape[0])

    def _spare(self) -> str:
        """The C expression for room for three channels of any root, for windows that do not fit into registers."""
        return self.arrays.thread("spare", 3 * max(prod(root.shape[1:]) for root in self.graph.roots))

    def _parts(self) -> str:
        """The C expression for what the costly layer of the chain computed last has kept."""
        return self.arrays.thread("parts", max(prod(root.shape) for root in self.graph.roots))

    @staticmethod
    def _pointer(parameter: int | None) -> str:
        return "NULL" if parameter is None else f"net->parameters[{parameter}]"

    def _conv_bias(self, root: Root) -> str:
        assert isinstance(root.source, Convolution)
        return self._pointer(root.source.bias)


def listed(*arguments: object) -> str:
    return ", ".join(map(str, arguments))
