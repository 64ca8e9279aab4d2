"""Completion in the shell: of commands, fixed choices, names and files, without torch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_rooms import HEAVY


def complete(folder: Path, *words: str) -> list[str]:
    """What bash offers for the last of `words`."""
    code = (
        "import atexit, sys; atexit.register(lambda: sys.stderr.write("
        f"' '.join(name for name in {HEAVY} if name in sys.modules))); "
        "sys.argv = ['tinymnist']; from tinymnist.__main__ import main; main()"
    )
    environment = {
        **os.environ,
        "_TINYMNIST_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(["tinymnist", *words]),
        "COMP_CWORD": str(len(words)),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["ev"], ["evaluate"]),
        (["train", "tiny"], ["tiny3130"]),
        (["train", "--arch", "my"], ["mynet.yaml", "myruns/"]),
        (["train", "--recipe", "ref"], ["reference"]),
        (["train", "--engine", "n"], ["native"]),
        (["export", "smooth996", "--format", "h"], ["html"]),
        (["evaluate", "smooth9"], ["smooth996"]),
        (["compare", "smooth996", "myruns/"], ["myruns/one/"]),
        (["check", "--require", "batch_norm,lin"], ["batch_norm,linear"]),
        (["schema", "bench"], ["benchmark"]),
        (["data", "emnist-b"], ["emnist-balanced", "emnist-byclass", "emnist-bymerge"]),
        (["evaluate", "smooth996", "--dataset", "q"], ["qmnist", "qmnist-50k"]),
        (["data", "m"], ["mnist", "mnist-5k", "mydigits.npz", "myruns/"]),
    ],
    ids=" ".join,
)
def test_names_are_completed(tmp_path: Path, words: list[str], offered: list[str]) -> None:
    (tmp_path / "mynet.yaml").touch()
    (tmp_path / "mynotes.txt").touch()
    (tmp_path / "mydigits.npz").touch()
    (tmp_path / "myruns" / "one").mkdir(parents=True)
    assert complete(tmp_path, *words) == offered


def test_the_script_for_a_shell_is_shown() -> None:
    code = "import sys; sys.argv[1:] = ['--show-completion']; from tinymnist.__main__ import main; main()"
    done = subprocess.run(["bash", "-c", f'{sys.executable} -c "{code}"; true'], capture_output=True, text=True)
    assert "complete -o default -F _tinymnist_completion tinymnist" in done.stdout, done.stderr
