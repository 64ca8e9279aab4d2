"""Evaluation: the run's own figures again, with an interval, and only where it is honest."""

import hashlib
import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from tests.conftest import ARCHS, Cli
from tinymnist.data.idx import NotThereError
from tinymnist.evaluation import wilson_interval
from tinymnist.files import write_atomically


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


def test_text_shows_accuracy_interval_and_matrix(cli: Cli, small_run: Path) -> None:
    content = json.loads(cli("evaluate", small_run, "--json").out)
    lines = cli("evaluate", small_run).out.splitlines()
    assert lines[0] == "tiny3130, 3,130 parameters, on the 1,000 test images of mnist-5k"
    low, high = content["interval"]["low"], content["interval"]["high"]
    assert lines[1].startswith(
        f"accuracy {content['accuracy']:.2f} % (95 % Wilson interval {low:.2f} to {high:.2f} %), "
    )
    assert [line.split()[0] for line in lines[4:]] == [str(digit) for digit in range(10)]


@pytest.mark.parametrize(("successes", "trials"), [(9940, 10_000), (0, 10), (10, 10), (1, 2), (994, 1000)])
def test_wilson_interval_is_scipys(successes: int, trials: int) -> None:
    expected = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    assert wilson_interval(successes, trials) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_a_run_trained_on_all_of_mnist_is_not_evaluated_on_a_part_of_it(cli: Cli, run: Path) -> None:
    environment = json.loads((run / "environment.json").read_text())
    (run / "environment.json").write_text(json.dumps({**environment, "dataset": "mnist"}))
    outcome = cli("evaluate", run, "--dataset", "mnist-5k")
    assert (outcome.code, outcome.err) == (
        2,
        f"tinymnist: {run}: was trained on all of MNIST, which mnist-5k is a part of: "
        "evaluate it with --dataset mnist\n",
    )


def test_a_run_of_mnist_5k_may_be_evaluated_on_mnists_test_set(cli: Cli, run: Path, mnist_dir: Path) -> None:
    content = json.loads(cli("evaluate", run, "--dataset", "mnist", "--data-dir", mnist_dir, "--json").out)
    assert (content["dataset"], content["n"]) == ("mnist", 10_000)
    assert content["accuracy"] > 85


def test_an_unfinished_run_says_how_to_go_on(cli: Cli, run: Path) -> None:
    (run / "result.json").unlink()
    (run / "weights.safetensors").unlink()
    outcome = cli("evaluate", run)
    assert outcome.code == 2
    assert outcome.err == f"tinymnist: {run}: not finished: go on with `tinymnist train --resume {run}`\n"


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
        raise NotThereError("no internet")

    monkeypatch.setattr("tinymnist.data.load.download", no_download)
    environment = json.loads((run / "environment.json").read_text())
    (run / "environment.json").write_text(json.dumps({**environment, "dataset": "mnist"}))
    outcome = cli("evaluate", run, "--dataset", "auto", "--data-dir", tmp_path / "empty")
    assert (outcome.code, outcome.out) == (2, "")


def test_a_failed_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_atomically(tmp_path / "file", "before")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(Exception, match="file: cannot be written: No space left on device"):
        write_atomically(tmp_path / "file", "after")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file", "before")]


def test_the_packaged_architectures_all_train_for_a_step(cli: Cli, tmp_path: Path) -> None:
    for path in sorted(ARCHS.glob("*.yaml")):
        arguments = ["--arch", path, "--dataset", "mnist-5k", "--output", tmp_path, "--name", path.stem]
        outcome = cli("train", *arguments, "--epochs", 1, "--batch-size", 2000, "--set", "train.augment=[]")
        assert outcome.code == 0, outcome.err
