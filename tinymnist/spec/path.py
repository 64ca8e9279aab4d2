"""Paths into a spec: where a value is."""

from tinymnist.text import printable

Path = tuple[str | int, ...]
"""`("blocks", 1, "convs", 0, "kernel_size")`, written `blocks[1].convs[0].kernel_size`."""


def path_text(path: Path) -> str:
    """`blocks[1].convs[0]` for ("blocks", 1, "convs", 0)."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + printable(part)[:60]
    return text
