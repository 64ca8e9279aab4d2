"""Evaluation: the run's own figures again, with an interval, and only where it is honest."""

import hashlib
import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import rotate, shift
from torch import Tensor, nn

import tinymnist
from tests.support.command_line import ARCHS, Cli
from tests.support.digits import mnist_5k
from tests.support.image_sets import write_npz
from tests.support.trainings import StopAfter
from tinymnist import build_model, load_run, load_spec
from tinymnist.data.finding import MissingDataError
from tinymnist.errors import Interrupted
from tinymnist.evaluation import Evaluation, confusion_matrix
from tinymnist.training.records import Declaration, write_record
from tinymnist.views import Views, mean_probabilities


@pytest.fixture
def run(small_run: Path, tmp_path: Path) -> Path:
    """A copy of a finished run, to be damaged."""
    return Path(shutil.copytree(small_run, tmp_path / "copied"))


def test_a_copied_run_scores_as_it_did(cli: Cli, run: Path, small_run: Path) -> None:
    content = json.loads(cli("evaluate", run, "--json").out)
    result = json.loads((small_run / "result.json").read_text())
    for key in ("schema_version", "name", "parameters", "dataset", "accuracy", "n"):
        assert content[key] == result[key]
    assert content["loss"] == pytest.approx(result["loss"], rel=1e-6)


def test_the_confusion_matrix_adds_up(cli: Cli, small_run: Path) -> None:
    content = json.loads(cli("evaluate", small_run, "--json").out)
    confusion = np.array(content["confusion"])
    assert confusion.sum(1).tolist() == [100] * 10
    assert 100 * confusion.trace() / 1000 == content["accuracy"]
    assert np.diag(confusion).tolist() == content["accuracy_by_class"]


UNEQUAL = ((8, 2, 0, 0), (1, 1, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0))
"""Of 4 classes, the last two neither occur nor are predicted."""


def test_a_class_without_images_has_no_accuracy(cli: Cli, tmp_path: Path) -> None:
    """A line of 0 % would say that the network failed at it."""
    images, labels = np.arange(48, dtype=np.uint8).reshape(12, 2, 2), np.arange(12) % 3
    few = labels[:6] % 2
    path = write_npz(tmp_path / "set.npz", {"train": (images, labels), "test": (images[:6] + 100, few)})
    spec = tmp_path / "net.yaml"
    spec.write_text(
        "name: net\ninput: {height: 2, width: 2}\nclasses: 3\nblocks: [{convs: [2], pool: global_average}]\n"
        f"data: {{dataset: {path}}}\ntrain: {{epochs: 1, batch_size: 6, augment: [], engine: torch}}\n"
    )
    assert cli("train", spec, "--output", tmp_path, "--name", "run").code == 0
    assert json.loads(cli("evaluate", tmp_path / "run", "--json").out)["accuracy_by_class"][2] is None
    assert cli("evaluate", tmp_path / "run").out.splitlines()[-1].split() == ["2", ".", ".", ".", "-"]


def evaluation_with(confusion: tuple[tuple[int, ...], ...]) -> Evaluation:
    counts = np.array(confusion)
    names = tuple(map(str, range(len(confusion))))
    return Evaluation("made", int(counts.sum()), int(counts.trace()), 0.0, names, confusion)


@pytest.mark.parametrize(
    ("confusion", "balanced_accuracy", "macro_f1"),
    [
        (UNEQUAL, (80 + 50) / 2, (1600 / 19 + 40) / 2),
        (((9, 0, 0), (1, 0, 0), (0, 0, 0)), 50, (1800 / 19) / 2),
        (((8, 0, 2), (0, 5, 0), (0, 0, 0)), 90, (1600 / 18 + 100) / 3),
    ],
    ids=["classes that are left out", "one that is never predicted", "one that is only predicted"],
)
def test_averages_over_classes_are_those_of_their_definition(
    confusion: tuple[tuple[int, ...], ...], balanced_accuracy: float, macro_f1: float
) -> None:
    evaluation = evaluation_with(confusion)
    assert evaluation.balanced_accuracy == pytest.approx(balanced_accuracy)
    assert evaluation.macro_f1 == pytest.approx(macro_f1)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_averages_over_classes_are_those_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    generator = np.random.default_rng(0)
    for classes, n in ((2, 3), (10, 5), (10, 30), (10, 500), (1000, 2000)):
        labels, predictions = np.sqrt(generator.integers(0, classes**2, (2, n))).astype(int)
        found = confusion_matrix(torch.from_numpy(predictions), torch.from_numpy(labels), classes)
        evaluation = evaluation_with(found)
        balanced_accuracy = metrics.balanced_accuracy_score(labels, predictions)
        macro_f1 = metrics.f1_score(labels, predictions, average="macro", zero_division=0)
        assert evaluation.balanced_accuracy == pytest.approx(100 * balanced_accuracy)
        assert evaluation.macro_f1 == pytest.approx(100 * macro_f1)


def test_averages_over_classes_stand_beside_the_accuracy(cli: Cli, small_run: Path) -> None:
    content = json.loads(cli("evaluate", small_run, "--json").out)
    confusion = np.array(content["confusion"])
    f1 = 2 * np.diag(confusion) / (confusion.sum(0) + confusion.sum(1))
    assert content["balanced_accuracy"] == pytest.approx(content["accuracy"])  # 100 images of each class
    assert content["macro_f1"] == pytest.approx(100 * f1.mean())
    line = f"balanced accuracy {content['balanced_accuracy']:.2f} %, macro F1 {content['macro_f1']:.2f} %"
    assert cli("evaluate", small_run).out.splitlines()[2] == line


def test_text_shows_accuracy_interval_and_matrix(cli: Cli, small_run: Path) -> None:
    content = json.loads(cli("evaluate", small_run, "--json").out)
    lines = cli("evaluate", small_run).out.splitlines()
    assert lines[0] == "tiny3130, 3,130 parameters, on the 1,000 test images of mnist-5k"
    low, high = content["interval"]["low"], content["interval"]["high"]
    assert lines[1].startswith(
        f"accuracy {content['accuracy']:.2f} % (95 % Wilson interval {low:.2f} to {high:.2f} %), "
    )
    assert [line.split()[0] for line in lines[5:]] == [str(digit) for digit in range(10)]


def mean_over_shifts(model: nn.Module, images: NDArray[np.uint8], pixels: int) -> Tensor:
    """Mean probabilities, a view at a time, moved by SciPy."""
    offsets = range(-pixels, pixels + 1)
    return mean_over([shift(images, (0, down, right), order=0, cval=0) for down in offsets for right in offsets], model)


def mean_over(views: list[NDArray[np.uint8]], model: nn.Module) -> Tensor:
    with torch.inference_mode():
        outputs = [model((torch.from_numpy(view)[:, None] / 255 - 0.1307) / 0.3081) for view in views]
    return torch.stack([output.exp() / output.exp().sum(1, keepdim=True) for output in outputs]).mean(0)


@pytest.mark.parametrize("pixels", [0, 1, 3])
@pytest.mark.parametrize("activation", ["log_softmax", "none"])
def test_shifts_average_the_probabilities_of_all_views(small_run: Path, activation: str, pixels: int) -> None:
    run = load_run(small_run)
    model = build_model(load_spec(small_run / "spec.yaml", [f"head.activation={activation}"])).eval()
    model.load_state_dict(run.load_model().state_dict())
    images = np.random.default_rng(0).integers(0, 256, (12, 28, 28), np.uint8)  # bright up to the edge
    normalize = run.spec.train.normalize
    found = mean_probabilities(model, torch.from_numpy(images)[:, None], normalize, Views(shifts=pixels))
    torch.testing.assert_close(found, mean_over_shifts(model, images, pixels))


def test_an_image_is_seen_as_it_is_and_turned_to_either_side() -> None:
    image = mnist_5k()[2][0]
    found = [view.flatten(0, 2).numpy() for view in Views(turn=30).of(torch.from_numpy(image)[None, None])]
    expected = [rotate(image.astype(float), degrees, reshape=False, order=1) for degrees in (0, -30, 30)]
    np.testing.assert_allclose(found, expected, atol=1.0)  # grey levels are rounded


def test_each_channel_of_an_image_is_turned_alike() -> None:
    image = np.stack([mnist_5k()[2][0]] * 3)
    for view in Views(turn=10).of(torch.from_numpy(image)[None]):
        assert (view[0] == view[0, 0]).all()


def test_with_shifts_and_a_turn_each_turned_image_is_shifted() -> None:
    images = torch.from_numpy(mnist_5k()[2][:2, None])
    views = Views(shifts=1, turn=10)
    turned = Views(turn=10).of(images)
    expected = [view for image in turned for view in Views(shifts=1).of(image)]
    torch.testing.assert_close(torch.stack(views.of(images)), torch.stack(expected), rtol=0, atol=0)
    assert views.count == len(expected) == 27


@pytest.mark.slow
def test_several_views_are_told_apart_from_the_plain_figures(cli: Cli, small_run: Path) -> None:
    plain = json.loads(cli("evaluate", small_run, "--json").out)
    content = json.loads(cli("evaluate", small_run, "--shifts", 1, "--json").out)
    _, _, images, labels = mnist_5k()
    right = mean_over_shifts(load_run(small_run).load_model(), images, 1).argmax(1) == torch.from_numpy(labels)
    accuracy = 100 * int(right.sum()) / 1000
    assert content.pop("views") == {"shifts": 1, "turn": 0.0, "count": 9, "accuracy": accuracy, "n": 1000}
    assert content == plain


@pytest.mark.parametrize(
    ("options", "start"),
    [
        (["--shifts", 1], "with shifts of up to 1 pixel (mean of 9 views, 9 times the work): "),
        (["--turn", 7.5], "with turns of 7.5° to either side (mean of 3 views, 3 times the work): "),
        pytest.param(
            ["--shifts", 2, "--turn", 7],
            "with shifts of up to 2 pixels and turns of 7° to either side (mean of 75 views, 75 times the work): ",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_text_shows_several_views_on_one_more_line(
    cli: Cli, small_run: Path, options: list[str | float], start: str
) -> None:
    plain, lines = (cli("evaluate", small_run, *given).out.splitlines() for given in ([], options))
    accuracy = json.loads(cli("evaluate", small_run, *options, "--json").out)["views"]["accuracy"]
    assert lines.pop(3) == f"{start}{accuracy:.2f} %, {round(1000 - 10 * accuracy)} wrong"
    assert lines == plain


@pytest.mark.parametrize("degrees", [-1, 45.5, "nan"])
def test_turns_beyond_the_limits_are_refused(cli: Cli, small_run: Path, degrees: float | str) -> None:
    outcome = cli("evaluate", small_run, "--turn", degrees)
    assert (outcome.code, outcome.err) == (2, f"tinymnist: --turn {degrees}: expects degrees from 0 to 45\n")


@pytest.mark.parametrize("pixels", [-1, 4])
def test_shifts_beyond_the_background_are_refused(cli: Cli, small_run: Path, pixels: int) -> None:
    outcome = cli("evaluate", small_run, "--shifts", pixels)
    assert (outcome.code, outcome.err) == (2, f"tinymnist: --shifts {pixels}: expects a number from 0 to 3\n")


def test_a_series_is_not_evaluated_as_a_whole(cli: Cli, run: Path) -> None:
    shared: dict[str, Any] = {"checksums": {}, "teachers": {}, "device": "cpu", "threads": None}
    declaration = Declaration(seeds=[7, 8], dataset="mnist-5k", validation=0, **shared)
    write_record(declaration, run / "series.json")
    outcome = cli("evaluate", run)
    assert (outcome.code, outcome.err) == (
        2,
        f"tinymnist: {run}: is a series of 2 seeds: name one of them, such as {run}/seed-7\n",
    )


def test_a_run_trained_on_all_of_mnist_is_not_evaluated_on_a_part_of_it(cli: Cli, run: Path) -> None:
    environment = json.loads((run / "environment.json").read_text())
    (run / "environment.json").write_text(json.dumps({**environment, "dataset": "mnist", "data": None}))
    outcome = cli("evaluate", run, "--dataset", "mnist-5k")
    assert (outcome.code, outcome.err) == (
        2,
        f"tinymnist: {run}: was trained on mnist, so it may know images of mnist-5k that are scored: "
        "evaluate it with --dataset mnist\n",
    )


def test_a_run_of_mnist_5k_may_be_evaluated_on_mnists_test_set(cli: Cli, run: Path, mnist_dir: Path) -> None:
    content = json.loads(cli("evaluate", run, "--dataset", "mnist", "--data-dir", mnist_dir, "--json").out)
    assert (content["dataset"], content["n"]) == ("mnist", 10_000)
    assert content["accuracy"] > 85


def test_a_run_without_a_checkpoint_says_how_to_resume_it(cli: Cli, run: Path) -> None:
    for name in ("result.json", "weights.safetensors", "checkpoint/state.safetensors"):
        (run / name).unlink()
    outcome = cli("evaluate", run)
    assert outcome.code == 2
    assert outcome.err == f"tinymnist: {run}: not finished: resume it with `tinymnist train --resume {run}`\n"


@pytest.mark.parametrize("average", [[], ["train.ema=0.9"]], ids=["last weights", "average"])
def test_before_its_result_a_run_is_what_it_will_be(cli: Cli, quick: Path, tmp_path: Path, average: list[str]) -> None:
    run = tinymnist.train(
        load_spec(quick, average), seed=1, dataset="mnist-5k", output=tmp_path, name="run", device="cpu"
    )
    (run.path / "weights.safetensors").unlink()
    expected = run.result.accuracy
    (run.path / "result.json").unlink()
    content = json.loads(cli("evaluate", run.path, "--json").out)
    assert content["accuracy"] == pytest.approx(expected)
    assert content["unfinished"] == {"epoch": 2, "step": 0, "epochs": 2}


def test_an_interrupted_run_is_scored_as_far_as_it_is(cli: Cli, quick: Path, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        tinymnist.train(load_spec(quick), dataset="mnist-5k", output=tmp_path, name="half", observer=StopAfter(13))
    lines = cli("evaluate", tmp_path / "half").out.splitlines()
    assert lines[3] == "unfinished: after epoch 1 of 2 and step 3 of the next"
    outcome = cli("compare", tmp_path / "half", tmp_path / "half")
    assert (outcome.code, outcome.err.startswith(f"tinymnist: {tmp_path}/half: not finished: ")) == (2, True)


class Malicious:
    def __reduce__(self) -> Any:
        return Path.touch, (Path("trace"),)


DAMAGE = {
    "empty weights": ("weights.safetensors", b""),
    "garbage": ("weights.safetensors", b"garbage" * 100),
    "pickle": ("weights.safetensors", pickle.dumps(Malicious())),
    "cut JSON": ("environment.json", b"{"),
    "JSON list": ("environment.json", b"[]"),
    "JSON without dataset": ("environment.json", b"{}"),
    "deep JSON": ("environment.json", b"[" * 100_000),
    "empty result": ("result.json", b"{}"),
    "NaN": ("result.json", b'{"loss": NaN}'),
    "spec": ("spec.yaml", b"name: x\n"),
}


@pytest.mark.parametrize(("name", "content"), DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_run_is_one_line_and_exit_code_3(
    cli: Cli, run: Path, name: str, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run)
    (run / name).write_bytes(content)
    outcome = cli("evaluate", run)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (3, "", 1)
    assert name in outcome.err
    assert not (run / "trace").exists()


def test_weights_of_another_network_are_refused(cli: Cli, run: Path) -> None:
    cli("build", "mini697", "--output", run / "weights.safetensors")
    result = json.loads((run / "result.json").read_text())
    digest = hashlib.sha256((run / "weights.safetensors").read_bytes()).hexdigest()
    (run / "result.json").write_text(json.dumps({**result, "weights_sha256": digest}))
    outcome = cli("evaluate", run)
    assert (outcome.code, "does not belong to this network" in outcome.err) == (3, True)


def test_one_flipped_bit_in_the_weights_is_found(cli: Cli, run: Path) -> None:
    content = bytearray((run / "weights.safetensors").read_bytes())
    content[-1] ^= 1
    (run / "weights.safetensors").write_bytes(content)
    outcome = cli("evaluate", run)
    assert (outcome.code, "damaged (its SHA-256 is not the one in result.json)" in outcome.err) == (3, True)


def test_auto_that_falls_back_is_not_a_way_around_that_refusal(
    cli: Cli, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_download(*_: object) -> None:
        raise MissingDataError("no internet")

    monkeypatch.setattr("tinymnist.data.published.download", no_download)
    monkeypatch.setenv("TINYMNIST_DATA", str(tmp_path / "empty"))
    environment = json.loads((run / "environment.json").read_text())
    (run / "environment.json").write_text(json.dumps({**environment, "dataset": "mnist", "data": None}))
    outcome = cli("evaluate", run, "--dataset", "auto")
    assert (outcome.code, outcome.out) == (2, "")


@pytest.mark.slow
def test_the_packaged_architectures_all_train_for_a_step(cli: Cli, tmp_path: Path) -> None:
    for path in sorted(ARCHS.glob("*.yaml")):
        arguments = ["--arch", path, "--dataset", "mnist-5k", "--output", tmp_path, "--name", path.stem]
        quick = ["--epochs", 1, "--batch-size", 2000, "--set", "train.augment=[]", "--engine", "torch"]
        if load_spec(path).train.distill is not None:
            quick += ["--recipe", "steady"]  # its own has teachers, which are trained first
        outcome = cli("train", *arguments, *quick)
        assert outcome.code == 0, outcome.err
