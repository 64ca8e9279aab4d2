"""The native engine computes the same numbers as PyTorch, with every kind of layer."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from torch import Tensor

from tests.support.command_line import ARCHS, ROOT
from tests.support.native_reference import differences
from tests.support.networks import NETWORKS
from tests.support.specs import specs
from tinymnist import Spec, load_spec
from tinymnist.data.affine import AffineAugmenter
from tinymnist.model import build_model
from tinymnist.native import NativeNetwork, find_compiler
from tinymnist.native.source import c_source
from tinymnist.native.tracing import graph_of


def network(name: str) -> Spec:
    return Spec.model_validate({"name": "made", **NETWORKS[name]})


def beyond_tolerance(found: dict[str, float]) -> dict[str, float]:
    return {name: share for name, share in found.items() if not share <= 1}


ALIKE = (
    "bank673",
    "bank984",
    "bank1096",
    "mini697",
    "pooled-classes",
    "smooth3092",
    "smooth1938",
    "smooth996",
    "smooth675",
    "shared986",
    "shared692",
    "separable-residual",
)
"""Architectures of the same kinds as others here, which take seconds to compile."""
SLOW = ("activations before and after norms", "group norm, channel dropout, hidden layers")


@pytest.mark.parametrize(
    "arch",
    [
        pytest.param(path, marks=[pytest.mark.slow] if path.stem in ALIKE else [], id=path.stem)
        for path in sorted(ARCHS.glob("*.yaml"))
    ],
)
def test_every_shipped_architecture_computes_what_torch_does(arch: Path) -> None:
    assert beyond_tolerance(differences(load_spec(arch), n=37)) == {}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in NETWORKS]
)
def test_every_kind_of_layer_computes_what_torch_does(name: str) -> None:
    assert beyond_tolerance(differences(network(name), n=37)) == {}


WINDOWS = {
    "max": {"kind": "max", "kernel_size": 1000, "padding": 500, "stride": 1000},
    "average": {"kind": "average", "kernel_size": 1000, "padding": 500, "stride": 7},
}


@pytest.mark.slow
@pytest.mark.parametrize("pool", WINDOWS.values(), ids=WINDOWS.keys())
def test_poolings_far_beyond_the_image_compute_what_torch_does(pool: dict[str, Any]) -> None:
    spec = Spec.model_validate({"name": "made", "blocks": [{"convs": [4], "pool": pool}]})
    assert beyond_tolerance(differences(spec, n=5)) == {}


@pytest.mark.slow
@settings(max_examples=int(os.environ.get("TINYMNIST_NATIVE_EXAMPLES", "6")), deadline=None, database=None,
          derandomize=True, suppress_health_check=list(HealthCheck))  # fmt: skip
@given(specs())
def test_random_networks_compute_what_torch_does(spec: Spec) -> None:
    assume(all(layer.window is None or layer.window.dilation == (1, 1) for layer in spec.plan.layers))
    assert beyond_tolerance(differences(spec, n=19)) == {}


@pytest.mark.parametrize("n", [2, 15, 16, 17, 100])
def test_any_batch_size_computes_what_torch_does(n: int) -> None:
    assert beyond_tolerance(differences(load_spec(ARCHS / "tiny3130.yaml"), n=n)) == {}


def gradients(threads: int, seed: int = 3) -> list[Tensor]:
    spec = load_spec(ARCHS / "tiny3130.yaml", ["blocks[0].dropout=0.5"])
    torch.manual_seed(0)
    model = build_model(spec)
    native = NativeNetwork(spec, model, scale=1 / 255, shift=0.0, batch_size=100, threads=threads)
    images, labels = torch.randint(0, 256, (100, 28, 28), dtype=torch.uint8), torch.randint(0, 10, (100,))
    native.step(images, labels, seed)
    native.close()
    return [parameter.grad for parameter in model.parameters() if parameter.grad is not None]


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_the_number_of_threads_does_not_change_a_bit(threads: int) -> None:
    assert all(torch.equal(one, many) for one, many in zip(gradients(1), gradients(threads), strict=True))


def test_another_seed_drops_other_values() -> None:
    assert not torch.equal(gradients(1, seed=3)[-1], gradients(1, seed=4)[-1])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("border_mode", ["constant", "reflect_101"])
def test_c_augments_to_the_same_pixels_as_torch(border_mode: str, channels: int) -> None:
    options = f"{{Affine: {{rotate: [-40, 40], scale: [0.7, 1.3], p: 0.7, border_mode: {border_mode}}}}}"
    spec = load_spec(ARCHS / "tiny3130.yaml", [f"train.augment=[ShiftScaleRotate, {options}]"])
    native = NativeNetwork(spec, build_model(spec), scale=1.0, shift=0.0, batch_size=16, threads=2)
    images = torch.randint(0, 256, (100, channels, 28, 28), dtype=torch.uint8)
    augmenter = AffineAugmenter(spec.train.augment, 28, 28)
    by_torch = augmenter(images, 5)
    augmenter.warp = native.warp
    assert torch.equal(augmenter(images, 5), by_torch)
    native.close()


@pytest.mark.slow
@pytest.mark.parametrize("arch", ["tiny3130", "separable-residual"])
def test_sanitizers_find_nothing(arch: str, tmp_path: Path) -> None:
    spec = load_spec(ARCHS / f"{arch}.yaml")
    graph = graph_of(spec.plan, build_model(spec))
    sizes = ",".join(str(parameter.numel()) for parameter in graph.parameters)
    channels = "".join(f"{norm.num_features}, " for norm in graph.norms)
    program = c_source(graph, find_compiler().lanes) + f"#define SIZES {sizes}\n#define NORM_CHANNELS {channels}\n"
    (tmp_path / "all.c").write_text(program + (ROOT / "tests" / "support" / "sanitized.c").read_text())
    flags = ["-std=gnu11", "-O1", "-march=native", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    subprocess.run(["cc", *flags, "all.c", "-o", "all", "-lm", "-pthread"], cwd=tmp_path, check=True, timeout=120)
    done = subprocess.run([tmp_path / "all"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "finite\n", "")
