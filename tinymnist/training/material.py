"""What a training needs besides the network: data, augmentation and teachers, checked against the spec."""

from dataclasses import dataclass
from pathlib import Path

from tinymnist.data import Dataset
from tinymnist.data.affine import AffineAugmenter, is_affine
from tinymnist.data.augment import Augmenter
from tinymnist.errors import SpecError, UsageError
from tinymnist.notices import Warn
from tinymnist.spec import Spec
from tinymnist.spec.data import Data
from tinymnist.spec.schedules import Plateau
from tinymnist.training.images import load_images, measured_normalize, refuse_unfit_images
from tinymnist.training.run import Run
from tinymnist.training.teacher import refuse_unfit_teachers, teacher_runs


@dataclass(frozen=True)
class Material:
    """What a training needs besides the network."""

    spec: Spec
    """The spec, in which what depends on the images is settled."""
    asked: Data
    """The images that were asked for."""
    data: Dataset
    augmenter: Augmenter | AffineAugmenter | None
    teachers: list[Run]

    @property
    def augmentation(self) -> str:
        """What augments: `batched`, `albumentations`, or `none`."""
        return "none" if self.augmenter is None else self.augmenter.name


def gather(spec: Spec, asked: Data, data_dir: Path | None, warn: Warn, images: Dataset | None = None) -> Material:
    """Gathers the material for training `spec` on what is `asked` for, and checks that it fits. `images` are those,
    where they are in memory already. Raises as `train` does."""
    if not asked.validation:
        _refuse_choosing_by_the_test_set(spec)
    augmenter = _augmenter(spec)
    teachers = teacher_runs(spec.train.distill)
    data = images or load_images(asked, data_dir, warn)
    refuse_unfit_images(spec, data)
    if asked.validation:
        data = data.hold_out(asked.validation)
    _refuse_lonely_images(spec, len(data.train))
    refuse_unfit_teachers(teachers, spec, data, asked.validation)
    return Material(_settled(spec, asked, data), asked, data, augmenter, teachers)


def _settled(spec: Spec, asked: Data, data: Dataset) -> Spec:
    """`spec` with the images that were found, and with the figures that are measured on those to train on."""
    changes: dict[str, object] = {}
    if spec.data is not None:
        changes["data"] = asked.model_copy(update={"dataset": data.name})
    if spec.train.normalize.measured:
        changes["train"] = spec.train.model_copy(update={"normalize": measured_normalize(data)})
    return spec.model_copy(update=changes) if changes else spec


def _refuse_choosing_by_the_test_set(spec: Spec) -> None:
    """Raises `UsageError` for a recipe that lets the scored images decide something."""
    if isinstance(spec.train.schedule, Plateau):
        deciding = "train.schedule: plateau goes by the loss"
    elif spec.train.early_stopping is not None:
        deciding = "train.early_stopping: goes by the accuracy"
    else:
        return
    raise UsageError(
        f"{spec.name}: {deciding} on held-out images, and the test set decides nothing: hold images out with "
        "--validation N"
    )


def _augmenter(spec: Spec) -> Augmenter | AffineAugmenter | None:
    steps = spec.train.augment
    if not steps:
        return None
    shape = spec.input.height, spec.input.width
    return AffineAugmenter(steps, *shape) if is_affine(steps) else Augmenter(steps, *shape, spec.input.channels)


def _refuse_lonely_images(spec: Spec, images: int) -> None:
    """Raises `SpecError` for a batch of one image where batch norm sees one number per channel, which has no
    variance."""
    smallest = images % spec.train.batch_size or spec.train.batch_size
    for layer in spec.plan.layers:
        if smallest == 1 and layer.label == "batch_norm" and layer.output[1:] == (1, 1):
            raise SpecError(
                f"{spec.name}: train.batch_size: {spec.train.batch_size} leaves a batch of one image, which "
                f"{layer.name} (1x1) cannot normalise: choose another"
            )
