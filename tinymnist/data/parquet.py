"""Data sets as Parquet, as the Hugging Face hub has them: columns `image`, of encoded pictures, and `label`."""

import json
import os
import re
from collections.abc import Iterator, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from tinymnist.data.as_read import AsRead, ReadOptions
from tinymnist.data.class_names import checked_name, whole_labels
from tinymnist.data.contents import Contents
from tinymnist.data.encoded import Encoded, Found
from tinymnist.data.gathering import Entry, Gathering
from tinymnist.data.image_set import MAX_CLASSES, MAX_PIXEL_BYTES, SPLIT_NAMES, SplitName
from tinymnist.data.pictures import MAX_BYTES
from tinymnist.errors import DataError, ImageError, UsageError
from tinymnist.files import read_bytes
from tinymnist.text import shown

NAME = re.compile(rf"(?P<split>{'|'.join(SPLIT_NAMES)})(?:[-_.].*)?\.parquet")
ROWS_AT_ONCE = 1024
MAX_ROWS = 4_000_000
IMAGE, LABEL = "image", "label"


def find_parquet(folder: Path) -> dict[str, SplitName]:
    """Names of the Parquet files in a folder, in order, and the split that each belongs to."""
    matches = ((name, NAME.fullmatch(name)) for name in sorted(os.listdir(folder)))
    return {name: SPLIT_NAMES[match["split"]] for name, match in matches if match}


def find_parquet_files(path: Path) -> Encoded:
    """A file, or the files of a folder, some per split. Decoding raises `UsageError` without pyarrow."""
    root = path if path.is_dir() else path.parent
    splits: dict[str, SplitName] = find_parquet(path) if path.is_dir() else {path.name: "train"}
    found = [Found(split, "", name) for name, split in splits.items()]
    return Encoded(root, found, partial(read_bytes, limit=MAX_PIXEL_BYTES), partial(_decode, path, root, found))


def _decode(path: Path, root: Path, found: Sequence[Found], contents: Contents, options: ReadOptions) -> AsRead:
    try:
        arrow: Any = import_module("pyarrow")
        import_module("pyarrow.parquet")
    except ImportError:
        raise UsageError(f"{path}: needs pyarrow: install it with `pip install 'tinymnist[parquet]'`") from None
    rows, declared = 0, set[tuple[str, ...]]()
    for file, where in _opened_in_turn(arrow, root, found, contents):
        rows += file.metadata.num_rows
        declared.add(_declared_names(file, where))
    if len(declared) > 1:
        raise DataError(f"{root}: its files declare different class names: name one of them alone")
    gathering, labels = Gathering(str(root), rows, options), _Labels(declared.pop())
    for each, (file, where) in zip(found, _opened_in_turn(arrow, root, found, contents), strict=True):
        try:
            for first, images, values in _batches(file):
                indices = labels.indices(values, f"{where}: rows from {first:,}")
                entries = [Entry(each.split, label, f"{each.path}:{first + row}") for row, label in enumerate(indices)]
                gathering.add(entries, images, _content)
        except (arrow.ArrowException, OSError, UnicodeDecodeError) as error:
            raise _damaged(where, error) from None
    return AsRead(gathering.parts(), labels.class_names, tuple(gathering.notices()))


def _opened_in_turn(arrow: Any, root: Path, found: Sequence[Found], contents: Contents) -> Iterator[tuple[Any, Path]]:
    """Each file, and where it is; only one is held here, since together they may be larger than memory."""
    for index, each in enumerate(found):
        yield _opened(arrow, contents[index], root / each.path), root / each.path


def _opened(arrow: Any, content: bytes, path: Path) -> Any:
    """A file with both columns and of a size that can be read."""
    try:
        file = arrow.parquet.ParquetFile(arrow.BufferReader(content))
        schema, types = file.schema_arrow, arrow.types
        names = schema.names
    except (arrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _damaged(path, error) from None
    if not names.count(IMAGE) == names.count(LABEL) == 1:
        found = shown(", ".join(names))[1:-1]
        raise DataError(f"{path}: has the columns {found}: expects {IMAGE} and {LABEL}")
    image, label = schema.field(IMAGE).type, schema.field(LABEL).type
    if not any(fits(image) for fits in (types.is_struct, types.is_binary, types.is_large_binary, types.is_null)):
        raise DataError(f"{path}: {IMAGE} holds {shown(image)}: expects encoded pictures")
    if not any(
        fits(label)
        for fits in (types.is_integer, types.is_floating, types.is_string, types.is_large_string, types.is_null)
    ):
        raise DataError(f"{path}: {LABEL} holds {shown(label)}: expects whole numbers or text")
    groups = [file.metadata.row_group(index).total_byte_size for index in range(file.metadata.num_row_groups)]
    if file.metadata.num_rows > MAX_ROWS or max(groups, default=0) > MAX_PIXEL_BYTES:
        raise DataError(f"{path}: {file.metadata.num_rows:,} rows in groups of up to {max(groups):,} bytes: too large")
    return file


def _batches(file: Any) -> Iterator[tuple[int, list[Any], list[Any]]]:
    """Some rows at a time: the number of the first, from 0, then images and labels."""
    first = 0
    for batch in file.iter_batches(ROWS_AT_ONCE, columns=[IMAGE, LABEL]):
        yield first, batch.column(IMAGE).to_pylist(), batch.column(LABEL).to_pylist()
        first += len(batch)


def _content(image: Any) -> bytes:
    """The encoded picture in a cell: bytes, or a mapping that has them. Raises `ImageError`."""
    content = image.get("bytes") if isinstance(image, dict) else image
    if not isinstance(content, bytes):
        raise ImageError("has no bytes of a PNG or JPEG picture")
    if len(content) > MAX_BYTES:
        raise ImageError(f"has {len(content):,} bytes, more than {MAX_BYTES:,}")
    return content


class _Labels:
    """Labels as indices of names: those that the hub declares, or the texts that are found; else numbers."""

    def __init__(self, declared: Sequence[str]) -> None:
        self._kinds: set[str] = set()
        self._index = {name: index for index, name in enumerate(declared)}

    @property
    def class_names(self) -> tuple[str, ...] | None:
        return tuple(self._index) or None

    def indices(self, values: Sequence[Any], where: str) -> list[int]:
        """Raises `DataError`."""
        self._kinds |= {"text" if isinstance(value, str) else "number" for value in values}
        if len(self._kinds) > 1 or not all(isinstance(value, str | int | float) for value in values):
            raise DataError(f"{where}: labels are not all text, nor all numbers: give every image one of the same kind")
        if self._kinds == {"text"}:
            names = [checked_name(text, where) for text in values]
            return [self._index.setdefault(name, len(self._index)) for name in names]
        numbers: list[int] = whole_labels(np.array(values), where, len(self._index) or MAX_CLASSES).tolist()
        return numbers


def _declared_names(file: Any, path: Path) -> tuple[str, ...]:
    """Class names in the metadata that the Hugging Face hub writes, or none."""
    try:
        declared = json.loads((file.schema_arrow.metadata or {})[b"huggingface"])
        texts = [str(name) for name in declared["info"]["features"][LABEL]["names"] or ()]
    except (KeyError, TypeError, ValueError, RecursionError):
        return ()
    if len(texts) > MAX_CLASSES:
        raise DataError(f"{path}: declares {len(texts):,} class names: {MAX_CLASSES:,} are the most")
    names = tuple(checked_name(text, f"{path}: class {shown(text)}") for text in texts)
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"{path}: declares the class name {shown(name)} twice: give each class its own")
    return names


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path}: is not Parquet, or damaged ({shown(str(error))[1:-1]}): get it again")
