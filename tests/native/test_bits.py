"""A step has the same bits with vectors of any width, with any compiler, and on any processor."""

import shutil
import subprocess
from pathlib import Path

import pytest
import torch

from tests.support.command_line import ARCHS, ROOT
from tests.support.networks import NETWORKS
from tinymnist import Spec, build_model, load_spec
from tinymnist.native import find_compiler
from tinymnist.native.compiler import ARITHMETIC
from tinymnist.native.graph import Graph
from tinymnist.native.source import c_source
from tinymnist.native.tracing import graph_of

MAIN = ROOT / "tests" / "support" / "native_step.c"
ARM = ("aarch64-linux-gnu-gcc", "-static")
QEMU = "qemu-aarch64"
N = 43

SPECS = {
    **{name: Spec.model_validate({"name": "made", **network}) for name, network in NETWORKS.items()},
    **{name: load_spec(ARCHS / f"{name}.yaml") for name in ("bank984", "smooth675")},
}


def outcome(graph: Graph, lanes: int, compiler: tuple[str, ...], folder: Path, runner: tuple[str, ...] = ()) -> bytes:
    """Gradients, statistics, outputs and loss of a step and a scoring, as a program of its own computes them."""
    program = folder / "program"
    program.with_suffix(".c").write_text(c_source(graph, lanes) + MAIN.read_text())
    command = [
        *compiler,
        "-std=gnu11",
        "-O2",
        *ARITHMETIC,
        "-o",
        str(program),
        str(program.with_suffix(".c")),
        "-lm",
        "-pthread",
    ]
    subprocess.run(command, check=True, capture_output=True)
    given = torch.Generator().manual_seed(2)
    shape = (N, *graph.shape)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=given)
    labels = torch.randint(0, graph.classes, (N,), generator=given)
    buffers = [(norm.running_mean, norm.running_var) for norm in graph.norms]
    sizes = [
        len(images),
        len(graph.norms),
        *map(torch.numel, graph.parameters),
        *(norm.num_features for norm in graph.norms),
    ]
    tensors = [torch.tensor(sizes), *graph.parameters, *(one for pair in buffers for one in pair if one is not None)]
    work = b"".join(tensor.detach().numpy().tobytes() for tensor in (*tensors, images, labels))
    return subprocess.run([*runner, str(program)], input=work, check=True, capture_output=True).stdout


@pytest.fixture
def graph(request: pytest.FixtureRequest) -> Graph:
    spec = SPECS[request.param]
    torch.manual_seed(0)
    return graph_of(spec.plan, build_model(spec))


NATIVE = find_compiler()
EVERY = pytest.mark.parametrize("graph", SPECS, indirect=True)
CLANG = pytest.mark.skipif(shutil.which("clang") is None, reason="clang is not installed")
ONE = pytest.mark.parametrize("graph", ["smooth675"], indirect=True)
portable = pytest.mark.skipif(not NATIVE.portable, reason="this processor multiplies and adds with two roundings")


@portable
@EVERY
@pytest.mark.slow
def test_vectors_of_every_width_give_the_same_bits(graph: Graph, tmp_path: Path) -> None:
    widths = [lanes for lanes in (4, 8, 16) if lanes <= NATIVE.lanes]
    assert len({outcome(graph, lanes, NATIVE.command, tmp_path) for lanes in widths}) == 1


@portable
@ONE
def test_short_vectors_give_the_bits_of_long_ones(graph: Graph, tmp_path: Path) -> None:
    assert outcome(graph, 4, NATIVE.command, tmp_path) == outcome(graph, NATIVE.lanes, NATIVE.command, tmp_path)


@portable
@EVERY
@pytest.mark.slow
@CLANG
def test_compilers_give_the_same_bits(graph: Graph, tmp_path: Path) -> None:
    assert outcome(graph, NATIVE.lanes, ("clang", "-march=native"), tmp_path) == outcome(
        graph, NATIVE.lanes, NATIVE.command, tmp_path
    )


@portable
@ONE
@pytest.mark.slow
@pytest.mark.parametrize(
    "flags", ["-ffast-math", "-Ofast", "-fassociative-math -fno-signed-zeros", "-ffp-contract=fast"]
)
@pytest.mark.parametrize("compiler", ["cc", pytest.param("clang", marks=CLANG)])
def test_what_the_user_gives_the_compiler_changes_no_bit(
    compiler: str, flags: str, graph: Graph, tmp_path: Path
) -> None:
    given = (compiler, *flags.split(), "-march=native")
    assert outcome(graph, NATIVE.lanes, given, tmp_path) == outcome(graph, NATIVE.lanes, NATIVE.command, tmp_path)


@portable
@EVERY
@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which(ARM[0]) and shutil.which(QEMU)), reason=f"{ARM[0]} or {QEMU} is not installed")
def test_an_arm_processor_gives_the_bits_of_this_one(graph: Graph, tmp_path: Path) -> None:
    assert outcome(graph, 4, ARM, tmp_path, (QEMU,)) == outcome(graph, NATIVE.lanes, NATIVE.command, tmp_path)
