"""The sections of a column, from the top down: each is there in every column, with a note where it has nothing to show,
so that those of several columns stand side by side."""

import shlex
from collections.abc import Callable, Sequence

from tinymnist.report.contents import Entry
from tinymnist.report.curves import PANELS
from tinymnist.report.filters import Filters, picture_of
from tinymnist.report.markup import Markup, image, tag
from tinymnist.report.network import Mistake, Network
from tinymnist.report.pictures import confusion_picture, curves_picture, percent, png
from tinymnist.report.texts import figures
from tinymnist.spec.dump import dump_spec
from tinymnist.training.records import Result, SeriesResult

ENLARGED = 6
"""Side of a weight on the screen, in CSS pixels."""

Fact = tuple[str, str]
Section = Callable[[Entry, Sequence[Entry]], Markup]


def _heading(entry: Entry, _: Sequence[Entry]) -> Markup:
    return tag(
        "header",
        tag("h2", entry.spec.name),
        tag("p", entry.path, class_="faint"),
        tag("p", entry.spec.description or ""),
    )


def _result(entry: Entry, _: Sequence[Entry]) -> Markup:
    result, shown, plan = entry.result, figures(entry), entry.spec.plan
    facts = [
        *(_spread(result) if isinstance(result, SeriesResult) else _scores(entry, result)),
        ("parameters", f"{plan.parameters:,}"),
        ("multiply-adds", f"{plan.macs:,}"),
        ("epochs", str(result.epochs)),
    ]
    if result.chosen_on:
        facts.append(("recipe chosen on", result.chosen_on))
    return tag(
        "section",
        tag("p", f"{shown.accuracy} %", class_="headline"),
        tag("p", shown.of, *([tag("br"), shown.interval] if shown.interval else [])),
        _facts(facts),
        _seeds(result) if isinstance(result, SeriesResult) else "",
    )


def _spread(result: SeriesResult) -> list[Fact]:
    return [("lowest, highest", f"{result.minimum:.2f}, {result.maximum:.2f} %")]


def _scores(entry: Entry, result: Result) -> list[Fact]:
    """As scored for this page, and as scored after the training where that is something else."""
    assert entry.network is not None, "only a series may lack one"
    evaluation = entry.network.evaluation
    facts = [("wrong", f"{entry.network.wrong:,} of {evaluation.n:,}"), ("loss", f"{evaluation.loss:.4f}")]
    if (result.accuracy, entry.scored_on) != (evaluation.accuracy, entry.network.images):
        facts.append(("after training", f"{result.accuracy:.2f} % of {entry.scored_on}"))
    return [*facts, ("seed", str(result.seed))]


def _seeds(result: SeriesResult) -> Markup:
    rows = [
        tag(
            "tr",
            tag("td", str(seed), class_="number"),
            tag("td", f"{accuracy:.2f} %", class_="number"),
            tag("td", f"{loss:.4f}", class_="number"),
        )
        for seed, accuracy, loss in zip(result.seeds, result.accuracies, result.losses, strict=True)
    ]
    head = tag("tr", *(tag("th", name, class_="number") for name in ("seed", "accuracy", "loss")))
    return tag("table", tag("thead", head), tag("tbody", *rows), class_="seeds")


def _confusion(entry: Entry, _: Sequence[Entry]) -> Markup:
    network = entry.network
    if network is None:
        return _section("Confusion matrix", _note("The runs of this series are not beside it: no network to look at."))
    picture = image(
        confusion_picture(network.evaluation),
        "svg+xml",
        f"Confusion matrix: {network.wrong:,} of {network.evaluation.n:,} images off its diagonal",
        class_="drawn matrix",
    )
    return _section("Confusion matrix", _whose(entry, network), picture)


def _whose(entry: Entry, network: Network) -> Markup | str:
    """Which network of a series is shown."""
    if entry.shown_seed is None:
        return ""
    accuracy = f"{network.evaluation.accuracy:.2f} % of {network.images}"
    return _note(
        f"This, mistakes and filters are those of the network of the median seed, {entry.shown_seed}: {accuracy}."
    )


def _curves(entry: Entry, entries: Sequence[Entry]) -> Markup:
    """On the scales of all columns, so that they can be compared."""
    if not entry.metrics:
        return _section("Epoch by epoch", _note("A packaged network keeps no metrics: a run directory does."))
    beside = [each.metrics for each in entries if each.metrics]
    panels = [
        image(curves_picture(entry, beside, [panel]), "svg+xml", f"Curve: {panel} by epoch", class_="drawn")
        for panel in PANELS
    ]
    many = len(entry.seeds) > 1
    caption = tag("figcaption", "Thin: each seed. Thick: their mean.") if many else ""
    return _section("Epoch by epoch", tag("figure", tag("div", *panels, class_="panels"), caption))


def _mistakes(entry: Entry, _: Sequence[Entry]) -> Markup:
    title, network = "Read wrong", entry.network
    if network is None:
        return _section(title, _note("No network to look at."))
    if not network.wrong:
        return _section(title, _note(f"None of {network.images}."))
    shown = len(network.mistakes)
    which = "all" if shown == network.wrong else f"the {shown} with the highest loss"
    note = _note(f"{network.wrong:,} of {network.images}; {which}, highest loss first, with the two likeliest classes.")
    return _section(title, note, tag("ul", *map(_digit, network.mistakes), class_="digits"))


def _digit(mistake: Mistake) -> Markup:
    guesses = [tag("span", f"{label}: {percent(probability)}") for label, probability in mistake.likeliest]
    picture = image(png(255 - mistake.image), "png", f"Image {mistake.index}", class_="pixels drawn")
    return tag("li", picture, tag("b", f"true {mistake.label}"), *guesses, title=f"image {mistake.index}, from 0")


def _filters(entry: Entry, _: Sequence[Entry]) -> Markup:
    title, network = "Filters", entry.network
    if network is None:
        return _section(title, _note("No network to look at."))
    if not network.filters:
        return _section(title, _note("No convolutions."))
    note = _note(
        "A row an output channel, a column an input channel; filters of one channel stand in rows. "
        "Blue is above zero, vermilion below; the first layer is grey."
    )
    return _section(title, note, tag("div", *map(_layer, network.filters), class_="layers"))


def _layer(filters: Filters) -> Markup:
    picture = picture_of(filters)
    height, width = picture.shape[0] * ENLARGED, picture.shape[1] * ENLARGED
    parts = [tag("b", filters.name), *(part for line in filters.words for part in (tag("br"), line))]
    shown = image(png(picture), "png", f"Filters of {filters.name}", class_="pixels", width=width, height=height)
    return tag("figure", tag("figcaption", *parts), shown)


def _spec(entry: Entry, _: Sequence[Entry]) -> Markup:
    return _section("Spec", tag("pre", dump_spec(entry.spec).rstrip("\n")))


def _environment(entry: Entry, _: Sequence[Entry]) -> Markup:
    """Whatever the record holds, keys of later versions too."""
    facts = []
    for key, value in entry.record.model_dump(exclude={"schema_version"}).items():
        if key == "command":
            value = shlex.join(value)
        if isinstance(value, dict):
            value = "\n".join(f"{name} {each}" for name, each in value.items())
        if value not in (None, "", []):
            facts.append((key.replace("_", " "), str(value)))
    return _section("Environment", _facts(facts))


def _facts(facts: Sequence[Fact]) -> Markup:
    rows = (tag("tr", tag("th", name, scope="row"), tag("td", value)) for name, value in facts)
    return tag("table", tag("tbody", *rows), class_="facts")


def _section(title: str, *parts: str) -> Markup:
    return tag("section", tag("h3", title), *parts)


def _note(text: str) -> Markup:
    return tag("p", text, class_="faint")


SECTIONS: tuple[Section, ...] = (
    _heading,
    _result,
    _confusion,
    _curves,
    _mistakes,
    _filters,
    _spec,
    _environment,
)
