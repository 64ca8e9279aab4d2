"""The words of notices, and their way to stderr."""

from collections.abc import Mapping

from typing_extensions import assert_never

from tinymnist.console import complain, say
from tinymnist.notices import (
    BesideFolders,
    ClassesUnequal,
    ClassesUntested,
    CudaGraphUnavailable,
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
    data_warning,
)
from tinymnist.text import counted

_NOTES = (
    ResultsLeftOut,
    FilesPassedOver,
    BesideFolders,
    FifthTaken,
    TrainingPicturesRead,
    UnlabelledPassedOver,
    SpecsPassedOver,
    SpecsFound,
    WorkersAwaited,
)
"""What is good to know, and no warning."""


def say_notice(notice: Notice) -> None:
    """Prints a notice as one line on stderr; with `--quiet`, only if it is a warning."""
    (say if isinstance(notice, _NOTES) else complain)(notice_text(notice))


def data_warning_text(recorded: Mapping[str, str | int], dataset: str = "") -> str:
    """A warning that a training recorded about its data, as one line; it begins with `dataset`, if one is given."""
    notice = data_warning(recorded)
    if notice is None:
        text = f"{recorded.get('kind')}, which this version of tinymnist does not know"
    else:
        text = notice_text(notice).removeprefix("WARNING: ")
    return text if not dataset or text.startswith(f"{dataset}: ") else f"{dataset}: {text}"


def notice_text(notice: Notice) -> str:
    """One line."""
    match notice:
        case MnistUnavailable(problem):
            return (
                f"WARNING: full MNIST is not available ({problem}): using mnist-5k instead, with 4,000 training and "
                "1,000 test images: accuracies are lower and less certain."
            )
        case NativeEngineUnavailable(problem):
            return f"WARNING: no native engine ({problem}): using the torch engine, which is many times slower."
        case NativeTeacherUnavailable(teacher, problem):
            return f"WARNING: no native engine for the teacher {teacher} ({problem}): PyTorch computes it."
        case CudaGraphUnavailable(problem):
            return f"WARNING: no CUDA graph ({problem}): continuing without one."
        case ResumedElsewhere(run, differences):
            changes = ", ".join(f"{each.what} {each.now} (was {each.before})" for each in differences)
            return f"WARNING: {run}: resumed with {changes}: the bits of its result will differ."
        case ResultsLeftOut(folder, count, kind, example):
            what = counted(count, kind) if kind == "single run" else f"{count} series scored on held-out images"
            return f"{folder}: left out {what}, such as {example}"
        case FilesPassedOver(folder, count, expected, example):
            return f"{folder}: passed over {counted(count, 'file')} not named as {expected}, such as {example}"
        case BesideFolders(folder, count, example):
            return f"{folder}: passed over {counted(count, 'thing')} beside the folders of classes, such as {example}"
        case FifthTaken(count):
            return f"no test set: {counted(count, 'image')}, a fifth of each class, are taken for testing"
        case TrainingImagesGone(run, trained_on, scored):
            return (
                f"WARNING: {run}: its own images ({trained_on}) are not here as they were, so nobody can tell "
                f"whether it was trained on test images of {scored}"
            )
        case TrainingPicturesRead(count, dataset):
            return (
                f"{counted(count, 'file')} of {dataset}, which the network was trained on: this accuracy says little; "
                "`evaluate` scores its test images"
            )
        case UnlabelledPassedOver(folder, file):
            return f"{folder}: passed over {file}, which has no column 'label': `predict` reads it"
        case SpecsPassedOver(folder, count, examples):
            shown = ", ".join([*map(str, examples), *(["..."] if count > len(examples) else [])])
            return f"{folder}: passed over {counted(count, 'file')} (hidden, links elsewhere, of runs): {shown}"
        case WorkerUnfit(worker, "", _, _, _):
            return f"WARNING: {worker}: this worker cannot import tinymnist, and is not used: see its log"
        case WorkerUnfit(worker, theirs, their_torch, ours, our_torch):
            found, here = f"tinymnist {theirs} and torch {their_torch}", f"{ours} and {our_torch}"
            return f"WARNING: {worker}: this worker has {found}, not {here} as here, and is not used"
        case WorkersAwaited(scheduler):
            start = "`dask worker ... --nthreads 1 --resources train=1`"
            return f"{scheduler}: no worker yet that can be used, waiting for one: {start}"
        case SpecsFound(count, where):
            these = "this is the architecture" if count == 1 else f"these are the {count} architectures"
            place = "in this folder" if where == "this folder" else "that come with tinymnist"
            return f"no folder ./archs here: {these} {place}"
        case PicturesSkipped(folder, count, example):
            return f"WARNING: {folder}: left out {counted(count, 'picture')} that cannot be read, such as {example}"
        case SixteenBitsScaled(folder, count):
            return f"WARNING: {folder}: {counted(count, 'picture')} with 16 bits per channel, scaled to 8"
        case TransparencyFilled(folder, count):
            return f"WARNING: {folder}: {counted(count, 'picture')} with transparent parts, put on white"
        case TwinsInTraining(repeated, contradicting, example):
            which = (
                "1 training image repeats another" if repeated == 1 else f"{repeated:,} training images repeat others"
            )
            labels = f"; {contradicting:,} stand under several labels" if contradicting else ""
            return f"WARNING: {which}, pixel by pixel{labels}, such as {example}"
        case ClassesUnequal(largest, most, smallest, fewest):
            return (
                f"WARNING: unequal classes: {most:,} training images of '{largest}', {fewest:,} of '{smallest}': "
                "accuracy says little about small classes, and `train.class_weights: balanced` gives them more weight"
            )
        case ClassesUntested(count, example):
            if count == 1:
                return f"WARNING: 1 class has no test image: '{example}'"
            return f"WARNING: {count:,} classes have no test image, such as '{example}'"
        case _:
            assert_never(notice)
