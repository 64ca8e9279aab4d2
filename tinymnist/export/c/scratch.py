"""The memory of a folded network's program."""

from collections.abc import Sequence

from tinymnist.folded.network import Convolution, Network, Pooling, Step, sources
from tinymnist.spec.plan import Window
from tinymnist.spec.scratch import MemoryPlan, Stage, plan_memory


def plan_scratch(network: Network, placed: Sequence[int]) -> MemoryPlan:
    """Where the values in `placed` lie in scratch memory."""
    stages = [Stage(sources(step), step.shape, _window(step)) for step in network.steps]
    return plan_memory(network.input, stages, placed)


def _window(step: Step) -> Window | None:
    match step:
        case Convolution():
            return Window(step.weight.shape[2:], step.stride, step.padding)
        case Pooling():
            return Window(step.kernel, step.stride, step.padding)
    return None
