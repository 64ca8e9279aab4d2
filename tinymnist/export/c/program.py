"""What the programs of both number types share: names, the header, and the frame around the steps."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from tinymnist.choices import Optimize
from tinymnist.export.c.constants import single
from tinymnist.export.c.labels import initialiser, label_bytes
from tinymnist.folded.network import Network
from tinymnist.version import __version__

STANDARD_HEADERS = re.compile(
    "assert|complex|ctype|errno|fenv|float|inttypes|iso646|limits|locale|math|setjmp|signal|stdarg|stdbool|stddef|stdint|"
    "stdio|stdlib|string|tgmath|time|wchar|wctype",
    re.IGNORECASE,
)
ELEMENT_BYTES = {"float": 4, "uint8_t": 1}
CHANNELS = {1: "", 3: ", each red, green, blue"}

DECLARED: dict[Optimize, str] = {"size": "static", "speed": "NAME_INLINED"}
"""How the functions are declared: for speed, the sizes of each step become constants in a copy of their own."""
INLINED = """\
#if defined(__GNUC__)
#define NAME_INLINED static inline __attribute__((always_inline))
#else
#define NAME_INLINED static inline
#endif
"""


@dataclass(frozen=True, slots=True)
class Program:
    """The text of a network in C."""

    identifier: str
    header: str
    source: str
    scratch_bytes: int
    constant_bytes: int
    """Bytes of the arrays, without the few numbers of each step."""
    needs_libm: bool
    element: str
    """C type of scratch memory."""
    optimize: Optimize
    """What it was written for, and is to be compiled for."""
    logit_type: str
    logit_scale: float
    classes: int

    @property
    def files(self) -> dict[str, bytes]:
        return {f"{self.identifier}.h": self.header.encode(), f"{self.identifier}.c": self.source.encode()}


def identifier(name: str) -> str:
    """A C identifier for a network's name: letters, digits and underscores, but not the name of a standard header."""
    plain = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")
    return f"net_{plain}" if plain[0].isdigit() or STANDARD_HEADERS.fullmatch(plain) else plain


def write_program(
    network: Network,
    *,
    optimize: Optimize,
    element: str,
    scratch: int,
    logit: str,
    logit_scale: float | None,
    includes: Sequence[str],
    parts: Sequence[str],
    constant_bytes: int,
    lines: Sequence[str],
) -> Program:
    """The program whose `NAME_logits` consists of `lines`, after `parts`. `scratch` counts elements; `logit_scale` is
    what 1 means in integer logits, None for float32."""
    name = identifier(network.name)
    channels, height, width = network.input
    words: dict[str, int | str] = {
        "name": name,
        "upper": name.upper(),
        "guard": f"{name.upper()}_H",
        "version": __version__,
        "pixels": prod(network.input),
        "shape": f"{height}x{width}",
        "pixel_kind": "grey pixels" if channels == 1 else "pixels",
        "channels": CHANNELS.get(channels, f", {channels} channels side by side"),
        "label_bytes": label_bytes(network.class_names),
        "labels": initialiser(network.class_names),
        "classes": network.classes,
        "last": network.classes - 1,
        "element": element,
        "scratch": max(scratch, 1),
        "logit": logit,
        "logit_scale": single(1.0 if logit_scale is None else logit_scale),
        "body": "\n".join(f"    {line}" for line in lines),
    }
    source = "\n".join(
        [
            f"/* {name}, in C99{': link with -lm' if 'math' in includes else ''}. See {name}.h. */",
            f'#include "{name}.h"',
            "",
            *(f"#include <{include}.h>" for include in includes),
            *([""] if includes else []),
            *([INLINED.replace("NAME", name)] if optimize == "speed" else []),
            *parts,
            FRAME.format(**words),
        ]
    )
    return Program(
        identifier=name,
        header=HEADER.format(**words),
        source=source,
        element=element,
        optimize=optimize,
        scratch_bytes=max(scratch, 1) * ELEMENT_BYTES[element],
        constant_bytes=constant_bytes,
        needs_libm="math" in includes,
        logit_type=logit,
        logit_scale=1.0 if logit_scale is None else logit_scale,
        classes=network.classes,
    )


HEADER = """\
/* {name}: {pixel_kind} of 0 to 255 to scores of {classes} classes. Written by tinymnist {version}.

   No allocation, no static variables: the caller lends scratch memory, which is free again when a function returns.
   Calls may run at the same time, each on its own scratch memory. */
#ifndef {guard}
#define {guard}

#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

#define {upper}_PIXELS {pixels} /* {shape}, row by row{channels} */
#define {upper}_CLASSES {classes}
#define {upper}_SCRATCH {scratch} /* elements of scratch memory */
#define {upper}_LOGIT_SCALE {logit_scale} /* what a logit of 1 means */

/* The names of the classes, in UTF-8. They are in a program only where it makes an array of them:

       static const char *const labels[{upper}_CLASSES] = {upper}_LABELS;

   or, without pointers, `static const char labels[{upper}_CLASSES][{upper}_LABEL_BYTES]`. */
#define {upper}_LABEL_BYTES {label_bytes} /* of the longest, with its zero */
#define {upper}_LABELS {labels}

typedef {element} {name}_element;
typedef {logit} {name}_logit;

/* The logits; the largest is the network's answer. */
void {name}_logits(const uint8_t image[{upper}_PIXELS], {name}_logit logits[{upper}_CLASSES],
    {name}_element scratch[{upper}_SCRATCH]);

/* The class, 0 to {last}: the first of the largest logits. */
int {name}_classify(const uint8_t image[{upper}_PIXELS], {name}_element scratch[{upper}_SCRATCH]);

#ifdef __cplusplus
}}
#endif

#endif
"""

FRAME = """\
void {name}_logits(const uint8_t image[{upper}_PIXELS], {name}_logit logits[{upper}_CLASSES],
    {name}_element scratch[{upper}_SCRATCH])
{{
{body}
}}

int {name}_classify(const uint8_t image[{upper}_PIXELS], {name}_element scratch[{upper}_SCRATCH])
{{
    {name}_logit logits[{upper}_CLASSES];
    int best = 0;
    {name}_logits(image, logits, scratch);
    for (int c = 1; c < {upper}_CLASSES; c++)
        if (logits[c] > logits[best])
            best = c;
    return best;
}}
"""
