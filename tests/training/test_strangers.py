"""Files from strangers: a run, a network or a checkpoint that somebody made to harm is one line, writes nowhere else,
runs nothing, and never hangs."""

import hashlib
import json
import os
import pickle
import random
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor

from tests.support.command_line import Cli
from tests.support.trainings import StopAfter
from tinymnist import load_run, load_spec, train
from tinymnist.errors import Interrupted
from tinymnist.model.tensors import write_sealed
from tinymnist.training import checkpoint as checkpoints
from tinymnist.training import packed as packing
from tinymnist.training.observer import EpochRow

MUTATIONS = int(os.environ.get("TINYMNIST_MUTATIONS", "35"))


@pytest.fixture
def run(small_run: Path, tmp_path: Path) -> Path:
    """A copy of a finished run, to be harmed."""
    return Path(shutil.copytree(small_run, tmp_path / "run"))


@pytest.fixture(scope="module")
def packed(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("packed") / "small.safetensors"
    packing.pack_run(load_run(small_run), path)
    return path


@pytest.fixture(scope="module")
def interrupted(quick: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that stands at step 3 of its first epoch. Not to be changed."""
    output = tmp_path_factory.mktemp("interrupted")
    with pytest.raises(Interrupted):
        train(load_spec(quick), seed=1, dataset="mnist-5k", output=output, name="cut", observer=StopAfter(3))
    return output / "cut"


@pytest.fixture
def cut(interrupted: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(interrupted, tmp_path / "cut"))


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}), encoding="utf-8")


# Bytes changed at random

Mutation = Callable[[random.Random, bytes], bytes]


def _flip(draw: random.Random, content: bytes) -> bytes:
    place = draw.randrange(len(content))
    return content[:place] + bytes([content[place] ^ (1 << draw.randrange(8))]) + content[place + 1 :]


def _cut(draw: random.Random, content: bytes) -> bytes:
    return content[: draw.randrange(len(content))]


def _insert(draw: random.Random, content: bytes) -> bytes:
    place = draw.randrange(len(content))
    return content[:place] + draw.randbytes(draw.randrange(1, 20)) + content[place:]


def _repeat(draw: random.Random, content: bytes) -> bytes:
    start = draw.randrange(len(content))
    return content[:start] + content[start : start + 40] * draw.randrange(2, 9) + content[start:]


def _digits(draw: random.Random, content: bytes) -> bytes:
    """Another number where one stands, so that JSON and CSV stay what they are."""
    places = [place for place, byte in enumerate(content[:100_000]) if 48 <= byte < 58] or [0]
    place = draw.choice(places)
    others = [
        other for other in (b"-1", b"9" * 400, b"1e999", b"0", b"NaN", b"null") if other != content[place : place + 1]
    ]
    return content[:place] + draw.choice(others) + content[place + 1 :]


MUTATE: tuple[Mutation, ...] = (_flip, _cut, _insert, _repeat, _digits)
FILES = ("weights.safetensors", "result.json", "environment.json", "spec.yaml", "metrics.csv", "checkpoint", "packed")


@pytest.mark.parametrize("name", FILES)
def test_mutated_files_are_read_or_refused_in_one_line(
    name: str, cli: Cli, run: Path, cut: Path, packed: Path, tmp_path: Path
) -> None:
    if name == "checkpoint":
        target, arguments = cut / "checkpoint" / "state.safetensors", ["train", "--resume", cut, "--json"]
    elif name == "packed":
        target, arguments = tmp_path / "net.safetensors", ["evaluate", tmp_path / "net.safetensors", "--json"]
        shutil.copy(packed, target)
    elif name == "metrics.csv":
        target, arguments = run / name, ["train", "--resume", run, "--target", 50, "--last-epochs", 1, "--json"]
    else:
        target, arguments = run / name, ["evaluate", run, "--json"]
    content = target.read_bytes()
    draw = random.Random(name)
    refused = 0
    for number in range(-(-MUTATIONS // len(FILES))):
        target.write_bytes(MUTATE[number % len(MUTATE)](draw, content))
        outcome = cli(*arguments)
        assert outcome.code in (0, 1, 2, 3), outcome
        json.loads(outcome.out)
        if outcome.code >= 2:
            assert outcome.err.count("\n") == 1, outcome
            refused += 1
        assert name != "checkpoint" or outcome.code == 3, outcome  # its digest covers every byte that matters
    assert refused > 0


# Contents that are whole and wrong: whoever makes them makes the digests too


def reseal(run: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    """Changes the weights of a run, and the digest in its result with them."""
    tensors = safetensors.torch.load_file(run / "weights.safetensors")
    change(tensors)
    content = safetensors.torch.save(tensors)
    (run / "weights.safetensors").write_bytes(content)
    edit(run / "result.json", weights_sha256=hashlib.sha256(content).hexdigest())


WEIGHTS: dict[str, Callable[[dict[str, Tensor]], object]] = {
    "NaN": lambda tensors: tensors["head.linear.weight"].fill_(float("nan")),
    "infinity": lambda tensors: tensors["head.linear.bias"].fill_(float("inf")),
    "overflow": lambda tensors: tensors["head.linear.weight"].fill_(3e38),
    "negative variance": lambda tensors: tensors["block1.norm1.running_var"].fill_(-1),
    "float16": lambda tensors: tensors.update({"head.linear.bias": tensors["head.linear.bias"].half()}),
    "other shape": lambda tensors: tensors.update({"head.linear.bias": torch.zeros(1 << 20)}),
    "one too many": lambda tensors: tensors.update({"more": torch.zeros(1)}),
    "one missing": lambda tensors: tensors.pop("head.linear.bias"),
}


@pytest.mark.parametrize("change", WEIGHTS.values(), ids=WEIGHTS.keys())
@pytest.mark.parametrize("command", ["evaluate", "compare"])
def test_weights_that_are_whole_and_wrong_are_refused(
    cli: Cli, run: Path, small_run: Path, command: str, change: Callable[[dict[str, Tensor]], object]
) -> None:
    reseal(run, change)
    outcome = cli(command, run, *([small_run] if command == "compare" else []), "--json")
    assert (outcome.code, outcome.err.count("\n")) == (3, 1)
    assert json.loads(outcome.out)["error"]["kind"] == "data"


RECORDS: dict[str, tuple[str, str, Any]] = {
    "a number of 4,000 digits": ("result.json", "n", 10**4000),
    "a negative count": ("result.json", "parameters", -1),
    "an accuracy above 100": ("result.json", "accuracy", 1e308),
    "NaN in a key of a later version": ("result.json", "later", {"a": [float("nan")]}),
    "an unknown data set": ("environment.json", "dataset", "\x1b[31m"),
    "no thread": ("environment.json", "threads", 0),
    "a large seed": ("environment.json", "seed", 2**31),
    "a large validation": ("environment.json", "validation", 10**4000),
}


@pytest.mark.parametrize(("file", "key", "value"), RECORDS.values(), ids=RECORDS.keys())
def test_records_that_cannot_be_are_damage(cli: Cli, run: Path, file: str, key: str, value: object) -> None:
    edit(run / file, **{key: value})
    outcome = cli("evaluate", run, "--json")
    assert (outcome.code, json.loads(outcome.out)["error"]["kind"]) == (3, "data")
    assert f"{file}: damaged (" in outcome.err


ORIGIN = {"digest": "0" * 64, "class_names": list("0123456789"), "prepare": "mnist", "warnings": []}
IMAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "a path, but no digest of its images": ("environment.json", {"dataset": ".", "data": None}),
    "two classes of one name": ("environment.json", {"data": {**ORIGIN, "class_names": ["0"] * 10}}),
    "a class without a name": ("environment.json", {"data": {**ORIGIN, "class_names": [*"012345678", ""]}}),
    "a name of 100,000 characters": (
        "environment.json",
        {"data": {**ORIGIN, "class_names": [*"012345678", "9" * 100_000]}},
    ),
    "very many warnings": ("environment.json", {"data": {**ORIGIN, "warnings": [{"kind": "Later"}] * 10_000}}),
    "a warning of 100,000 characters": ("result.json", {"warnings": [{"kind": "x" * 100_000}]}),
    "a warning with a number of 4,000 digits": ("result.json", {"warnings": [{"kind": "x", "count": 10**4000}]}),
    "a path of 100,000 characters": ("result.json", {"dataset": "x" * 100_000}),
    "a path with a line break": ("result.json", {"dataset": "mnist-5k\naccuracy 100 %"}),
}


@pytest.mark.parametrize(("file", "changes"), IMAGES.values(), ids=IMAGES.keys())
def test_records_of_images_that_cannot_be_are_damage(
    cli: Cli, run: Path, file: str, changes: dict[str, Any], tmp_path: Path
) -> None:
    edit(run / file, **changes)
    outcome = cli("report", run, "--output", tmp_path / "report.html")
    assert (outcome.code, outcome.out, outcome.err.count("\n"), len(outcome.err) < 400) == (3, "", 1, True)
    assert f"{file}: damaged (" in outcome.err


def forge(cut: Path, tensors: dict[str, Tensor], **progress: Any) -> None:
    """A checkpoint with other content and the digest that belongs to it."""
    path = cut / "checkpoint" / "state.safetensors"
    with safetensors.safe_open(path, framework="pt") as stream:
        content = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
        text = json.dumps({**json.loads(stream.metadata()["progress"]), **progress})
    content |= tensors
    write_sealed(path, checkpoints.FORMAT, {"progress": text}, content)


ROW = EpochRow(1, 0.1, 1.0, 50.0, 1.0, 50.0, 1.0, 1.0)
CHECKPOINTS: dict[str, tuple[dict[str, Tensor], dict[str, Any]]] = {
    "momentum of another shape": ({"optimizer.0.momentum_buffer": torch.zeros(1)}, {}),
    "momentum of another type": ({"optimizer.0.momentum_buffer": torch.zeros(6, 1, 3, 3, dtype=torch.float64)}, {}),
    "momentum of no parameter": ({"optimizer.99.momentum_buffer": torch.zeros(6, 1, 3, 3)}, {}),
    "no number": ({"optimizer.x.momentum_buffer": torch.zeros(1)}, {}),
    "more right answers than fit": ({}, {"correct": 10**30}),
    "images that no step leaves": ({}, {"images": -1}),
    "images of another step": ({}, {"images": 1}),
    "a loss that is none": ({}, {"loss_sum": float("nan")}),
    "time that runs back": ({}, {"seconds": -1e9}),
    "an epoch too many": ({}, {"epoch": 3, "rows": [asdict(ROW)] * 3}),
    "a row that is not a number": ({}, {"epoch": 1, "rows": [{**asdict(ROW), "lr": float("nan")}]}),
    "an accuracy above 100": ({}, {"epoch": 1, "rows": [{**asdict(ROW), "eval_accuracy": 1e308}]}),
    "best weights of a recipe that keeps none": ({"best.block1.conv1.weight": torch.zeros(6, 1, 3, 3)}, {}),
}


@pytest.mark.parametrize(("tensors", "progress"), CHECKPOINTS.values(), ids=CHECKPOINTS.keys())
def test_checkpoints_that_are_whole_and_wrong_are_refused(
    cli: Cli, cut: Path, tensors: dict[str, Tensor], progress: dict[str, Any]
) -> None:
    forge(cut, tensors, **progress)
    outcome = cli("train", "--resume", cut, "--json")
    assert (outcome.code, json.loads(outcome.out)["error"]["kind"]) == (3, "data")
    assert "state.safetensors: " in outcome.err.splitlines()[-1]


def test_forged_checkpoints_would_be_taken_if_they_were_right(cli: Cli, cut: Path) -> None:
    forge(cut, {}, epoch=1, rows=[asdict(ROW)])
    assert cli("train", "--resume", cut, "--json").code == 0


BEST: dict[str, dict[str, Tensor]] = {
    "another shape": {"best.block1.conv1.weight": torch.zeros(1)},
    "another type": {"best.block1.conv1.weight": torch.zeros(6, 1, 3, 3, dtype=torch.float64)},
    "no parameter": {"best.more": torch.zeros(1)},
}


@pytest.mark.parametrize("tensors", BEST.values(), ids=BEST.keys())
def test_best_weights_that_do_not_fit_are_refused(
    cli: Cli, quick: Path, tmp_path: Path, tensors: dict[str, Tensor]
) -> None:
    spec = load_spec(quick, ["train.early_stopping=1"])
    with pytest.raises(Interrupted):
        train(spec, seed=1, dataset="mnist-5k", validation=500, output=tmp_path, name="cut", observer=StopAfter(3))
    forge(tmp_path / "cut", tensors)
    outcome = cli("train", "--resume", tmp_path / "cut", "--json")
    assert (outcome.code, json.loads(outcome.out)["error"]["kind"]) == (3, "data")
    assert "state.safetensors: does not belong to this network: " in outcome.err.splitlines()[-1]


# Pickles


class Trap:
    """Leaves a trace wherever it is unpickled."""

    def __reduce__(self) -> Any:
        return Path.touch, (Path("trace"),)


PICKLED = ("weights.safetensors", "checkpoint/state.safetensors", "result.json", "environment.json", "spec.yaml")


@pytest.mark.parametrize("name", [*PICKLED, "metrics.csv", "series.json", "net.pt", "net.pth", "net.safetensors"])
def test_a_pickle_is_never_opened_whatever_its_name(
    cli: Cli, run: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run)
    (run / name).parent.mkdir(exist_ok=True)
    torch.save(Trap(), run / name) if name.endswith((".pt", ".pth")) else (run / name).write_bytes(pickle.dumps(Trap()))
    if name.startswith("checkpoint"):
        (run / "result.json").unlink()
    given = run / name if name.startswith("net") else run
    for command in ("evaluate", given), ("train", "--resume", given), ("compare", given, given):
        cli(*command, "--json")
    learn = ("train", "--arch", "tiny3130", "--dataset", "mnist-5k", "--epochs", 1, "--output", run / "new")
    cli(*learn, "--set", f"train.distill.teacher={given}")
    cli("check", run / name)
    cli("front", run / name)
    assert not (run / "trace").exists()


def test_the_trap_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pickle.loads(pickle.dumps(Trap()))
    assert (tmp_path / "trace").exists()


# What is not a file


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("name", ["spec.yaml", "environment.json", "result.json", "weights.safetensors", "net"])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_a_pipe_or_a_device_never_keeps_its_reader(cli: Cli, run: Path, name: str, kind: str) -> None:
    (run / name).unlink(missing_ok=True)
    os.mkfifo(run / name) if kind == "pipe" else (run / name).symlink_to("/dev/zero")
    outcome = cli("evaluate", run / name if name == "net" else run)
    assert (outcome.code, outcome.err.count("\n")) == (2 if name == "net" else 3, 1)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_front_passes_by_a_pipe(cli: Cli, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "result.json")
    outcome = cli("front", tmp_path)
    assert (outcome.code, outcome.err) == (
        3,
        f"tinymnist: {tmp_path}/result.json: cannot be read: is not a regular file\n",
    )


def test_a_file_beyond_any_use_is_not_read(cli: Cli, run: Path) -> None:
    with (run / "environment.json").open("r+b") as stream:
        stream.truncate(1 << 40)  # sparse: it takes no room
    outcome = cli("evaluate", run)
    assert (outcome.code, outcome.err.count("\n")) == (3, 1)
    assert "larger than 16,777,216 bytes" in outcome.err


# Paths


def outside(folder: Path, inside: Path) -> dict[str, tuple[bytes | None, int]]:
    """Every file around `inside` with its content."""
    return {
        str(path): (path.read_bytes() if path.is_file() else None, path.lstat().st_mode)
        for path in sorted(folder.rglob("*"))
        if inside not in (path, *path.parents)
    }


@pytest.mark.parametrize("target", ["../outside", "{tmp}/outside"], ids=["relative", "absolute"])
@pytest.mark.parametrize("place", ["checkpoint", ".lock", "metrics.csv", "weights.safetensors", "result.json"])
def test_a_run_with_links_writes_nothing_outside(cli: Cli, cut: Path, tmp_path: Path, place: str, target: str) -> None:
    where = tmp_path / "outside"
    if place == "checkpoint":
        shutil.move(cut / "checkpoint", where)
    elif place != "result.json":
        where.write_text("precious")
    if (cut / place).is_file():
        (cut / place).unlink()
    (cut / place).symlink_to(target.format(tmp=tmp_path))
    before = outside(tmp_path, cut)
    outcome = cli("train", "--resume", cut)
    assert outcome.code in (0, 2, 3), outcome
    assert outside(tmp_path, cut) == before


def test_a_series_with_links_trains_nothing_outside(cli: Cli, quick: Path, tmp_path: Path) -> None:
    options = ["--dataset", "mnist-5k", "--epochs", 1, "--seeds", 2, "--jobs", 1]
    cli("train", "--arch", quick, *options, "--output", tmp_path, "--name", "series")
    series, elsewhere = tmp_path / "series", tmp_path / "elsewhere"
    for file in (series / "result.json", series / "seed-1" / "result.json"):
        file.unlink()
    shutil.move(series / "seed-1", elsewhere)
    (series / "seed-1").symlink_to("../elsewhere")
    before = outside(tmp_path, series)
    outcome = cli("train", "--resume", series)
    assert (outcome.code, "is a link" in outcome.err) == (3, True)
    assert outside(tmp_path, series) == before


TEACHERS = ["../../etc/passwd", "/etc/passwd", "/dev/zero", '"a\\0b"', "/proc/self/mem", '"\\e[31m"', "a" * 300, "."]


@pytest.mark.parametrize("teacher", TEACHERS)
def test_a_spec_that_names_other_files_writes_nothing(cli: Cli, quick: Path, tmp_path: Path, teacher: str) -> None:
    before = outside(tmp_path, tmp_path / "none")
    options = ["--set", f"train.distill.teacher={teacher}", "--output", tmp_path / "runs", "--dataset", "mnist-5k"]
    outcome = cli("train", "--arch", quick, *options)
    assert (outcome.code in (2, 3), outcome.err.count("\n")) == (True, 1)
    assert "\x1b" not in outcome.err
    assert outside(tmp_path, tmp_path / "none") == before


@pytest.mark.parametrize("name", ["../up", "/abs", "a/b", "..", ".", "a\0b", "a\nb", "~", "", "-", "a" * 200])
def test_names_in_a_spec_or_option_stay_plain(cli: Cli, quick: Path, tmp_path: Path, name: str) -> None:
    before = outside(tmp_path, tmp_path / "none")
    for option in (["--name", name], ["--set", f"name={name!r}"], ["--set", f"blocks[0].name={name!r}"]):
        outcome = cli("train", "--arch", quick, "--output", tmp_path / "runs", "--dataset", "mnist-5k", *option)
        assert (outcome.code, outcome.err.count("\n")) == (2, 1), outcome
    assert outside(tmp_path, tmp_path / "none") == before


@pytest.mark.parametrize("path", ["a\0b", "\0", "x" * 5000])
@pytest.mark.parametrize(
    "command",
    ["build tiny3130 --output", "new", "front --output", "train --dataset mnist-5k --arch tiny3130 --output"],
)
def test_places_that_cannot_be_are_one_line(cli: Cli, command: str, path: str) -> None:
    outcome = cli(*command.split(), path)
    assert (outcome.code in (2, 3), outcome.err.count("\n")) == (True, 1)


# What a message shows


SECRET = "name: pass-5ecr3t\nroot: pass-5ecr3t\n"


@pytest.mark.parametrize(
    "name", ["spec.yaml", "environment.json", "result.json", "metrics.csv", "weights.safetensors", "checkpoint"]
)
def test_a_link_in_a_run_is_refused_before_it_is_read(cli: Cli, run: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text(SECRET)
    place = run / ("checkpoint/state.safetensors" if name == "checkpoint" else name)
    place.unlink()
    place.symlink_to(tmp_path / "secret")
    for arguments in (("evaluate", run), ("train", "--resume", run)):
        outcome = cli(*arguments)
        assert (outcome.code, outcome.err) == (
            3,
            f"tinymnist: {place}: is a link, which may lead out of the run: put the file or folder itself there\n",
        )


@pytest.mark.parametrize("name", ["spec.yaml", "environment.json", "result.json", "metrics.csv", "checkpoint"])
@pytest.mark.parametrize("content", [SECRET, "pass-5ecr3t\n", '{"seed": "pass-5ecr3t", "n": "pass-5ecr3t"}'])
def test_a_message_quotes_nothing_of_a_file_but_a_key(cli: Cli, run: Path, cut: Path, name: str, content: str) -> None:
    if name == "checkpoint":
        progress = json.loads(content) if content.startswith("{") else {"loss_sum": content}
        forge(cut, {}, **progress, epoch="pass-5ecr3t")
        run = cut
    elif name == "metrics.csv":
        header = (run / name).read_text().splitlines()[0]
        (run / name).write_text(f"{header}\n{','.join(['pass-5ecr3t'] * 8)}\n{content}")
    else:
        (run / name).write_text(content)
    outcome = cli("train", "--resume", run, "--target", 50, "--last-epochs", 1)
    assert (outcome.code, outcome.err.count("\n")) == (3, 1 if name != "checkpoint" else outcome.err.count("\n"))
    assert "5ecr3t" not in outcome.err
