"""Data sets in one `.npz` file, as Keras (`x_train`) and MedMNIST (`train_images`) name their arrays. Nothing is
unpickled, and nothing is unpacked before its size is known."""

import lzma
import math
import struct
import zipfile
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinymnist.data.arrays import part_of
from tinymnist.data.as_read import AsRead, Part
from tinymnist.data.image_set import MAX_PIXEL_BYTES, SplitName
from tinymnist.errors import DataError
from tinymnist.files import refuse_unreadable
from tinymnist.text import shown

DAMAGED = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, OSError, EOFError, RuntimeError, ValueError,
    OverflowError,
)  # fmt: skip
"""What `zipfile` and its decompressors raise."""
NAMES: dict[str, dict[SplitName, tuple[str, str]]] = {
    "Keras": {"train": ("x_train", "y_train"), "test": ("x_test", "y_test"), "val": ("x_val", "y_val")},
    "MedMNIST": {
        "train": ("train_images", "train_labels"),
        "test": ("test_images", "test_labels"),
        "val": ("val_images", "val_labels"),
    },
}
"""The arrays of images and labels of each split."""


def read_npz(path: Path) -> AsRead:
    """Raises `DataError`."""
    refuse_unreadable(path, MAX_PIXEL_BYTES)
    try:
        with zipfile.ZipFile(path) as archive:
            return AsRead(_parts(archive, path))
    except DAMAGED as error:
        raise DataError(f"{path}: is not an .npz file, or damaged ({shown(str(error))[1:-1]}): save it again") from None


def _parts(archive: zipfile.ZipFile, path: Path) -> dict[SplitName, Part]:
    held = {info.filename.removesuffix(".npy") for info in archive.infolist()}
    for names in NAMES.values():
        if names["train"][0] in held:
            wanted = {split: pair for split, pair in names.items() if {*pair} & held}
            return {
                split: part_of(
                    _array(archive, images, path),
                    _array(archive, labels, path),
                    (f"{path}: {images}", f"{path}: {labels}"),
                )
                for split, (images, labels) in wanted.items()
            }
    found = ", ".join(sorted(held)[:8]) or "nothing"
    raise DataError(
        f"{path}: holds {found}: expects x_train, y_train, x_test, y_test, or train_images, train_labels ..."
    )


def _array(archive: zipfile.ZipFile, name: str, path: Path) -> NDArray[Any]:
    where = f"{path}: {name}"
    try:
        info = archive.getinfo(f"{name}.npy")
    except KeyError:
        raise DataError(f"{where}: is missing: save images and labels together") from None
    if info.file_size > MAX_PIXEL_BYTES:
        raise DataError(f"{where}: unpacks to {info.file_size:,} bytes, more than {MAX_PIXEL_BYTES:,}: leave some out")
    content = archive.read(info)  # at most `file_size` bytes, whatever the archive says elsewhere
    stream = BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[
            version
        ]
        shape, fortran, kind = read_header(stream)
    except Exception:  # the header is a Python literal, in which much can be wrong
        raise DataError(f"{where}: is not a plain array: save it by numpy.savez") from None
    if kind.hasobject:
        raise DataError(f"{where}: holds Python objects, which are never unpickled: save plain numbers")
    if kind.kind not in "biuf":
        raise DataError(f"{where}: holds {kind}: save plain numbers")
    size = kind.itemsize * math.prod(shape)
    if len(content) - stream.tell() != size:
        raise DataError(
            f"{where}: has {len(content) - stream.tell():,} bytes of {kind} for shape {shape}: save it again"
        )
    return np.frombuffer(content, kind, offset=stream.tell()).reshape(shape, order="F" if fortran else "C")
