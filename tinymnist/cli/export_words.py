"""What an export says of itself: its facts in words, one line each."""

from collections.abc import Mapping

from tinymnist.choices import ExportFormat

Facts = Mapping[str, int | float | str | bool]


def export_words(form: ExportFormat, facts: Facts) -> list[str]:
    """The lines for an export of this format."""
    return {"onnx": _onnx, "c": _c, "html": _page}[form](facts)


def _onnx(facts: Facts) -> list[str]:
    pixels = "uint8, 0 to 255" if facts["input_type"] == "uint8" else "float32, (pixel / 255 - mean) / std"
    return [
        f"{facts['name']} as ONNX: {facts['operators']} operators of opset {facts['opset']}",
        f"input `{facts['input']}`: {pixels}, shape {facts['input_shape']}",
        f"output `{facts['output']}`: float32, shape {facts['output_shape']}",
        f"onnxruntime on the {facts['n']:,} test images of {facts['dataset']}: same class everywhere, "
        f"largest difference {facts['largest_difference']:.1e}, accuracy {facts['accuracy']:.2f} %",
    ]


def _c(facts: Facts) -> list[str]:
    lines = [
        f"{facts['name']} as C99, {facts['dtype']}: {facts['multiply_adds']:,} multiply-adds, "
        f"{facts['constant_bytes']:,} bytes of constants, {facts['scratch_bytes']:,} bytes of scratch memory"
    ]
    if facts["verified"]:
        lines.append(
            f"{facts['accuracy']:.2f} % of the {facts['n']:,} test images of {facts['dataset']}, "
            f"PyTorch {facts['pytorch_accuracy']:.2f} %; {facts['changed']:,} classified differently; "
            f"log-probabilities differ by at most {facts['largest_difference']:.2g}"
        )
    else:
        lines.append("not verified: no C compiler here (CC, or cc)")
    cores = [key.removesuffix("_own") for key in facts if key.endswith("_own")]
    lines += [
        f"{core}: {facts[f'{core}_own']:,} bytes of flash for code and constants, {facts[f'{core}_flash']:,} with "
        f"library functions; at most {facts[f'{core}_stack']:,} of stack, library functions not included"
        for core in cores
    ]
    if facts.get("project") == "make":
        lines.append(f"a project for {facts['project_core']}: `make run` in it builds it, and runs it in QEMU")
    if facts.get("project") == "arduino":
        lines.append("a library for the Arduino IDE: move it to the folder `libraries` of the sketchbook")
    return lines + [_certified(facts, key.removesuffix("_machine")) for key in facts if key.endswith("_machine")]


def _certified(facts: Facts, key: str) -> str:
    """The line for a core, whose facts begin with `key`."""
    of = {name.removeprefix(f"{key}_"): fact for name, fact in facts.items() if name.startswith(f"{key}_")}
    return (
        f"{key.removeprefix('certified_')}: certified on {of['images']:,} images in QEMU ({of['machine']}): the same "
        f"{'logits' if of['identical'] else 'classes'} as here; {of['instructions_per_image']:,} instructions per "
        f"image; the whole program takes {of['flash']:,} bytes of flash, {of['ram']:,} of RAM, {of['stack']:,} of stack"
    )


def _page(facts: Facts) -> list[str]:
    what = f"the page's own program, run by {facts['verified_by']}"
    if facts["verified_by"] == "pytorch":
        what = "the folded network (the page's own program was not run: node is not installed)"
    return [
        f"{facts['name']}, {facts['parameters']:,} parameters, as a web page",
        f"{what}, on the {facts['n']:,} test images of {facts['dataset']}: accuracy {facts['accuracy']:.2f} %, "
        f"largest difference from PyTorch's outputs {facts['largest_difference']:.1e}",
    ]
