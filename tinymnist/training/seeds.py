"""Seeds for every purpose, derived from the run's one seed.

Nothing random has a state that would have to be saved: the draws of an epoch or a step depend only on the run's seed
and the number of the epoch or step. So a resumed training ends with the same bits as one that never stopped.
"""

import hashlib
import re
import secrets

from tinymnist.errors import UsageError
from tinymnist.text import shown

LARGEST_SEED = 2**31 - 1
MAX_SEEDS = 10_000
"""The most seeds that a series can have."""


def draw_seed() -> int:
    """Draws a seed for a run that was given none."""
    return secrets.randbelow(LARGEST_SEED + 1)


def parse_seeds(given: str) -> tuple[int, ...]:
    """The seeds that `--seeds` names: `5` means 0 to 4, `0-7` means 0 to 7, `3,5,9` means these three; `0-3,9` mixes
    both.

    Raises `UsageError`.
    """
    text = given.strip()
    if re.fullmatch(r"[1-9][0-9]{0,9}", text):
        text = f"0-{int(text) - 1}"
    elif re.fullmatch(r"[0-9]+", text):
        text = ""  # 0, or 05
    seeds: list[int] = []
    for part in text.split(","):
        found = re.fullmatch(r" *([0-9]{1,10})(?:-([0-9]{1,10}))? *", part)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if not first <= last < first + MAX_SEEDS:
            raise UsageError(
                f"--seeds {shown(given)[1:-1]}: expects a number of seeds (5), a range (0-7) or a list (3,5,9), of at "
                f"most {MAX_SEEDS:,}"
            )
        seeds += range(first, last + 1)
    return tuple(seeds)


def derived_seed(seed: int, purpose: str, *numbers: int) -> int:
    """A seed from 0 to 2**31 - 1 for one purpose, such as `"order"`, at one place, such as an epoch and a step."""
    text = ":".join([purpose, *map(str, (seed, *numbers))])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big") & LARGEST_SEED
