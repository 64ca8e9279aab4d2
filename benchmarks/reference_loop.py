"""One epoch as it is usually written: a dataloader, albumentations one image at a time, an eager step, and scoring.

`training.py` measures the engines against it, with the same network, recipe, data and threads. Each image is processed
as in such a script: torchvision's data set gives a PIL image, and albumentations warps it, normalises it and makes it a
tensor.
"""

import time
import warnings

import albumentations
import numpy as np
import torch
from albumentations.pytorch import ToTensorV2
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from tinymnist import Spec
from tinymnist.data import Split, load_dataset
from tinymnist.model import build_model


class Digits(Dataset[tuple[Tensor, int]]):
    """Images, augmented one at a time by albumentations."""

    def __init__(self, split: Split, spec: Spec, augment: bool) -> None:
        self.images, self.labels = split.images.numpy(), split.labels.tolist()
        steps = []
        if augment:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # ShiftScaleRotate is deprecated
                steps = [
                    albumentations.ShiftScaleRotate(
                        shift_limit=0.0625, scale_limit=0.05, rotate_limit=12, p=0.5, border_mode=0, fill=0
                    )
                ]
        mean, std = spec.train.normalize.mean, spec.train.normalize.std
        self.transform = albumentations.Compose([*steps, albumentations.Normalize((mean,), (std,)), ToTensorV2()])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = Image.fromarray(self.images[index])
        pixels: Tensor = self.transform(image=np.array(image))["image"]
        return pixels, self.labels[index]


def reference_epoch(spec: Spec) -> float:
    """Seconds that one epoch takes, with training and scoring."""
    data = load_dataset("mnist")
    size = spec.train.batch_size
    train = DataLoader(Digits(data.train, spec, augment=True), batch_size=size, shuffle=True)
    test = DataLoader(Digits(data.test, spec, augment=False), batch_size=size)
    model = build_model(spec)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.016, momentum=0.95, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.4, total_steps=20 * len(train))
    began = time.perf_counter()
    _train(model, train, optimizer, schedule)
    _score(model, test)
    return time.perf_counter() - began


def _train(
    model: nn.Module,
    batches: DataLoader[tuple[Tensor, int]],
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> None:
    model.train()
    correct = 0
    for images, labels in batches:
        optimizer.zero_grad()
        outputs = model(images)
        loss = functional.nll_loss(outputs, labels)
        loss.backward()
        optimizer.step()
        schedule.step()
        correct += int((outputs.argmax(1) == labels).sum())
        loss.item()


@torch.no_grad()
def _score(model: nn.Module, batches: DataLoader[tuple[Tensor, int]]) -> None:
    model.eval()
    for images, labels in batches:
        outputs = model(images)
        functional.nll_loss(outputs, labels, reduction="sum").item()
        int((outputs.argmax(1) == labels).sum())
