"""The words of notices, and their way to stderr."""

from typing_extensions import assert_never

from tinymnist.console import say
from tinymnist.notices import (
    CudaGraphUnavailable,
    FilesPassedOver,
    MnistUnavailable,
    NativeEngineUnavailable,
    NativeTeacherUnavailable,
    Notice,
    ResultsLeftOut,
    ResumedElsewhere,
)
from tinymnist.text import counted


def say_notice(notice: Notice) -> None:
    """Prints a notice as one line on stderr."""
    say(notice_text(notice))


def notice_text(notice: Notice) -> str:
    """One line."""
    match notice:
        case MnistUnavailable(problem):
            return (
                f"WARNING: full MNIST is not to be had ({problem}). Going on with mnist-5k, 4,000 training and 1,000 "
                "test images: accuracies are lower and say less."
            )
        case NativeEngineUnavailable(problem):
            return f"WARNING: no native engine ({problem}): going on with the torch engine, many times slower."
        case NativeTeacherUnavailable(teacher, problem):
            return f"WARNING: no native engine for the teacher {teacher} ({problem}): it answers through PyTorch."
        case CudaGraphUnavailable(problem):
            return f"WARNING: no CUDA graph ({problem}): going on without one."
        case ResumedElsewhere(run, differences):
            changes = ", ".join(f"{each.what} {each.now} (was {each.before})" for each in differences)
            return f"WARNING: {run}: resumed with {changes}: the bits of its result will be others."
        case ResultsLeftOut(folder, count, kind, example):
            what = counted(count, kind) if kind == "single run" else f"{count} series scored on held-out images"
            return f"{folder}: left out {what}, such as {example}"
        case FilesPassedOver(folder, count, expected, example):
            return f"{folder}: passed over {counted(count, 'file')} not named as {expected}, such as {example}"
        case _:
            assert_never(notice)
