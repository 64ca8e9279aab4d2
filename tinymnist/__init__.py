"""Very small digit classifiers: declared in one YAML file, held to a parameter budget, trained in seconds.

Importing this package is cheap: each name below brings in what it needs when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from tinymnist.errors import TinyMnistError
    from tinymnist.evaluation import Evaluation, evaluate
    from tinymnist.model import build_model
    from tinymnist.spec import Spec, load_spec
    from tinymnist.training import Run, load_run, train

_HOMES = {
    "Evaluation": "tinymnist.evaluation",
    "Run": "tinymnist.training",
    "Spec": "tinymnist.spec",
    "TinyMnistError": "tinymnist.errors",
    "build_model": "tinymnist.model",
    "evaluate": "tinymnist.evaluation",
    "load_run": "tinymnist.training",
    "load_spec": "tinymnist.spec",
    "train": "tinymnist.training",
}

__all__ = [
    "Evaluation",
    "Run",
    "Spec",
    "TinyMnistError",
    "build_model",
    "evaluate",
    "load_run",
    "load_spec",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tinymnist' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
