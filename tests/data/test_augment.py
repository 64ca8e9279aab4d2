"""Augmentation: seeded, typed or by albumentations' own names, and checked before the first step."""

from typing import Any

import albumentations
import cv2
import numpy as np
import pytest
import torch

from tinymnist.data import load_dataset
from tinymnist.data.augment import Augmenter, _transform
from tinymnist.errors import SpecError
from tinymnist.spec.augmentation import REFERENCE_AUGMENT, AugmentStep


def augmenter(*steps: dict[str, Any] | str) -> Augmenter:
    return Augmenter(
        [AugmentStep.model_validate({step: {}} if isinstance(step, str) else step) for step in steps], 28, 28
    )


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return load_dataset("mnist-5k").train.images[::80]


def test_the_same_seed_gives_the_same_pixels(images: torch.Tensor) -> None:
    augment = Augmenter(REFERENCE_AUGMENT, 28, 28)
    first, _, again = augment(images, 1), augment(images, 2), augment(images, 1)
    assert torch.equal(first, again)


def test_another_seed_gives_other_pixels(images: torch.Tensor) -> None:
    augment = Augmenter(REFERENCE_AUGMENT, 28, 28)
    assert not torch.equal(augment(images, 1), augment(images, 2))


def test_about_half_of_the_images_stay_as_they_are(images: torch.Tensor) -> None:
    same = (Augmenter(REFERENCE_AUGMENT, 28, 28)(images, 3) == images).flatten(1).all(1)
    assert 10 < int(same.sum()) < 40  # of 50; p is 0.5


def test_the_reference_recipe_is_albumentations_own_transform(images: torch.Tensor) -> None:
    with pytest.warns(UserWarning, match="special case of Affine"):
        transform = albumentations.ShiftScaleRotate(
            shift_limit=0.0625, scale_limit=0.05, rotate_limit=12, border_mode=cv2.BORDER_CONSTANT, p=0.5
        )
    compose = albumentations.Compose([transform])
    compose.set_random_seed(5)
    expected = np.stack([compose(image=image)["image"] for image in images[:, 0].numpy()])
    assert torch.equal(Augmenter(REFERENCE_AUGMENT, 28, 28)(images, 5)[:, 0], torch.from_numpy(expected))


@pytest.mark.parametrize(
    "step",
    [
        {"ShiftScaleRotate": {"rotate_limit": 90, "interpolation": "nearest", "border_mode": "reflect", "p": 1}},
        {"Affine": {"scale": [0.8, 1.2], "rotate": [-20, 20], "shear": [-5, 5], "translate_percent": [-0.1, 0.1]}},
        {"GaussNoise": {"std_range": [0.1, 0.2], "p": 1}},
        "RandomRotate90",
    ],
    ids=["ShiftScaleRotate", "Affine", "GaussNoise", "bare name"],
)
def test_transforms_keep_shape_and_type(images: torch.Tensor, step: dict[str, Any] | str) -> None:
    result = augmenter(step)(images, 0)
    assert (result.shape, result.dtype) == (images.shape, torch.uint8)
    assert not torch.equal(result, images)


def test_a_size_that_varies_is_found_when_it_does(images: torch.Tensor) -> None:
    augment = augmenter({"HorizontalFlip": {"p": 0.5}})
    augment._compose = albumentations.Compose([albumentations.RandomScale(scale_limit=(0.05, 0.1), p=0.5)])
    with pytest.raises(SpecError, match=r"gives \d+x\d+ uint8, not 28x28 uint8"):
        augment(images, 0)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("HorizontalFlp", "HorizontalFlp: albumentations 2.0.8 has no such transform: did you mean 'HorizontalFlip'?"),
        ({"Transpose": {"prob": 1}}, "Transpose: Argument(s) 'prob' are not valid"),
        ({"Rotate": {"limit": "far"}}, "Rotate: 2 validation errors for InitSchema limit"),
        ({"RandomCrop": {"height": 20, "width": 20}}, "RandomCrop: gives 20x20 uint8, not 28x28 uint8"),
        ({"Transpose": {"p": 2}}, "Transpose: 1 validation error for InitSchema p"),
        ("Normalize", "Normalize: gives 28x28 float32, not 28x28 uint8"),
        ("Compose", "Compose: albumentations 2.0.8 has no such transform"),
    ],
    ids=["name", "argument", "value", "size", "probability", "type", "not a transform"],
)
def test_a_mistake_is_one_line(step: dict[str, Any] | str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        augmenter(step)
    assert str(caught.value).startswith(f"train.augment[0].{message.replace('2.0.8', albumentations.__version__)}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("step", ["ShiftScaleRotate", "HueSaturationValue"])
def test_images_in_colour_are_transformed_as_albumentations_does(step: str) -> None:
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (20, 3, 20, 24), np.uint8))
    steps = [AugmentStep.model_validate({step: {"p": 1}})]
    transform = albumentations.Compose([_transform(steps[0], {})])
    transform.set_random_seed(5)
    expected = np.stack([transform(image=image)["image"] for image in images.permute(0, 2, 3, 1).contiguous().numpy()])
    found = Augmenter(steps, 20, 24, 3)(images, 5)
    assert torch.equal(found.permute(0, 2, 3, 1), torch.from_numpy(expected))
