"""A small search over images of 8x8 pixels, which PyTorch trains in a second."""

from pathlib import Path

from tinymnist.search.load import SearchFile, search_from_text

BASE = """\
name: base
input: {height: 8, width: 8}
bases: {stroke: {filters: 2}}
blocks:
  - {convs: [4, 6], pool: max}
  - {convs: [6], pool: max}
head: {kind: linear}
train:
  epochs: 3
  batch_size: 64
  optimizer: {name: sgd, momentum: 0.9}
  schedule: {name: one_cycle, max_lr: 0.1}
  engine: torch
"""

SEARCH = """\
name: tiny
base: base.yaml
budget: {max_params: 900, fill: 0.9}
search:
  "blocks[0].convs[0].out_channels": {int: [2, 12]}
  "blocks[0].convs[1].out_channels": {int: [2, 12]}
  deep: {int: [2, 24, 2], paths: ["blocks[1].convs[0].out_channels"]}
  defaults.activation: {choice: [relu, silu]}
  train.schedule.max_lr: {log: [0.02, 0.4]}
dataset: digits-8x8
validation: 300
rungs: [{epochs: 1, keep: 0.4}, {epochs: 2}]
trials: 5
finalists: {keep: 2, seeds: 2}
"""


SHORTEST = SEARCH.replace("trials: 5", "trials: 1").replace("keep: 2, seeds: 2", "keep: 1, seeds: 1")
"""One network, trained four times in all."""


def write_search(folder: Path, text: str = SEARCH, base: str = BASE) -> Path:
    """Writes a search file and its base, which is named by its whole path."""
    (folder / "base.yaml").write_text(base)
    file = folder / "search.yaml"
    file.write_text(text.replace("base: base.yaml", f"base: {folder / 'base.yaml'}"))
    return file


def search_of(folder: Path, text: str = SEARCH, base: str = BASE) -> SearchFile:
    file = write_search(folder, text, base)
    return search_from_text(file.read_text(), str(file))
