"""Teachers: finished runs whose probabilities a network learns to give."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from tinymnist.data import Dataset, Split
from tinymnist.errors import DataError, RunError, UsageError
from tinymnist.model.pixels import normalized
from tinymnist.native import CompilerError, NativeNetwork, NotCoveredError
from tinymnist.notices import NativeTeacherUnavailable, Warn
from tinymnist.numerics import PORTABLE, softmax
from tinymnist.spec import Spec
from tinymnist.spec.dump import dump_spec
from tinymnist.spec.recipe import Distill
from tinymnist.text import shape_text
from tinymnist.training.device import device_name
from tinymnist.training.engine import Engine
from tinymnist.training.known import may_know_scored_images
from tinymnist.training.load import load_runs
from tinymnist.training.records import Environment, TrainedOn
from tinymnist.training.run import Run
from tinymnist.training.score import in_batches
from tinymnist.version import __version__

Logits = Callable[[Tensor], Tensor]
"""From uint8 images (n, C, H, W) to logits (n, classes)."""


class Teacher:
    """One or more networks, whose probabilities at one temperature are averaged."""

    def __init__(
        self, networks: Sequence[Logits], options: Distill, identity: Sequence[str], *, portable: bool
    ) -> None:
        self._networks = networks
        self.portable = portable
        """Whether its probabilities have the same bits on every machine."""
        self._temperature = options.temperature
        self.views = options.views
        self.identity = [*identity, str(options.temperature)]
        """What its probabilities depend on, besides the images."""
        self._clean: Tensor | None = None

    def prepare(self, train: Split) -> None:
        """Computes the probabilities of all training images at once, where the teacher sees them without
        augmentation."""
        if self.views == "clean":
            self._clean = torch.cat(in_batches(self.probabilities_of, train.images.contiguous()))

    def probabilities(self, chosen: Tensor, images: Tensor) -> Tensor:
        """Probabilities (n, classes) float32 for the training images with indices `chosen`; `images` (n, C, H, W) are
        the same, as the network sees them."""
        return self.probabilities_of(images) if self._clean is None else self._clean[chosen]

    def probabilities_of(self, images: Tensor) -> Tensor:
        """Probabilities (n, classes) float32 for these images (n, C, H, W)."""
        total = torch.zeros(())
        for logits in self._networks:  # one after another, for the same bits on every machine
            total = total + _softmax(logits(images), self._temperature)
        return total / len(self._networks)


def teacher_runs(distill: Distill | None) -> list[Run]:
    """The runs that a recipe names, of a series those of all its seeds, checked to be finished and whole.

    Raises `RunError` and `DataError`.
    """
    runs = []
    for path in () if distill is None else distill.teacher:
        try:
            found = load_runs(path)
            for run in found:
                run.load_model()
        except (RunError, DataError) as error:
            raise type(error)(f"train.distill.teacher, looked for from the current folder: {error}") from None
        runs += found
    return runs


def teacher_digests(runs: Sequence[Run]) -> dict[str, str]:
    """The SHA-256 of each run's weights."""
    return {str(run.path): run.result.weights_sha256 for run in runs}


def refuse_unfit_teachers(runs: Sequence[Run], spec: Spec, data: Dataset, validation: int) -> None:
    """Raises `UsageError` for a teacher of other images or classes, or that was trained on images to be scored."""
    scored = TrainedOn(dataset=data.name, validation=validation, digest=data.digest)
    for run in runs:
        theirs = run.spec.input
        if (theirs, run.spec.classes) != (spec.input, spec.classes):
            shape = shape_text((theirs.channels, theirs.height, theirs.width))
            raise UsageError(
                f"{run.path}: cannot teach {spec.name}: it takes {shape} images of {run.spec.classes} classes"
            )
        own = run.trained_on[0]
        if not own.is_same(scored) or any(may_know_scored_images(known, scored) for known in run.trained_on):
            known = _trained_on(run.environment)
            raise UsageError(
                f"{run.path}: cannot teach {spec.name}: it was trained on {known}, so it may know images that are "
                "scored here: train it on the same data with the same --validation"
            )


def _trained_on(environment: Environment) -> str:
    held = environment.validation
    return f"{environment.dataset}, " + (f"of which {held:,} images were held out" if held else "all of it")


@contextmanager
def teaching(
    runs: Sequence[Run], spec: Spec, engine: Engine, device: torch.device, warn: Warn
) -> Iterator[Teacher | None]:
    """The teacher that consists of `runs`, computed by the kind of engine that trains; None where there are no runs."""
    if spec.train.distill is None:
        yield None
        return
    opened: list[NativeNetwork] = []
    networks: list[Logits] = []
    for run in runs:
        if engine.name == "native":
            try:
                network = _native(run, engine.threads)
            except (CompilerError, NotCoveredError) as problem:
                warn(NativeTeacherUnavailable(run.path, str(problem)))
            else:
                opened.append(network)
                networks.append(_native_logits(network, spec.classes))
                continue
        networks.append(_torch_logits(run, device))
    try:
        portable = len(opened) == len(runs) and all(network.portable for network in opened)
        numerics = [PORTABLE] if portable else _own_numerics(engine, device)
        yield Teacher(networks, spec.train.distill, [*numerics, *_weights(runs)], portable=portable)
    finally:
        for network in opened:
            network.close()


def _softmax(logits: Tensor, temperature: float) -> Tensor:
    if logits.device.type != "cpu":
        return torch.softmax(logits / temperature, 1)
    return torch.from_numpy(softmax(logits.numpy() / temperature).astype(np.float32))


def _own_numerics(engine: Engine, device: torch.device) -> list[str]:
    """What the bits that a machine computes depend on."""
    return [__version__, torch.__version__, engine.name, str(engine.threads), device.type, device_name(device)]


def _weights(runs: Sequence[Run]) -> list[str]:
    return [part for run in runs for part in (run.result.weights_sha256, dump_spec(run.spec))]


def _native(run: Run, threads: int) -> NativeNetwork:
    scale, shift = run.spec.train.normalize.scale_and_shift
    try:  # only steps need memory for their batch
        return NativeNetwork(run.spec, run.load_model(), scale=scale, shift=shift, batch_size=1, threads=threads)
    except MemoryError:
        raise DataError(f"{run.path}: not enough memory for this teacher: choose a smaller one") from None


def _native_logits(network: NativeNetwork, classes: int) -> Logits:
    def logits(images: Tensor) -> Tensor:
        found = torch.empty(len(images), classes)
        network.score(images, torch.zeros(len(images), dtype=torch.int64), found)
        return found

    return logits


def _torch_logits(run: Run, device: torch.device) -> Logits:
    model = run.load_model().to(device)

    @torch.no_grad()
    def logits(images: Tensor) -> Tensor:
        found: Tensor = model(normalized(images, run.spec.train.normalize, device))
        return found

    return logits
