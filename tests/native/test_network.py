"""The native engine: the same numbers as PyTorch, on every layer, and the torch engine where it cannot be had."""

import json
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from torch import Tensor, nn

from tests.support.command_line import ARCHS, ROOT, Cli
from tests.support.native_reference import differences
from tests.support.specs import specs
from tests.support.trainings import StopAfter
from tinymnist import Spec, load_spec, train
from tinymnist.data.affine import AffineAugmenter
from tinymnist.model import build_model
from tinymnist.native import CompilerError, NativeNetwork, NotCoveredError, find_compiler
from tinymnist.native.compiler import load_library
from tinymnist.native.graph import graph_of
from tinymnist.native.source import c_source
from tinymnist.training import Observer, resume

ACTIVATIONS = ["relu6", "leaky_relu", "prelu", "elu", "gelu", "silu", "mish", "hardswish", "tanh", "sigmoid"]

NETWORKS: dict[str, dict[str, Any]] = {
    "activations before and after norms": {
        "blocks": [
            {
                "convs": [
                    {"out_channels": 3, "activation": name, "norm": "batch" if index % 2 else "none"}
                    for index, name in enumerate(ACTIVATIONS)
                ]
            }
        ]
    },
    "kernels, strides, padding, groups, bias": {
        "input": {"channels": 2, "height": 17, "width": 14},
        "blocks": [
            {"convs": [{"out_channels": 6, "kernel_size": [5, 2], "stride": [1, 2], "padding": [3, 0], "groups": 2}]},
            {"convs": [{"out_channels": 9, "kernel_size": 3, "stride": 3, "groups": 3, "bias": False, "norm": "none"}]},
            {"convs": [{"kind": "depthwise", "out_channels": 18, "kernel_size": [1, 3]}]},
            {"convs": [{"out_channels": 4, "kernel_size": 1, "padding": [1, 2], "norm": "none"}]},
            {"convs": [{"kind": "separable", "out_channels": 7, "norm": {"kind": "batch", "affine": False}}]},
        ],
    },
    "poolings of every kind, one after another": {
        "input": {"channels": 1, "height": 28, "width": 25},
        "blocks": [
            {"pool": {"kind": "average", "kernel_size": 2, "ceil_mode": True}},
            {
                "convs": [{"out_channels": 5, "activation": "prelu"}],
                "pool": {"kind": "max", "kernel_size": 3, "stride": 2, "padding": 1},
                "dropout": 0.3,
            },
            {"pool": {"kind": "max", "kernel_size": [2, 1], "stride": [3, 1]}},
            {"convs": [{"out_channels": 4, "activation": "tanh"}], "pool": "average"},
            {"convs": [6], "pool": "global_max"},
        ],
    },
    "group norm, channel dropout, hidden layers": {
        "blocks": [
            {
                "convs": [{"out_channels": 8, "norm": {"kind": "group", "groups": 4}, "dropout": 0.2}],
                "pool": "max",
                "dropout": {"kind": "channel", "p": 0.4},
            },
            {"convs": [{"out_channels": 6, "norm": {"kind": "group", "groups": 1, "affine": False}}], "pool": "max"},
        ],
        "head": {"kind": "linear", "hidden": [{"out_features": 12, "dropout": 0.5, "activation": "elu"}, 5]},
    },
    "residual paths, shared weights": {
        "blocks": [
            {"convs": [4, 4], "residual": {"kind": "projection", "activation": "relu"}},
            {"name": "twice", "convs": [4], "residual": "identity", "repeat": 2, "share_weights": True, "pool": "max"},
            {"convs": [{"out_channels": 4, "stride": 2}], "weights_from": "twice", "residual": "none"},
            {"convs": [{"out_channels": 10, "norm": "none", "activation": "none"}], "residual": "projection"},
        ],
        "head": {"kind": "global_pool"},
    },
}


def network(name: str) -> Spec:
    return Spec.model_validate({"name": "made", **NETWORKS[name]})


def beyond_tolerance(found: dict[str, float]) -> dict[str, float]:
    return {name: share for name, share in found.items() if not share <= 1}


ALIKE = ("shared692", "shared986", "smooth3092", "smooth996", "smooth675", "mini697", "separable-residual")
"""Of the same kinds as smooth1938 and shared-stairs, and seconds to compile."""


@pytest.mark.parametrize(
    "arch",
    [
        pytest.param(path, marks=[pytest.mark.slow] if path.stem in ALIKE else [], id=path.stem)
        for path in sorted(ARCHS.glob("*.yaml"))
    ],
)
def test_every_shipped_architecture_computes_what_torch_does(arch: Path) -> None:
    assert beyond_tolerance(differences(load_spec(arch), n=37)) == {}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_kind_of_layer_computes_what_torch_does(name: str) -> None:
    assert beyond_tolerance(differences(network(name), n=37)) == {}


@pytest.mark.slow
@settings(max_examples=int(os.environ.get("TINYMNIST_NATIVE_EXAMPLES", "6")), deadline=None, database=None,
          derandomize=True, suppress_health_check=list(HealthCheck))  # fmt: skip
@given(specs())
def test_random_networks_compute_what_torch_does(spec: Spec) -> None:
    assert beyond_tolerance(differences(spec, n=19)) == {}


@pytest.mark.parametrize("n", [2, 15, 16, 17, 100])
def test_any_batch_size_computes_what_torch_does(n: int) -> None:
    assert beyond_tolerance(differences(load_spec(ARCHS / "tiny3130.yaml"), n=n)) == {}


@pytest.mark.slow
@pytest.mark.parametrize("lanes", [4, 8])
def test_shorter_vectors_compute_what_torch_does(lanes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinymnist.native.compiler.Compiler.lanes", lanes)
    assert beyond_tolerance(differences(load_spec(ARCHS / "separable-residual.yaml"), n=37)) == {}


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


@pytest.mark.parametrize("border_mode", ["constant", "reflect_101"])
def test_c_augments_to_the_same_pixels_as_torch(border_mode: str) -> None:
    options = f"{{Affine: {{rotate: [-40, 40], scale: [0.7, 1.3], p: 0.7, border_mode: {border_mode}}}}}"
    spec = load_spec(ARCHS / "tiny3130.yaml", [f"train.augment=[ShiftScaleRotate, {options}]"])
    native = NativeNetwork(spec, build_model(spec), scale=1.0, shift=0.0, batch_size=16, threads=2)
    images = torch.randint(0, 256, (100, 28, 28), dtype=torch.uint8)
    augmenter = AffineAugmenter(spec.train.augment, 28, 28)
    by_torch = augmenter(images, 5)
    augmenter.warp = native.warp
    assert torch.equal(augmenter(images, 5), by_torch)
    native.close()


def test_what_is_not_covered_says_so() -> None:
    with pytest.raises(NotCoveredError, match="Bilinear is not covered"):
        graph_of(nn.Sequential(nn.Bilinear(1, 1, 1)), (1, 28, 28), 10)


def test_a_large_network_is_left_to_torch() -> None:
    spec = Spec.model_validate({"name": "wide", "blocks": [{"convs": [2500], "pool": "global_average"}]})
    with pytest.raises(NotCoveredError, match="2,500 channels, and it is made for 2,000 at most"):
        graph_of(build_model(spec), (1, 28, 28), 10)


@pytest.mark.slow
@pytest.mark.parametrize("arch", ["tiny3130", "separable-residual"])
def test_sanitizers_find_nothing(arch: str, tmp_path: Path) -> None:
    spec = load_spec(ARCHS / f"{arch}.yaml")
    graph = graph_of(build_model(spec), (1, 28, 28), spec.classes)
    sizes = ",".join(str(parameter.numel()) for parameter in graph.parameters)
    channels = "".join(f"{norm.num_features}, " for norm in graph.norms)
    program = c_source(graph, find_compiler().lanes) + f"#define SIZES {sizes}\n#define NORM_CHANNELS {channels}\n"
    (tmp_path / "all.c").write_text(program + (ROOT / "tests" / "support" / "sanitized.c").read_text())
    flags = ["-std=gnu11", "-O1", "-march=native", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    subprocess.run(["cc", *flags, "all.c", "-o", "all", "-lm", "-pthread"], cwd=tmp_path, check=True, timeout=120)
    done = subprocess.run([tmp_path / "all"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "finite\n", "")


# What of a spec reaches the C text

HOSTILE = 'x";system("id");//'


def test_no_name_reaches_the_c_text() -> None:
    plain = NETWORKS["residual paths, shared weights"]
    named = json.loads(json.dumps(plain).replace("twice", "system"))
    specs = [
        Spec.model_validate({"name": "made", **plain}),
        Spec.model_validate({"name": "int.main", "description": HOSTILE, "train": {"chosen_on": HOSTILE}, **named}),
    ]
    one, other = (c_source(graph_of(build_model(spec), (1, 28, 28), 10), 16) for spec in specs)
    assert one == other


@pytest.mark.parametrize("value", [HOSTILE, "1.0", float("nan"), float("inf"), None, True, b"1"], ids=repr)
@pytest.mark.parametrize(("layer", "key"), [("norm1", "eps"), ("norm1", "momentum"), ("dropout1", "p")])
def test_what_is_no_finite_number_is_refused(layer: str, key: str, value: object) -> None:
    """A spec cannot hold it: this is what stands behind the spec."""
    blocks = [{"name": "b", "convs": [{"out_channels": 4, "dropout": 0.5}]}]
    model = build_model(Spec.model_validate({"name": "made", "blocks": blocks}))
    module: Any = model.get_submodule(f"b.{layer}")
    setattr(module, key, value)
    with pytest.raises((NotCoveredError, AssertionError)):
        c_source(graph_of(model, (1, 28, 28), 10), 16)


EXTREMES = {
    "smallest": {"eps": 5e-324, "momentum": 5e-324, "p": 5e-324},
    "largest": {"eps": 1.0, "momentum": 1.0, "p": 1 - 2**-53},
    "long": {"eps": 1 / 3, "momentum": 1e-17, "p": 0.1 + 0.2},
}


@pytest.mark.slow
@pytest.mark.parametrize("values", EXTREMES.values(), ids=EXTREMES.keys())
def test_extreme_values_are_c_that_compiles(values: dict[str, float], cache: Path) -> None:
    norm = {"kind": "batch", "eps": values["eps"], "momentum": values["momentum"]}
    blocks = [{"convs": [{"out_channels": 4, "norm": norm, "dropout": values["p"]}], "pool": "average"}]
    spec = Spec.model_validate({"name": "made", "blocks": blocks})
    load_library(c_source(graph_of(build_model(spec), (1, 28, 28), 10), 16), find_compiler(), cache)


WINDOWS = {
    "padding": {"convs": [{"out_channels": 4, "kernel_size": 1, "padding": 1000, "stride": 1000}]},
    "max pooling": {"convs": [4], "pool": {"kind": "max", "kernel_size": 1000, "padding": 500, "stride": 1000}},
    "average pooling": {"convs": [4], "pool": {"kind": "average", "kernel_size": 1000, "padding": 500, "stride": 7}},
}


@pytest.mark.parametrize("block", WINDOWS.values(), ids=WINDOWS.keys())
def test_windows_beyond_the_image_compute_what_torch_does_or_are_left_to_it(block: dict[str, Any]) -> None:
    spec = Spec.model_validate({"name": "made", "blocks": [block]})
    try:
        found = differences(spec, n=5)
    except NotCoveredError as error:
        found = {} if "values of a padded image" in str(error) else {str(error): 2.0}
    assert beyond_tolerance(found) == {}


@pytest.mark.parametrize(
    "block",
    [
        {"convs": [{"out_channels": 4, "kernel_size": 1, "padding": 10**9, "stride": 10**9}]},
        {"convs": [4], "pool": {"kind": "max", "kernel_size": 10**9, "padding": 5 * 10**8}},
    ],
    ids=["convolution", "pooling"],
)
def test_windows_of_a_billion_are_no_spec(block: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="less than or equal to 1000"):
        Spec.model_validate({"name": "made", "blocks": [block]})


# The cache

SOURCE = '__attribute__((visibility("default"))) int answer(void) { return 42; }\n'


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "native"


def answer(cache: Path) -> int:
    return int(load_library(SOURCE, find_compiler(), cache).answer())


def test_a_library_is_compiled_once(cache: Path) -> None:
    assert answer(cache) == 42
    (library,) = cache.glob("*.so")
    made = library.stat().st_mtime_ns
    assert answer(cache) == 42
    assert library.stat().st_mtime_ns == made


@pytest.mark.parametrize("damage", [b"", b"not a library"], ids=["empty", "other bytes"])
def test_a_damaged_library_is_made_again(cache: Path, damage: bytes) -> None:
    load_library(SOURCE, find_compiler(), cache)
    (library,) = cache.glob("*.so")
    library.unlink()  # it is loaded: its bytes in memory must stay
    library.write_bytes(damage)
    assert answer(cache) == 42


def test_the_cache_is_private(cache: Path) -> None:
    answer(cache)
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700


def test_a_cache_that_others_may_read_is_made_private(cache: Path) -> None:
    cache.mkdir(parents=True)
    cache.chmod(0o755)
    assert answer(cache) == 42
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700


@pytest.mark.parametrize("which", ["cache", "the folder around it"])
def test_a_cache_of_another_user_is_refused(cache: Path, which: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if: only root can give a folder away. Nothing that lies in it is run."""
    cache.mkdir(mode=0o700, parents=True)
    foreign = cache if which == "cache" else cache.parent
    kept = {name: getattr(Path, name) for name in ("stat", "lstat")}

    def status(path: Path, name: str) -> os.stat_result:
        found = kept[name](path)
        return os.stat_result([*found[:4], 12345, *found[5:]]) if path == foreign else found

    monkeypatch.setattr(Path, "stat", lambda path, **_: status(path, "stat"))
    monkeypatch.setattr(Path, "lstat", lambda path: status(path, "lstat"))
    with pytest.raises(CompilerError, match="is not a"):
        answer(cache)
    assert list(cache.iterdir()) == []


def test_a_cache_in_a_folder_that_others_may_change_is_refused(cache: Path) -> None:
    cache.mkdir(mode=0o700, parents=True)
    cache.parent.chmod(0o777)
    with pytest.raises(CompilerError, match="is not a folder that only this user can change"):
        answer(cache)


def test_a_link_in_place_of_the_cache_is_refused(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    cache.parent.mkdir()
    cache.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CompilerError, match="is not a private folder"):
        answer(cache)


@pytest.mark.parametrize("form", ["bytes added", "another library", "no digest"])
def test_a_library_that_is_not_the_one_that_was_made_is_made_again(cache: Path, form: str, tmp_path: Path) -> None:
    load_library(SOURCE, find_compiler(), cache)
    (library,) = cache.glob("*.so")
    content = library.read_bytes()
    library.unlink()
    if form == "another library":
        load_library(SOURCE.replace("42", "43"), find_compiler(), tmp_path / "other" / "native")
        (other,) = (tmp_path / "other" / "native").glob("*.so")
        library.write_bytes(other.read_bytes())
    else:
        library.write_bytes(content + (b"\0" if form == "bytes added" else b""))
    if form == "no digest":
        library.with_suffix(".sha256").unlink()
    assert answer(cache) == 42


def test_a_cache_that_others_may_write_to_is_refused(cache: Path) -> None:
    cache.mkdir(parents=True)
    cache.chmod(0o777)
    with pytest.raises(CompilerError, match="is not a private folder"):
        answer(cache)


# Engines in training


class Told(Observer):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warned(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture
def quick() -> Spec:
    return load_spec(ARCHS / "tiny3130.yaml", ["train.epochs=1", "train.augment=[]"])


@pytest.fixture
def broken_compilers(tmp_path: Path) -> dict[str, str]:
    script = tmp_path / "broken-cc"
    script.write_text('#!/bin/sh\ncase "$*" in *-dM*) exec cc "$@";; esac\necho \'error: cannot\' >&2\nexit 1\n')
    script.chmod(0o755)
    return {"missing": "no-such-compiler", "useless": "false", "broken": str(script)}


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("missing", "no C compiler: `no-such-compiler` is not there"),
        ("useless", "`false` fails: 1"),
        ("broken", "broken-cc` fails: error: cannot"),
    ],
)
def test_without_a_working_compiler_torch_trains_and_a_warning_says_why(
    quick: Spec,
    kind: str,
    reason: str,
    broken_compilers: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CC", broken_compilers[kind])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "fresh"))
    told = Told()
    run = train(quick, seed=1, dataset="mnist-5k", output=tmp_path, name="run", observer=told)
    assert run.environment.engine == "torch"
    (warning,) = told.warnings
    assert warning.startswith("WARNING: no native engine (")
    assert f"{reason})" in warning


def test_where_the_cache_cannot_be_written_torch_trains(
    quick: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    told = Told()
    run = train(quick, seed=1, dataset="mnist-5k", output=tmp_path, name="run", observer=told)
    assert (run.environment.engine, len(told.warnings)) == ("torch", 1)


@pytest.mark.parametrize("engine", ["torch", "native"])
def test_the_run_records_the_engine_that_was_asked_for(cli: Cli, engine: str, tmp_path: Path) -> None:
    options = [
        "--arch",
        "tiny3130",
        "--epochs",
        "1",
        "--batch-size",
        "500",
        "--dataset",
        "mnist-5k",
        "--set",
        "train.augment=[]",
        "--name",
        "run",
    ]
    outcome = cli("train", *options, "--engine", engine, "--output", tmp_path)
    assert outcome.code == 0
    assert f"engine: {engine}" in outcome.err
    assert json.loads((tmp_path / "run" / "environment.json").read_text())["engine"] == engine


def test_an_unknown_engine_is_refused(cli: Cli) -> None:
    outcome = cli("train", "--arch", "tiny3130", "--engine", "fast")
    assert outcome.code == 2
    assert "'--engine': 'fast' is not one of 'auto', 'torch', 'native'" in outcome.err


@pytest.mark.parametrize("engine", ["torch", "native"])
def test_a_checkpoint_does_not_know_the_engine(quick: Spec, engine: str, tmp_path: Path) -> None:
    """A run begun natively goes on without a compiler, and the other way round."""
    from tinymnist.errors import Interrupted

    spec = load_spec(ARCHS / "tiny3130.yaml", ["train.epochs=2", "train.augment=[]", f"train.engine={engine}"])
    with pytest.raises(Interrupted):
        train(spec, seed=1, dataset="mnist-5k", output=tmp_path, name="run", observer=StopAfter(9))
    record = tmp_path / "run" / "environment.json"
    other = {"torch": "native", "native": "torch"}[engine]
    record.write_text(record.read_text().replace(f'"engine": "{engine}"', f'"engine": "{other}"'))
    assert resume(tmp_path / "run").result.epochs == 2


def one_epoch(engine: str, folder: Path, mnist_dir: Path) -> Iterator[float]:
    for seed in (0, 1):
        spec = load_spec(ARCHS / "tiny3130.yaml", ["train.epochs=1", "train.augment=[]", f"train.engine={engine}"])
        run = train(spec, seed=seed, dataset="mnist", data_dir=mnist_dir, output=folder, name=f"{engine}{seed}")
        yield run.result.accuracy


@pytest.mark.slow
def test_one_epoch_on_mnist_passes_96_percent(tmp_path: Path, mnist_dir: Path) -> None:
    assert [accuracy > 96 for accuracy in one_epoch("native", tmp_path, mnist_dir)] == [True, True]
