"""Data flows one way: a module imports only from its own room and those above it; light commands stay light."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from PIL import Image

import tinymnist
from tinymnist.spec.packaged import packaged_files

PACKAGE = Path(tinymnist.__file__).parent

ROOMS = [
    ("choices", "errors", "notices", "text", "version"),
    ("machine", "numerics", "quiet", "signals", "statistics"),
    ("files", "processes"),
    ("plotting", "sealed", "templating"),
    ("sealed_cache",),
    ("spec",),
    ("check",),
    ("model",),
    ("data",),
    ("native", "folded"),
    ("quantization",),
    ("training",),
    ("views",),
    ("evaluation",),
    ("verification",),
    ("cluster", "search", "grading"),
    ("comparison", "front", "prediction", "report", "export"),
    ("benchmark", "core_benchmark"),
    ("console",),
    ("cli",),
]
"""From the top down; the rooms in one tuple stand side by side."""

LEVEL = {room: level for level, rooms in enumerate(ROOMS) for room in rooms}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem in LEVEL)


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported_names(path: Path) -> set[str]:
    """Dotted names of everything that is imported, also inside functions and for types alone."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def imported_rooms(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imported_names(path) if name.startswith("tinymnist.")}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_only_from_its_own_room_and_those_above(path: Path) -> None:
    here = room_of(path)
    below = {room for room in imported_rooms(path) if room in LEVEL and room != here and LEVEL[room] >= LEVEL[here]}
    assert below == set()


def test_imports_have_no_cycle() -> None:
    """Includes imports in functions and under `TYPE_CHECKING`. A package's own modules do not import the package."""
    modules = {module_name(path): path for path in PACKAGE.rglob("*.py")}
    graph = {
        module: {name if name in modules else name.rpartition(".")[0] for name in imported_names(path)} & set(modules)
        for module, path in modules.items()
    }
    assert len(list(TopologicalSorter(graph).static_order())) == len(modules)


def test_every_module_has_a_room() -> None:
    entries = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert entries - {"__init__", "__main__"} == set(LEVEL)


HEAVY = (
    "torch",
    "torchvision",
    "torchinfo",
    "albumentations",
    "cv2",
    "numpy",
    "scipy",
    "mlxtend",
    "safetensors",
    "jinja2",
    "PIL",
)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["check"],
        ["list"],
        ["schema"],
        ["new", "fresh.yaml"],
        ["check", "--json"],
        ["list", "--json"],
        ["schema", "evaluate"],
        ["schema", "--search"],
        ["search", "--help"],
        ["train", "--help"],
        ["predict", "--help"],
        ["data", "--help"],
    ],
    ids=" ".join,
)
def test_light_commands_never_import_torch(arguments: list[str], tmp_path: Path) -> None:
    code = (
        "import sys; from tinymnist.cli import run; code = run(sys.argv[1:]); "
        f"sys.stderr.write(' '.join(name for name in {HEAVY} if name in sys.modules)); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    note = f"no folder ./archs here: these are the {len(packaged_files())} architectures that come with tinymnist\n"
    assert (done.returncode, done.stderr.removeprefix(note)) == (0, "")


def test_a_data_set_of_ones_own_is_read_without_torch(tmp_path: Path) -> None:
    for digit in range(2):
        (tmp_path / str(digit)).mkdir()
        for grey in range(2):
            Image.new("L", (2, 2), 2 * digit + grey).save(tmp_path / str(digit) / f"{grey}.png")
    code = "import sys; from tinymnist.cli import run; sys.exit(run(sys.argv[1:]) + 100 * ('torch' in sys.modules))"
    command = [sys.executable, "-c", code, "data", ".", "--json"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60).returncode == 0


@pytest.mark.parametrize("arguments", [["build"], ["summary"], ["train", "--arch"]], ids=" ".join)
def test_a_bad_spec_is_refused_before_torch_is_imported(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("name: bad\n")
    code = "import sys; from tinymnist.cli import run; sys.exit(run(sys.argv[1:]) + 100 * ('torch' in sys.modules))"
    command = [sys.executable, "-c", code, *arguments, "bad.yaml"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60).returncode == 2


def test_importing_the_package_is_cheap() -> None:
    code = "import sys, tinymnist; sys.exit(any(name in sys.modules for name in ('torch', 'pydantic', 'yaml')))"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_every_name_of_the_package_exists() -> None:
    assert [name for name in tinymnist.__all__ if getattr(tinymnist, name, None) is None] == []
    assert callable(tinymnist.evaluate)
