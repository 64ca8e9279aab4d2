"""Batched affine augmentation: albumentations' distributions, OpenCV's pixels, and the same bits in C."""

import ctypes
import itertools
import shutil
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import albumentations
import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import ks_2samp

import tinymnist
from tinymnist.data import load_dataset
from tinymnist.data.affine import AffineAugmenter, Parameters, draw_parameters, inverse_maps, is_affine
from tinymnist.data.augment import Augmenter
from tinymnist.data.warp import BorderMode, Interpolation, Warps, maps_of_all, resampled, warp
from tinymnist.spec.augmentation import REFERENCE_AUGMENT, AffineOptions, AugmentStep, ShiftScaleRotateOptions

INTERPOLATIONS: tuple[Interpolation, ...] = ("nearest", "linear", "cubic")
BORDER_MODES: tuple[BorderMode, ...] = ("constant", "replicate", "reflect", "reflect_101", "wrap")
EVERY_KIND = [
    pytest.param(interpolation, border_mode, id=f"{interpolation}-{border_mode}")
    for interpolation, border_mode in itertools.product(INTERPOLATIONS, BORDER_MODES)
]


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    """Digits and noise."""
    digits = load_dataset("mnist-5k").train.images[::400]
    return torch.cat([digits, torch.from_numpy(noise(10, 28, 28)).unsqueeze(1)])


def noise(n: int, height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(n).integers(0, 256, (n, height, width), np.uint8)


def affine(**options: Any) -> AugmentStep:
    return AugmentStep.model_validate({"Affine": options})


def albumentations_own(name: str, **arguments: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return getattr(albumentations, name)(**arguments)


def differences(one: torch.Tensor, other: torch.Tensor) -> NDArray[np.int64]:
    return np.asarray(np.abs(one.numpy().astype(np.int64) - other.numpy()))


@pytest.mark.parametrize(("interpolation", "border_mode"), EVERY_KIND)
@pytest.mark.parametrize(
    "values",
    [
        {"scale": 1.04, "rotate": 9.5, "translate_percent": 0.0625},
        {"scale": 0.53, "rotate": -161.0, "translate_percent": -0.2},
        {"scale": 0.8, "rotate": 31.0, "shear": 17.0},
        {"scale": 2.3, "rotate": 400.0, "shear": -8.0, "translate_percent": 0.9},
        {"rotate": 90.0},
        {"scale": 0.5},
    ],
    ids=lambda values: " ".join(f"{key} {value}" for key, value in values.items()),
)
def test_equal_parameters_give_equal_pixels(
    images: torch.Tensor, values: dict[str, float], interpolation: Interpolation, border_mode: BorderMode
) -> None:
    ranges = {key: (value, value) for key, value in values.items()}
    step = affine(**ranges, interpolation=interpolation, border_mode=border_mode, fill=37.6, p=1)
    different = differences(AffineAugmenter([step], 28, 28)(images, 0), Augmenter([step], 28, 28)(images, 0))
    assert different.max() <= (0 if interpolation == "nearest" else 1)


def test_most_pixels_are_equal() -> None:
    pixels = torch.from_numpy(noise(100, 28, 28)).unsqueeze(1)
    step = affine(scale=(0.96, 0.96), rotate=(7, 7), p=1)
    different = differences(AffineAugmenter([step], 28, 28)(pixels, 0), Augmenter([step], 28, 28)(pixels, 0))
    assert (different > 0).mean() < 0.02


@pytest.mark.parametrize("size", [(8, 8), (20, 33), (33, 47), (3, 70)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("values", [(1.1, 0.9, 0.1, -0.2, 20, 0, 0), (0.7, 1.3, 0, 0.3, -75, 12, -21)])
@pytest.mark.parametrize(("interpolation", "border_mode"), EVERY_KIND)
def test_axes_and_sizes_of_their_own_give_equal_pixels(
    size: tuple[int, int], values: tuple[float, ...], interpolation: Interpolation, border_mode: BorderMode
) -> None:
    height, width = size
    scale_x, scale_y, shift_x, shift_y, angle, shear_x, shear_y = values
    transform = albumentations_own(
        "Affine",
        scale={"x": (scale_x, scale_x), "y": (scale_y, scale_y)},
        translate_percent={"x": (shift_x, shift_x), "y": (shift_y, shift_y)},
        rotate=(angle, angle),
        shear={"x": (shear_x, shear_x), "y": (shear_y, shear_y)},
        interpolation=getattr(cv2, f"INTER_{interpolation.upper()}"),
        border_mode=getattr(cv2, f"BORDER_{border_mode.upper()}"),
        fill=200,
        p=1,
    )
    pixels = noise(5, height, width)
    whole_x, whole_y = int(shift_x * width), int(shift_y * height)
    floats = [np.full(5, float(v)) for v in (scale_x, scale_y, whole_x, whole_y, angle, shear_x, shear_y)]
    inverse = inverse_maps(Parameters(np.ones(5, bool), *floats), height, width)
    result = warp(torch.from_numpy(pixels), Warps(np.ones(5, bool), inverse, interpolation, border_mode, 200))
    expected = np.stack([transform(image=image)["image"] for image in pixels])
    assert differences(result, torch.from_numpy(expected)).max() <= 1


OPTIONS = [
    ShiftScaleRotateOptions(shift_limit=0.2, scale_limit=0.3, rotate_limit=30, p=0.5),
    AffineOptions(scale=(0.6, 1.1), translate_percent=(-0.1, 0.3), rotate=(-10, 50), shear=(-5, 20), p=0.8),
]


@pytest.fixture(params=OPTIONS, ids=lambda options: type(options).__name__)
def options(request: pytest.FixtureRequest) -> ShiftScaleRotateOptions | AffineOptions:
    chosen: ShiftScaleRotateOptions | AffineOptions = request.param
    return chosen


def drawn_by_albumentations(transform: Any, n: int, height: int, width: int) -> dict[str, NDArray[np.float64]]:
    """Its parameters, as far as it does not tell them taken from its matrix: shift, shear, rotation, scale."""
    transform.set_random_seed(1)
    draws = [transform.get_params_dependent_on_data({"shape": (height, width)}, {}) for _ in range(n)]
    matrix = np.stack([draw["matrix"] for draw in draws])
    angle = np.array([draw["rotate"] for draw in draws])
    scale = np.array([[draw["scale"]["x"], draw["scale"]["y"]] for draw in draws])
    centre = np.array([width / 2 - 0.5, height / 2 - 0.5])
    shift = matrix[:, :2, :2] @ centre + matrix[:, :2, 2] - centre
    cos, sin = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    back = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
    shear = -np.rad2deg(np.arctan((matrix[:, :2, :2] / scale[:, None]) @ back))
    return {
        "scale_x": scale[:, 0],
        "scale_y": scale[:, 1],
        "shift_x": shift[:, 0].round(6),
        "shift_y": shift[:, 1].round(6),
        "angle": angle,
        "shear_x": shear[:, 0, 1].round(6) + 0.0,
        "shear_y": shear[:, 1, 0].round(6) + 0.0,
    }


def test_parameters_are_distributed_as_those_of_albumentations(
    options: ShiftScaleRotateOptions | AffineOptions,
) -> None:
    height, width, n = 28, 40, 20_000
    if isinstance(options, ShiftScaleRotateOptions):
        limits = options.model_dump(include={"shift_limit", "scale_limit", "rotate_limit"})
        transform = albumentations_own("ShiftScaleRotate", **limits)
    else:
        transform = albumentations_own(
            "Affine", **options.model_dump(include={"scale", "translate_percent", "rotate", "shear"})
        )
    drawn = draw_parameters(options, n, height, width, 0)
    expected = drawn_by_albumentations(transform, n, height, width)
    for name, values in expected.items():
        ours = getattr(drawn, name).round(6) if "sh" in name else getattr(drawn, name)
        assert ks_2samp(ours, values).pvalue > 1e-3, name
        assert [ours.min(), ours.max()] == pytest.approx([values.min(), values.max()], rel=0.01, abs=0.01), name
    assert abs(drawn.applied.mean() - options.p) < 4 * (options.p * (1 - options.p) / n) ** 0.5


def test_parameters_are_independent(options: ShiftScaleRotateOptions | AffineOptions) -> None:
    n = 20_000
    drawn = draw_parameters(options, n, 28, 28, 0)
    columns = np.stack([column for column in vars(drawn).values() if np.ptp(column.astype(float))])
    correlation = np.corrcoef(columns) - np.eye(len(columns))
    assert np.abs(correlation).max() < 5 / n**0.5


def test_maps_are_the_inverse_of_albumentations_matrix() -> None:
    transform = albumentations_own("Affine", scale=(0.5, 2), translate_percent=(-1, 1), rotate=(-400, 400), shear=40.0)
    expected = drawn_by_albumentations(transform, 50, 20, 30)
    transform.set_random_seed(1)
    shape = {"shape": (20, 30)}
    matrices = np.stack([transform.get_params_dependent_on_data(shape, {})["matrix"] for _ in range(50)])
    maps = inverse_maps(Parameters(np.ones(50, bool), **expected), 20, 30)
    assert np.allclose(maps, np.linalg.inv(matrices)[:, :2], rtol=1e-4, atol=1e-4)


def test_the_same_seed_gives_the_same_pixels(images: torch.Tensor) -> None:
    augment = AffineAugmenter(REFERENCE_AUGMENT, 28, 28)
    first, other, again = augment(images, 1), augment(images, 2), augment(images, 1)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_images_to_which_it_does_not_apply_stay_as_they_are(images: torch.Tensor) -> None:
    augment = AffineAugmenter([affine(rotate=(20, 30), p=0.5)], 28, 28)
    (warps,) = augment.draw(len(images), 5)
    same = (augment(images, 5) == images).flatten(1).all(1)
    assert 0 < int(same.sum()) < len(images)
    assert torch.equal(same, torch.from_numpy(~warps.applied))


def test_probability_zero_gives_the_images_and_leaves_them_alone(images: torch.Tensor) -> None:
    before = images.clone()
    result = AffineAugmenter([affine(rotate=(20, 30), p=0)], 28, 28)(images, 0)
    assert torch.equal(result, before)
    AffineAugmenter([affine(rotate=(20, 30), p=1)], 28, 28)(images, 0)
    assert torch.equal(images, before)


def test_no_images_give_no_images() -> None:
    empty = torch.zeros(0, 28, 28, dtype=torch.uint8)
    assert AffineAugmenter(REFERENCE_AUGMENT, 28, 28)(empty, 0).shape == empty.shape


def test_steps_follow_each_other_with_draws_of_their_own(images: torch.Tensor) -> None:
    steps = [affine(rotate=(20, 20), p=1), affine(scale=(0.8, 0.8), shear=(10, 10), interpolation="cubic", p=1)]
    one_by_one = images
    for step in steps:
        one_by_one = AffineAugmenter([step], 28, 28)(one_by_one, 0)
    assert torch.equal(AffineAugmenter(steps, 28, 28)(images, 0), one_by_one)
    first, second = AffineAugmenter(REFERENCE_AUGMENT * 2, 28, 28).draw(100, 0)
    assert not np.array_equal(first.inverse, second.inverse)
    assert not np.array_equal(first.applied, second.applied)


def test_only_typed_transforms_are_affine() -> None:
    flip, other = (AugmentStep.model_validate({name: {}}) for name in ("HorizontalFlip", "Transpose"))
    assert is_affine([*REFERENCE_AUGMENT, flip])
    assert is_affine([])
    assert not is_affine([*REFERENCE_AUGMENT, other])


@pytest.mark.parametrize("name", ["HorizontalFlip", "VerticalFlip"])
def test_flips_are_albumentations_own(name: str) -> None:
    images = torch.from_numpy(noise(10, 13, 18)).unsqueeze(1)
    flip = AugmentStep.model_validate({name: {"p": 1.0}})
    assert torch.equal(AffineAugmenter([flip], 13, 18)(images, 0), Augmenter([flip], 13, 18)(images, 0))


def test_about_half_of_the_images_are_flipped() -> None:
    images = torch.from_numpy(noise(400, 8, 8)).unsqueeze(1)
    flipped = AffineAugmenter([AugmentStep.model_validate({"HorizontalFlip": {}})], 8, 8)(images, 0)
    is_flipped = (flipped == images.flip(3)).flatten(1).all(1)
    assert torch.equal(flipped[~is_flipped], images[~is_flipped])
    assert 160 < int(is_flipped.sum()) < 240


@given(
    st.lists(st.floats(-1e308, 1e308), min_size=6, max_size=6),
    st.sampled_from(INTERPOLATIONS),
    st.sampled_from(BORDER_MODES),
)
def test_any_map_keeps_to_the_grey_levels_of_a_flat_image(
    inverse: list[float], interpolation: Interpolation, border_mode: BorderMode
) -> None:
    flat = torch.full((1, 5, 7), 99, dtype=torch.uint8)
    warps = Warps(np.ones(1, bool), np.array(inverse).reshape(1, 2, 3), interpolation, border_mode, 99)
    assert torch.equal(warp(flat, warps), flat)


@pytest.mark.parametrize("options", [{"scale": (1e300, 1e300)}, {"shear": (45, 45)}, {"shear": (90, 90)}], ids=str)
def test_hopeless_maps_raise_no_error(images: torch.Tensor, options: dict[str, Any]) -> None:
    result = AffineAugmenter([affine(**options, p=1)], 28, 28)(images, 0)
    assert result.shape == images.shape
    assert not (result == images).flatten(1).all(1).any()


@pytest.mark.parametrize(("interpolation", "border_mode"), EVERY_KIND)
def test_taking_all_images_gives_the_same_pixels(interpolation: Interpolation, border_mode: BorderMode) -> None:
    pixels = torch.from_numpy(noise(300, 28, 28))
    some = np.random.default_rng(1).random(300) < 0.7
    warps = Warps(some, many_maps(300), interpolation, border_mode, 77)
    assert torch.equal(resampled(pixels, maps_of_all(warps), warps), warp(pixels, warps))


def many_maps(n: int) -> NDArray[np.float64]:
    """Maps (n, 2, 3), some of them near the identity, some without measure."""
    random = np.random.default_rng(n)
    maps: NDArray[np.float64] = random.standard_normal((n, 2, 3)) * 10.0 ** random.integers(-3, 2, (n, 1, 1))
    maps[n // 2 :] += np.eye(2, 3)
    maps[:20] *= 10.0 ** random.integers(-300, 300, (20, 2, 3))
    maps[:4] = np.array([np.inf, -np.inf, np.nan, 0.0])[:, None, None]
    maps[4] = [[1, 0, 0.5], [0, 0.5, 0.5]]  # halves
    maps[5] = [[1, 0, 2**20], [0, 1, -(2**20)]]
    return maps


HEADER = Path(tinymnist.__file__).parent / "native" / "csrc" / "warp.h"
EXPORTED = """
#include "warp.h"
void warp_all(const uint8_t *source, uint8_t *target, int n, int height, int width, const double *inverse,
              int interpolation, int border, int fill) {
    for (ptrdiff_t i = 0; i < n; i++)
        tm_warp(source + i * height * width, target + i * height * width, height, width, inverse + 6 * i,
                interpolation, border, fill);
}
"""
EXECUTABLE = """
#include <stdio.h>
#include <stdlib.h>
int main(int count, char **names) {
    FILE *file = count > 1 ? fopen(names[1], "rb") : NULL;
    const int sizes[][2] = {{1, 1}, {1, 9}, {2, 2}, {9, 1}, {28, 28}};
    double inverse[6];
    int read = 0;
    for (; file && fread(inverse, sizeof inverse, 1, file) == 1; read++)
        for (int size = 0; size < 5; size++) {
            const size_t pixels = (size_t)(sizes[size][0] * sizes[size][1]);
            uint8_t *source = calloc(pixels, 1), *target = calloc(pixels, 1);
            for (int kind = 0; kind < 15; kind++)
                warp_all(source, target, 1, sizes[size][0], sizes[size][1], inverse, kind / 5, kind % 5, 7);
            free(source);
            free(target);
        }
    if (file) fclose(file);
    printf("%d", read);
}
"""
needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")


def compiled(folder: Path, program: str, *flags: str) -> Path:
    (folder / "program.c").write_text(program)
    strict = ["-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
    command = [
        "cc",
        *strict,
        *flags,
        "-I",
        str(HEADER.parent),
        str(folder / "program.c"),
        "-o",
        str(folder / "program"),
    ]
    subprocess.run(command, check=True)
    return folder / "program"


@pytest.fixture(
    scope="module",
    params=[["-O2"], ["-O3", "-march=native", "-ffp-contract=fast"]],
    ids=lambda flags: flags[0],
)
def warp_in_c(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Callable[[NDArray[np.uint8], Warps], NDArray[np.uint8]]:
    folder = tmp_path_factory.mktemp("warp")
    library = ctypes.CDLL(str(compiled(folder, EXPORTED, "-shared", "-fPIC", *request.param)))

    def call(images: NDArray[np.uint8], warps: Warps) -> NDArray[np.uint8]:
        target = np.empty_like(images)
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in (images, target, warps.inverse)]
        kind = INTERPOLATIONS.index(warps.interpolation), BORDER_MODES.index(warps.border_mode)
        library.warp_all(*pointers[:2], *images.shape, pointers[2], *kind, warps.fill)
        return target

    return call


@needs_compiler
@pytest.mark.parametrize(("interpolation", "border_mode"), EVERY_KIND)
def test_c_gives_the_same_bits(
    warp_in_c: Callable[[NDArray[np.uint8], Warps], NDArray[np.uint8]],
    interpolation: Interpolation,
    border_mode: BorderMode,
) -> None:
    for height, width in [(28, 28), (1, 1), (1, 7), (6, 2), (33, 47)]:
        pixels = noise(300, height, width)
        warps = Warps(np.ones(300, bool), many_maps(300), interpolation, border_mode, 77)
        assert np.array_equal(warp_in_c(pixels, warps), warp(torch.from_numpy(pixels), warps).numpy())


@needs_compiler
def test_c_stays_within_its_bounds(tmp_path: Path) -> None:
    flags = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    try:
        program = compiled(tmp_path, EXPORTED + EXECUTABLE, *flags)
    except subprocess.CalledProcessError:
        pytest.skip("the compiler has no sanitizers")
    many_maps(300).tofile(tmp_path / "maps")
    ran = subprocess.run([program, tmp_path / "maps"], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, "300"), ran.stderr


def test_the_channels_of_an_image_warp_alike() -> None:
    grey = torch.from_numpy(noise(20, 28, 28)).unsqueeze(1)
    augment = AffineAugmenter(REFERENCE_AUGMENT, 28, 28)
    assert torch.equal(augment(grey.repeat(1, 3, 1, 1), 4), augment(grey, 4).repeat(1, 3, 1, 1))
