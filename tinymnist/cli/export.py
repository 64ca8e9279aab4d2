"""`tinymnist export`: a trained network for other places."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from tinymnist.choices import ExportDtype, ExportFormat, Optimize, Project
from tinymnist.cli.export_words import export_words
from tinymnist.cli.notices import say_notice
from tinymnist.cli.options import DataDir, Dataset, Json, RunPath
from tinymnist.cli.outputs import output
from tinymnist.console import loading_torch, show, show_json


def command(
    run_path: RunPath,
    format_name: Annotated[ExportFormat, typer.Option("--format", help="What to write.")],
    folder: Annotated[
        Path, typer.Option("--output", metavar="DIR", readable=False, help="A folder that does not exist yet.")
    ],
    dtype: Annotated[ExportDtype, typer.Option("--dtype", help="For --format c: type of the weights.")] = "float32",
    folded: Annotated[bool, typer.Option("--folded", help="For --format onnx: fold batch norm away.")] = False,
    preprocessing: Annotated[
        bool, typer.Option("--with-preprocessing", help="For --format onnx: take pixels of 0 to 255, as uint8.")
    ] = False,
    opset: Annotated[
        int | None, typer.Option("--opset", metavar="N", help="Of --format onnx: 11 to 20.", show_default="20")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Of --format onnx and c: for files and identifiers.")
    ] = None,
    optimize: Annotated[
        Optimize, typer.Option("--optimize", help="For --format c: little flash, or few instructions.")
    ] = "size",
    project: Annotated[
        Project | None, typer.Option("--project", help="For --format c: with files to build and run it.")
    ] = None,
    cores: Annotated[
        list[str] | None,
        typer.Option(
            "--certify",
            metavar="CORE",
            help="For --format c: run it in QEMU too, on cortex-m0plus, cortex-m4, cortex-m33 or riscv32.",
        ),
    ] = None,
    dataset: Dataset = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Write a trained network as ONNX, C or a web page.

    What is written is verified on the whole test set first.
    """
    with loading_torch():
        from tinymnist.export import export_run

    artifact = export_run(
        run_path,
        folder,
        format_name,
        dtype=dtype,
        folded=folded,
        preprocessing=preprocessing,
        opset=opset,
        name=name,
        optimize=optimize,
        project=project,
        cores=tuple(dict.fromkeys(cores or ())),
        dataset=dataset,
        data_dir=data_dir,
        warn=say_notice,
    )
    if as_json:
        show_json(output("export", output=folder, format=format_name, artifact=artifact))
    else:
        files = [f"{shlex.quote(str(folder / name))}  {len(file):,} bytes" for name, file in artifact.files.items()]
        show("\n".join([*export_words(format_name, artifact.facts), *files]))
