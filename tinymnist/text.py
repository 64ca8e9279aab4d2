"""Small helpers for text that people read."""

import difflib
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence


def printable(text: str) -> str:
    """`text` with every control, bidirectional and other unprintable character escaped, so that nothing from a file can
    steer the terminal."""
    return "".join(
        character if character == " " or unicodedata.category(character)[0] not in "CZ" else ascii(character)[1:-1]
        for character in text
    )


def shown(value: object, limit: int = 60) -> str:
    """How an error names a value: as written, in one short line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value.bit_length() > 256:
        return "a number of many digits"
    text = repr(value) if isinstance(value, str) else str(value)
    text = printable(text)
    return text if len(text) <= limit else text[: limit - 4] + "..." + text[-1]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?`, or the list of known words where none is near."""
    known = sorted(known)
    alike = [each for each in known if each.lower() == word.lower()]
    if alike:
        return f"did you mean '{alike[0]}'?"
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.72)
    return f"did you mean '{near[0]}'?" if near else f"known here: {', '.join(known)}"


def abbreviated(name: str, limit: int) -> str:
    """`name` in at most `limit` characters, 6 or more: its beginning and its end, as in `colorec...ium`."""
    if len(name) <= limit:
        return name
    end = (limit - 3) // 3
    return f"{name[: limit - 3 - end]}...{name[len(name) - end :]}"


def short_path(path: str, limit: int = 32) -> str:
    """`path` in at most `limit` characters: as many of its last folders as fit, as in `.../birds/small.npz`."""
    if len(path) <= limit:
        return path
    ends = (path[place:] for place, character in enumerate(path) if character in "/\\" and place)
    fitting = (f"...{end}" for end in ends if len(end.strip("/\\")) and len(end) + 3 <= limit)
    return next(fitting, f"...{path[3 - limit :]}")


def interval_text(low: float, high: float, decimals: int) -> str:
    """`98.10 to 99.30 %`, cut off at 0 and 100 %, which an interval over few seeds may exceed."""
    return f"{max(low, 0.0):.{decimals}f} to {min(high, 100.0):.{decimals}f} %"


def counted(number: int, thing: str) -> str:
    """`1 epoch`, `2,000 epochs`."""
    return f"{number:,} {thing}{'s' * (number != 1)}"


def epochs_text(epochs: int, of_epochs: int, best_epoch: int | None) -> str:
    """`20 epochs`; of a recipe that stops early, `stopped early after 12 of 20 epochs, weights of epoch 8`."""
    trained = f"stopped early after {epochs:,} of " if epochs < of_epochs else ""
    weights = "" if best_epoch is None else f", weights of epoch {best_epoch:,}"
    return f"{trained}{counted(of_epochs, 'epoch')}{weights}"


def reached_text(epoch: int, step: int, epochs: int) -> str:
    """`unfinished: after epoch 3 of 12 and step 40 of the next`."""
    return f"unfinished: after epoch {epoch} of {epochs}" + (f" and step {step} of the next" if step else "")


def images_text(count: int, scored_on: str, dataset: str) -> str:
    """`the 10,000 test images of mnist`."""
    return f"the {count:,} {'test' if scored_on == 'test' else 'held-out training'} images of {dataset}"


def shape_text(shape: tuple[int, ...]) -> str:
    """`6x14x14` for (6, 14, 14)."""
    return "x".join(str(size) for size in shape)


def table(columns: str, rows: Iterable[Sequence[str]]) -> list[str]:
    """One line per row, with its cells in columns two spaces apart.

    `columns` has one word per column, its alignment and least width: `<` left, `>10` right and at least 10 wide. In a
    row with fewer cells, the last one may be of any length.
    """
    aligned = [(word[0], int(word[1:] or 0)) for word in columns.split()]
    filled = list(rows)
    widths = [
        max([least, *(len(row[index]) for row in filled if index < len(row) - (len(row) < len(aligned)))])
        for index, (_, least) in enumerate(aligned)
    ]
    formats = [f"{align}{width}" for (align, _), width in zip(aligned, widths, strict=True)]
    return ["  ".join(map(format, row, formats)).rstrip() for row in filled]


def fitted_table(columns: str, rows: Iterable[Sequence[str]], width: int | None) -> list[str]:
    """The table, in lines of at most `width` characters, so that a terminal breaks no word.

    Where it is wider, the last cell of each row goes below the others; where that is too wide still, all of them go, in
    words. The first row holds the titles.
    """
    filled = list(rows)
    lines = table(columns, filled)
    if width is None or max(map(len, lines)) <= width:
        return lines
    titles, *rest = filled
    short = table(columns.rpartition(" ")[0], [row[:-1] for row in filled])
    if max(map(len, short)) <= width:
        return [
            short[0],
            *(line for head, row in zip(short[1:], rest, strict=True) for line in (head, *_below(row[-1], width))),
        ]
    facts = [
        "; ".join(f"{title} {cell}" for title, cell in zip(titles[1:], row[1:], strict=True) if cell) for row in rest
    ]
    return [line for row, fact in zip(rest, facts, strict=True) for line in (row[0], *_below(fact, width))]


def _below(text: str, width: int) -> list[str]:
    """`text` in indented lines."""
    return [
        f"  {line}" for line in textwrap.wrap(text, max(width - 2, 20), break_long_words=False, break_on_hyphens=False)
    ]


SCHEMA_VERSION = 1
"""Version of every JSON object that tinymnist writes. It grows when a key changes its meaning."""
