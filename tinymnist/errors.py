"""The kinds of error, and the exit code of each.

Every message is one line that says where, what, and what to do; the command line prints it unchanged.
"""


class TinyMnistError(Exception):
    """Base of all errors that the user can fix. Any other exception that escapes is a bug."""

    exit_code = 2
    kind = "error"

    others: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """The error in one line."""
        return str(self)


class UsageError(TinyMnistError):
    """An option or argument that cannot be used as given."""

    kind = "usage"


class SpecError(TinyMnistError):
    """A missing or invalid spec, or an override that does not fit it."""

    kind = "spec"

    def __init__(self, message: str, line: int | None = None, others: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.line = line
        self.others = others
        """Further mistakes in the same file, one line each."""


class RunError(TinyMnistError):
    """A run directory that cannot be used this way: name taken, not finished, locked by another process."""

    kind = "run"


class ImageError(TinyMnistError):
    """A picture that cannot be used."""

    kind = "image"


class CheckFailed(TinyMnistError):
    """A network over its budget."""

    exit_code = 1
    kind = "check"


class DataError(TinyMnistError):
    """Trouble with data or files: damaged, unreachable, no space, no permission."""

    exit_code = 3
    kind = "data"


class TooLargeError(DataError):
    """A network that this machine has not enough memory for."""


class DivergedError(TinyMnistError):
    """The loss or the weights are no longer finite numbers."""

    exit_code = 4
    kind = "diverged"


class TooSlowError(RunError):
    """A training that takes longer than it may."""


class Interrupted(TinyMnistError):
    """Stopped by a signal. `exit_code` is 128 + the signal's number, as shells report it."""

    kind = "interrupted"

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.signal_number = signal_number
        self.exit_code = 128 + signal_number

    def __reduce__(self) -> tuple[type["Interrupted"], tuple[str, int]]:
        return Interrupted, (str(self), self.signal_number)  # errors from worker processes are pickled


class Bug(TinyMnistError):
    """A mistake in tinymnist itself. Its exit code is `EX_SOFTWARE` of BSD's sysexits.h, because Python's own, 1, here
    means a failed check."""

    exit_code = 70
    kind = "bug"


def combined_exit_code(codes: list[int]) -> int:
    """One exit code for several outcomes: the first of 2, 3, 4, 1 that occurs, else 0."""
    return next((code for code in (2, 3, 4, 1) if code in codes), 0)
