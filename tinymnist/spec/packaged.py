"""The architectures that come with tinymnist, and what an ARCH argument means."""

import json
import os
from pathlib import Path
from typing import Any

from tinymnist.errors import DataError, SpecError
from tinymnist.text import did_you_mean, shown

_PACKAGE = Path(__file__).resolve().parent.parent
SUFFIXES = (".yaml", ".yml")


def packaged_folder() -> Path:
    """The folder of the packaged architectures: in the installed package, or beside it in a source tree."""
    installed = _PACKAGE / "archs"
    return installed if installed.is_dir() else _PACKAGE.parent / "archs"


def packaged_files() -> dict[str, Path]:
    """The packaged architectures by name."""
    return {path.stem: path for path in specs_in(packaged_folder())}


def packaged_networks() -> dict[str, Path]:
    """The trained networks that come with tinymnist by name: one file each, beside the architectures."""
    return {path.stem: path for path in sorted(packaged_folder().glob("*.safetensors"))}


def packaged_recipes() -> dict[str, Path]:
    """The packaged recipes by name."""
    return {path.stem: path for path in specs_in(_PACKAGE / "recipes")}


def find_recipe_file(recipe: str) -> str:
    """The file of a recipe, given a path or the name of a packaged one. Raises `SpecError`."""
    packaged = packaged_recipes()
    if recipe in packaged:
        return _short(packaged[recipe])
    if os.path.exists(recipe):
        return recipe
    name = shown(recipe)[1:-1]
    raise SpecError(f"{name}: neither a recipe of tinymnist nor a file: {did_you_mean(recipe, packaged)}")


def measured_results() -> dict[str, dict[str, Any]]:
    """Accuracies measured for packaged architectures by name: `{"mean": …, "std": …, "n": …}`, in percent of MNIST's
    test set after the last epoch, over n seeds."""
    results = packaged_folder() / "results.json"
    if not results.is_file():
        return {}
    measured: dict[str, dict[str, Any]] = json.loads(results.read_text(encoding="utf-8"))["accuracy"]
    return measured


def specs_in(folder: Path) -> list[Path]:
    """Every YAML file in a folder and its subfolders, sorted by path. Raises `DataError`."""
    try:
        return sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file())
    except OSError as error:
        raise DataError(f"{folder}: cannot be read: {error.strerror or error}") from None


def find_spec_file(arch: str) -> str:
    """The file that ARCH means: a path, or the name of a packaged architecture. Raises `SpecError`."""
    if os.path.exists(arch):
        return arch
    packaged = packaged_files()
    if arch in packaged:
        return _short(packaged[arch])
    name, stem = shown(arch)[1:-1], Path(arch).stem
    if stem in packaged:
        raise SpecError(f"{name}: no such file; `{stem}` comes with tinymnist: give that name alone")
    raise SpecError(f"{name}: no such file, nor an architecture of tinymnist: {did_you_mean(stem, packaged)}")


def find_spec_files(archs: list[str]) -> tuple[list[str], str | None]:
    """The files that several ARCH mean; a folder means every YAML file in it. Without any ARCH: the files in
    `./archs`, or the packaged ones if there is no such folder, with a note that says so. Raises `SpecError`."""
    if archs:
        return [file for arch in archs for file in (_in_folder(arch) if os.path.isdir(arch) else [arch])], None
    if os.path.isdir("archs"):
        return _in_folder("archs"), None
    note = "no folder ./archs here: these are the architectures that come with tinymnist"
    return [_short(path) for path in packaged_files().values()], note


def _in_folder(folder: str) -> list[str]:
    files = [str(path) for path in specs_in(Path(folder))]
    if not files:
        raise SpecError(f"{folder}: holds no YAML file: name a spec, or start one with `tinymnist new FILE`")
    return files


def _short(path: Path) -> str:
    try:
        relative = os.path.relpath(path)
    except ValueError:  # another drive on Windows
        return str(path)
    return relative if len(relative) < len(str(path)) else str(path)
