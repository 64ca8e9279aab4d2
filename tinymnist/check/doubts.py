"""What is valid and almost surely a mistake: doubts about a spec, as data."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tinymnist.spec import Place, Plan, Spec
from tinymnist.spec.costs import COUNTS, RULES
from tinymnist.spec.path import Path, path_text
from tinymnist.spec.recipe import Train
from tinymnist.spec.schedules import OneCycle

USUAL_RATES = {"sgd": (1e-4, 3.0), "adam": (1e-5, 0.1), "adamw": (1e-5, 0.1), "muon": (1e-4, 0.5)}
"""Highest learning rates that are in use, by optimizer; the recipes of tinymnist have 0.05 to 0.4 with sgd."""
DIGIT = 20 / 28
"""Part of the image's side that MNIST's digits fill."""
LEAST_DROPOUT = 0.005
LOOSEST_BUDGET = 10
"""Times what a network has: a larger budget limits nothing."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something that is allowed and looks wrong."""

    path: Path
    """Where in the spec."""
    message: str
    place: Place = field(default_factory=lambda: Place(""))
    """Where in which file, as `check` knows it."""

    @property
    def where(self) -> str:
        """`train.schedule.max_lr`."""
        return path_text(self.path)

    @property
    def text(self) -> str:
        return f"{self.where}: {self.message}"


def doubts(spec: Spec) -> tuple[Doubt, ...]:
    """All doubts about a spec, in the order of its sections."""
    plan = spec.plan
    return (
        *_about_sizes(plan),
        *_about_widths(plan),
        *_about_bases(spec),
        *_about_dropout(spec),
        *_about_budgets(spec),
        *_about_rate(spec.train),
    )


def _about_sizes(plan: Plan) -> Iterator[Doubt]:
    windows = [layer for layer in plan.layers if layer.window is not None]
    image = plan.layers[0].input[1:]
    if max(image) > 8 and all(layer.window.stride == (1, 1) for layer in windows if layer.window is not None):
        pooled_at_the_end = any(layer.label.startswith("global_") for layer in windows)
        what = "before the global pooling " if pooled_at_the_end else ""
        yield Doubt(
            ("blocks",),
            f"nothing makes the image smaller {what}(no pool, no stride): each convolution sees little of it and costs "
            "much; give some blocks `pool: max`",
        )
    for layer in windows:
        if layer.label.startswith("global_"):
            before = plan.layers[layer.sources[0] - 1].receptive_field if layer.sources[0] else (1, 1)
            if any(reach < DIGIT * size for reach, size in zip(before, image, strict=True)):
                seen = f"{before[0]}x{before[1]}"
                yield Doubt(
                    ("blocks",),
                    f"what {layer.name} averages has seen {seen} pixels of {image[0]}x{image[1]} each: less than a "
                    "digit; pool earlier, or add convolutions",
                )


def _about_widths(plan: Plan) -> Iterator[Doubt]:
    widths = {layer.name: layer.output[0] for layer in plan.layers if layer.kind in ("conv", "linear")}
    widths.popitem()  # the classes
    total = sum(widths.values())
    for name, width in widths.items():
        if len(widths) > 2 and width > total - width:
            yield Doubt(("blocks",), f"{name} has {width:,} outputs, more than all other layers together")


def _about_bases(spec: Spec) -> Iterator[Doubt]:
    used = {conv.basis for block in spec.blocks for conv in block.convs}
    for name in spec.bases or {}:
        if name not in used:
            yield Doubt(("bases", name), f"no convolution uses it: give one basis: {name}, or take it out")


def _about_dropout(spec: Spec) -> Iterator[Doubt]:
    for index, block in enumerate(spec.blocks):
        probabilities = {("blocks", index, "dropout"): block.dropout.p} | {
            ("blocks", index, "convs", number, "dropout"): conv.dropout.p for number, conv in enumerate(block.convs)
        }
        for path, p in probabilities.items():
            if 0 < p < LEAST_DROPOUT:
                yield Doubt(path, f"{p:g} drops next to nothing: leave it out, or give at least {LEAST_DROPOUT}")


def _about_budgets(spec: Spec) -> Iterator[Doubt]:
    for cost, rule in RULES.items():
        limit = getattr(spec.checks, rule)
        found = None if limit is None else COUNTS[cost](spec.plan)
        if found is not None and limit > LOOSEST_BUDGET * found:
            yield Doubt(("checks", rule), f"{limit:,} limits nothing: the network has {found:,}")


def _about_rate(recipe: Train) -> Iterator[Doubt]:
    key = "max_lr" if isinstance(recipe.schedule, OneCycle) else "lr"
    rate, optimizer = getattr(recipe.schedule, key), recipe.optimizer.name
    low, high = USUAL_RATES[optimizer]
    if not low <= rate <= high:
        yield Doubt(
            ("train", "schedule", key), f"{rate:g} is far from what is usual with {optimizer}: {low:g} to {high:g}"
        )
