"""What comes with tinymnist: architectures, recipes, networks and the figures of series; and what an ARCH argument
means."""

import json
import os
import re
from pathlib import Path
from typing import Any

from tinymnist.errors import DataError, SpecError
from tinymnist.notices import SpecsFound, SpecsPassedOver, Warn
from tinymnist.spec.strict_yaml import MAX_BYTES
from tinymnist.text import did_you_mean, shown

_PACKAGE = Path(__file__).resolve().parent.parent
SUFFIXES = (".yaml", ".yml")


def packaged_folder() -> Path:
    """The folder of the packaged architectures: in the installed package, or beside it in a source tree."""
    installed = _PACKAGE / "archs"
    return installed if installed.is_dir() else _PACKAGE.parent / "archs"


def packaged_files() -> dict[str, Path]:
    """The packaged architectures by name."""
    return {path.stem: path for path in sorted(packaged_folder().glob("*.yaml"))}


def packaged_teachers() -> dict[str, Path]:
    """Specs by name that are too large for any budget: what they say teaches others."""
    return {path.stem: path for path in sorted((_PACKAGE / "teachers").glob("*.yaml"))}


def packaged_networks() -> dict[str, Path]:
    """The trained networks that come with tinymnist by name: one file each, beside the architectures."""
    return {path.stem: path for path in sorted(packaged_folder().glob("*.safetensors"))}


def packaged_series() -> dict[str, Path]:
    """The series whose figures come with tinymnist by name: one folder each, without the runs of the seeds. The series
    NAME of an architecture NAME was trained by the architecture's own recipe."""
    return {path.name: path for path in sorted((_PACKAGE / "results").iterdir()) if path.is_dir()}


def comes_along(path: Path) -> bool:
    """Whether a run or series comes with tinymnist."""
    return path in packaged_networks().values() or path in packaged_series().values()


def shown_place(path: Path) -> str:
    """How a message names a run or series: by its path, or by its name where it comes with tinymnist."""
    return path.stem if comes_along(path) else str(path)


def packaged_recipes() -> dict[str, Path]:
    """The packaged recipes by name."""
    return {path.stem: path for path in sorted((_PACKAGE / "recipes").glob("*.yaml"))}


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
    """Accuracies measured for packaged architectures by name: `{"mean": …, "std": …, "n": …, "seeds": […]}`, in percent
    of MNIST's test set after the last epoch, over n seeds: those of `packaged_series`, and of older architectures of
    which only the accuracies were kept."""
    older: dict[str, dict[str, Any]] = _content(packaged_folder() / "results.json")["accuracy"]
    results = {name: _content(folder / "result.json") for name, folder in packaged_series().items()}
    return older | {
        name: {"mean": each["mean"], "std": each["std"], "n": each["n"], "seeds": each["accuracies"]}
        for name, each in results.items()
    }


def _content(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


def specs_in(folder: Path) -> tuple[list[Path], list[Path]]:
    """Every YAML file in a folder and its subfolders, sorted by path; and those passed over: hidden ones, links
    elsewhere, what macOS adds to archives, and specs that belong to a run. Raises `DataError`."""
    try:
        found = sorted(
            path
            for path in folder.rglob("*")
            if path.suffix.lower() in SUFFIXES and (path.is_file() or path.is_symlink())
        )
    except OSError as error:
        raise DataError(f"{folder}: cannot be read: {error.strerror or error}") from None
    passed = [path for path in found if _is_passed_over(path, folder)]
    return [path for path in found if path not in passed], passed


def _is_passed_over(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.relative_to(folder).parts)
    elsewhere = not path.is_file() or not path.resolve().is_relative_to(folder.resolve())
    of_a_run = any((path.parent / record).is_file() for record in ("environment.json", "series.json"))
    return hidden or elsewhere or of_a_run


def find_spec_file(arch: str) -> str:
    """The file that ARCH means: a path, the name of a packaged architecture, or a path without `.yaml`. Raises
    `SpecError`."""
    if os.path.exists(arch):
        return arch
    packaged = packaged_files() | packaged_teachers()
    if arch in packaged:
        return _short(packaged[arch])
    for suffix in SUFFIXES:
        if os.path.isfile(f"{arch}{suffix}"):
            return f"{arch}{suffix}"
    name, stem = shown(arch)[1:-1], Path(arch).stem
    if stem in packaged:
        raise SpecError(f"{name}: no such file; `{stem}` comes with tinymnist: give that name alone")
    raise SpecError(f"{name}: no such file, nor an architecture of tinymnist: {did_you_mean(stem, packaged)}")


def find_spec_files(archs: list[str], warn: Warn) -> list[str]:
    """The files that several ARCH mean; a folder means every YAML file in it. Without any ARCH: the files in `./archs`,
    or else the specs in this folder, or else the packaged ones. `warn` is told which, and what was passed over. Raises
    `SpecError`."""
    if not archs and not os.path.isdir("archs"):
        here = [str(path) for path in sorted(Path().glob("*")) if path.suffix.lower() in SUFFIXES and _is_spec(path)]
        files = here or [_short(path) for path in packaged_files().values()]
        warn(SpecsFound(len(files), "this folder" if here else "tinymnist"))
        return files
    return [file for arch in archs or ["archs"] for file in (_in_folder(arch, warn) if os.path.isdir(arch) else [arch])]


def _in_folder(folder: str, warn: Warn) -> list[str]:
    files, passed = specs_in(Path(folder))
    if passed:
        named = sorted(passed, key=lambda path: path.name.startswith("._"))
        warn(SpecsPassedOver(folder, len(passed), tuple(named[:3])))
    if not files:
        raise SpecError(f"{folder}: holds no architecture: name a spec, or start one with `tinymnist new FILE`")
    return [str(file) for file in files]


def _is_spec(path: Path) -> bool:
    """Whether a YAML file that nobody named looks like an architecture: it has blocks."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return re.search(r"^blocks\s*:", stream.read(MAX_BYTES), re.M) is not None
    except OSError:
        return False


def _short(path: Path) -> str:
    try:
        relative = os.path.relpath(path)
    except ValueError:  # another drive on Windows
        return str(path)
    return relative if len(relative) < len(str(path)) else str(path)
