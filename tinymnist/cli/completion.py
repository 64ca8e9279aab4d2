"""What the shell offers for names: packaged architectures, recipes and networks, runs, and files. No torch.

Fixed choices need nothing here: Typer completes them itself.
"""

from collections.abc import Callable, Iterable
from glob import escape, glob
from os.path import isdir
from pathlib import Path
from typing import get_args

Complete = Callable[[str], list[str]]


def complete_from(words: Iterable[str]) -> Complete:
    """Completes one of `words`."""
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


def complete_archs(incomplete: str) -> list[str]:
    from tinymnist.spec.packaged import packaged_files

    return _names_and_files(packaged_files(), incomplete, ".yaml", ".yml")


def complete_recipes(incomplete: str) -> list[str]:
    from tinymnist.spec.packaged import packaged_recipes

    return _names_and_files(packaged_recipes(), incomplete, ".yaml", ".yml")


def complete_runs(incomplete: str) -> list[str]:
    from tinymnist.spec.packaged import packaged_networks

    mine = sorted(path.name for path in Path("runs").glob("*") if path.is_dir())
    return _names_and_files([*packaged_networks(), *mine], incomplete, ".safetensors")


def complete_studies(incomplete: str) -> list[str]:
    mine = sorted(f"{path.parent}/" for path in Path("studies").glob("*/study.json"))
    return _names_and_files(mine, incomplete)


def complete_files(incomplete: str) -> list[str]:
    return _names_and_files((), incomplete, ".yaml", ".yml")


def complete_data(incomplete: str) -> list[str]:
    from tinymnist.data.catalogue import DATASETS

    return _names_and_files(DATASETS, incomplete, ".npz", ".csv", ".parquet")


def complete_features(incomplete: str) -> list[str]:
    """Completes the last of several, as in `batch_norm,dropout`."""
    from tinymnist.spec import Feature

    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{feature}" for feature in get_args(Feature) if feature.startswith(last)]


def _names_and_files(names: Iterable[str], incomplete: str, *suffixes: str) -> list[str]:
    """The names, the files that end so, and the folders."""
    paths = sorted(glob(f"{escape(incomplete)}*"))
    folders = [f"{path}/" for path in paths if isdir(path)]
    return [*complete_from(names)(incomplete), *(path for path in paths if path.endswith(suffixes)), *folders]
