"""`tinymnist compare`: whether one of two runs, or of two series of runs, is better."""

from pathlib import Path
from typing import TYPE_CHECKING

from tinymnist.cli.notices import data_warning_text, say_notice
from tinymnist.cli.options import DataDir, Dataset, Device, Json, RunPath
from tinymnist.cli.outputs import output
from tinymnist.console import loading_torch, show, show_json
from tinymnist.text import images_text, table

if TYPE_CHECKING:
    from tinymnist.comparison import RunComparison, SeriesComparison


def command(
    run_a: RunPath,
    run_b: RunPath,
    dataset: Dataset = None,
    data_dir: DataDir = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Compare two runs, or two series of runs.

    Shows the difference of two runs on the same images, or of two series over their seeds, and what it means. Beside a
    series, the name of a network in `list` means the series that it is from.
    """
    with loading_torch():
        from tinymnist.comparison import RunComparison, compare

    found = compare(run_a, run_b, dataset=dataset, data_dir=data_dir, device=device, warn=say_notice)
    if as_json:
        show_json(output("compare", found))
    else:
        show(_runs_as_text(found) if isinstance(found, RunComparison) else _series_as_text(found))


def _runs_as_text(found: "RunComparison") -> str:
    from tinymnist.comparison import p_text

    low, high = found.interval
    sides = [
        [name, f"{side.accuracy:.2f} %", _network(side.run.spec.name, side.run.spec.plan.parameters, side.run.path)]
        for name, side in zip("AB", found.sides, strict=True)
    ]
    return "\n".join(
        [
            f"on {images_text(found.n, found.scored_on, found.dataset)}",
            *table("< < <", sides),
            f"only A reads {found.only_a:,} right, only B {found.only_b:,} (McNemar's exact test: {p_text(found.p)})",
            f"difference A - B: {found.difference:+.2f} points (95 % Agresti-Min interval {low:+.2f} to {high:+.2f})",
            found.conclusion,
            "(this holds for these two networks; recipes or architectures are compared as series of several seeds)",
            *_warnings(*((side.run.environment.dataset, side.warnings) for side in found.sides)),
        ]
    )


def _series_as_text(found: "SeriesComparison") -> str:
    from tinymnist.comparison import images_of, p_text

    sides = [
        [
            name,
            f"{side.summary.mean:.2f} ± {side.summary.std:.2f} % (n {side.summary.n})",
            _network(side.result.name, side.result.parameters, side.series.path),
        ]
        for name, side in zip("AB", found.sides, strict=True)
    ]
    welch = found.welch
    line = f"difference A - B: {welch.difference:+.2f} points"
    if welch.interval is not None and welch.p is not None:
        low, high = welch.interval
        line += (
            f" (95 % interval {low:+.2f} to {high:+.2f}; Welch's t {welch.t:.2f} with "
            f"{welch.degrees_of_freedom:.1f} degrees of freedom, {p_text(welch.p)})"
        )
    epochs = [f"{'up to ' if result.stopped_early else ''}{result.epochs}" for result in found.results]
    note = [] if epochs[0] == epochs[1] else [f"(epochs of training: A {epochs[0]}, B {epochs[1]})"]
    warnings = _warnings(*((result.dataset, result.warnings) for result in found.results))
    return "\n".join(
        [f"on {images_of(found.results[0])}", *table("< < <", sides), line, found.conclusion, *note, *warnings]
    )


def _warnings(*recorded: tuple[str, list[dict[str, str | int]]]) -> list[str]:
    """What is worth knowing of the data of each side; once, where it is the same."""
    lines = [f"({data_warning_text(each, dataset)})" for dataset, warnings in recorded for each in warnings]
    return list(dict.fromkeys(lines))


def _network(name: str, parameters: int, path: Path) -> str:
    from tinymnist.spec.packaged import comes_along, shown_place

    return f"{name}, {parameters:,} parameters, {shown_place(path)}{' of tinymnist' if comes_along(path) else ''}"
