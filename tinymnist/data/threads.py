"""Works on many files at once, in threads."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

PER_TASK = 64
"""Files that a thread works on before it fetches more."""

File = TypeVar("File")
Result = TypeVar("Result")


def in_threads(work: Callable[[File], Result], files: Sequence[File], threads: int) -> Iterator[list[Result]]:
    """What `work` gives for each file, in their order, some at a time."""

    def some(start: int) -> list[Result]:
        return [work(file) for file in files[start : start + PER_TASK]]

    with ThreadPoolExecutor(threads) as pool:
        try:
            yield from pool.map(some, range(0, len(files), PER_TASK))
        finally:
            pool.shutdown(cancel_futures=True)
