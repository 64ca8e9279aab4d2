"""The strict loader: every bad file gives one line with file, line, field, value and remedy, and exit code 2."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tests.support.command_line import ARCHS, Cli
from tinymnist import load_spec
from tinymnist.errors import SpecError
from tinymnist.spec.reserved import RESERVED_NAMES
from tinymnist.spec.strict_yaml import YamlProblem, parse

GOOD = "name: net\nblocks:\n  - convs: [4]\n"

BAD_FILES = {
    "unknown key": (GOOD + "epoch: 3\n", "net.yaml:4: epoch: unknown key: known here: bases, blocks, checks, classes"),
    "unknown key, near": (GOOD + "blockss: 3\n", "net.yaml:4: blockss: unknown key: did you mean 'blocks'?"),
    "unknown key deep": (
        "name: net\nblocks:\n  - convs:\n      - {out_channels: 4,\n         kernal_size: 3}\n",
        "net.yaml:5: blocks[0].convs[0].kernal_size: unknown key: did you mean 'kernel_size'?",
    ),
    "duplicate key": (GOOD + "name: again\n", "net.yaml:4: name: the key appears twice, first on line 1: keep one"),
    "alias": ("name: &a net\nblocks: *a\n", "net.yaml:1: name: an anchor (`&name`) is not allowed"),
    "unknown alias": ("name: *a\n", "net.yaml:1: name: an alias (`*name`) is not allowed"),
    "tag": ("name: !!str net\n", "net.yaml:1: name: a tag (`!name`) is not allowed: leave it out"),
    "python tag": ("name: !!python/object/apply:os.system [id]\n", "net.yaml:1: name: a tag (`!name`) is not allowed"),
    "merge key": ("name: net\n<<: {a: 1}\n", "net.yaml:2: a merge key (`<<`) is not allowed"),
    "key that is a list": ("? [a]\n: 1\n", "net.yaml:1: a key is a plain word"),
    "second document": (GOOD + "---\n" + GOOD, "net.yaml:4: a second document starts here"),
    "empty": ("", "net.yaml:1: the file is empty: start one with `tinymnist new FILE`"),
    "comment alone": ("# nothing\n", "net.yaml:1: the file is empty"),
    "a list": ("- 1\n", "net.yaml:1: expects keys such as `name:` and `blocks:`, found [1]"),
    "bad syntax": ("name: [\n", "net.yaml:2: not valid YAML: "),
    "tab": ("name: net\n\tblocks: []\n", "net.yaml:2: not valid YAML: "),
    "control character": ("name: net\nx: \x1b[31m\n", "net.yaml:2: not valid YAML: a control character"),
    "no value": ("name:\n", "net.yaml:1: name: has no value"),
    "null": (GOOD + "head: null\n", "net.yaml:4: head: has no value: give it one, or leave the key out"),
    "leading zero": (GOOD + "classes: 010\n", "net.yaml:4: classes: 010 is ambiguous: a leading zero is octal"),
    "hexadecimal": (GOOD + "classes: 0x10\n", "net.yaml:4: classes: 0x10 is ambiguous: write the number in decimal"),
    "underscore": (GOOD + "classes: 1_0\n", "net.yaml:4: classes: 1_0 is ambiguous: write it without"),
    "base 60": (GOOD + "classes: 1:30\n", "net.yaml:4: classes: 1:30 is ambiguous: older YAML reads it in base 60"),
    "yes": (GOOD + "classes: yes\n", "net.yaml:4: classes: yes is ambiguous: older YAML reads it as true or false"),
    "Off": (GOOD + "classes: Off\n", "net.yaml:4: classes: Off is ambiguous"),
    "infinity": (GOOD + "classes: .inf\n", "net.yaml:4: classes: .inf is ambiguous: only finite numbers"),
    "minus infinity": (GOOD + "classes: -.Inf\n", "net.yaml:4: classes: -.Inf is ambiguous: only finite numbers"),
    "not a number": (GOOD + "classes: .nan\n", "net.yaml:4: classes: .nan is ambiguous: only finite numbers"),
    "overflow": (GOOD + "classes: 1e999\n", "net.yaml:4: classes: '1e999' is too large a number"),
    "date": (GOOD + "classes: 2024-01-01\n", "net.yaml:4: classes: 2024-01-01 is ambiguous: YAML reads"),
    "5,000 digits": (GOOD + f"classes: {'9' * 5000}\n", "net.yaml:4: classes: a number of 5,000 digits"),
    "nested 1,000 deep": ("name: " + "[" * 1000 + "]" * 1000, "net.yaml:1: nested deeper than 20 levels"),
    "too many values": (f"blocks: [{'[1,1,1,1,1,1,1,1,1,1],' * 9_500}]\n", "net.yaml:1: more than 100,000 values"),
    "too many entries": (f"blocks: [{'1,' * 200_000}]\n", "net.yaml:1: blocks: more than 10,000 entries: no list"),
    "text for a number": (GOOD + 'classes: "10"\n', "net.yaml:4: classes: expects a whole number, found '10'"),
    "fraction for a count": (GOOD + "classes: 10.5\n", "net.yaml:4: classes: expects a whole number, found 10.5"),
    "true for a count": (GOOD + "classes: true\n", "net.yaml:4: classes: expects a whole number, found true"),
    "number for text": ("name: 3130\nblocks: [{convs: [4]}]\n", "net.yaml:1: name: expects text"),
    "number for a list": ("name: net\nblocks: 3\n", "net.yaml:2: blocks: expects a list, found 3"),
    "list for a mapping": (GOOD + "head: [linear]\n", "net.yaml:4: head: expects a mapping, found ['linear']"),
    "missing key": ("name: net\n", "net.yaml:1: blocks: is missing"),
    "unknown choice": (
        "name: net\nblocks:\n  - convs: [{out_channels: 4, activation: rellu}]\n",
        "net.yaml:3: blocks[0].convs[0].activation: 'rellu' is not one of none, relu, relu6, leaky_relu",
    ),
    "unknown form": (
        "name: net\nblocks:\n  - convs: [4]\n    pool: maxx\n",
        "net.yaml:4: blocks[0].pool.kind: 'maxx' is not one of max, average, global_average, global_max, none: "
        "did you mean 'max'?",
    ),
    "zero channels": ("name: net\nblocks:\n  - convs: [0]\n", "net.yaml:3: blocks[0].convs[0].out_channels: must be"),
    "dropout of 1": (GOOD + "    dropout: 1.0\n", "net.yaml:4: blocks[0].dropout.p: must be below 1, found 1.0"),
    "empty block": ("name: net\nblocks: [{}]\n", "net.yaml:2: blocks[0]: the block is empty: give it convs, pool or"),
    "a name with a slash": ("name: a/b\nblocks: [{convs: [4]}]\n", "net.yaml:1: name: 'a/b' is not a name"),
    "kernel that does not fit": (
        "name: net\nblocks:\n  - convs: [4]\n    pool: {kind: max, kernel_size: 4}\n"
        "  - convs:\n      - out_channels: 4\n        kernel_size: 9\n        padding: 0\n",
        "net.yaml:7: blocks[1].convs[0].kernel_size: 9 does not fit a 7x7 input: make it smaller, or pool less before",
    ),
    "pool that leaves nothing": (
        "name: net\ninput: {height: 1, width: 1}\nblocks:\n  - convs: [4]\n    pool: max\n",
        "net.yaml:5: blocks[0].pool.kernel_size: 2 does not fit a 1x1 input",
    ),
    "groups that do not divide the input": (
        "name: net\nblocks:\n  - convs: [4, {out_channels: 6, groups: 3}]\n",
        "net.yaml:3: blocks[0].convs[1].groups: 4 input channels do not divide into 3 groups: possible: 1, 2, 4",
    ),
    "groups that do not divide the output": (
        "name: net\nblocks:\n  - convs: [4, {out_channels: 6, groups: 4}]\n",
        "net.yaml:3: blocks[0].convs[1].out_channels: 6 output channels do not divide into 4 groups",
    ),
    "depthwise that does not multiply": (
        "name: net\nblocks:\n  - convs: [4, {kind: depthwise, out_channels: 6}]\n",
        "net.yaml:3: blocks[0].convs[1].out_channels: 6 output channels of a depthwise convolution must be a multiple",
    ),
    "norm groups": (
        "name: net\nblocks:\n  - convs: [{out_channels: 4, norm: {kind: group, groups: 3}}]\n",
        "net.yaml:3: blocks[0].convs[0].norm.groups: 4 channels do not divide into 3 groups: possible: 1, 2, 4",
    ),
    "residual that does not fit": (
        "name: net\nblocks:\n  - convs: [4]\n    residual: identity\n",
        "net.yaml:4: blocks[0].residual: cannot add 1x28x28 to 4x28x28: use residual: projection",
    ),
    "repeat that changes channels": (GOOD + "    repeat: 2\n", "net.yaml:4: blocks[0].repeat: 2 applications must"),
    "weights of no block": (GOOD + "    weights_from: stem\n", "net.yaml:4: blocks[0].weights_from: 'stem' is not"),
    "weights that differ": (
        "name: net\nblocks:\n  - {name: a, convs: [4]}\n  - {convs: [4], weights_from: a}\n",
        "net.yaml:4: blocks[1].convs[0]: cannot share weights: conv 4->4 3x3, groups 1, bias true here, conv 1->4",
    ),
    "two blocks with the same name": (
        "name: net\nblocks:\n  - {name: a, convs: [4]}\n  - {name: a, convs: [4]}\n",
        "net.yaml:4: blocks[1].name: 'a' is taken: give each block a name of its own",
    ),
    "pooling head of another width": (GOOD + "head: {kind: global_pool}\n", "net.yaml:4: head.kind: global_pool needs"),
    "pool padding": (
        GOOD + "    pool: {kind: max, kernel_size: 2, padding: 2}\n",
        "net.yaml:4: blocks[0].pool.padding: 2 is more than half the window (2): at most 1",
    ),
    "error in defaults": (GOOD + "defaults: {norm: layer}\n", "net.yaml:4: defaults.norm.kind: 'layer' is not one of"),
    "too many layers": (
        "name: net\nblocks:\n" + "  - {convs: [1], repeat: 1000}\n" * 11,
        "net.yaml:2: blocks: 11,000 layers are more than a spec may have (10,000)",
    ),
    "a block named as torch's own": (
        "name: net\nblocks:\n  - {name: train, convs: [4]}\n",
        "net.yaml:3: blocks[0].name: 'train' means something else to torch: choose another name",
    ),
    "group norm of single numbers": (
        "name: net\ninput: {height: 1, width: 1}\nblocks:\n"
        "  - convs: [{out_channels: 4, norm: {kind: group, groups: 4}}]\n",
        "net.yaml:4: blocks[0].convs[0].norm.groups: 4 groups of one number each normalise everything to 0: use fewer",
    ),
    "channel dropout without channels": (
        GOOD + "head: {kind: linear, hidden: [{out_features: 5, dropout: {kind: channel, p: 0.5}}]}\n",
        "net.yaml:4: head.hidden[0]: dropout of kind channel needs channels",
    ),
    "a rate beyond float32": (
        GOOD + "train: {schedule: {name: constant, lr: 1e300}}\n",
        "net.yaml:4: train.schedule.lr: must be at most 1e+06, found 1e+300",
    ),
    "no blocks beside defaults": ("name: net\ndefaults: {bias: false}\n", "net.yaml:1: blocks: is missing"),
    "no block": ("name: net\nblocks: []\n", "net.yaml:2: blocks: needs at least 1 entry"),
    "many bad blocks": (
        f"name: net\nblocks: [{'{convs: [0, 0]},' * 9_000}]\n",
        "net.yaml:2: blocks: 27,000 blocks and layers are",
    ),
    "a form without its kind": (
        GOOD + "    pool: {kernel_size: 2}\n",
        "net.yaml:4: blocks[0].pool: kind is missing: it is one of max, average, global_average, global_max, none",
    ),
    "a kind under another key": (
        GOOD + "head: {type: global_pool}\n",
        "net.yaml:4: head: kind is missing: write it instead of 'type'",
    ),
    "two transforms in one": (
        GOOD + "train: {augment: [{HorizontalFlip: {}, VerticalFlip: {}}]}\n",
        "net.yaml:4: train.augment[0]: expects one transform, as in `- HorizontalFlip: {p: 0.5}`, found 2",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_bad_file_gives_one_line_and_exit_code_2(
    text: str, expected: str, cli: Cli, spec_file: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(spec_file(text).parent)
    outcome = cli("build", "net.yaml")
    assert outcome.err.startswith(f"tinymnist: {expected}")
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"name: \xff\n", "net.yaml:1: byte 6 is not UTF-8: save the file as UTF-8 text"),
        ("name: net\n".encode("utf-16"), "net.yaml:1: byte 0 is not UTF-8"),
        (b"name: net\x00\n", "net.yaml:1: not valid YAML: a control character"),
        (b"a" * (100 << 20), "net.yaml: larger than 1,048,576 bytes"),
    ],
    ids=["latin", "utf-16", "NUL", "100 MB"],
)
def test_bad_bytes_give_one_line_and_exit_code_2(
    content: bytes, expected: str, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "net.yaml").write_bytes(content)
    monkeypatch.chdir(tmp_path)
    outcome = cli("build", "net.yaml")
    assert outcome.err.startswith(f"tinymnist: {expected}")
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)


def test_a_long_number_with_underscores_is_judged_in_linear_time() -> None:
    assert parse("a: 1" + "_" * 500_000 + "x").data == {"a": "1" + "_" * 500_000 + "x"}


def test_a_control_character_after_other_alphabets_is_on_its_own_line() -> None:
    with pytest.raises(YamlProblem) as caught:
        parse("# é" * 200 + "\n" * 100 + "a: \a\n")
    assert caught.value.line == 101


def test_reserved_block_names_are_the_attributes_of_torchs_sequential() -> None:
    attributes = {name for name in dir(nn.Sequential()) if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name)}
    assert attributes - RESERVED_NAMES == set()


def test_directory_and_missing_file_give_exit_code_2(cli: Cli, tmp_path: Path) -> None:
    assert cli("build", tmp_path).err == f"tinymnist: {tmp_path}: is a directory: name the YAML file in it\n"
    missing = cli("build", tmp_path / "tiny3130.yaml")
    assert missing.code == 2
    assert "no such file; `tiny3130` comes with tinymnist: give that name alone" in missing.err


def test_utf8_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert load_spec(path).name == "net"


def test_windows_line_endings_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_bytes(GOOD.replace("\n", "\r\n").encode())
    assert load_spec(path).name == "net"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5e-4", 5e-4), ("-1", -1), ("+2", 2), ("0", 0), ("0.5", 0.5), (".5", 0.5), ("1.", 1.0), ("1E3", 1000.0),
        ("true", True), ("False", False), ("'yes'", "yes"), ('"010"', "010"), ("relu", "relu"), ("3x3", "3x3"),
        ("[1, {a: b}]", [1, {"a": "b"}]), ("v1.2.3", "v1.2.3"),
    ],
)  # fmt: skip
def test_scalars_mean_what_they_say(text: str, value: object) -> None:
    found = parse(text).data
    assert (found, type(found)) == (value, type(value))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_float_reads_back(number: float) -> None:
    assert parse(repr(number)).data == number


@given(st.text(max_size=30))
def test_any_text_gives_data_or_a_problem_with_a_line(text: str) -> None:
    line = 1
    try:
        parse(text)
    except YamlProblem as problem:
        line = problem.line
    assert 1 <= line <= len(text.splitlines()) + 1


@given(st.data())
def test_a_damaged_spec_never_raises_anything_else(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    text = (ARCHS / "tiny3130.yaml").read_text(encoding="utf-8")
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 20)))
    path = tmp_path_factory.getbasetemp() / "damaged.yaml"
    path.write_text(text[:start] + data.draw(st.text(max_size=5)) + text[end:], encoding="utf-8", errors="replace")
    message = str(path)
    try:
        load_spec(path)
    except SpecError as error:
        message = str(error)
    assert message.startswith(str(path))
    assert "\n" not in message


def test_all_mistakes_are_told_in_the_order_of_their_lines(cli: Cli, spec_file: Callable[[str], Path]) -> None:
    text = "name: a b\nclases: 3\nblocks:\n  - convs: [4]\n    pool: gap\ntrain: {epochs: 0, lr: 0.1}\n"
    path = spec_file(text)
    outcome = cli("check", path)
    assert outcome.code == 2
    assert [line.removeprefix(f"tinymnist: {path}:").split(": ")[0:2] for line in outcome.err.splitlines()] == [
        ["1", "name"],
        ["2", "clases"],
        ["5", "blocks[0].pool.kind"],
        ["6", "train.epochs"],
        ["6", "train.lr"],
    ]


WORDS = {
    "filters": ("blocks: [{convs: [{filters: 4}]}]", "filters: unknown key: here it is `out_channels`"),
    "batch_norm": (
        "blocks: [{convs: [{out_channels: 4, batch_norm: true}]}]",
        "batch_norm: unknown key: here it is `norm: batch`",
    ),
    "gap": (
        "blocks: [{convs: [4], pool: gap}]",
        "average, global_average, global_max, none: here it is global_average",
    ),
    "MaxPool2D": ("blocks: [{convs: [4], pool: MaxPool2D}]", "here it is max"),
    "swish": ("blocks: [{convs: [{out_channels: 4, activation: swish}]}]", "here it is silu"),
    "StepLR": (
        "blocks: [{convs: [4]}]\ntrain: {schedule: {name: StepLR, lr: 0.1, every: 5}}",
        "'StepLR' is not one of one_cycle, cosine, linear, constant, step, plateau: here it is step",
    ),
    "ReduceLROnPlateau": (
        "blocks: [{convs: [4]}]\ntrain: {schedule: {name: ReduceLROnPlateau, lr: 0.1}}",
        "one_cycle, cosine, linear, constant, step, plateau: here it is plateau",
    ),
    "EarlyStopping": (
        "blocks: [{convs: [4]}]\nEarlyStopping: {patience: 5}",
        "EarlyStopping: unknown key: here it is `train: {early_stopping: N}`",
    ),
    "min_delta": (
        "blocks: [{convs: [4]}]\ntrain: {early_stopping: {patience: 5, min_delta: 0.1}}",
        "train.early_stopping.min_delta: unknown key: here it is `min_improvement`",
    ),
    "gamma": (
        "blocks: [{convs: [4]}]\ntrain: {schedule: {name: step, lr: 0.1, every: 5, gamma: 0.1}}",
        "train.schedule.gamma: unknown key: here it is `factor`",
    ),
    "lr": ("blocks: [{convs: [4]}]\nlr: 0.1", "lr: unknown key: here it is `train: {schedule: {name: one_cycle"),
    "of another section": ("blocks: [{convs: [4]}]\nepochs: 3", "epochs: unknown key: it belongs under `train:`"),
    "of a convolution": (
        "blocks: [{convs: [4], padding: same}]",
        "padding: unknown key: it belongs in an entry of `convs`, or under `defaults:`",
    ),
    "known already": (
        "blocks: [{convs: [{in_channels: 1, out_channels: 4}]}]",
        "in_channels: unknown key: leave it out",
    ),
    "a number for a list": ("blocks: [{convs: 8}]", "convs: expects a list, found 8: write [8]"),
    "a mapping for a list": ("blocks: {convs: [8]}", "begin each entry with `- `"),
    "commas": (
        "blocks: [{convs: [4]}]\nchecks:\n  max_params: 8,000",
        "write it without commas, as in 8000",
    ),
    "seed": ("blocks: [{convs: [4]}]\nseed: 3", "seed: unknown key: this is an option of `tinymnist train`: --seed"),
    "a slip of the pen first": ("blocks: [{convs: [4], pol: max}]", "pol: unknown key: did you mean 'pool'?"),
    "nothing near": ("blocks: [{convs: [{out_channels: 4, spam: 2}]}]", "spam: unknown key: known here: activation, "),
}


@pytest.mark.parametrize(("text", "message"), WORDS.values(), ids=WORDS.keys())
def test_words_of_other_tools_are_answered_by_what_to_write_here(
    text: str, message: str, cli: Cli, spec_file: Callable[[str], Path]
) -> None:
    outcome = cli("check", spec_file(f"name: net\n{text}\n"))
    assert (outcome.code, message in outcome.err) == (2, True), outcome.err


SYNTAX = {
    "tab": ("name: net\nblocks:\n\t- convs: [4]\n", 3, "not valid YAML: a tab: indent with spaces"),
    "indentation": (
        "name: net\nblocks:\n  - convs: [4]\n   pool: max\n",
        4,
        "not valid YAML: this line does not fit the one before, '- convs: [4]': give entries of one list or",
    ),
    "thousands": (
        "checks: {max_params: 8,000}\n",
        1,
        "checks: a comma ends an entry: write large numbers without, as in",
    ),
    "decimal comma": (
        "train: {optimizer: {name: sgd, momentum: 0,9}}\n",
        1,
        "train.optimizer: a comma ends an",
    ),
    "round brackets": ("train: {a: (3,3)}\n", 1, "train: round brackets mean nothing here: write a pair as [N, 3]"),
    "no space": (
        "checks: {max_params:8000}\n",
        1,
        "checks.max_params:8000: has no value: put a space behind the colon",
    ),
    "quote": ("name: 'net\nblocks: []\n", 3, "not valid YAML: a quotation mark is not closed: close it"),
    "bracket": (
        "blocks: [{convs: [4]}\nname: net\n",
        2,
        "not valid YAML: a bracket that is not closed, or a comma too few",
    ),
    "second colon": ("description: tiny: small\n", 1, "not valid YAML: a second colon on this line: quote the text"),
    "odd first character": ("name: @net\n", 1, "not valid YAML: no value begins with '@': quote it if it is text"),
}


@pytest.mark.parametrize(("text", "line", "message"), SYNTAX.values(), ids=SYNTAX.keys())
def test_bad_syntax_is_told_in_plain_words(
    text: str, line: int, message: str, spec_file: Callable[[str], Path]
) -> None:
    path = spec_file(text)
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    assert str(caught.value).startswith(f"{path}:{line}: {message}")


def test_a_head_may_be_a_word(spec_file: Callable[[str], Path]) -> None:
    spec = load_spec(spec_file("name: net\nblocks: [{convs: [10], pool: max}]\nhead: global_pool\n"))
    assert spec.head.kind == "global_pool"
