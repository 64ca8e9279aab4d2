"""Teachers: a network comes to agree with them, and none has seen the images that are scored."""

import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tests.support.command_line import Cli
from tests.support.trainings import StopAfter
from tinymnist import Spec, load_spec, train
from tinymnist.data import load_dataset
from tinymnist.errors import DataError, Interrupted, SpecError, UsageError
from tinymnist.native import CompilerError, NativeNetwork
from tinymnist.notices import NativeTeacherUnavailable, Notice
from tinymnist.training import Run, load_run, resume, train_series, views
from tinymnist.training.observer import Observer
from tinymnist.training.teacher import Teacher, refuse_unfit_teachers

TURNED = "train.augment=[{ShiftScaleRotate: {rotate_limit: 12}}]"


@pytest.fixture(scope="module")
def teacher(quick: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(load_spec(quick), seed=5, dataset="mnist-5k", output=tmp_path_factory.mktemp("runs"), name="teacher")


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of what teachers said, empty."""
    monkeypatch.setattr(views, "CACHE", replace(views.CACHE, name=str(tmp_path / "said")))
    return views.CACHE.folder


def taught(quick: Path, teacher: Path, *overrides: str) -> Spec:
    return load_spec(quick, [f"train.distill={{teacher: ['{teacher}'], weight: 1.0}}", *overrides])


@pytest.mark.parametrize("views", ["clean", "same", "3"])
def test_a_taught_network_comes_to_agree_with_its_teacher(
    views: str, quick: Path, teacher: Run, tmp_path: Path
) -> None:
    spec = taught(quick, teacher.path, f"train.distill.views={views}", "train.epochs=8")
    student = train(spec, seed=1, dataset="mnist-5k", output=tmp_path, name="student")
    alone = train(load_spec(quick, ["train.epochs=8"]), seed=1, dataset="mnist-5k", output=tmp_path, name="alone")
    images = load_dataset("mnist-5k").test.images.float() / 255

    @torch.no_grad()
    def distance(run: Run) -> float:
        ours, theirs = (each.load_model()(images).log_softmax(1) for each in (run, teacher))
        return functional.kl_div(ours, theirs, reduction="batchmean", log_target=True).item()

    assert distance(student) < 0.5 * distance(alone)


@pytest.mark.parametrize(("engine", "views"), [("native", "clean"), ("torch", "clean"), ("native", "2")])
def test_a_taught_training_resumes_to_the_same_bits(
    engine: str, views: str, quick: Path, teacher: Run, tmp_path: Path
) -> None:
    spec = taught(
        quick, teacher.path, TURNED, f"train.engine={engine}", "train.ema=0.9", f"train.distill.views={views}"
    )
    uncut = train(spec, seed=1, dataset="mnist-5k", output=tmp_path, name="uncut")
    with pytest.raises(Interrupted):
        train(spec, seed=1, dataset="mnist-5k", output=tmp_path, name="cut", observer=StopAfter(13))
    assert _weights(resume(tmp_path / "cut")) == _weights(uncut)
    assert uncut.environment.teachers == {str(teacher.path): teacher.result.weights_sha256}


def test_what_a_teacher_says_of_a_view_is_asked_once_for_all_seeds(
    quick: Path, teacher: Run, tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    answer = Teacher.probabilities_of

    def asking(teacher: Teacher, images: Tensor) -> Tensor:
        asked.append(len(images))
        return answer(teacher, images)

    monkeypatch.setattr(Teacher, "probabilities_of", asking)
    spec = taught(quick, teacher.path, TURNED, "train.distill.views=2", "train.epochs=3")
    first = train(spec, seed=1, dataset="mnist-5k", output=tmp_path, name="first")
    assert sum(asked) == 2 * 4000
    train(spec, seed=2, dataset="mnist-5k", output=tmp_path, name="second")
    assert (sum(asked), len(list(kept.iterdir()))) == (2 * 4000, 2)
    again = train(spec, seed=1, dataset="mnist-5k", output=tmp_path, name="again")
    assert _weights(again) == _weights(first)


@pytest.mark.parametrize("change", ["train.distill.temperature=2.0", "train.augment=[HorizontalFlip]"])
def test_what_a_teacher_says_otherwise_is_asked_anew(
    change: str, quick: Path, teacher: Run, tmp_path: Path, kept: Path
) -> None:
    for name, changes in (("first", []), ("other", [change])):
        spec = taught(quick, teacher.path, TURNED, "train.distill.views=1", "train.epochs=1", *changes)
        train(spec, seed=1, dataset="mnist-5k", output=tmp_path, name=name)
    assert len(list(kept.iterdir())) == 2


@pytest.mark.parametrize("jobs", [2, 3, 8])
def test_seeds_side_by_side_begin_with_views_far_apart(jobs: int) -> None:
    first = sorted(views.first_view(seed, 24) for seed in range(jobs))
    gaps = np.diff([*first, first[0] + 24])
    assert min(gaps) >= 24 / jobs / 2


def test_a_damaged_answer_is_asked_for_again(quick: Path, teacher: Run, tmp_path: Path, kept: Path) -> None:
    spec = taught(quick, teacher.path, "train.distill.views=1", "train.epochs=1")
    first = train(spec, seed=1, dataset="mnist-5k", output=tmp_path, name="first")
    (answer,) = kept.iterdir()
    answer.write_bytes(answer.read_bytes()[:-4] + b"bits")
    assert views.CACHE.look_up(answer.stem) is None
    again = train(spec, seed=1, dataset="mnist-5k", output=tmp_path, name="again")
    assert _weights(again) == _weights(first)
    assert views.CACHE.look_up(answer.stem) is not None


def test_epochs_without_augmentation_show_the_images_as_they_are(
    quick: Path, teacher: Run, tmp_path: Path, kept: Path
) -> None:
    spec = taught(quick, teacher.path, TURNED, "train.distill.views=5", "train.epochs=2", "train.augment_until=0.5")
    train(spec, seed=1, dataset="mnist-5k", output=tmp_path, name="run")
    plain = taught(quick, teacher.path, "train.distill.views=1", "train.epochs=1")
    train(plain, seed=1, dataset="mnist-5k", output=tmp_path, name="plain")
    assert len(list(kept.iterdir())) == 2


def test_a_stop_does_not_wait_for_the_teacher(quick: Path, teacher: Run, tmp_path: Path, kept: Path) -> None:
    class StopAtOnce(Observer):
        def epoch_started(self, epoch: int, epochs: int, images: int) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    spec = taught(quick, teacher.path, "train.distill.views=2")
    with pytest.raises(Interrupted, match="stopped in epoch 1 after step 0"):
        train(spec, seed=1, dataset="mnist-5k", output=tmp_path, name="run", observer=StopAtOnce())
    assert not kept.exists()


@pytest.mark.parametrize("views", ["0", "1001", "2.5", "true", "often"])
def test_a_number_of_views_is_a_whole_one(views: str, quick: Path, teacher: Run) -> None:
    with pytest.raises(SpecError, match=r"views: expects clean, same, or a number of views from 1 to 1,000, found "):
        taught(quick, teacher.path, f"train.distill.views={views}")


def test_a_series_teaches_as_an_ensemble_of_its_seeds(quick: Path, tmp_path: Path) -> None:
    series = train_series(
        load_spec(quick, ["train.epochs=1"]), [1, 2], jobs=1, dataset="mnist-5k", output=tmp_path, name="two"
    )
    by_series = train(taught(quick, series.path), seed=3, dataset="mnist-5k", output=tmp_path, name="a")
    by_runs = load_spec(
        quick, [f"train.distill={{teacher: ['{series.path}/seed-1', '{series.path}/seed-2'], weight: 1.0}}"]
    )
    assert _weights(by_series) == _weights(train(by_runs, seed=3, dataset="mnist-5k", output=tmp_path, name="b"))


def test_a_changed_teacher_is_noticed_when_a_run_is_resumed(quick: Path, tmp_path: Path) -> None:
    train(load_spec(quick, ["train.epochs=1"]), seed=5, name="teacher", dataset="mnist-5k", output=tmp_path)
    with pytest.raises(Interrupted):
        train(
            taught(quick, tmp_path / "teacher"),
            seed=1,
            name="cut",
            observer=StopAfter(3),
            dataset="mnist-5k",
            output=tmp_path,
        )
    shutil.rmtree(tmp_path / "teacher")
    train(load_spec(quick, ["train.epochs=1"]), seed=6, name="teacher", dataset="mnist-5k", output=tmp_path)
    with pytest.raises(DataError, match="its teachers are not those it was begun with"):
        resume(tmp_path / "cut")


def test_a_teacher_that_has_seen_what_is_held_out_is_refused(quick: Path, teacher: Run, tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match="it was trained on mnist-5k, all of it, so it may know images that are scored"
    ):
        train(taught(quick, teacher.path), seed=1, dataset="mnist-5k", validation=500, output=tmp_path)


def test_a_teacher_of_other_images_is_refused(quick: Path, teacher: Run) -> None:
    other = load_spec(quick, ["input.height=32"])
    with pytest.raises(UsageError, match="cannot teach quick: it takes 1x28x28 images of 10 classes"):
        refuse_unfit_teachers([teacher], other, load_dataset("mnist-5k"), 0)


def test_a_missing_teacher_is_one_line(quick: Path, cli: Cli, tmp_path: Path) -> None:
    option = "train.distill={teacher: nowhere}"
    outcome = cli("train", "--arch", quick, "--set", option, "--dataset", "mnist-5k", "--output", tmp_path)
    assert outcome.code == 2
    assert outcome.err.startswith(
        "tinymnist: train.distill.teacher, looked for from the current folder: nowhere: no such run directory"
    )


def test_a_teacher_must_have_held_out_the_very_images(quick: Path, tmp_path: Path) -> None:
    spec = load_spec(quick, ["train.epochs=1"])
    more = train(spec, seed=5, dataset="mnist-5k", validation=600, output=tmp_path, name="more")
    with pytest.raises(UsageError, match="of which 600 images were held out"):
        train(taught(quick, more.path), seed=1, dataset="mnist-5k", validation=500, output=tmp_path)


def _weights(run: Run) -> bytes:
    return (run.path / "weights.safetensors").read_bytes()


def test_a_teacher_that_pytorch_computes_makes_the_bits_those_of_this_machine(
    quick: Path, teacher: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(run: Run, threads: int) -> NativeNetwork:
        raise CompilerError("out of memory")

    class Listening(Observer):
        def warned(self, notice: Notice) -> None:
            assert isinstance(notice, NativeTeacherUnavailable)

    native = train(taught(quick, teacher.path), seed=1, dataset="mnist-5k", output=tmp_path, name="native")
    monkeypatch.setattr("tinymnist.training.teacher._native", fails)
    by_torch = train(
        taught(quick, teacher.path), seed=1, dataset="mnist-5k", output=tmp_path, name="torch", observer=Listening()
    )
    assert native.environment.numerics == "portable-1"
    assert by_torch.environment.numerics == "own: a teacher in PyTorch"
    assert load_run(by_torch.path).environment.numerics == "own: a teacher in PyTorch"
