"""Submissions that are the same but for names."""

from collections.abc import Sequence

from tinymnist.grading.judging import Judged
from tinymnist.spec import Spec
from tinymnist.spec.dump import dump_spec


def remarks_on_copies(judged: Sequence[Judged]) -> dict[str, list[str]]:
    """What is remarked of each submission: which others say the same under other names, and which have the same
    layers."""
    known = {each.submission.name: each.spec for each in judged if each.spec is not None}
    texts = {name: _without_names(spec) for name, spec in known.items()}
    layers = {name: _layers(spec) for name, spec in known.items()}
    remarks: dict[str, list[str]] = {each.submission.name: [] for each in judged}
    for name in known:
        copies = [other for other in known if other != name and texts[other] == texts[name]]
        alike = [other for other in known if layers[other] == layers[name] and texts[other] != texts[name]]
        remarks[name] += [f"says the same as {', '.join(copies)}"] if copies else []
        remarks[name] += [f"has the layers of {', '.join(alike)}"] if alike else []
    return remarks


def _without_names(spec: Spec) -> str:
    """What a spec says, with numbers for the names of its blocks."""
    numbers = {block.name: f"b{number}" for number, block in enumerate(spec.blocks) if block.name is not None}
    blocks = [
        block.model_copy(
            update={
                "name": f"b{number}",
                "weights_from": None if block.weights_from is None else numbers.get(block.weights_from),
            }
        )
        for number, block in enumerate(spec.blocks)
    ]
    plain = {"name": "net", "description": "", "blocks": tuple(blocks), "data": None, "checks": type(spec.checks)()}
    recipe = spec.train.model_copy(update={"chosen_on": ""})
    return dump_spec(spec.model_copy(update={**plain, "train": recipe}))


def _layers(spec: Spec) -> list[object]:
    """Kinds and sizes of the layers of a network."""
    return [(layer.label, layer.sources, layer.window, layer.output, layer.parameters) for layer in spec.plan.layers]
