"""Compares the samplers of a search: the best network so far by number of trainings, against random proposals.

    python benchmarks/search.py SEARCH.yaml FOLDER [REPETITIONS [SAMPLER...]]

Runs `tinymnist search` with each sampler and several seeds (three, unless told), or goes on where it was stopped, draws
FOLDER/samplers.svg, and prints the figures as Markdown. What counts is the loss on held-out images after the last rung,
so the search should minimise that. The last column says what a sampler has learned, whatever the luck of the best: the
median loss of the later half of its networks, after the first rung, where all of them are. The line below the table is
how much the first rung tells about the last.
"""

import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from tinymnist.plotting import BLUE, INK, VERMILION, constrained_figure, picture_bytes, picture_settings
from tinymnist.search.history import read_history
from tinymnist.search.load import load_search
from tinymnist.search.study import JOURNAL

SAMPLERS = {"tpe": VERMILION, "evolution": BLUE, "random": INK}
MARKS = (50, 100, 150)
"""Trainings after which the best is printed."""


@dataclass(frozen=True)
class Searched:
    """What one study came to."""

    progress: list[float]
    """The least loss after the last rung, after each training: infinite before the first."""
    later: float
    """The median loss of the later half of the networks after the first rung."""
    finished: list[tuple[float, float]]
    """The losses after the first and the last rung, of each network that came to the last."""


def main() -> None:
    file, folder = Path(sys.argv[1]), Path(sys.argv[2])
    repetitions = int(sys.argv[3]) if sys.argv[3:] else 3
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, list[Searched]] = {sampler: [] for sampler in sys.argv[4:] or SAMPLERS}
    for seed in range(repetitions):  # in turns, so that each sampler has a study early
        for sampler, studies in found.items():
            studies.append(_searched(_variant(file, folder, sampler, seed), folder))
    (folder / "samplers.svg").write_bytes(_picture(found))
    print("\n".join(_table(found)))
    finished = [pair for studies in found.values() for each in studies for pair in each.finished]
    print(f"\nrank correlation of first and last rung: {_rank_correlation(finished):.2f} ({len(finished)} networks)")


def _variant(file: Path, folder: Path, sampler: str, seed: int) -> Path:
    content = yaml.safe_load(file.read_text())
    base = load_search(str(file)).space.file
    content |= {"name": f"{sampler}-{seed}", "sampler": sampler, "seed": seed, "base": base}
    variant = folder / f"{sampler}-{seed}.yaml"
    variant.write_text(yaml.safe_dump(content, sort_keys=False))
    return variant


def _searched(variant: Path, folder: Path) -> Searched:
    study = folder / variant.stem
    arguments = ["--resume", str(study)] if study.exists() else [str(variant), "--output", str(folder)]
    subprocess.run([sys.executable, "-m", "tinymnist", "search", *arguments, "--quiet"], check=True, stdout=sys.stderr)
    file = load_search(str(variant))
    history = read_history(study / JOURNAL, file.search, file.space)
    best, progress = float("inf"), []
    for number, rung in history.trainings:
        if rung == len(file.search.rungs) - 1:
            best = min(best, history.trials[number].rungs[rung].loss)
        progress.append(best)
    later = [trial.rungs[0].loss for trial in history.trials[len(history.trials) // 2 :] if trial.rungs]
    finished = [(trial.rungs[0].loss, trial.rungs[-1].loss) for trial in history.trials if trial.state == "finished"]
    return Searched(progress, statistics.median(later), finished)


def _rank_correlation(pairs: list[tuple[float, float]]) -> float:
    """Spearman's, for losses that are all different."""
    ranks = np.argsort(np.argsort(np.array(pairs), axis=0), axis=0)
    return float(np.corrcoef(ranks.T)[0, 1])


def _table(found: dict[str, list[Searched]]) -> Iterator[str]:
    lengths = [len(each.progress) for studies in found.values() for each in studies]
    heads = [f"{mark} trainings" for mark in MARKS] + [f"all {min(lengths)} to {max(lengths)}", "later proposals"]
    yield "| sampler | studies | " + " | ".join(heads) + " |"
    yield "|---|---|" + "---|" * len(heads)
    for sampler, studies in found.items():
        columns = [[each.progress[mark - 1] for each in studies if len(each.progress) >= mark] for mark in MARKS]
        columns += [[each.progress[-1] for each in studies], [each.later for each in studies]]
        yield f"| {sampler} | {len(studies)} | " + " | ".join(map(_cell, columns)) + " |"


def _cell(losses: list[float]) -> str:
    """Mean and deviation, in 10⁻³ nats."""
    spread = f" ± {1000 * statistics.stdev(losses):.1f}" if len(losses) > 1 else ""
    return f"{1000 * statistics.mean(losses):.1f}{spread}" if losses else ""


def _picture(found: dict[str, list[Searched]]) -> bytes:
    with picture_settings():
        figure = constrained_figure(6.2, 3.2)
        axes = figure.subplots()
        for sampler, studies in found.items():
            for index, progress in enumerate(each.progress for each in studies):
                label = sampler if index == 0 else None
                places = [place + 1 for place, best in enumerate(progress) if best < float("inf")]
                heights = [1000 * progress[place - 1] for place in places]
                axes.step(places, heights, where="post", color=SAMPLERS[sampler], linewidth=1.1, label=label)
        axes.set_xlabel("trainings")
        axes.set_title("Lowest loss on held-out images so far, 10⁻³ nats", loc="left", fontsize=9)
        axes.legend(frameon=False)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    return picture_bytes(figure, "svg")


if __name__ == "__main__":
    main()
