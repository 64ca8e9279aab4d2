"""`tinymnist export`: a trained network for other places."""

import shlex
from pathlib import Path
from typing import Annotated

import typer
from typing_extensions import TypedDict

from tinymnist.cli.notices import say_notice
from tinymnist.cli.options import DataDir, Dataset, Json
from tinymnist.console import show, show_json


class Output(TypedDict):
    """What `export --json` prints. `facts` depend on the format: accuracy in percent, n images, sizes in bytes."""

    output: str
    format: str
    files: dict[str, int]
    facts: dict[str, int | float | str | bool]


def command(
    run_path: Annotated[
        Path, typer.Argument(metavar="RUN", readable=False, help="A run, or the name of a network in `list`.")
    ],
    format_name: Annotated[str, typer.Option("--format", metavar="NAME", help="onnx, c or html.")],
    output: Annotated[Path, typer.Option("--output", metavar="DIR", readable=False, help="A folder, made new.")],
    dtype: Annotated[str, typer.Option("--dtype", metavar="NAME", help="Of --format c: float32 or int8.")] = "float32",
    folded: Annotated[bool, typer.Option("--folded", help="Of --format onnx: batch norm folded away.")] = False,
    preprocessing: Annotated[
        bool, typer.Option("--with-preprocessing", help="Of --format onnx: takes pixels of 0 to 255, as uint8.")
    ] = False,
    opset: Annotated[
        int | None, typer.Option("--opset", metavar="N", help="Of --format onnx: 11 to 20.", show_default="20")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Of --format onnx and c: for files and identifiers.")
    ] = None,
    dataset: Dataset = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Write a trained network as ONNX, C or a web page, verified on the whole test set."""
    from tinymnist.export import export_run

    artifact = export_run(
        run_path,
        output,
        format_name,
        dtype=dtype,
        folded=folded,
        preprocessing=preprocessing,
        opset=opset,
        name=name,
        dataset=dataset,
        data_dir=data_dir,
        warn=say_notice,
    )
    files = {name: len(content) for name, content in artifact.files.items()}
    if as_json:
        content: Output = {
            "output": str(output),
            "format": format_name,
            "files": files,
            "facts": dict(artifact.facts),
        }
        show_json(content)
    else:
        show(
            "\n".join(
                [
                    *artifact.lines,
                    *(f"{shlex.quote(str(output / name))}  {size:,} bytes" for name, size in files.items()),
                ]
            )
        )
