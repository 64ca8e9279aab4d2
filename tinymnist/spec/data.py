"""The images of an experiment, as a spec declares them."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from tinymnist.spec.base import ImageSize, Model
from tinymnist.text import printable


class Data(Model):
    """The images that a network is trained and scored on; `--dataset` and `--validation` take the place of its keys."""

    dataset: str = Field(
        "auto",
        min_length=1,
        max_length=1000,
        description="The name of a data set, or a path, looked for from the current folder.",
    )
    validation: Annotated[int, Field(ge=0, le=10**9)] = Field(
        0, description="Training images to hold out and score instead of the test set."
    )
    resize: ImageSize | None = Field(None, description="Height and width that images from a path are fitted into.")
    skip_unreadable: bool = Field(False, description="Whether pictures that cannot be read are left out.")
    prepare: Literal["mnist", "resize"] | None = Field(
        None,
        description="How `predict` prepares a picture: as MNIST's digits were, or fitted into the size of the images; "
        "by default `mnist` for MNIST and its kin, else `resize`.",
    )

    @field_validator("dataset")
    @classmethod
    def _is_one_line(cls, text: str) -> str:
        if printable(text) != text:
            raise ValueError("expects a name or a path without control characters")
        return text
