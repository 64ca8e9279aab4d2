"""Very small digit classifiers: declared in one YAML file, held to a parameter budget, trained in seconds.

Importing this package is cheap: each name below imports what it needs when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tinymnist.version import __version__

if TYPE_CHECKING:
    from tinymnist.comparison import compare
    from tinymnist.errors import TinyMnistError
    from tinymnist.evaluation import Evaluation, evaluate
    from tinymnist.export import export_run
    from tinymnist.model import build_model
    from tinymnist.prediction import Prediction, predict
    from tinymnist.report import write_report
    from tinymnist.spec import Spec, load_spec
    from tinymnist.training import Run, Series, load_run, open_run, train, train_series

_HOMES = {
    "Evaluation": "tinymnist.evaluation",
    "Prediction": "tinymnist.prediction",
    "Run": "tinymnist.training",
    "Series": "tinymnist.training",
    "Spec": "tinymnist.spec",
    "TinyMnistError": "tinymnist.errors",
    "build_model": "tinymnist.model",
    "compare": "tinymnist.comparison",
    "evaluate": "tinymnist.evaluation",
    "export_run": "tinymnist.export",
    "load_run": "tinymnist.training",
    "load_spec": "tinymnist.spec",
    "open_run": "tinymnist.training",
    "predict": "tinymnist.prediction",
    "train": "tinymnist.training",
    "train_series": "tinymnist.training",
    "write_report": "tinymnist.report",
}

__all__ = [
    "Evaluation",
    "Prediction",
    "Run",
    "Series",
    "Spec",
    "TinyMnistError",
    "__version__",
    "build_model",
    "compare",
    "evaluate",
    "export_run",
    "load_run",
    "load_spec",
    "open_run",
    "predict",
    "train",
    "train_series",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tinymnist' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
