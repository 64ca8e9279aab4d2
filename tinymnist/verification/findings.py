"""What was found out about a run, as data."""

from dataclasses import dataclass
from typing import Literal

from tinymnist.errors import TinyMnistError

Question = Literal["rules", "records", "originality", "origins", "images", "accuracy", "retraining", "figures"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One question about a run, and what was found."""

    question: Question
    found: str
    passed: bool


@dataclass(frozen=True, slots=True)
class Verification:
    """All that was found out about one run or series, or the error that kept it from being opened."""

    run: str
    """Its path."""
    name: str | None
    """Of the network."""
    findings: tuple[Finding, ...]
    error: TinyMnistError | None = None
    claimed: float | None = None
    """The accuracy that it claims, percent; of a series the mean over its seeds."""
    scored: float | None = None
    """The accuracy of its network here and now, percent; None where it cannot be scored, and for a series."""
    identical: bool | None = None
    """Whether training it again gave the same weights, bit for bit; None where it was not trained again."""

    @property
    def passed(self) -> bool:
        return self.exit_code == 0

    @property
    def exit_code(self) -> int:
        if self.error is not None:
            return self.error.exit_code
        return 0 if all(finding.passed for finding in self.findings) else 1
