"""Writes the same pictures in every format that `tinymnist data` reads."""

import gzip
import json
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Splits = Mapping[str, tuple[NDArray[np.uint8], NDArray[Any]]]
"""Images, (N, H, W) or (N, H, W, 3), and labels of each split."""


def png(pixels: NDArray[np.uint8], **options: Any) -> bytes:
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", **options)
    return stream.getvalue()


def write_folders(root: Path, splits: Splits, class_names: list[str] | None = None) -> Path:
    """`split/CLASS/NUMBER.png`; a split named "" is `CLASS/NUMBER.png`."""
    for split, (images, labels) in splits.items():
        for number, (image, label) in enumerate(zip(images, labels.tolist(), strict=True)):
            path = root / split / (class_names[label] if class_names else str(label)) / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(image))
    return root


def write_npz(path: Path, splits: Splits, images: str = "x_{}", labels: str = "y_{}") -> Path:
    arrays: dict[str, NDArray[Any]] = {images.format(split): some for split, (some, _) in splits.items()}
    arrays |= {labels.format(split): some for split, (_, some) in splits.items()}
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
    return path


def idx(array: NDArray[Any]) -> bytes:
    head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return head + array.astype(np.uint8).tobytes()


def write_idx(root: Path, splits: Splits, packed: bool = False, prefix: str = "") -> Path:
    root.mkdir(exist_ok=True)
    for split, (images, labels) in splits.items():
        for what, array in (("images", images), ("labels", labels)):
            content, name = idx(array), f"{prefix}{split}-{what}-idx{array.ndim}-ubyte"
            (root / (f"{name}.gz" if packed else name)).write_bytes(gzip.compress(content, 1) if packed else content)
    return root


def csv(images: NDArray[np.uint8], labels: NDArray[np.int64]) -> str:
    rows = images.reshape(len(images), -1).tolist()
    head = ",".join(["label", *(f"pixel{index}" for index in range(len(rows[0])))])
    lines = [",".join(map(str, [label, *row])) for label, row in zip(labels.tolist(), rows, strict=True)]
    return "\n".join([head, *lines]) + "\n"


def write_csv(root: Path, splits: Splits) -> Path:
    root.mkdir(exist_ok=True)
    for split, (images, labels) in splits.items():
        (root / f"{split}.csv").write_text(csv(images, labels))
    return root


def write_parquet(
    path: Path, images: list[Any], labels: list[Any], class_names: list[str] | None = None, **options: Any
) -> Path:
    """Writes Parquet files like those of the Hugging Face hub, which may declare class names."""
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"image": [{"bytes": each, "path": None} for each in images], "label": labels})
    if class_names is not None:
        declared = {"info": {"features": {"label": {"names": class_names, "_type": "ClassLabel"}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(declared)})
    pyarrow.parquet.write_table(table, path, **options)
    return path


def write_parquets(root: Path, splits: Splits) -> Path:
    (root / "data").mkdir(parents=True)
    for split, (images, labels) in splits.items():
        path = root / "data" / f"{split}-00000-of-00001.parquet"
        write_parquet(path, [png(image) for image in images], labels.tolist())
    return root


def write_faulty_digits(root: Path) -> Path:
    """The folder of `docs/data.md`: digits of mnist-5k, one of which cannot be read, and one stands in both splits."""
    from tests.support.digits import mnist_5k

    train, train_labels, test, test_labels = mnist_5k()
    write_folders(root, {"train": (train[::40], train_labels[::40]), "test": (test[::50], test_labels[::50])})
    (root / "train" / "7" / "scan.png").write_bytes(b"")
    (root / "test" / "3" / "copy.png").write_bytes(sorted((root / "train" / "8").iterdir())[0].read_bytes())
    return root


Write = Callable[[Path, Splits], Path]
FORMATS: dict[str, Write] = {
    "folders": write_folders,
    "npz of Keras": lambda root, splits: write_npz(root.with_suffix(".npz"), splits),
    "npz of MedMNIST": lambda root, splits: write_npz(
        root.with_suffix(".npz"), {split: (some, labels[:, None]) for split, (some, labels) in splits.items()},
        "{}_images", "{}_labels",
    ),
    "IDX": write_idx,
    "packed IDX": lambda root, splits: write_idx(root, splits, packed=True),
    "CSV": write_csv,
    "Parquet": write_parquets,
}  # fmt: skip
"""Each writes splits to a path, or near it, and returns what to read."""
