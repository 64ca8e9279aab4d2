"""What others report for small networks on MNIST's test set, and how they measured it.

Each figure was read at its `source`. Reports without a source that can be opened are left out.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["mean", "one run", "chosen"]

DATASET, IMAGES = "mnist", 10_000
KINDS: dict[Kind, str] = {
    "mean": "mean of many runs",
    "one run": "one run, last epoch",
    "chosen": "best of several runs, epochs or weights, by the test set",
}
"""How a figure was chosen, the most trustworthy kind first."""


@dataclass(frozen=True, slots=True)
class Published:
    """One reported figure."""

    parameters: int
    accuracy: float
    """Percent."""
    kind: Kind
    how: str
    """How it was measured, in a few words."""
    who: str
    source: str
    """Where it is reported."""
    std: float | None = None
    """Standard deviation over the runs, in percentage points, if the figure is a mean."""

    @property
    def error(self) -> float:
        """Test error, percent."""
        return 100.0 - self.accuracy

    @property
    def figures(self) -> str:
        """`98.76 ± 0.10 %`."""
        spread = "" if self.std is None else f" ± {self.std:.2f}"
        return f"{self.accuracy:.2f}{spread} %"


PUBLISHED = (
    Published(
        parameters=575,
        accuracy=98.00,
        kind="chosen",
        how="non-zero weights, pruned one by one as long as the test set allows; one seed",
        who="hexhowells",
        source="https://github.com/hexhowells/NeuralGolfing",
    ),
    Published(
        parameters=697,
        accuracy=99.03,
        kind="chosen",
        how="best test epoch of about 700 runs",
        who="JoshWarn",
        source="https://github.com/JoshWarn/Parameter-Efficient-MNIST",
    ),
    Published(
        parameters=997,
        accuracy=98.76,
        kind="mean",
        how="mean of 223 runs, last epoch; the test set says when to stop",
        who="JoshWarn",
        source="https://github.com/JoshWarn/Parameter-Efficient-MNIST/blob/"
        "a8112029356d148e5887f68663fd832190bd7730/997_saved_acc.txt",
        std=0.10,
    ),
    Published(
        parameters=1_936,
        accuracy=99.10,
        kind="one run",
        how="one run",
        who="ruslangrimov",
        source="https://github.com/ruslangrimov/mnist-minimal-model/blob/"
        "ece6a12fdc5ed17f78b4d32602fc150e4bce6f27/1936/model.txt",
    ),
    Published(
        parameters=3_130,
        accuracy=99.45,
        kind="chosen",
        how="last epoch, the better of two runs shown (the other: 99.43)",
        who="dhairyag",
        source="https://github.com/dhairyag/tiny_MNIST",
    ),
    Published(
        parameters=6_188,
        accuracy=99.54,
        kind="chosen",
        how="best test epoch of one run",
        who="nagalakshmi-nimmagadda",
        source="https://github.com/nagalakshmi-nimmagadda/MNIST-CNN-COLAB",
    ),
    Published(
        parameters=7_918,
        accuracy=99.52,
        kind="chosen",
        how="best test epoch of one run (its last: 99.50)",
        who="course report",
        source="README on GitHub, 'Neural Network Parameter Optimization: 99.52% MNIST Accuracy with <8K Parameters in "
        "11 epochs'",
    ),
    Published(
        parameters=8_932,
        accuracy=99.50,
        kind="one run",
        how="one run, last epoch",
        who="The-School-of-AI",
        source="https://github.com/The-School-of-AI/era-s6-ram",
    ),
    Published(
        parameters=12_026,
        accuracy=99.47,
        kind="one run",
        how="one run, last epoch",
        who="karthikmohan1702",
        source="https://github.com/karthikmohan1702/EVA6/blob/"
        "55450d540a91cdc2e5b4f67bb86bc989161e3d23/Session_4/Architectural_basics/README.md",
    ),
    Published(
        parameters=19_898,
        accuracy=99.54,
        kind="chosen",
        how="best test epoch of one run",
        who="pradeep6kumar",
        source="https://github.com/pradeep6kumar/mnist_994",
    ),
)
"""Sorted by parameters."""
