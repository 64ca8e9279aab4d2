"""Whatever is changed in a file, the answer is a data set or one line, never a bug."""

import contextlib
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.image_sets import FORMATS, Write
from tinymnist.data.sources import read_image_set
from tinymnist.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 4, 4), np.uint8)
LABELS = np.tile([0, 1], 6)
SPLITS = {"train": (IMAGES, LABELS), "test": (255 - IMAGES[:4], LABELS[:4])}
TRIALS = 30


def flipped(content: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice([1, 1, 3, 20])):
        content[chance.randrange(len(content))] = chance.randrange(256)


def cut(content: bytearray, chance: random.Random) -> None:
    del content[chance.randrange(len(content)) :]


def grown(content: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(content))
    content[at:at] = chance.randbytes(chance.choice([1, 8, 300]))


CHANGES: list[Callable[[bytearray, random.Random], None]] = [flipped, flipped, flipped, cut, grown]


@pytest.mark.parametrize("write", [pytest.param(write, id=name) for name, write in FORMATS.items()])
def test_changed_bytes_are_read_or_refused(write: Write, tmp_path: Path) -> None:
    chance = random.Random(0)
    whole = write(tmp_path / "whole", SPLITS)
    harmed = tmp_path / f"harmed{whole.suffix}"
    for _ in range(TRIALS):
        (shutil.copytree if whole.is_dir() else shutil.copy)(whole, harmed)
        victim = chance.choice(sorted(path for path in [harmed, *harmed.rglob("*")] if path.is_file()))
        content = bytearray(victim.read_bytes())
        chance.choice(CHANGES)(content, chance)
        victim.write_bytes(content)
        with contextlib.suppress(DataError):  # anything else that is raised is a bug
            read_image_set(str(harmed))
        shutil.rmtree(harmed) if harmed.is_dir() else harmed.unlink()
