"""The command line: tables of arguments, output, errors and exit codes."""

import contextlib
import json
import os
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch

from tests.support.command_line import ARCHS, ROOT, Cli
from tinymnist import __version__, build_model, load_spec
from tinymnist.spec.packaged import packaged_recipes

TINY = ARCHS / "tiny3130.yaml"


def test_version(cli: Cli) -> None:
    assert cli("--version").out == f"tinymnist {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]], ids=["none", "--help", "-h"])
def test_help_lists_every_command(cli: Cli, arguments: list[str]) -> None:
    outcome = cli(*arguments)
    commands = [line.split()[0] for line in outcome.out.partition("Commands:\n")[2].splitlines()]
    assert (outcome.code, commands) == (
        0,
        [
            "build",
            "summary",
            "check",
            "data",
            "train",
            "search",
            "runs",
            "evaluate",
            "verify",
            "grade",
            "compare",
            "predict",
            "report",
            "quantize",
            "export",
            "benchmark",
            "front",
            "new",
            "list",
            "schema",
        ],
    )


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["biuld"], "tinymnist: No such command 'biuld'. Did you mean 'build'? (see tinymnist --help)\n"),
        (["build"], "tinymnist: Missing argument 'ARCH'. (see tinymnist build --help)\n"),
        (["build", TINY, "--sed", "1"], "tinymnist: No such option: --sed"),
        (
            ["check", "--max-params", "many"],
            "tinymnist: Invalid value for '--max-params': expects a whole number, as in 8000 (",
        ),
        (["check", "--format", "xml"], "tinymnist: Invalid value for '--format': 'xml' is not one of 'text',"),
        (["train"], "tinymnist: train: give an architecture, as in `tinymnist train tiny3130`, or a"),
        (["train", TINY, "--arch", "mini697"], f"tinymnist: {TINY} and --arch mini697: are two architectures"),
        (["train", TINY, "--resume", "x"], "tinymnist: ARCH: a resumed run keeps what it was declared"),
        (["train", "--arch", TINY, "--epochs", "0"], "tinymnist: --epochs 0: train.epochs: must be at least 1, found"),
        (["train", "--arch", TINY, "--seed", "-1"], "tinymnist: --seed -1: expects a number from 0 to 2147483647\n"),
        (["train", "--arch", TINY, "--dataset", "mnits"], "tinymnist: --dataset mnits: no such data set, file"),
        (["train", "--arch", TINY, "--device", "gpu"], "tinymnist: Invalid value for '--device': 'gpu' is not"),
        (["train", "--arch", TINY, "--engine", "c"], "tinymnist: Invalid value for '--engine': 'c' is not one of"),
        (["export", "x", "--format", "tflite"], "tinymnist: Invalid value for '--format': 'tflite' is not"),
        (["train", "--arch", "tiny31"], "tinymnist: tiny31: no such file, nor an architecture of tinymnist: did you"),
        (["train", "--resume", "x", "--epochs", "3"], "tinymnist: --epochs: a resumed run keeps what it was"),
        (["evaluate", "nowhere"], "tinymnist: nowhere: no such run directory"),
        (["evaluate", ARCHS], f"tinymnist: {ARCHS}: is not a run directory: it holds no spec.yaml\n"),
    ],
    ids=lambda value: None if isinstance(value, str) else " ".join(Path(str(part)).name for part in value),
)  # fmt: skip
def test_wrong_usage_is_one_line_and_exit_code_2(cli: Cli, arguments: list[object], error: str) -> None:
    outcome = cli(*arguments)
    assert outcome.err.startswith(error)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize(
    "arguments",
    [
        ["build", "nowhere.yaml", "--json"],
        ["summary", TINY, "--set", "x", "--json"],
        ["check", "--json", "--require", "x"],
        ["check", "--format", "json", "--max-params", "x"],
        ["check", "--format=json", "--forbid", "x"],
        ["list", "--json", "--x"],
        ["train", "--json"],
        ["evaluate", "nowhere", "--json"],
    ],
    ids=lambda value: value[0],
)
def test_with_json_a_failure_is_one_object_too(cli: Cli, arguments: list[object]) -> None:
    outcome = cli(*arguments)
    error = json.loads(outcome.out)["error"]
    assert (outcome.code, error["exit_code"]) == (2, 2)
    assert outcome.err == f"tinymnist: {error['message']}\n"


def test_control_characters_never_reach_the_terminal(cli: Cli) -> None:
    assert cli("build", "\x1b[31mred\u202e.yaml").err.startswith("tinymnist: \\x1b[31mred\\u202e.yaml: no such file")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"])
@pytest.mark.parametrize("delay", [0.2, 0.8, pytest.param(1.6, marks=pytest.mark.slow)])
def test_a_signal_during_start_up_is_answered(tmp_path: Path, number: signal.Signals, code: int, delay: float) -> None:
    command = [sys.executable, "-m", "tinymnist", "train", "--arch", "tiny3130", "--json", "--data-dir", "."]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(delay)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    early = (process.returncode, out, err.count("Traceback")) in ((-number, "", 0), (1, "", 1))
    assert early or (process.returncode, json.loads(out)["error"]["exit_code"], err.count("\n")) == (code, code, 1)


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    done = subprocess.run(
        f"{shlex.quote(sys.executable)} -m tinymnist schema | head -c 1", shell=True, capture_output=True, cwd=tmp_path
    )
    assert (done.stdout, done.stderr) == (b"{", b"")


@pytest.mark.skipif(sys.platform != "linux", reason="makes a small pipe")
@pytest.mark.parametrize("arguments", [["schema"], ["check", ARCHS, "--json"]], ids=["text", "JSON"])
def test_a_signal_is_answered_while_the_result_waits_for_its_reader(arguments: list[str]) -> None:
    fcntl = pytest.importorskip("fcntl")
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    command = [sys.executable, "-m", "tinymnist", *arguments]
    with subprocess.Popen(command, stdout=writer, stderr=subprocess.PIPE, text=True) as process:
        os.read(reader, 1)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=5)
    assert (process.returncode, err) == (130, "tinymnist: interrupted\n")
    os.close(reader)
    os.close(writer)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_under_stdout_is_one_line_and_exit_code_3(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "tinymnist", "list"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    assert done.returncode == 3
    assert done.stderr == "tinymnist: cannot write the result: No space left on device\n"


@pytest.mark.slow
def test_any_encoding_of_the_terminal_will_do(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "tinymnist", "summary", "tiny3130"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_build_says_what_was_built(cli: Cli) -> None:
    assert cli("build", TINY).out == (
        "tiny3130: 3,130 parameters\n"
        "  block1  1x28x28 -> 6x14x14           414\n"
        "  block2  6x14x14 -> 8x7x7           1,056\n"
        "  block3  8x7x7 -> 10x3x3              750\n"
        "  head    10x3x3 -> 10                 910\n"
    )


def test_build_takes_the_name_of_a_packaged_architecture(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli("build", "tiny3130").out.startswith("tiny3130: 3,130 parameters\n")


def test_build_json(cli: Cli) -> None:
    content = json.loads(cli("build", TINY, "--json").out)
    assert (content["schema_version"], content["name"], content["parameters"]) == (1, "tiny3130", 3130)
    assert content["blocks"][0] == {"name": "block1", "input": [1, 28, 28], "output": [6, 14, 14], "parameters": 414}


def test_build_writes_fresh_weights(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("build", TINY, "--output", tmp_path / "fresh.safetensors", "--seed", 3)
    torch.manual_seed(3)
    expected = build_model(load_spec(TINY)).state_dict()
    written = safetensors.torch.load_file(tmp_path / "fresh.safetensors")
    assert outcome.code == 0
    assert written.keys() == expected.keys()
    assert all(torch.equal(written[name], expected[name]) for name in expected)


def test_build_leaves_nothing_behind_where_it_cannot_write(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("build", TINY, "--output", tmp_path / "nowhere" / "fresh.safetensors")
    assert (outcome.code, list(tmp_path.iterdir())) == (3, [])
    assert outcome.err.endswith("fresh.safetensors: cannot be written: No such file or directory\n")


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ("[{convs: [1000000000]}]", "parameters are more than tinymnist builds (50,000,000)"),
        ("[{convs: [{out_channels: 1000000, norm: none}], pool: global_average}]", "bytes of activations, more than"),
    ],
    ids=["parameters", "activations"],
)
def test_what_cannot_fit_is_refused_before_it_is_built(
    cli: Cli, spec_file: Callable[[str], Path], blocks: str, message: str
) -> None:
    outcome = cli("build", spec_file(f"name: huge\nblocks: {blocks}\n"))
    assert (outcome.code, message in outcome.err) == (2, True)


def test_train_takes_the_architecture_as_an_argument_too(cli: Cli, quick: Path, tmp_path: Path) -> None:
    options = ["--dataset", "mnist-5k", "--epochs", 1, "--seed", 1, "--output", tmp_path]
    by_position = cli("train", quick, *options, "--name", "position")
    by_option = cli("train", "--arch", quick, *options, "--name", "option")
    by_both = cli("train", quick, "--arch", quick, *options, "--name", "both")
    assert (by_position.code, by_option.code, by_both.code) == (0, 0, 0)
    weights = {(tmp_path / name / "weights.safetensors").read_bytes() for name in ("position", "option", "both")}
    assert len(weights) == 1


def test_summary_shows_the_reference_documents_table(cli: Cli) -> None:
    outcome = cli("summary", TINY)
    for row in (
        "├─Sequential: 1-1                        [1, 6, 14, 14]            --",
        "│    └─Conv2d: 2-4                       [1, 6, 28, 28]            330",
        "│    └─BatchNorm2d: 2-18                 [1, 10, 7, 7]             20",
        "│    └─Linear: 2-23                      [1, 10]                   910",
        "Total params: 3,130",
    ):
        assert row in outcome.out.splitlines()
    assert outcome.out.splitlines()[-6:] == [
        "Parameters: 3,130 (buffers, not counted: 81)",
        "Multiply-adds: 530,100 (without biases and norms; torchinfo: 543,220)",
        "Receptive field: 28x28",
        "Peak activation memory: 37,632 bytes (inference, batch 1, float32)",
        "Scratch memory in int8 C: 4,890 bytes",
        "Flash in int8 C: about 4,067 bytes of code and constants (Cortex-M0+)",
    ]


def test_summary_tells_what_was_seen_before_a_global_pooling(cli: Cli, spec_file: Callable[[str], Path]) -> None:
    path = spec_file("name: net\nblocks:\n  - {convs: [{out_channels: 5, kernel_size: 1}], pool: global_average}\n")
    assert cli("summary", path).out.splitlines()[-4] == "Receptive field: 28x28 (before global pooling 1x1)"
    assert json.loads(cli("summary", path, "--json").out)["receptive_field_before_global_pooling"] == [1, 1]


@pytest.mark.skipif(os.name != "posix", reason="opens a terminal")
def test_lists_break_no_word_in_a_narrow_terminal() -> None:
    _, printed = in_a_terminal("list", columns=60)
    lines = printed.splitlines()
    assert max(map(len, lines)) <= 60
    assert {word for line in lines for word in line.split()} >= {"multiply-adds", "convolution", "separable-residual"}


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="opens a terminal")
def test_a_terminal_is_told_what_the_seconds_go_into() -> None:
    code, printed = in_a_terminal("build", TINY)
    assert (code, printed.partition("tiny3130")[0]) == (0, f"loading PyTorch ...\r{' ' * 19}\r")


def in_a_terminal(*arguments: object, columns: int = 80) -> tuple[int, str]:
    """Runs a command in a terminal; returns its exit code and what it printed."""
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "tinymnist", *map(str, arguments)]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env={**os.environ, "COLUMNS": str(columns)}) as child:
        os.close(theirs)
        printed = b""
        with contextlib.suppress(OSError):  # the other end is closed
            while part := os.read(ours, 65536):
                printed += part
    os.close(ours)
    return child.returncode, printed.decode().replace("\r\n", "\n")


def test_summary_json(cli: Cli) -> None:
    content = json.loads(cli("summary", TINY, "--json").out)
    layers = content.pop("layers")
    assert content == {
        "schema_version": 1,
        "name": "tiny3130",
        "parameters": 3130,
        "buffers": 81,
        "multiply_adds": 530_100,
        "dense_multiply_adds": 530_100,
        "torchinfo_mult_adds": 543_220,
        "int8_ram": 4890,
        "int8_flash": 4067,
        "receptive_field": [28, 28],
        "receptive_field_before_global_pooling": None,
        "peak_activation_bytes": 37_632,
    }
    assert layers[0] == {
        "name": "block1.conv1",
        "type": "conv",
        "input": [1, 28, 28],
        "output": [6, 28, 28],
        "parameters": 60,
        "buffers": 0,
        "multiply_adds": 42_336,
        "factors": None,
        "receptive_field": [3, 3],
    }
    assert sum(layer["parameters"] for layer in layers) == 3130


def test_summary_shows_both_counts_of_a_basis(cli: Cli, spec_file: Callable[[str], Path]) -> None:
    path = spec_file("name: net\nblocks: [{convs: [14, {out_channels: 14, basis: 3}], pool: global_average}]\n")
    outcome = cli("summary", path)
    first, head = 784 * 14 * 9, 14 * 10
    counts = (
        f"{first + 784 * 966 + head:,} (without biases and norms; as plain convolutions: {first + 784 * 1764 + head:,})"
    )
    assert f"Multiply-adds: {counts}" in outcome.out
    (layer,) = (layer for layer in json.loads(cli("summary", path, "--json").out)["layers"] if layer["factors"])
    assert layer["factors"] == {"filters": 3, "dense": 784 * 1764, "factored": 784 * 966}


def test_list_shows_every_packaged_architecture(cli: Cli) -> None:
    rows = json.loads(cli("list", "--json").out)["architectures"]
    assert [row["name"] for row in rows] == sorted(path.stem for path in ARCHS.glob("*.yaml"))
    lines = cli("list").out.partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in lines[1:]] == [row["name"] for row in rows]


def test_list_shows_every_packaged_recipe(cli: Cli) -> None:
    rows = json.loads(cli("list", "--json").out)["recipes"]
    assert [row["name"] for row in rows] == [*packaged_recipes()]
    lines = cli("list").out.partition("\n\n")[2].splitlines()
    assert [line.split()[0] for line in lines[1:]] == [row["name"] for row in rows]


def test_new_writes_a_spec_that_passes_its_checks(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = cli("new", "my net.yaml")
    assert outcome.out.endswith("parameters\nnext: tinymnist check 'my net.yaml'\n")
    assert load_spec("my net.yaml").name == "my-net"
    assert cli("check", "my net.yaml").code == 0


@pytest.mark.parametrize("where", ["/dev/null/x", "{tmp}/" + "a" * 300, "{tmp}/file/x"], ids=["null", "long", "file"])
def test_places_that_cannot_be_written_are_one_line_and_exit_code_3(cli: Cli, tmp_path: Path, where: str) -> None:
    (tmp_path / "file").touch()
    outcome = cli("build", TINY, "--output", where.format(tmp=tmp_path))
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (3, "", 1)


@pytest.mark.parametrize("name", ["yes.yaml", "010.yaml", "1e5.yaml", "null.yaml", "…….yaml", "3130.yaml"])
def test_new_makes_a_name_of_any_file_name(cli: Cli, tmp_path: Path, name: str) -> None:
    assert cli("new", tmp_path / name).code == 0
    assert cli("check", tmp_path / name).code == 0


def test_new_never_overwrites(cli: Cli, spec_file: Callable[[str], Path]) -> None:
    path = spec_file("mine")
    assert cli("new", path).err == f"tinymnist: {path}: already exists: choose another name\n"
    assert path.read_text() == "mine"


def test_files_are_written_with_the_users_own_permissions(cli: Cli, tmp_path: Path) -> None:
    cli("build", TINY, "--output", tmp_path / "fresh.safetensors")
    (tmp_path / "plain").touch()
    assert (tmp_path / "fresh.safetensors").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert stat.S_ISREG((tmp_path / "fresh.safetensors").stat().st_mode)


def test_the_readme_names_every_packaged_architecture() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [path.stem for path in ARCHS.glob("*.yaml") if path.stem not in readme] == []


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version_has_a_short_form(cli: Cli, option: str) -> None:
    assert cli(option).out == f"tinymnist {__version__}\n"


def test_help_takes_a_command(cli: Cli) -> None:
    assert cli("help", "check").out == cli("check", "--help").out
    assert cli("help").out == cli("--help").out


def test_new_makes_the_folder_and_adds_the_suffix(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("new", tmp_path / "my dir" / "net")
    path = tmp_path / "my dir" / "net.yaml"
    assert (outcome.code, path.is_file()) == (0, True)
    assert outcome.out.endswith(f"next: tinymnist check '{path}'\n")


def test_an_architecture_may_be_named_without_its_suffix(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cli("new", "mine.yaml")
    assert cli("check", "mine").out.startswith("ok   mine.yaml:")


def test_a_run_may_be_named_without_its_folder(
    cli: Cli, small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(small_run, tmp_path / "runs" / "net1")
    monkeypatch.chdir(tmp_path)
    assert cli("evaluate", "net1", "--dataset", "mnist-5k").code == 0
