"""Verification: an honest run passes, and each way of cheating is named."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from torch import Tensor

import tinymnist
from tests.support.command_line import Cli
from tests.support.digits import mnist_5k
from tests.support.image_sets import write_npz
from tinymnist.errors import Interrupted
from tinymnist.training import Observer
from tinymnist.training.observer import EpochRow
from tinymnist.verification import verify


@pytest.fixture(scope="module")
def honest(quick: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a network with a rule. Tests must not change it."""
    spec = tinymnist.load_spec(quick, ["checks={max_params: 4000, require: [dropout]}"])
    return tinymnist.train(spec, seed=3, dataset="mnist-5k", output=tmp_path_factory.mktemp("runs"), name="own").path


@pytest.fixture
def run(honest: Path, tmp_path: Path) -> Path:
    """A copy of it, to cheat with."""
    return Path(shutil.copytree(honest, tmp_path / "own"))


def edit(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def failures(cli: Cli, *arguments: object) -> dict[str, str]:
    """What failed, and the exit code as it should be then."""
    outcome = cli("verify", *arguments, "--json")
    content = json.loads(outcome.out)
    failed = {
        each["question"]: each["found"] for run in content["runs"] for each in run["findings"] if not each["passed"]
    }
    assert outcome.code == content["exit_code"] == (1 if failed else 0)
    return failed


def test_an_honest_run_passes(cli: Cli, honest: Path) -> None:
    outcome = cli("verify", honest)
    accuracy = json.loads((honest / "result.json").read_text())["accuracy"]
    parameters = json.loads((honest / "result.json").read_text())["parameters"]
    assert (outcome.code, outcome.err) == (0, "")
    images = "of the 1,000 test images of mnist-5k"
    assert outcome.out.splitlines() == [
        f"ok   {honest}: rules: {parameters:,} parameters; its rules hold",
        f"ok   {honest}: records: spec, weights and figures fit; seed 3",
        f"ok   {honest}: originality: the weights of no network that comes with tinymnist",
        f"ok   {honest}: accuracy: claims {accuracy:.2f} % of 1,000 images, has {accuracy:.2f} % {images}",
        "1 run, 4 findings: all passed",
    ]


def test_a_run_trained_again_has_the_same_weights(cli: Cli, honest: Path) -> None:
    content = json.loads(cli("verify", honest, "--retrain", "--json").out)
    (run,) = content["runs"]
    assert (content["exit_code"], run["identical"], run["scored"]) == (0, True, run["claimed"])
    assert run["findings"][-1]["found"] == "trained again from its seed: weights identical"


def test_a_claim_that_the_network_does_not_keep(cli: Cli, run: Path) -> None:
    edit(run / "result.json", lambda result: result.update(accuracy=99.99))
    metrics = (run / "metrics.csv").read_text().splitlines()
    columns = dict(zip(metrics[0].split(","), metrics[-1].split(","), strict=True)) | {"eval_accuracy": "99.99"}
    (run / "metrics.csv").write_text("\n".join([*metrics[:-1], ",".join(columns.values())]) + "\n")
    (found,) = failures(cli, run).items()
    assert found[0] == "accuracy"
    assert found[1].startswith("claims 99.99 % of 1,000 images, has ")


def test_a_result_that_no_epoch_had(cli: Cli, run: Path) -> None:
    edit(run / "result.json", lambda result: result.update(loss=0.001))
    assert failures(cli, run) == {"records": "result.json and epoch 2 of metrics.csv have different figures"}


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("seed", 4, "seed 4, the run 3"),
        ("epochs", 3, "epochs 3, the run 2"),
        ("name", "mine", "name 'mine', the run 'quick'"),
    ],
)
def test_a_result_of_another_run(key: str, value: object, found: str, cli: Cli, run: Path) -> None:
    edit(run / "result.json", lambda result: result.update({key: value}))
    assert failures(cli, run)["records"].startswith(f"result.json says {found}")


def test_the_weights_of_a_packaged_network_under_another_name(cli: Cli, tmp_path: Path) -> None:
    run = unpacked("smooth675", tmp_path / "mine", name="mine")
    seed = tinymnist.load_run("smooth675").environment.seed
    found = f"the weights of smooth675, seed {seed}, which comes with tinymnist"
    assert failures(cli, run, "--dataset", "mnist-5k")["originality"] == found


@pytest.mark.parametrize("change", [lambda each: each * 1.001, lambda each: each + 1e-4], ids=["factor", "sum"])
def test_the_weights_of_a_packaged_network_changed_a_little(
    change: Callable[[Tensor], Tensor], cli: Cli, tmp_path: Path
) -> None:
    run = unpacked("smooth675", tmp_path / "mine", name="mine", change=change)
    assert failures(cli, run, "--dataset", "mnist-5k")["originality"].startswith("the weights of smooth675, seed ")


def test_forged_figures_of_an_earlier_epoch(cli: Cli, run: Path) -> None:
    lines = (run / "metrics.csv").read_text().splitlines()
    columns = dict(zip(lines[0].split(","), lines[1].split(","), strict=True)) | {"eval_accuracy": "38.5"}
    (run / "metrics.csv").write_text("\n".join([lines[0], ",".join(columns.values()), *lines[2:]]) + "\n")
    assert failures(cli, run, "--retrain") == {
        "retraining": "trained again from its seed: weights identical, but metrics.csv has other figures for epoch 1"
    }


def test_a_network_over_its_own_budget(cli: Cli, run: Path) -> None:
    text = (run / "spec.yaml").read_text().replace("max_params: 4000", "max_params: 10")
    (run / "spec.yaml").write_text(text)
    edit(run / "environment.json", lambda environment: environment.update(spec_sha256=None))
    assert failures(cli, run)["rules"].startswith("max_params: asked at most 10 parameters, found ")


def test_a_spec_edited_after_training(cli: Cli, run: Path) -> None:
    text = (run / "spec.yaml").read_text().replace("max_params: 4000", "max_params: 5000")
    (run / "spec.yaml").write_text(text)
    outcome = cli("verify", run)
    assert (outcome.code, outcome.out) == (3, "1 run, 0 findings: 1 cannot be opened\n")
    assert "has changed since the training began" in outcome.err


def test_a_run_trained_on_the_test_images(cli: Cli, quick: Path, tmp_path: Path) -> None:
    """It says where its images were; the images that it is held to are somebody else's."""
    others, other_labels, images, labels = mnist_5k()
    splits = {"train": (images, labels), "test": (others[::10], other_labels[::10])}
    path = write_npz(tmp_path / "mine.npz", splits)
    run = tinymnist.train(tinymnist.load_spec(quick), seed=0, dataset=str(path), output=tmp_path, name="known").path
    path.unlink()
    assert failures(cli, run, "--dataset", "mnist-5k")["images"] == f"trained on {path}"


def test_weights_that_no_training_from_the_seed_gives(cli: Cli, honest: Path, tmp_path: Path) -> None:
    spec = tinymnist.load_run(honest).spec
    run = tinymnist.train(spec, seed=4, dataset="mnist-5k", output=tmp_path, name="other").path
    for record in ("result.json", "environment.json"):
        edit(run / record, lambda content: content.update(seed=3))
    (found,) = failures(cli, run, "--retrain").items()
    assert found[0] == "retraining"
    assert found[1].startswith("trained again from its seed: other figures from epoch 1 on, and in the end ")


def test_what_another_machine_trained_is_held_to_the_spread_of_seeds(cli: Cli, honest: Path, tmp_path: Path) -> None:
    spec = tinymnist.load_run(honest).spec
    run = tinymnist.train(spec, seed=4, dataset="mnist-5k", output=tmp_path, name="other").path
    edit(run / "result.json", lambda content: content.update(seed=3))
    edit(run / "environment.json", lambda content: content.update(seed=3, device_name="a Z80", numerics="own: PyTorch"))
    content = json.loads(cli("verify", run, "--retrain", "--json").out)
    (found,) = content["runs"]
    assert (found["identical"], found["findings"][-1]["question"]) == (False, "retraining")
    text = found["findings"][-1]["found"]
    assert (
        "other weights, as is to be expected (trained with numerics own: PyTorch, here portable-1, processor a Z80"
        in text
    )
    assert "by 3 trainings here, 95 % of seeds have " in text


def test_another_machine_is_no_excuse_where_all_machines_give_the_same_bits(
    cli: Cli, honest: Path, tmp_path: Path
) -> None:
    spec = tinymnist.load_run(honest).spec
    run = tinymnist.train(spec, seed=4, dataset="mnist-5k", output=tmp_path, name="other").path
    edit(run / "result.json", lambda content: content.update(seed=3))
    versions = {"torch": "1.0", "numpy": "1.0"}
    edit(run / "environment.json", lambda content: content.update(seed=3, device_name="a Z80", versions=versions))
    (found,) = failures(cli, run, "--retrain").items()
    assert found[1].startswith("trained again from its seed: other figures from epoch 1 on, and in the end ")


def test_a_series_whose_figures_are_not_those_of_its_seeds(cli: Cli, quick: Path, tmp_path: Path) -> None:
    spec = tinymnist.load_spec(quick, ["train.epochs=1"])
    series = tinymnist.train_series(spec, [0, 1], jobs=1, dataset="mnist-5k", output=tmp_path, name="two")
    assert failures(cli, series.path) == {}
    result = (series.path / "result.json").read_text()
    lies: list[dict[str, Any]] = [{"mean": 99.0}, {"accuracies": [99.0, 99.0]}]
    for lie in lies:
        (series.path / "result.json").write_text(json.dumps({**json.loads(result), **lie}))
        assert [*failures(cli, series.path)] == ["figures"]


def test_a_series_of_which_the_figures_alone_are_there(cli: Cli) -> None:
    outcome = cli("verify", "tiny3130-steady")
    remedy = "comes with the figures of its runs alone: name a network in `list`, or a run"
    assert (outcome.code, outcome.err) == (2, f"tinymnist: tiny3130-steady: {remedy}\n")


def test_a_folder_means_the_runs_in_it(cli: Cli, honest: Path, tmp_path: Path) -> None:
    for name in ("b", "a"):
        shutil.copytree(honest, tmp_path / "all" / name)
    (tmp_path / "all" / "notes").mkdir()
    content = json.loads(cli("verify", tmp_path / "all", "--json").out)
    assert [each["run"] for each in content["runs"]] == [str(tmp_path / "all" / name) for name in ("a", "b")]


def test_what_cannot_be_opened_does_not_stop_the_rest(cli: Cli, honest: Path, run: Path) -> None:
    (run / "environment.json").write_text("{")
    outcome = cli("verify", run, honest)
    assert outcome.code == 3
    assert outcome.err.startswith(f"tinymnist: {run}/environment.json: damaged")
    assert outcome.out.splitlines()[-1] == "2 runs, 4 findings: 1 cannot be opened"


def test_junit_has_a_suite_for_each_run(cli: Cli, honest: Path, run: Path) -> None:
    edit(run / "result.json", lambda result: result.update(loss=0.001))
    root = ElementTree.fromstring(cli("verify", honest, run, "--format", "junit").out)
    assert [(suite.get("name"), suite.get("tests"), suite.get("failures")) for suite in root] == [
        (str(honest), "4", "0"),
        (str(run), "4", "1"),
    ]


def test_an_interruption_of_a_retraining_is_no_finding(honest: Path) -> None:
    class Stop(Observer):
        def epoch_ended(self, row: EpochRow) -> None:
            raise Interrupted("stop", 2)

    with pytest.raises(Interrupted):
        list(verify(honest, retrain=True, observer=Stop()))


def unpacked(network: str, folder: Path, name: str, change: Callable[[Tensor], Tensor] = lambda each: each) -> Path:
    """A run directory with the weights of a packaged network, under another name."""
    import hashlib

    from tinymnist.model.tensors import write_tensors
    from tinymnist.training.directory import WEIGHTS, create_run
    from tinymnist.training.naming import NewName
    from tinymnist.training.records import RESULT, write_record

    packed = tinymnist.load_run(network)
    spec = packed.spec.model_copy(update={"name": name})
    run = create_run(folder.parent, NewName.choose(folder.name, spec, ""), spec, packed.environment)
    tensors = {
        key: change(each) if each.is_floating_point() else each
        for key, each in packed.load_model().state_dict().items()
    }
    write_tensors(tensors, run.path / WEIGHTS)
    digest = hashlib.sha256((run.path / WEIGHTS).read_bytes()).hexdigest()
    write_record(packed.result.model_copy(update={"name": name, "weights_sha256": digest}), run.path / RESULT)
    return run.path


def test_what_a_run_starts_from_is_verified_too(cli: Cli, honest: Path, tmp_path: Path) -> None:
    def child(parent: Path, name: str) -> Path:
        spec = tinymnist.load_run(parent).spec
        return tinymnist.train(spec, seed=1, dataset="mnist-5k", initial=parent, output=tmp_path, name=name).path

    parent = tmp_path / "parent"
    shutil.copytree(honest, parent)
    good = child(parent, "good")
    assert failures(cli, good) == {}
    edit(parent / "result.json", lambda content: content.update(accuracy=99.99))
    (found,) = failures(cli, good).items()
    assert found[0] == "origins"
    assert found[1].startswith(f"builds on {parent}: ")
    (parent / "weights.safetensors").write_bytes(b"damaged")
    assert failures(cli, good)["origins"].startswith(f"builds on {parent}")
    shutil.rmtree(parent)
    assert failures(cli, good) == {}
    assert "which is not there, so it is not verified" in cli("verify", good).out
