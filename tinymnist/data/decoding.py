"""Decodes many pictures at once, in threads."""

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from tinymnist.data.pictures import Picture, decode
from tinymnist.data.threads import in_threads
from tinymnist.errors import ImageError
from tinymnist.quiet import own_warning_filters

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

    with own_warning_filters():
        warnings.simplefilter("ignore")  # Pillow's, about large or odd files
        yield from in_threads(decode_one, files, min(MAX_THREADS, os.cpu_count() or 1))
