"""Learning rates over a training: the forms of `train.schedule`."""

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, Strict, field_validator, model_validator

from tinymnist.spec.base import MAX_ENTRIES, MAX_RATE, Epochs, Model, Probability


class OneCycle(Model):
    """One cycle of learning rate and momentum (Smith 2018), as torch's `OneCycleLR`, one step per batch."""

    name: Literal["one_cycle"] = Field(description="One cycle.")
    max_lr: float = Field(
        0.4,
        gt=0,
        le=MAX_RATE,
        description="Highest learning rate; default: 0.4 with sgd, 0.01 with adam and adamw, 0.05 with muon.",
    )
    div_factor: float = Field(25.0, ge=1, le=1e12, description="First learning rate = max_lr / div_factor.")
    final_div_factor: float = Field(175.0, ge=1, le=1e12, description="Last learning rate = first / final_div_factor.")
    pct_start: float = Field(0.5, gt=0, lt=1, description="Share of the steps in which the learning rate rises.")
    anneal: Literal["cos", "linear"] = Field("cos", description="Shape of both slopes.")
    cycle_momentum: bool = Field(True, description="Whether momentum (Adam: beta1) falls while the rate rises.")
    base_momentum: Probability = Field(0.85, description="Lowest momentum, at the highest learning rate.")
    max_momentum: Probability = Field(0.95, description="Highest momentum, at the start and the end.")


class Falling(Model):
    """Linear warm-up, then half a cosine (Loshchilov and Hutter 2017) or a line down to `final_lr`, one step per
    batch."""

    name: Literal["cosine", "linear"] = Field(description="Shape of the slope down.")
    lr: float = Field(gt=0, le=MAX_RATE, description="Highest learning rate.")
    warmup_epochs: float = Field(0.0, ge=0, le=100_000, description="Epochs in which the rate rises from 0.")
    final_lr: float = Field(0.0, ge=0, le=MAX_RATE, description="Learning rate at the end.")


class Constant(Model):
    """The same learning rate throughout."""

    name: Literal["constant"] = Field(description="Constant.")
    lr: float = Field(gt=0, le=MAX_RATE, description="Learning rate.")


class Step(Model):
    """A learning rate that is multiplied by a factor after certain epochs, as by torch's `StepLR` (`every`) and
    `MultiStepLR` (`milestones`)."""

    name: Literal["step"] = Field(description="Steps down.")
    lr: float = Field(gt=0, le=MAX_RATE, description="First learning rate.")
    every: Epochs | None = Field(None, description="Epochs from each step down to the next.")
    milestones: Annotated[tuple[Epochs, ...], Strict(False), Field(min_length=1, max_length=MAX_ENTRIES)] | None = (
        Field(None, description="Instead of `every`: the epochs after which the rate steps down.")
    )
    factor: float = Field(0.1, gt=0, lt=1, description="What the rate is multiplied by.")
    warmup_epochs: float = Field(0.0, ge=0, le=100_000, description="Epochs in which the rate rises from 0.")

    @model_validator(mode="after")
    def _one_way_to_say_when(self) -> "Step":
        if (self.every is None) == (self.milestones is None):
            raise ValueError("expects either every, as in `every: 10`, or milestones, as in `milestones: [10, 15]`")
        return self

    @field_validator("milestones")
    @classmethod
    def _milestones_rise(cls, milestones: tuple[int, ...] | None) -> tuple[int, ...] | None:
        for before, after in pairwise(milestones or ()):
            if before >= after:
                raise ValueError(f"each is later than the one before: {after} comes after {before}")
        return milestones

    def falls_after(self, epochs: int) -> bool:
        """Whether the rate steps down once so many epochs are done."""
        return epochs % self.every == 0 if self.every else epochs in (self.milestones or ())


class Plateau(Model):
    """A learning rate that is multiplied by a factor once the loss on held-out images no longer falls, as by torch's
    `ReduceLROnPlateau`. Such images are held out by `train --validation N`; the test set decides nothing."""

    name: Literal["plateau"] = Field(description="Steps down on a plateau.")
    lr: float = Field(gt=0, le=MAX_RATE, description="First learning rate.")
    factor: float = Field(0.1, gt=0, lt=1, description="What the rate is multiplied by.")
    patience: int = Field(
        10, ge=0, le=100_000, description="Epochs without a lower loss that are waited for; the next one steps down."
    )
    threshold: float = Field(1e-4, ge=0, lt=1, description="Share by which a loss must be lower than the lowest one.")
    min_lr: float = Field(0.0, ge=0, le=MAX_RATE, description="Lowest learning rate.")

    @model_validator(mode="after")
    def _rate_may_fall(self) -> "Plateau":
        if self.min_lr > self.lr:
            raise ValueError(f"min_lr (={self.min_lr:g}) is above lr (={self.lr:g})")
        return self


Schedule = Annotated[OneCycle | Falling | Constant | Step | Plateau, Field(discriminator="name")]
