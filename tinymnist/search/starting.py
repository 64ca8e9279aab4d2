"""The commented search file that `tinymnist new --search` writes for an architecture."""

import math
import os.path
from pathlib import Path
from string import Template

from tinymnist.errors import SpecError
from tinymnist.search.space import unfit_recipe
from tinymnist.search.widths import Width, widths
from tinymnist.spec import Spec
from tinymnist.spec.base import MAX_RATE
from tinymnist.spec.dump import entry
from tinymnist.spec.load import load_document
from tinymnist.spec.packaged import find_spec_file, packaged_files
from tinymnist.spec.path import path_text

TEMPLATE = Template("""\
# A search for networks within a budget. For completion and checks in your editor, write the schema once,
#   tinymnist schema --search > tinymnist.search.schema.json
# and keep this line:
# yaml-language-server: $$schema=tinymnist.search.schema.json

$name
description: What is looked for, in a sentence.
$base

budget:                           # also max_macs, and of int8 C max_ram and max_flash, in bytes
  max_params: $parameters
  fill: 0.9                       # a network that uses less than this share of the budget is not trained

# What varies, by its place in the base, each as {int: [4, 12]}, {float: [0, 0.2]}, {log: [0.01, 1]} or
# {choice: [relu, silu]}. Numbers of channels and features are scaled together until they fill the budget.
search:
$search

validation: $validation                 # training images that are held out; networks are compared on them
rungs:                            # whole trainings, each longer than the one before
$rungs
trials: 100                       # networks to try
objective: {maximize: validation_accuracy}          # or {minimize: validation_loss}, which is less noisy
sampler: tpe                      # or evolution, random
finalists: {keep: 5, seeds: 5}    # the best networks, trained again; then the best of these, on all training images
""")

SHARES = (2 / 15, 2 / 5, 1)
"""Epochs of the rungs as shares of the recipe's: of 30, they are 4, 12 and 30."""
KEEP = 0.3
VALIDATION = 10_000
"""A sixth of MNIST's training images."""


def starting_search(name: str, arch: str, folder: Path = Path()) -> str:
    """The YAML of a search called `name`, in a file in `folder`, for networks like `arch`, with as many parameters.
    Raises `SpecError`."""
    file = find_spec_file(arch)
    spec = load_document(file).spec
    if (problem := unfit_recipe(spec.train)) is not None:
        raise SpecError(f"{file}: {problem}")
    return TEMPLATE.substitute(
        name=entry("name", name),
        base=entry("base", _base(arch, file, folder)),
        parameters=spec.plan.parameters,
        search="\n".join([*_widths(spec), _rate(spec)]),
        validation=(spec.data and spec.data.validation) or VALIDATION,
        rungs="\n".join(_rungs(spec.train.epochs)),
    )


def _base(arch: str, file: str, folder: Path) -> str:
    """What a search file in `folder` calls its base: a packaged name, or the path from there."""
    if os.path.isabs(arch) or (not os.path.exists(arch) and arch in packaged_files()):
        return arch
    return os.path.relpath(file, folder)


def _widths(spec: Spec) -> list[str]:
    """An entry for each width: from half to twice of what it is. Widths that must be equal have one entry."""
    found = widths(spec)
    several = [width for width in found if len(width.paths) > 1]
    names = ["equal widths" if len(several) == 1 else f"equal widths {index + 1}" for index in range(len(several))]
    named = dict(zip(several, names, strict=True))
    lines = []
    for width in found:
        paths = [f'"{path_text(path)}"' for path in width.paths]
        if width in named:
            lines += [f"  {named[width]}:", f"    int: {_range(width)}", "    paths:", *(f"      - {p}" for p in paths)]
        else:
            lines.append(f"  {paths[0]}: {{int: {_range(width)}}}")
    return lines


def _range(width: Width) -> str:
    step = width.divisor
    bounds = [math.ceil(width.value / 2 / step) * step, 2 * width.value]
    return str(bounds if step == 1 else [*bounds, step])


def _rate(spec: Spec) -> str:
    """The entry for the learning rate: from a quarter to twice of what it is."""
    schedule = spec.train.schedule
    key, rate = ("max_lr", schedule.max_lr) if schedule.name == "one_cycle" else ("lr", schedule.lr)
    return f"  train.schedule.{key}: {{log: [{rate / 4:.4g}, {min(2 * rate, MAX_RATE):.4g}]}}"


def _rungs(epochs: int) -> list[str]:
    """A line for each rung; the last is as long as the recipe."""
    lengths = sorted({max(1, round(epochs * share)) for share in SHARES})
    return [f"  - {{epochs: {each}, keep: {KEEP}}}" for each in lengths[:-1]] + [f"  - {{epochs: {lengths[-1]}}}"]
