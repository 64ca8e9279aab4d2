"""Every command, and every way in which it can fail: the exit code, one line on stderr, and with `--json` one object
that fits the published schema.

A new command needs a line in `COMMANDS`; where it has `--json`, one in `tinymnist.cli.outputs.WITH_JSON` too.
"""

import copy
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typer.main
from PIL import Image

from tests.support.command_line import ARCHS, Cli, Outcome
from tests.support.searches import SHORTEST, write_search
from tests.support.studies import new_study, play, stepwise
from tinymnist.cli import app
from tinymnist.cli.outputs import WITH_JSON
from tinymnist.errors import TinyMnistError
from tinymnist.training.lock import locked

TINY = str(ARCHS / "tiny3130.yaml")


@dataclass(frozen=True)
class Place:
    """Where a failure is made: a folder of its own, with a whole run to be harmed."""

    tmp: Path
    run: Path
    series: Path

    @property
    def empty(self) -> Path:
        (self.tmp / "empty").mkdir()
        return self.tmp / "empty"

    def write(self, name: str, content: str | bytes) -> str:
        path = self.tmp / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)


Make = Callable[[Place], list[object]]
"""Makes one failure, and gives the command line that runs into it."""


@dataclass(frozen=True)
class Failing:
    """One row: a command and a class of failure."""

    code: int
    make: Make
    kind: str
    notes: int = 0
    """Lines on stderr besides the error: what happened before, or one per file for `check`."""
    object_is_result: bool = False
    """Whether `--json` prints the command's own object, which says what failed."""


def search_file(place: Place, max_params: int = 900) -> Path:
    """A search for one network, which is soon over."""
    return write_search(place.tmp, SHORTEST.replace("max_params: 900", f"max_params: {max_params}"))


def made(place: Place, name: str) -> Path:
    """A folder with a folder of that name in it."""
    (place.tmp / "made" / name).mkdir(parents=True)
    return place.tmp / "made"


def damaged_study(place: Place) -> Path:
    path = made(place, "study") / "study"
    (path / "study.json").write_text("{")
    return path


def played_study(place: Place) -> Path:
    """A study with made-up figures."""
    study = new_study(place.tmp)
    play(study, 3, stepwise)
    return study.path


def usage(*arguments: object) -> Failing:
    return Failing(2, lambda _: list(arguments), "usage")


def missing_spec(*command: object) -> Failing:
    return Failing(2, lambda place: [*command, place.tmp / "nowhere.yaml"], "spec")


def invalid_spec(*command: object) -> Failing:
    return Failing(2, lambda place: [*command, place.write("bad.yaml", "name: net\nblocks: 3\n")], "spec")


def unreadable_spec(*command: object) -> Failing:
    """A regular file that cannot be read, by root neither."""
    return Failing(3, lambda _: [*command, "/proc/self/mem"], "data")


def too_large(*command: object) -> Failing:
    text = "name: huge\nblocks: [{convs: [1000000000]}]\n"
    return Failing(2, lambda place: [*command, place.write("huge.yaml", text)], "spec")


def no_run(*command: object, then: tuple[object, ...] = ()) -> Failing:
    return Failing(2, lambda place: [*command, place.tmp / "nowhere", *then], "run")


def damaged_run(*command: object, then: tuple[object, ...] = ()) -> Failing:
    def make(place: Place) -> list[object]:
        (place.run / "environment.json").write_text("{")
        return [*command, place.run, *then]

    return Failing(3, make, "data")


def unfinished_run(*command: object, then: tuple[object, ...] = ()) -> Failing:
    def make(place: Place) -> list[object]:
        for name in ("result.json", "checkpoint/state.safetensors"):
            (place.run / name).unlink()
        return [*command, place.run, *then]

    return Failing(2, make, "run")


def damaged_weights(*command: object, then: tuple[object, ...] = ()) -> Failing:
    def make(place: Place) -> list[object]:
        (place.run / "weights.safetensors").write_bytes(b"no weights")
        return [*command, place.run, *then]

    return Failing(3, make, "data")


def damaged_data(make_arguments: Make) -> Failing:
    def make(place: Place) -> list[object]:
        for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte"):
            place.write(name, b"no images")
        return make_arguments(place)

    return Failing(3, make, "data")


QUICK = ("--dataset", "mnist-5k", "--epochs", 1, "--batch-size", 400, "--seed", 1, "--set", "train.augment=[]")


def train(*more: object) -> Make:
    return lambda place: ["train", "--arch", TINY, *QUICK, "--output", place.tmp / "runs", "--name", "new", *more]


def of_mnist(place: Place) -> Path:
    """The run, as if all of MNIST had been beside it."""
    path = place.run / "environment.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "dataset": "mnist", "data": None}))
    return place.run


def taken(place: Place) -> list[object]:
    return ["train", "--arch", TINY, *QUICK, "--output", place.run.parent, "--name", place.run.name]


def series_without_result(place: Place) -> list[object]:
    (place.series / "result.json").unlink()
    return ["front", place.series]


def damaged_series(place: Place) -> list[object]:
    (place.series / "result.json").write_text("{}")
    return ["front", place.series]


def mixed(place: Place) -> list[object]:
    """Invalid, unreadable and over budget at once: 2 goes before 3 before 1."""
    return ["check", place.write("bad.yaml", "name: net\n"), "/proc/self/mem", TINY, "--max-params", 1]


def unreadable_and_over(place: Place) -> list[object]:
    return ["check", "/proc/self/mem", TINY, "--max-params", 1]


def leaking(place: Place) -> list[object]:
    """The same images for training and testing."""
    for split in ("train", "test"):
        for digit in range(2):
            (place.tmp / "leaking" / split / str(digit)).mkdir(parents=True)
            Image.new("L", (2, 2), digit).save(place.tmp / "leaking" / split / str(digit) / "a.png")
    return ["data", place.tmp / "leaking"]


def boasting(place: Place) -> list[object]:
    path = place.run / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "accuracy": 99.99}))
    return ["verify", place.run]


def assignment(place: Place, more: str = "dataset: mnist-5k") -> str:
    return place.write("assignment.yaml", f"name: exercise\ntarget: {{accuracy: 50}}\nseeds: [1]\n{more}\n")


AS_C = ("--format", "c", "--output", "out")

COMMANDS: dict[str, dict[str, Failing]] = {
    "build": {
        "unknown option": usage("build", TINY, "--sed", 1),
        "missing argument": usage("build"),
        "bad value": usage("build", TINY, "--seed", "many"),
        "bad override": Failing(2, lambda _: ["build", TINY, "--set", "classes=yes"], "spec"),
        "missing file": missing_spec("build"),
        "invalid spec": invalid_spec("build"),
        "unreadable spec": unreadable_spec("build"),
        "too large": too_large("build"),
        "unwritable output": Failing(3, lambda _: ["build", TINY, "--output", "/dev/full/x"], "data"),
    },
    "summary": {
        "unknown option": usage("summary", TINY, "--sed"),
        "missing argument": usage("summary"),
        "missing file": missing_spec("summary"),
        "invalid spec": invalid_spec("summary"),
        "unreadable spec": unreadable_spec("summary"),
        "too large": too_large("summary"),
    },
    "check": {
        "unknown option": usage("check", "--sed"),
        "bad value": usage("check", TINY, "--max-params", "many"),
        "unknown feature": usage("check", TINY, "--require", "magic"),
        "empty folder": Failing(2, lambda place: ["check", place.empty], "spec"),
        "missing file": Failing(2, missing_spec("check").make, "spec", object_is_result=True),
        "invalid spec": Failing(2, invalid_spec("check").make, "spec", object_is_result=True),
        "unreadable spec": Failing(3, unreadable_spec("check").make, "data", object_is_result=True),
        "over budget": Failing(1, lambda _: ["check", TINY, "--max-params", 1], "check", -1, object_is_result=True),
        "all at once": Failing(2, mixed, "spec", 1, object_is_result=True),
        "unreadable beside over budget": Failing(3, unreadable_and_over, "data", object_is_result=True),
    },
    "data": {
        "unknown option": usage("data", "mnist-5k", "--sed"),
        "missing argument": usage("data"),
        "unknown data set": usage("data", "mnits"),
        "bad value": usage("data", "mnist-5k", "--resize", "0", "28"),
        "no PNG": usage("data", "mnist-5k", "--output", "sheet.txt"),
        "empty folder": Failing(3, lambda place: ["data", place.empty], "data"),
        "damaged data": damaged_data(lambda place: ["data", "mnist", "--data-dir", place.tmp]),
        "unwritable output": Failing(3, lambda _: ["data", "mnist-5k", "--output", "/dev/full/x.png"], "data"),
        "leaks": Failing(1, leaking, "check", -1, object_is_result=True),
    },
    "train": {
        "unknown option": usage("train", "--sed"),
        "missing argument": usage("train"),
        "bad value": usage("train", "--arch", TINY, "--epochs", "many"),
        "missing file": missing_spec("train", "--arch"),
        "invalid spec": invalid_spec("train", "--arch"),
        "unreadable spec": unreadable_spec("train", "--arch"),
        "missing recipe": Failing(2, train("--recipe", "nothing"), "spec"),
        "unknown data set": Failing(2, lambda _: ["train", "--arch", TINY, "--dataset", "mnits"], "usage"),
        "damaged data": damaged_data(
            lambda place: ["train", "--arch", TINY, "--dataset", "mnist", "--data-dir", place.tmp]
        ),
        "unwritable output": Failing(3, train("--output", "/dev/full/x"), "data"),
        "name taken": Failing(2, taken, "run"),
        "over budget": Failing(1, train("--set", "checks={max_params: 1}"), "check"),
        "unknown teacher": Failing(2, train("--set", "train.distill.teacher=nowhere"), "run"),
        "no run to resume": no_run("train", "--resume"),
        "damaged run": damaged_run("train", "--resume"),
        "diverged": Failing(4, train("--set", "train.schedule={name: constant, lr: 1e6}"), "diverged", 1),
        "target missed": Failing(1, train("--target", 100), "check", 1, object_is_result=True),
    },
    "evaluate": {
        "unknown option": usage("evaluate", "smooth996", "--sed"),
        "missing argument": usage("evaluate"),
        "no run": no_run("evaluate"),
        "not a run": Failing(2, lambda place: ["evaluate", place.tmp], "run"),
        "a series": Failing(2, lambda place: ["evaluate", place.series], "run"),
        "unfinished run": unfinished_run("evaluate"),
        "damaged run": damaged_run("evaluate"),
        "damaged weights": damaged_weights("evaluate"),
        "unknown data set": usage("evaluate", "smooth996", "--dataset", "mnits"),
        "unknown device": usage("evaluate", "smooth996", "--device", "abacus"),
        "trained on the test images": Failing(
            2, lambda place: ["evaluate", of_mnist(place), "--dataset", "mnist-5k"], "usage"
        ),
        "damaged data": damaged_data(lambda place: ["evaluate", of_mnist(place), "--data-dir", place.tmp]),
    },
    "quantize": {
        "unknown option": usage("quantize", "smooth675", "--sed"),
        "missing argument": usage("quantize"),
        "no epochs": usage("quantize", "smooth675", "--epochs", 0),
        "a rate below 0": usage("quantize", "smooth675", "--max-lr", -1),
        "no run": no_run("quantize"),
        "a series": Failing(2, lambda place: ["quantize", place.series], "run"),
        "unfinished run": unfinished_run("quantize"),
        "damaged run": damaged_run("quantize"),
        "damaged weights": damaged_weights("quantize"),
    },
    "verify": {
        "unknown option": usage("verify", "smooth996", "--sed"),
        "missing argument": usage("verify"),
        "unknown data set": usage("verify", "smooth996", "--dataset", "mnits"),
        "no run": Failing(2, no_run("verify").make, "run", object_is_result=True),
        "unfinished run": Failing(2, unfinished_run("verify").make, "run", object_is_result=True),
        "damaged run": Failing(3, damaged_run("verify").make, "data", object_is_result=True),
        "damaged weights": Failing(3, damaged_weights("verify").make, "data", object_is_result=True),
        "a false claim": Failing(1, boasting, "check", -1, object_is_result=True),
    },
    "grade": {
        "unknown option": usage("grade", "a.yaml", "net.yaml", "--sed"),
        "missing argument": usage("grade", "a.yaml"),
        "missing assignment": Failing(2, lambda place: ["grade", place.tmp / "nowhere.yaml", TINY], "spec"),
        "invalid assignment": Failing(2, lambda place: ["grade", assignment(place, "points: many"), TINY], "spec"),
        "unknown data set": Failing(2, lambda place: ["grade", assignment(place, "dataset: mnits"), TINY], "usage"),
        "nothing to grade": Failing(2, lambda place: ["grade", assignment(place), place.empty], "run"),
        "damaged data": damaged_data(
            lambda place: ["grade", assignment(place, "dataset: mnist"), TINY, "--data-dir", place.tmp]
        ),
    },
    "compare": {
        "unknown option": usage("compare", "smooth996", "smooth675", "--sed"),
        "missing argument": usage("compare", "smooth996"),
        "no run": no_run("compare", "smooth996"),
        "unfinished run": unfinished_run("compare", then=("smooth996", "--dataset", "mnist")),
        "damaged run": damaged_run("compare", "smooth996"),
        "damaged weights": damaged_weights("compare", then=("smooth996", "--dataset", "mnist")),
        "a run and a series": Failing(2, lambda place: ["compare", place.run, place.series], "usage"),
        "unknown data set": usage("compare", "smooth996", "smooth675", "--dataset", "mnits"),
        "damaged data": damaged_data(lambda place: ["compare", of_mnist(place), place.run, "--data-dir", place.tmp]),
    },
    "predict": {
        "unknown option": usage("predict", "smooth996", "7.png", "--sed"),
        "missing argument": usage("predict", "smooth996"),
        "no run": no_run("predict", then=("7.png",)),
        "unfinished run": unfinished_run("predict", then=("7.png",)),
        "damaged run": damaged_run("predict", then=("7.png",)),
        "damaged weights": damaged_weights("predict", then=("7.png",)),
        "a .csv file of other images": Failing(
            3, lambda place: ["predict", place.run, place.write("rows.csv", "pixel0\n1\n")], "data"
        ),
        "taken output": Failing(
            2, lambda place: ["predict", place.run, "x.csv", "--output", place.write("out.csv", "")], "usage"
        ),
        "no picture of several": Failing(
            2, lambda place: ["predict", place.run, place.write("7.png", "7"), "8.png"], "image", 1, True
        ),
    },
    "report": {
        "unknown option": usage("report", "smooth996", "--sed"),
        "missing argument": usage("report"),
        "no run": no_run("report"),
        "unfinished run": unfinished_run("report"),
        "damaged run": damaged_run("report"),
        "damaged weights": damaged_weights("report"),
        "no page": Failing(2, lambda place: ["report", place.run, "--output", "page.txt"], "usage"),
        "unwritable output": Failing(3, lambda place: ["report", place.run, "--output", "/dev/full/x.html"], "data"),
        "damaged data": damaged_data(lambda place: ["report", of_mnist(place), "--data-dir", place.tmp]),
        "damaged study": Failing(3, lambda place: ["report", damaged_study(place)], "data"),
        "a study beside a run": Failing(2, lambda place: ["report", damaged_study(place), place.run], "usage"),
        "options of runs": Failing(2, lambda place: ["report", damaged_study(place), "--device", "cpu"], "usage"),
    },
    "export": {
        "unknown option": usage("export", "smooth996", "--format", "c", "--output", "c", "--sed"),
        "missing argument": usage("export", "smooth996", "--format", "c"),
        "no run": no_run("export", then=AS_C),
        "unfinished run": unfinished_run("export", then=AS_C),
        "damaged run": damaged_run("export", then=AS_C),
        "damaged weights": damaged_weights("export", then=AS_C),
        "unknown format": usage("export", "smooth996", "--format", "tflite", "--output", "out"),
        "folder taken": Failing(2, lambda place: ["export", "smooth996", *AS_C[:-1], place.empty], "usage"),
        "unwritable output": Failing(3, lambda place: ["export", place.run, *AS_C[:-1], "/dev/full/x"], "data"),
        "damaged data": damaged_data(lambda place: ["export", of_mnist(place), *AS_C, "--data-dir", place.tmp]),
    },
    "benchmark": {
        "unknown option": usage("benchmark", "smooth996", "--sed"),
        "missing argument": usage("benchmark"),
        "no run": no_run("benchmark"),
        "unfinished run": unfinished_run("benchmark"),
        "damaged run": damaged_run("benchmark"),
        "damaged weights": damaged_weights("benchmark"),
        "damaged data": damaged_data(lambda place: ["benchmark", of_mnist(place), "--data-dir", place.tmp]),
    },
    "front": {
        "unknown option": usage("front", "--sed"),
        "missing file": Failing(2, lambda place: ["front", place.tmp / "nowhere"], "usage"),
        "empty folder": Failing(2, lambda place: ["front", place.empty], "usage"),
        "unfinished series": Failing(2, series_without_result, "run"),
        "damaged series": Failing(3, damaged_series, "data"),
        "one run": Failing(2, lambda place: ["front", place.run], "usage"),
        "unknown format": Failing(2, lambda place: ["front", place.series, "--output", "front.gif"], "usage"),
        "unwritable output": Failing(3, lambda place: ["front", place.series, "--output", "/dev/full/x.svg"], "data"),
    },
    "runs": {
        "unknown option": usage("runs", "--sed"),
        "missing folder": Failing(2, lambda place: ["runs", place.tmp / "nowhere"], "run"),
    },
    "search": {
        "unknown option": usage("search", "--sed"),
        "missing argument": usage("search"),
        "a file beside --resume": usage("search", "search.yaml", "--resume", "studies/x"),
        "missing file": missing_spec("search"),
        "not a search": invalid_spec("search"),
        "unreadable file": unreadable_spec("search"),
        "nothing fits": Failing(2, lambda place: ["search", search_file(place, max_params=9)], "spec"),
        "no study": no_run("search", "--resume"),
        "name taken": Failing(2, lambda place: ["search", search_file(place), "--output", made(place, "tiny")], "run"),
        "unknown data set": Failing(2, lambda place: ["search", search_file(place), "--dataset", "nowhere"], "usage"),
        "unwritable output": Failing(
            3, lambda place: ["search", search_file(place), "--output", "/dev/full/x", "--jobs", 1], "data"
        ),
        "damaged study": Failing(3, lambda place: ["search", "--resume", damaged_study(place)], "data"),
    },
    "list": {"unknown option": usage("list", "--sed"), "an argument too many": usage("list", "more")},
    "new": {
        "unknown option": usage("new", "--sed"),
        "missing argument": usage("new"),
        "name taken": usage("new", TINY),
        "unwritable output": Failing(3, lambda _: ["new", "/dev/full/x.yaml"], "data"),
    },
    "schema": {"unknown option": usage("schema", "--sed"), "unknown command": usage("schema", "new")},
}

ROWS = [
    pytest.param(failing, id=f"{command}-{name}")
    for command, rows in COMMANDS.items()
    for name, failing in rows.items()
]


@pytest.fixture(scope="session")
def small_series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished series of two seeds. Not to be changed."""
    from tinymnist.training.records import Declaration, Interval, SeriesResult, write_record

    path = tmp_path_factory.mktemp("series") / "two"
    path.mkdir()
    shutil.copy(TINY, path / "spec.yaml")
    declared = Declaration(
        seeds=[0, 1], dataset="mnist-5k", checksums={}, validation=0, teachers={}, device="cpu", threads=1
    )
    result = SeriesResult(
        run="two", name="tiny3130", parameters=3130, dataset="mnist-5k", scored_on="test", chosen_on="", images=1000,
        epochs=1, seeds=[0, 1], accuracies=[90.0, 91.0], losses=[0.1, 0.1], mean=90.5, std=0.7, n=2, minimum=90.0,
        maximum=91.0, seconds=2.0, interval=Interval(low=84.1, high=96.9),
    )  # fmt: skip
    write_record(declared, path / "series.json")
    write_record(result, path / "result.json")
    return path


@pytest.fixture
def place(small_run: Path, small_series: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(tmp_path)
    run = shutil.copytree(small_run, tmp_path / "copies" / "run")
    series = shutil.copytree(small_series, tmp_path / "copies" / "series")
    monkeypatch.setattr("tinymnist.data.published.download", _no_download)
    return Place(tmp_path, Path(run), Path(series))


def _no_download(*_: object) -> None:
    raise AssertionError("this failure comes before a download")


@cache
def schema_of(command: str, *, closed: bool = True) -> dict[str, Any]:
    """The published schema; `closed`: without room for keys that it does not name."""
    from tinymnist.cli.schema import output_schema

    schema = copy.deepcopy(output_schema(command))
    if closed:
        for form in schema["$defs"].values():
            form["additionalProperties"] = False
    return schema


def as_published(command: str, text: str) -> dict[str, Any]:
    """The one object in `text`, which the command's schema describes to the last key."""
    content: dict[str, Any] = json.loads(text)
    jsonschema.Draft202012Validator(schema_of(command)).validate(content)
    return content


@pytest.mark.parametrize("failing", ROWS)
def test_a_failure_is_its_exit_code_and_one_line(failing: Failing, cli: Cli, place: Place) -> None:
    outcome = cli(*failing.make(place))
    assert outcome.code == failing.code, outcome
    assert outcome.err.count("\n") == 1 + failing.notes, outcome.err
    if failing.notes >= 0 and not failing.object_is_result:
        assert outcome.err.splitlines()[-1].startswith("tinymnist: ")
        assert outcome.out == ""


@pytest.mark.parametrize("failing", ROWS)
def test_with_json_it_is_one_object_as_published(failing: Failing, cli: Cli, place: Place) -> None:
    arguments = [*failing.make(place), "--json"]
    outcome = cli(*arguments)
    command = str(arguments[0])
    if command not in WITH_JSON:
        assert (outcome.code, json.loads(outcome.out)["error"]["kind"]) == (2, "usage")
        return
    content = as_published(command, outcome.out)
    assert outcome.code == failing.code
    if failing.object_is_result:
        assert "error" not in content
        assert content.get("exit_code", failing.code) == failing.code
    else:
        assert (content["error"]["kind"], content["error"]["exit_code"]) == (failing.kind, failing.code)
        assert outcome.err.splitlines()[-1] == f"tinymnist: {content['error']['message']}"


def _picture() -> bytes:
    stroke = Image.new("L", (28, 28))
    stroke.paste(255, (12, 4, 16, 24))
    stream = io.BytesIO()
    stroke.save(stream, "PNG")
    return stream.getvalue()


ONE = _picture()

LABELLED_ROW = f"label,{','.join(map(str, range(784)))}\n{','.join(['0'] * 785)}\n"

SUCCESSES: dict[str, Make] = {
    "build": lambda _: ["build", TINY],
    "summary": lambda _: ["summary", TINY],
    "check": lambda _: ["check", TINY],
    "data": lambda _: ["data", "mnist-5k", "--output", "sheet.png"],
    "train": lambda place: ["train", "--resume", place.run],
    "train with a target": lambda place: ["train", "--resume", place.run, "--target", 2, "--last-epochs", 1],
    "train of a series": lambda place: ["train", "--resume", place.series, "--target", 2],
    "evaluate": lambda place: ["evaluate", place.run],
    "evaluate with shifts": lambda place: ["evaluate", place.run, "--shifts", 1],
    "quantize": lambda place: ["quantize", place.run, "--epochs", 1, "--output", place.tmp, "--name", "rounded"],
    "verify": lambda place: ["verify", place.run],
    "grade": lambda place: [
        "grade",
        assignment(place),
        place.write("net.yaml", "name: net\nblocks: 3\n"),
        "--output",
        place.tmp / "grades",
    ],
    "compare": lambda place: ["compare", place.run, place.run],
    "compare two series": lambda place: ["compare", place.series, place.series],
    "predict": lambda place: ["predict", place.run, place.write("1.png", ONE), "--show"],
    "predict of rows": lambda place: ["predict", place.run, place.write("rows.csv", LABELLED_ROW)],
    "predict into a file": lambda place: [
        "predict",
        place.run,
        place.write("rows.csv", LABELLED_ROW),
        "--output",
        place.tmp / "out.csv",
    ],
    "report": lambda place: ["report", place.run],
    "report of a study": lambda place: ["report", played_study(place)],
    "export": lambda place: ["export", place.run, *AS_C],
    "benchmark": lambda place: ["benchmark", place.run],
    "front": lambda place: ["front", place.series],
    "list": lambda _: ["list"],
    "runs": lambda place: ["runs", place.run.parent],
    "search": lambda place: ["search", search_file(place), "--jobs", 1, "--output", place.tmp],
    "search that trains nothing": lambda place: ["search", search_file(place), "--dry-run"],
}


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(make, marks=[pytest.mark.slow] if name == "benchmark" else [], id=name)
        for name, make in SUCCESSES.items()
    ],
)
def test_a_result_is_one_object_as_published(make: Make, cli: Cli, place: Place) -> None:
    arguments = [*make(place), "--json"]
    outcome = cli(*arguments)
    assert outcome.code == 0
    assert "error" not in as_published(str(arguments[0]), outcome.out)


def test_every_command_has_its_rows() -> None:
    names = {command.name for command in app.registered_commands}
    assert set(COMMANDS) == names


def test_every_command_with_json_has_a_schema() -> None:
    group: Any = typer.main.get_command(app)
    having = {
        name
        for name, command in group.commands.items()
        if any("--json" in parameter.opts for parameter in command.params)
    }
    assert having == set(WITH_JSON) == {make.split()[0] for make in SUCCESSES}


def test_every_kind_of_error_and_every_exit_code_has_a_row() -> None:
    rows = [failing for by_name in COMMANDS.values() for failing in by_name.values()]
    kinds = {kind.kind for kind in _all_kinds(TinyMnistError)} - {"error", "interrupted", "bug"}
    assert {failing.kind for failing in rows} == kinds
    assert {failing.code for failing in rows} == {1, 2, 3, 4}  # 0: above; 130, 143 and 70: below


def _all_kinds(kind: type[TinyMnistError]) -> set[type[TinyMnistError]]:
    return {kind}.union(*(_all_kinds(each) for each in kind.__subclasses__()))


@pytest.mark.parametrize("command", WITH_JSON)
def test_a_schema_is_valid_and_leaves_room_for_later_keys(cli: Cli, command: str) -> None:
    schema = json.loads(cli("schema", command).out)
    jsonschema.Draft202012Validator.check_schema(schema)
    later = {"schema_version": 1, "error": {"kind": "x", "message": "y", "exit_code": 3, "later": 1}, "more": 2}
    jsonschema.Draft202012Validator(schema).validate(later)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"error": {"kind": "x", "message": "y", "exit_code": 3}},
        {"schema_version": 1},
        {"schema_version": 1, "error": 0},
    ],
    ids=["empty", "no version", "no content", "no problem"],
)
@pytest.mark.parametrize("command", WITH_JSON)
def test_a_schema_refuses_what_is_no_output(command: str, content: dict[str, Any]) -> None:
    assert not jsonschema.Draft202012Validator(schema_of(command, closed=False)).is_valid(content)


def test_a_run_that_another_process_trains_is_refused(cli: Cli, place: Place) -> None:
    (place.run / "result.json").unlink()
    with locked(place.run):
        outcome = cli("train", "--resume", place.run, "--json")
    assert (outcome.code, as_published("train", outcome.out)["error"]["kind"]) == (2, "run")


# In processes of their own


def run_apart(*arguments: object, code: str = "from tinymnist.__main__ import main; main()", **options: Any) -> Outcome:
    command = [sys.executable, "-c", f"import sys; {code}", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, **options)
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"])
def test_an_interruption_is_one_object_as_published(quick: Path, tmp_path: Path, number: int, code: int) -> None:
    options = ["--dataset", "mnist-5k", "--epochs", "5000", "--name", "cut", "--json"]
    command = [sys.executable, "-m", "tinymnist", "train", "--arch", str(quick), *options]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for _ in range(600):
        if (tmp_path / "runs" / "cut" / "checkpoint" / "state.safetensors").exists():
            break
        time.sleep(0.1)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    error = as_published("train", out)["error"]
    assert (process.returncode, error["kind"], error["exit_code"]) == (code, "interrupted", code)
    assert err.splitlines()[-1] == f"tinymnist: {error['message']}"


@pytest.mark.parametrize(
    ("problem", "code", "kind"), [("KeyError('\\x1b[31m')", 70, "bug"), ("MemoryError()", 3, "data")]
)
def test_even_a_mistake_of_ours_is_one_object(problem: str, code: int, kind: str) -> None:
    broken = (
        f"import tinymnist.cli.list_ as broken; "
        f"broken._recipes = lambda: (_ for _ in ()).throw({problem}); from tinymnist.__main__ import main; main()"
    )
    outcome = run_apart("list", "--json", code=broken)
    error = as_published("list", outcome.out)["error"]
    assert (outcome.code, error["exit_code"], error["kind"]) == (code, code, kind)
    assert outcome.err.splitlines()[-1] == f"tinymnist: {error['message']}"
    assert "\x1b" not in outcome.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("option", [[], ["--json"]], ids=["text", "json"])
def test_a_full_disk_under_stdout_is_exit_code_3(tmp_path: Path, option: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "tinymnist", "list", *option]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=os.environ)
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
