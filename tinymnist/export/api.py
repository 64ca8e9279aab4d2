"""Exports a run in any format."""

import re
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import cast, get_args

from tinymnist.choices import ExportDtype, ExportFormat, Optimize, Project
from tinymnist.errors import UsageError
from tinymnist.export.artifact import Artifact, refuse_folder, write_artifact
from tinymnist.export.portable import NEWEST_OPSET, OLDEST_OPSET
from tinymnist.notices import Warn, warn_in_python
from tinymnist.spec.models import NAME
from tinymnist.text import shown
from tinymnist.training import Run, load_run
from tinymnist.training.trained import open_trained


def export_run(
    run: Run | str | PathLike[str],
    output: str | PathLike[str],
    format: str,
    *,
    dtype: str = "float32",
    folded: bool = False,
    preprocessing: bool = False,
    opset: int | None = None,
    name: str | None = None,
    cores: Sequence[str] = (),
    optimize: str = "size",
    project: str | None = None,
    dataset: str | None = None,
    data_dir: Path | None = None,
    warn: Warn = warn_in_python,
) -> Artifact:
    """Writes a trained network to the new folder `output`, after verifying it on the test set of `dataset`, by default
    the data set it was trained with.

    `dtype` is for C; `folded` (batch norms folded into convolutions), `preprocessing` (uint8 images as input) and
    `opset` (by default the newest) are for ONNX. `name` takes the place of the network's own name in files and
    identifiers of ONNX and C. C is written for `size` or `speed`, certified on `cores`, and may come as a `project`:
    with `make` or as a library for `arduino`.

    Raises `UsageError` for options that do not go together, for a core without the tools to certify on it, and for a
    folder that already exists, `CheckFailed` if the exported network does not compute what the run's does, `RunError`
    and `DataError` as `load_run` and `load_dataset` do.
    """
    if format not in get_args(ExportFormat):
        raise UsageError(f"--format {format}: expects onnx, c or html")
    if dtype not in get_args(ExportDtype):
        raise UsageError(f"--dtype {dtype}: expects float32, int8 or int4")
    if dtype != "float32" and format != "c":
        raise UsageError(f"--dtype {dtype}: is for --format c")
    if (folded or preprocessing) and format != "onnx":
        raise UsageError(f"{'--folded' if folded else '--with-preprocessing'}: is for --format onnx")
    if opset is not None and format != "onnx":
        raise UsageError(f"--opset {opset}: is for --format onnx")
    if optimize not in get_args(Optimize):
        raise UsageError(f"--optimize {optimize}: expects size or speed")
    if optimize != "size" and format != "c":
        raise UsageError(f"--optimize {optimize}: is for --format c")
    if project not in (None, *get_args(Project)):
        raise UsageError(f"--project {project}: expects make or arduino")
    if project is not None and format != "c":
        raise UsageError(f"--project {project}: is for --format c")
    if cores and format != "c":
        raise UsageError(f"--certify {cores[0]}: is for --format c")
    opset = NEWEST_OPSET if opset is None else opset
    if not OLDEST_OPSET <= opset <= NEWEST_OPSET:
        raise UsageError(f"--opset {opset}: expects {OLDEST_OPSET} to {NEWEST_OPSET}")
    if name is not None and format == "html":
        raise UsageError(f"--name {shown(name)}: is for --format onnx and c")
    if name is not None and not re.fullmatch(NAME, name):
        raise UsageError(f"--name {shown(name)}: not a plain name: letters, digits, `.`, `_` and `-`")
    if cores:
        from tinymnist.export.c.certification import refuse_missing_tools

        refuse_missing_tools(cores)
    folder = Path(output)
    refuse_folder(folder)
    if not isinstance(run, Run):
        run = load_run(run)
    (trained,) = open_trained([run], dataset, data_dir, warn=warn)
    if format == "onnx":
        from tinymnist.export.onnx import export_onnx

        artifact = export_onnx(trained, folded=folded, preprocessing=preprocessing, opset=opset, name=name)
    elif format == "c":
        from tinymnist.export.c import export_c

        artifact = export_c(
            trained, cast(ExportDtype, dtype), name, cores, cast(Optimize, optimize), cast(Project | None, project)
        )
    else:
        from tinymnist.export.page import export_page

        artifact = export_page(trained)
    write_artifact(artifact, folder)
    return artifact
