"""Class names as C text: an initialiser, which costs nothing in a program that does not use it."""

from collections.abc import Sequence

LINE = 110
"""Characters of a line of literals, unless one alone is longer."""
ESCAPED = {ord('"'): r"\"", ord("\\"): r"\\", ord("?"): r"\?"}
"""`?` too, because older compilers take `??/` and its like for other characters."""


def initialiser(class_names: Sequence[str]) -> str:
    """`{"cat", "dog"}`, in lines that a macro goes on with."""
    lines = [""]
    for name in class_names:
        literal = c_string(name)
        if lines[-1] and len(lines[-1]) + 2 + len(literal) > LINE:
            lines.append("")
        lines[-1] += f", {literal}" if lines[-1] else literal
    return "{ \\\n" + ", \\\n".join(f"    {line}" for line in lines) + " }"


def label_bytes(class_names: Sequence[str]) -> int:
    """Bytes of the longest name with its terminating zero."""
    return 1 + max(len(name.encode()) for name in class_names)


def c_string(text: str) -> str:
    """A C string literal of `text` in UTF-8, in ASCII alone: it means the same whatever a compiler takes a file to be
    encoded in. Octal escapes have three digits, so that no digit after them belongs to them."""
    return '"' + "".join(_character(byte) for byte in text.encode()) + '"'


def _character(byte: int) -> str:
    if byte in ESCAPED:
        return ESCAPED[byte]
    return chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}"
