"""The options of `train`, by panel of its help."""

from pathlib import Path
from typing import Annotated

import typer

from tinymnist import choices
from tinymnist.cli.completion import complete_archs, complete_recipes, complete_runs
from tinymnist.cli.options import ARCH_HELP, COMPUTING, DATA, RECIPE

SEEDS, TARGET, RUN = "Seeds", "Target", "Run"

Arch = Annotated[str | None, typer.Argument(metavar="ARCH", autocompletion=complete_archs, help=ARCH_HELP)]
ArchOption = Annotated[
    str | None,
    typer.Option(
        "--arch",
        metavar="ARCH",
        autocompletion=complete_archs,
        help="The same as the argument ARCH.",
        rich_help_panel=RECIPE,
    ),
]
Recipe = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        metavar="NAME|FILE",
        autocompletion=complete_recipes,
        help="Train by this recipe, packaged or a file with a `train:` section.",
        rich_help_panel=RECIPE,
    ),
]
Epochs = Annotated[
    int | None, typer.Option("--epochs", metavar="N", help="Passes over the training images.", rich_help_panel=RECIPE)
]
BatchSize = Annotated[
    int | None, typer.Option("--batch-size", metavar="N", help="Images per step.", rich_help_panel=RECIPE)
]

Seed = Annotated[
    int | None,
    typer.Option("--seed", metavar="N", help="Decides everything random; default: drawn.", rich_help_panel=SEEDS),
]
Seeds = Annotated[
    str | None,
    typer.Option(
        "--seeds",
        metavar="N|A-B|A,B,C",
        help="Train once with each of these; with --resume, add these (10-19 adds ten to 0-9).",
        rich_help_panel=SEEDS,
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", metavar="N", min=1, help="Seeds trained at once [the cores].", rich_help_panel=SEEDS),
]

Target = Annotated[
    float | None,
    typer.Option(
        "--target", metavar="PERCENT", help="Judge the accuracy: exit 0 on a pass, else 1.", rich_help_panel=TARGET
    ),
]
LastEpochs = Annotated[
    int | None,
    typer.Option(
        "--last-epochs",
        metavar="K",
        min=1,
        help="Judge each of the last K epochs, not the mean.",
        rich_help_panel=TARGET,
    ),
]

Validation = Annotated[
    int | None,
    typer.Option(
        "--validation",
        metavar="N",
        min=1,
        help="Hold out N training images and score those.",
        rich_help_panel=DATA,
    ),
]

Device = Annotated[
    choices.Device | None, typer.Option("--device", help="Where to train [auto].", rich_help_panel=COMPUTING)
]
Engine = Annotated[
    choices.Engine | None,
    typer.Option("--engine", help="PyTorch, or C compiled for the network [auto].", rich_help_panel=COMPUTING),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        metavar="N",
        min=1,
        max=256,
        help="CPU threads; default: torch's choice, 1 where several seeds train at once.",
        rich_help_panel=COMPUTING,
    ),
]

Output = Annotated[
    Path | None,
    typer.Option("--output", metavar="DIR", readable=False, help="Parent of runs [runs].", rich_help_panel=RUN),
]
Name = Annotated[
    str | None, typer.Option("--name", metavar="NAME", help="Name of the run; default: made.", rich_help_panel=RUN)
]
From = Annotated[
    Path | None,
    typer.Option(
        "--from",
        metavar="RUN",
        readable=False,
        autocompletion=complete_runs,
        help="Start from the weights of this run; ARCH is then its architecture and recipe.",
        rich_help_panel=RECIPE,
    ),
]
Resume = Annotated[
    Path | None,
    typer.Option(
        "--resume",
        metavar="RUN",
        readable=False,
        autocompletion=complete_runs,
        help="Resume this run or series instead.",
        rich_help_panel=RUN,
    ),
]
