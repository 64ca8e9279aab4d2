"""What commands about a search say where Optuna is not installed."""

from importlib.util import find_spec

from tinymnist.errors import UsageError


def need_optuna(what: str) -> None:
    """Raises `UsageError` where Optuna, which `what` needs, is not installed."""
    if find_spec("optuna") is None:
        raise UsageError(f'{what} needs Optuna: pip install "tinymnist[search]"')
