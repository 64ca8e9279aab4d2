"""The `train:` section: how a network is trained.

What a file leaves out, at any depth, is as in the reference recipe, or as in PyTorch if that recipe does not name it.
"""

import math
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    FailFast,
    Field,
    Strict,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from tinymnist.choices import Engine, WholeDtype
from tinymnist.spec.augmentation import REFERENCE_AUGMENT, AugmentStep
from tinymnist.spec.base import MAX_ENTRIES, MAX_RATE, Epochs, Model, Probability, expand, expanding
from tinymnist.spec.schedules import Constant, Falling, OneCycle, Plateau, Schedule, Step
from tinymnist.text import printable, shown

MAX_VIEWS = 1_000


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class _Decaying(Model):
    """Options that the optimizers share."""

    decay_norms_and_biases: bool = Field(
        True,
        description="Whether weight decay reaches norms and biases too.",
    )


class Sgd(_Decaying):
    """Stochastic gradient descent with momentum, `torch.optim.SGD`."""

    name: Literal["sgd"] = Field(description="SGD with momentum.")
    momentum: Probability = Field(
        0.95, description="Share of the last step that is kept; one_cycle changes it unless it is 0."
    )
    weight_decay: float = Field(5e-4, ge=0, le=MAX_RATE, description="L2 penalty, added to the gradient.")
    nesterov: bool = Field(False, description="Whether momentum looks ahead (Nesterov).")

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> "Sgd":
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0")
        return self


class Adam(_Decaying):
    """Adam (Kingma and Ba 2015), or AdamW with decoupled weight decay (Loshchilov and Hutter 2019)."""

    name: Literal["adam", "adamw"] = Field(description="Adam, or AdamW.")
    beta1: Probability = Field(0.9, description="Decay of the mean of gradients; one_cycle changes it.")
    beta2: Probability = Field(0.999, description="Decay of the mean of squared gradients.")
    eps: float = Field(1e-8, gt=0, le=1, description="Added to the denominator.")
    weight_decay: float = Field(0.01, ge=0, le=MAX_RATE, description="Weight decay.")


class Muon(_Decaying):
    """Muon (Jordan et al. 2024) for the weights of convolutions, one row per filter; Nesterov SGD for all others.

    Each matrix's step is made orthogonal, so a learning rate of 0.02 to 0.1 is large.
    """

    name: Literal["muon"] = Field(description="Muon, `torch.optim.Muon`.")
    momentum: Probability = Field(
        0.95, description="Share of the last step that is kept, in both; one_cycle changes it."
    )
    weight_decay: float = Field(0.0, ge=0, le=MAX_RATE, description="Weight decay; Muon's is decoupled.")
    others: float = Field(
        1.0, gt=0, le=MAX_RATE, description="Learning rate of all other weights, as a multiple of Muon's."
    )


Optimizer = Annotated[Sgd | Adam | Muon, Field(discriminator="name")]


class Ema(Model):
    """An exponential moving average of the weights, which replaces them as the result. Batch norm's statistics are
    measured again for it on training images, as Izmailov et al. (2018) do for plain averages."""

    decay: float = Field(gt=0, lt=1, description="Share of the average that each step keeps.")
    images: int = Field(
        10_000, ge=2, le=60_000, description="Training images on which batch norm is measured again, after each epoch."
    )


class EarlyStopping(Model):
    """Training that stops once the accuracy on held-out images no longer improves. The result is then the weights of
    the epoch where it was highest. Such images are held out by `train --validation N`; the test set decides nothing."""

    patience: Epochs = Field(description="Epochs without a better accuracy after which training stops.")
    min_improvement: float = Field(
        0.0,
        ge=0,
        le=100,
        description="Points by which an accuracy must exceed the best one for the wait to begin again.",
    )


def _views(given: Any) -> Any:
    if given in ("clean", "same") or (type(given) is int and 1 <= given <= MAX_VIEWS):
        return given
    raise ValueError(f"expects clean, same, or a number of views from 1 to {MAX_VIEWS:,}, found {shown(given)}")


class Distill(Model):
    """Distillation (Hinton, Vinyals and Dean 2015): besides the labels, the network learns the probabilities that
    trained networks give for the same images.

    Loss: (1 - weight) cross-entropy + weight T^2 KL(teacher, network), where KL compares softmaxes at temperature T.
    """

    teacher: Annotated[
        tuple[str, ...],
        Strict(False),
        BeforeValidator(_listed, json_schema_input_type=str | Annotated[list[str], Field(min_length=1, max_length=64)]),
    ] = Field(min_length=1, max_length=64, description="A run, or several, whose probabilities are averaged.")
    temperature: float = Field(3.0, ge=0.1, le=100, description="T; logits are divided by it.")
    weight: float = Field(0.9, gt=0, le=1, description="The teacher's share of the loss.")
    views: Annotated[
        Literal["clean", "same"] | int,
        BeforeValidator(
            _views, json_schema_input_type=Literal["clean", "same"] | Annotated[int, Field(ge=1, le=MAX_VIEWS)]
        ),
    ] = Field(
        "clean",
        description="What the teacher sees: the image before augmentation (computed once), or what the network sees. "
        "A number: what the network sees, which is then so many augmented views of each image, in turn; what the "
        "teacher says of each is computed once, and kept for other seeds.",
    )


class Normalize(Model):
    """Normalisation: pixels, scaled to 0..1, become (pixel - mean) / std."""

    mean: float = Field(0.1307, ge=0, le=1, description="Mean, which is subtracted; 0.1307 is MNIST's.")
    std: float = Field(
        0.3081, ge=0.001, le=1000, description="Standard deviation, which is divided by; 0.3081 is MNIST's."
    )
    measured: bool = Field(False, description="Whether both are yet to be measured on the training images.")

    @model_validator(mode="before")
    @classmethod
    def _measured_or_given(cls, data: Any) -> Any:
        if data == "measured":
            return {"measured": True}
        if isinstance(data, dict) and data.get("measured") is True and len(data) > 1:
            raise ValueError("measured: mean and std are measured: give them, or `normalize: measured`")
        return data

    @model_serializer
    def _as_written(self) -> str | dict[str, float]:
        return "measured" if self.measured else {"mean": self.mean, "std": self.std}

    @property
    def scale_and_shift(self) -> tuple[float, float]:
        """The factor for a pixel from 0 to 255, and what is added to the product."""
        assert not self.measured, "a training measures them first"
        return 1.0 / (255.0 * self.std), -self.mean / self.std


MAX_RATES = {"adam": 0.01, "adamw": 0.01, "muon": 0.05}
"""The default of `one_cycle.max_lr` for optimizers other than SGD, whose steps do not shrink with the gradient."""


def _bare_name(value: Any) -> Any:
    return {value: {}} if isinstance(value, str) else value


class Train(Model):
    """A training recipe."""

    epochs: Epochs = Field(20, description="Passes over the training images.")
    batch_size: int = Field(
        512, ge=1, le=60_000, description="Images per step; the last step of an epoch takes the rest."
    )
    optimizer: Annotated[
        Optimizer, expanding("optimizer", Sgd | Adam | Muon | Literal["sgd", "adam", "adamw", "muon"])
    ] = Field(Sgd(name="sgd"), description="How weights are updated from their gradients.")
    schedule: Annotated[
        Schedule, expanding("schedule", OneCycle | Falling | Constant | Step | Plateau | Literal["one_cycle"])
    ] = Field(OneCycle(name="one_cycle"), description="Learning rate at each step.")
    engine: Engine = Field(
        "auto",
        description="`native`: C compiled for the network, on the CPU; `auto`: native if available, else torch.",
    )
    label_smoothing: Probability = Field(
        0.0, description="Share of each label that is spread evenly over all classes (Szegedy et al. 2016)."
    )
    class_weights: Literal["balanced"] | None = Field(
        None,
        description="What an image counts in the loss: with `balanced`, in inverse proportion to the size of its class "
        "(King and Zeng 2001); without the key, as much as any other.",
    )
    distill: Distill | None = Field(None, description="Teachers to learn from, besides the labels.")
    quantize: WholeDtype | None = Field(
        None,
        description="Weights and values are rounded as `export --dtype` rounds them, so that a trained network learns "
        "to bear it: `tinymnist quantize RUN`.",
    )
    ema: Annotated[Ema | None, expanding("ema", Ema | Annotated[float, Field(gt=0, lt=1)])] = Field(
        None, description="Average of the weights over the steps; a number is its decay."
    )
    early_stopping: Annotated[
        EarlyStopping | None, expanding("early_stopping", EarlyStopping | Annotated[int, Field(ge=1, le=100_000)])
    ] = Field(None, description="When training stops before its last epoch; a number is its patience.")
    normalize: Annotated[
        Normalize, BeforeValidator(lambda value: value, json_schema_input_type=Normalize | Literal["measured"])
    ] = Field(Normalize(), description="Scaling of the pixels; `measured`: by their mean and standard deviation.")
    augment: Annotated[
        tuple[Annotated[AugmentStep, BeforeValidator(_bare_name, json_schema_input_type=AugmentStep | str)], ...],
        Strict(False),
        FailFast(),
        Field(max_length=MAX_ENTRIES),
    ] = Field(REFERENCE_AUGMENT, description="Transforms of each training image, in order; `[]` for none.")
    augment_until: float = Field(
        1.0, ge=0, le=1, description="Share of the epochs that are augmented; the rest see the images as they are."
    )
    chosen_on: str = Field(
        "", max_length=200, description="Which data this recipe was chosen on, for people to read; results repeat it."
    )

    @model_validator(mode="before")
    @classmethod
    def _rate_fits_the_optimizer(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        optimizer = expand("optimizer", data.get("optimizer", "sgd"))
        schedule = expand("schedule", data.get("schedule", "one_cycle"))
        rate = MAX_RATES.get(str(optimizer.get("name"))) if isinstance(optimizer, dict) else None
        if rate is None or not isinstance(schedule, dict) or schedule.get("name") != "one_cycle":
            return data
        return {**data, "schedule": {"max_lr": rate, **schedule}}

    @field_validator("schedule")
    @classmethod
    def _milestones_are_within_the_epochs(cls, schedule: Schedule, info: ValidationInfo) -> Schedule:
        epochs = info.data.get("epochs", math.inf)
        if isinstance(schedule, Step) and schedule.milestones and schedule.milestones[-1] >= epochs:
            last = schedule.milestones[-1]
            raise ValueError(f"milestones: after epoch {last} nothing is trained: epochs is {epochs}")
        return schedule

    @model_validator(mode="after")
    def _rounding_is_in_torch(self) -> "Train":
        if self.quantize is not None and self.engine == "native":
            raise ValueError("quantize: the native engine does not round: leave engine out, or say torch")
        return self

    @field_validator("chosen_on")
    @classmethod
    def _chosen_on_is_one_line(cls, text: str) -> str:
        if printable(text) != text:
            raise ValueError("expects one line of text without control characters")
        return text
