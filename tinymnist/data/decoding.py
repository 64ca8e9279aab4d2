"""Decodes many pictures at once, in threads."""

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tinymnist.data.pictures import Picture, decode
from tinymnist.errors import ImageError
from tinymnist.quiet import own_warning_filters

PER_TASK = 64
"""Pictures that a thread decodes before it fetches more."""
MAX_THREADS = 8

File = TypeVar("File")


def decode_all(
    files: Sequence[File], content: Callable[[File], bytes], resize: tuple[int, int] | None
) -> Iterator[list[Picture | ImageError]]:
    """Some at a time, in the order given: each file's picture, or why it has none. `content` may raise `ImageError`."""

    def decode_one(file: File) -> Picture | ImageError:
        try:
            return decode(content(file), resize)
        except ImageError as error:
            return error

    def decode_some(start: int) -> list[Picture | ImageError]:
        return [decode_one(file) for file in files[start : start + PER_TASK]]

    with own_warning_filters(), ThreadPoolExecutor(min(MAX_THREADS, os.cpu_count() or 1)) as pool:
        warnings.simplefilter("ignore")  # Pillow's, about large or odd files
        try:
            yield from pool.map(decode_some, range(0, len(files), PER_TASK))
        finally:
            pool.shutdown(cancel_futures=True)
