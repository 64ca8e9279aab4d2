"""The steps and classes of a network as the page names them."""

from collections.abc import Sequence

from tinymnist.folded.network import Convolution, GroupNorm, Network, Pooling, Step
from tinymnist.spec.plan import Pair

ROOM = 60
"""Characters of classes that are named one by one."""


def class_words(names: Sequence[str]) -> str:
    """`cat, dog or bird`; of many classes some: `cat, dog, bird … (47 classes)`."""
    every = f"{', '.join(names[:-1])} or {names[-1]}"
    if len(every) <= ROOM:
        return every
    first = [name for index, name in enumerate(names) if len(", ".join(names[: index + 1])) <= ROOM]
    return f"{', '.join(first)} … ({len(names):,} classes)" if first else f"one of {len(names):,} classes"


def block_words(network: Network, block: str) -> str:
    """The steps of a block in the order in which they run: `conv 3×3, relu → max 2×2`."""
    return " → ".join(_words(network, step) for step in network.steps if step.name.partition(".")[0] == block)


def _words(network: Network, step: Step) -> str:
    size = network.shape(step.source)[1:]
    if isinstance(step, Pooling):
        kind = "average" if step.average else "max"
        if step.kernel == size:
            return f"{kind} of all"
        return f"{kind} {_by(step.kernel)}{_stride(step.stride, step.kernel)}"
    activation = f", {step.activation.name}" if step.activation else ""
    if isinstance(step, Convolution):
        return f"{_convolution(network, step)}{activation}"
    return f"{'group norm' if isinstance(step, GroupNorm) else 'sum'}{activation}"


def _convolution(network: Network, step: Convolution) -> str:
    channels, *size = network.shape(step.source)
    kernel = (step.weight.shape[2], step.weight.shape[3])
    if step.groups == 1 and list(kernel) == size and step.shape[1:] == (1, 1):
        return "linear"
    kind = "conv" if step.groups == 1 else "depthwise" if step.groups == channels else "grouped"
    return f"{kind} {_by(kernel)}{_stride(step.stride, (1, 1))}"


def _by(pair: Pair) -> str:
    return f"{pair[0]}×{pair[1]}"


def _stride(stride: Pair, usual: Pair) -> str:
    return "" if stride == usual else f" stride {stride[0] if stride[0] == stride[1] else _by(stride)}"
