"""The C program of one network: constants, headers, and the passes that train and score."""

from importlib.resources import files
from itertools import accumulate

from tinymnist.native.backward import ForwardAndBackward
from tinymnist.native.chains import NAME
from tinymnist.native.forward import Forward
from tinymnist.native.graph import Graph
from tinymnist.native.tiles import SUMS

HEADERS = ("vectors.h", "layers.h", "runtime.h", "norms.h", "warp.h")


def c_source(graph: Graph, lanes: int) -> str:
    """The whole program for `graph`, with vectors of `lanes` floats."""
    *offsets, parameters = accumulate((parameter.numel() for parameter in graph.parameters), initial=0)
    functions: dict[str, str] = {}
    train = ForwardAndBackward(graph, lanes, functions, partials=parameters)
    train.write()
    train_text = train.text()
    score = Forward(graph, lanes, functions, first_vector=train.arrays.scratch_vectors)
    score.write()
    score_text = score.text()
    channels, height, width = graph.shape
    constants = {
        "LANES": lanes,
        "TILE": SUMS[lanes],
        "CHANNELS": channels,
        "HEIGHT": height,
        "WIDTH": width,
        "CLASSES": graph.classes,
        "TENSORS": len(graph.parameters),
        "PARTIALS": max(train.partials, 1),
        "SUMS": max(train.sums, 1),
        "PHASES": len(train.phases),
        "BLOCK_VECTORS": max(train.arrays.block_vectors, 1),
        "SCRATCH_VECTORS": max(score.arrays.scratch_vectors, 1),
    }
    defines = "".join(f"#define {name} {value}\n" for name, value in constants.items())
    headers = "".join(_header(name) for name in HEADERS)
    places = "".join(f"#define OFFSET{index} {offset}\n" for index, offset in enumerate(offsets))
    named = "".join(text.replace(NAME, name, 1) for text, name in functions.items())
    return "".join([defines, headers, places, named, train_text, score_text, _header("network.h")])


def _header(name: str) -> str:
    return (files("tinymnist.native") / "csrc" / name).read_text()
