"""Where matplotlib keeps its list of fonts when a command draws."""

import os

import platformdirs


def use_own_folder() -> None:
    """Lets matplotlib write into the cache of tinymnist instead of folders of its own, unless `MPLCONFIGDIR` is set.
    For commands alone: it must be called before matplotlib is imported, and changes the environment."""
    os.environ.setdefault("MPLCONFIGDIR", str(platformdirs.user_cache_path("tinymnist") / "matplotlib"))
