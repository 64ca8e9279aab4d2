"""The C program of one network: constants, headers, and the passes that train and score."""

from importlib.resources import files
from itertools import accumulate
from math import prod

from tinymnist.native.backward import ForwardAndBackward
from tinymnist.native.chains import NAME
from tinymnist.native.forward import Forward
from tinymnist.native.graph import Graph
from tinymnist.native.phases import c_function, listed
from tinymnist.native.tiles import SUMS

HEADERS = ("vectors.h", "layers.h", "runtime.h", "norms.h", "warp.h", "bases.h")
INTERFACE = ("network.h", "optimizers.h")


def c_source(graph: Graph, lanes: int) -> str:
    """The whole program for `graph`, with vectors of `lanes` floats."""
    *offsets, parameters = accumulate(graph.sizes, initial=0)
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
    return "".join(
        [defines, headers, places, named, train_text, score_text, _compositions(graph), *map(_header, INTERFACE)]
    )


def _compositions(graph: Graph) -> str:
    """What a batch begins and ends with where weights are composed."""
    begin, end = (
        [],
        [
            f"memset(net->gradients[{index}], 0, {graph.parameters[index].numel()} * sizeof(float));"
            for index in sorted({one.filters for one in graph.compositions})
        ],
    )
    for one in graph.compositions:
        mix = graph.parameters[one.mix]
        sizes = listed(mix.shape[0] * mix.shape[1], mix.shape[2], prod(graph.parameters[one.filters].shape[1:]))
        tensors = [f"net->parameters[{index}]" for index in (one.mix, one.filters, one.weight)]
        gradients = [f"net->gradients[{index}]" for index in (one.weight, one.mix, one.filters)]
        begin.append(f"compose({listed(*tensors, sizes)});")
        end.append(f"decompose({listed(*tensors[:2], *gradients, sizes)});")
    return c_function("compose_weights(struct network *net)", ["(void)net;", *begin]) + c_function(
        "decompose_gradients(struct network *net)", ["(void)net;", *end]
    )


def _header(name: str) -> str:
    return (files("tinymnist.native") / "csrc" / name).read_text()
