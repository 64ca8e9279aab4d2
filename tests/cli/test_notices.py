"""The words of notices."""

from pathlib import Path
from typing import get_args

import pytest

from tinymnist.cli.notices import notice_text, say_notice
from tinymnist.notices import (
    BesideFolders,
    ClassesUnequal,
    ClassesUntested,
    CudaGraphUnavailable,
    Difference,
    FifthTaken,
    FilesPassedOver,
    MnistUnavailable,
    NativeEngineUnavailable,
    NativeTeacherUnavailable,
    Notice,
    PicturesSkipped,
    ResultsLeftOut,
    ResumedElsewhere,
    SixteenBitsScaled,
    SpecsFound,
    SpecsPassedOver,
    TrainingImagesGone,
    TrainingPicturesRead,
    TransparencyFilled,
    TwinsInTraining,
    UnlabelledPassedOver,
    WorkersAwaited,
    WorkerUnfit,
)

WORDS: list[tuple[Notice, str]] = [
    (
        MnistUnavailable("no internet"),
        "WARNING: full MNIST is not available (no internet): using mnist-5k instead, with 4,000 training and "
        "1,000 test images: accuracies are lower and less certain.",
    ),
    (
        NativeEngineUnavailable("no C compiler"),
        "WARNING: no native engine (no C compiler): using the torch engine, which is many times slower.",
    ),
    (
        NativeTeacherUnavailable(Path("runs/big"), "no C compiler"),
        "WARNING: no native engine for the teacher runs/big (no C compiler): PyTorch computes it.",
    ),
    (CudaGraphUnavailable("busy"), "WARNING: no CUDA graph (busy): continuing without one."),
    (
        ResumedElsewhere(
            Path("runs/a"), (Difference("engine", "native", "torch"), Difference("torch", "2.12.0", "2.13.0"))
        ),
        "WARNING: runs/a: resumed with engine torch (was native), torch 2.13.0 (was 2.12.0): the bits of its "
        "result will differ.",
    ),
    (
        ResultsLeftOut(Path("runs"), 1, "held-out series", Path("runs/a")),
        "runs: left out 1 series scored on held-out images, such as runs/a",
    ),
    (
        ResultsLeftOut(Path("runs"), 2, "single run", Path("runs/a")),
        "runs: left out 2 single runs, such as runs/a",
    ),
    (
        SpecsPassedOver("archs", 1, (Path("archs/._a.yaml"),)),
        "archs: passed over 1 file (hidden, links elsewhere, of runs): archs/._a.yaml",
    ),
    (
        SpecsPassedOver("archs", 2, (Path("archs/._a.yaml"),)),
        "archs: passed over 2 files (hidden, links elsewhere, of runs): archs/._a.yaml, ...",
    ),
    (
        WorkerUnfit("tls://h:1", "0.2.0", "2.14.1", "0.1.0", "2.14.1"),
        "WARNING: tls://h:1: this worker has tinymnist 0.2.0 and torch 2.14.1, not 0.1.0 and 2.14.1 as here, and is "
        "not used",
    ),
    (
        WorkerUnfit("tls://h:1", "", "", "0.1.0", "2.14.1"),
        "WARNING: tls://h:1: this worker cannot import tinymnist, and is not used: see its log",
    ),
    (
        WorkersAwaited("tls://h:1"),
        "tls://h:1: no worker yet that can be used, waiting for one: "
        "`dask worker ... --nthreads 1 --resources train=1`",
    ),
    (SpecsFound(1, "this folder"), "no folder ./archs here: this is the architecture in this folder"),
    (SpecsFound(11, "tinymnist"), "no folder ./archs here: these are the 11 architectures that come with tinymnist"),
    (
        FilesPassedOver("digits", 2, "PNG, JPEG or WebP", "7/a.bmp"),
        "digits: passed over 2 files not named as PNG, JPEG or WebP, such as 7/a.bmp",
    ),
    (
        PicturesSkipped("digits", 2, "train/7/a.png"),
        "WARNING: digits: left out 2 pictures that cannot be read, such as train/7/a.png",
    ),
    (SixteenBitsScaled("digits", 1), "WARNING: digits: 1 picture with 16 bits per channel, scaled to 8"),
    (TransparencyFilled("digits", 2), "WARNING: digits: 2 pictures with transparent parts, put on white"),
    (
        TwinsInTraining(1, 0, "a (x) = b (x)"),
        "WARNING: 1 training image repeats another, pixel by pixel, such as a (x) = b (x)",
    ),
    (
        TwinsInTraining(1200, 4, "a (x) = b (y)"),
        "WARNING: 1,200 training images repeat others, pixel by pixel; 4 stand under several labels, such as "
        "a (x) = b (y)",
    ),
    (
        BesideFolders("digits", 1, "testing"),
        "digits: passed over 1 thing beside the folders of classes, such as testing",
    ),
    (FifthTaken(20), "no test set: 20 images, a fifth of each class, are taken for testing"),
    (
        TrainingImagesGone("runs/a", "old", "new"),
        "WARNING: runs/a: its own images (old) are not here as they were, so nobody can tell whether it was trained on "
        "test images of new",
    ),
    (
        TrainingPicturesRead(3, "digits"),
        "3 files of digits, which the network was trained on: this accuracy says little; `evaluate` scores its test "
        "images",
    ),
    (
        UnlabelledPassedOver("kaggle", "test.csv"),
        "kaggle: passed over test.csv, which has no column 'label': `predict` reads it",
    ),
    (
        ClassesUnequal("cat", 1200, "dog", 3),
        "WARNING: unequal classes: 1,200 training images of 'cat', 3 of 'dog': accuracy says little about small "
        "classes, and `train.class_weights: balanced` gives them more weight",
    ),
    (ClassesUntested(1, "cat"), "WARNING: 1 class has no test image: 'cat'"),
    (ClassesUntested(3, "cat"), "WARNING: 3 classes have no test image, such as 'cat'"),
]


@pytest.mark.parametrize(("notice", "text"), WORDS, ids=lambda given: type(given).__name__)
def test_a_notice_is_one_line_on_stderr(notice: Notice, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    say_notice(notice)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", f"{text}\n")


def test_every_kind_of_notice_has_words() -> None:
    assert {type(notice) for notice, _ in WORDS} == set(get_args(Notice))


def test_what_is_no_notice_has_none() -> None:
    with pytest.raises(AssertionError, match="Expected code to be unreachable"):
        notice_text("text")  # type: ignore[arg-type]
