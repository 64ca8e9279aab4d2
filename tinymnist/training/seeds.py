"""Seeds for every purpose, derived from the run's one seed.

Nothing random has a state that would have to be saved: what an epoch or a step draws depends only on the run's seed
and its number. So a resumed training goes on bit by bit as if it had never stopped.
"""

import hashlib
import secrets

LARGEST_SEED = 2**31 - 1


def draw_seed() -> int:
    """A seed for a run that was given none."""
    return secrets.randbelow(LARGEST_SEED + 1)


def derived_seed(seed: int, purpose: str, *numbers: int) -> int:
    """A seed from 0 to 2**31 - 1 for one purpose (`"order"`) at one place (epoch, step)."""
    text = ":".join([purpose, *map(str, (seed, *numbers))])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big") & LARGEST_SEED
