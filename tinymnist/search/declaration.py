"""What is searched for, and how: the models of a search file."""

from itertools import pairwise
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, Strict, field_validator, model_validator

from tinymnist.search.costs import Costs, amount, limits_of
from tinymnist.spec.base import MAX_ENTRIES, MAX_SIZE, Epochs, Model
from tinymnist.spec.costs import COUNTS, Cost
from tinymnist.spec.models import NAME
from tinymnist.text import shown

MAX_TRIALS = 100_000
MAX_KEY = 200
MAX_NAME = 56
"""So that the names of its networks, which end in the number of a trial, are not too long."""

_Positive = Annotated[int, Field(ge=1, le=MAX_SIZE)]
_Whole = Annotated[int, Field(ge=-MAX_SIZE, le=MAX_SIZE)]
_Real = Annotated[float, Field(ge=-MAX_SIZE, le=MAX_SIZE)]


class Dimension(Model):
    """One thing that varies: the values that it may take, and where in the spec they go."""

    whole: Annotated[tuple[_Whole, ...], Strict(False), Field(min_length=2, max_length=3)] | None = Field(
        None, alias="int", description="Whole numbers: [lowest, highest], or [lowest, highest, step]."
    )
    real: Annotated[tuple[_Real, _Real], Strict(False)] | None = Field(
        None, alias="float", description="Numbers: [lowest, highest]."
    )
    log: Annotated[tuple[_Real, _Real], Strict(False)] | None = Field(
        None, description="Numbers above 0, each factor as likely as any other: [lowest, highest]."
    )
    choice: Annotated[tuple[Any, ...], Strict(False), Field(min_length=1, max_length=MAX_ENTRIES)] | None = Field(
        None, description="A list of values, each as a spec may have it."
    )
    paths: Annotated[tuple[str, ...], Strict(False), Field(min_length=1, max_length=MAX_ENTRIES)] | None = Field(
        None, description="The places in the spec that get the value; default: the one that the entry is named after."
    )

    @model_validator(mode="after")
    def _one_kind(self) -> "Dimension":
        given = [key for key in ("whole", "real", "log", "choice") if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError(f"expects one of int, float, log and choice, as in `{{int: [4, 12]}}`, found {len(given)}")
        bounds = self.whole or self.real or self.log
        if bounds is not None and bounds[0] > bounds[1]:
            raise ValueError(f"is [lowest, highest]: {bounds[0]:g} is above {bounds[1]:g}")
        if self.whole is not None and len(self.whole) == 3 and self.whole[2] < 1:
            raise ValueError(f"is [lowest, highest, step], and a step is 1 or more, found {self.whole[2]}")
        if self.log is not None and self.log[0] <= 0:
            raise ValueError(f"log needs numbers above 0, found {self.log[0]:g}")
        return self


class Budget(Model):
    """What a network may cost, and how much of that it should use."""

    max_params: _Positive | None = Field(None, description="At most this many parameters.")
    max_macs: _Positive | None = Field(None, description="At most this many multiply-adds for one image.")
    max_ram: _Positive | None = Field(None, description="At most this many bytes of scratch memory in int8 C.")
    max_flash: _Positive | None = Field(
        None, description="At most this many bytes of code and constants in int8 C, as estimated for a Cortex-M0+."
    )
    fill: float = Field(
        0.9,
        ge=0,
        le=1,
        description="Networks are tried that use at least this share of one of the budgets.",
    )

    @model_validator(mode="after")
    def _one_is_given(self) -> "Budget":
        if not self.limits:
            raise ValueError("needs max_params, max_macs, max_ram or max_flash")
        return self

    @property
    def limits(self) -> dict[Cost, int]:
        """What is limited, and to how much."""
        return limits_of(self)


More = Literal["validation_accuracy"]
Less = Literal["validation_loss", Cost]
Measure = Literal[More, Less]


class Objective(Model):
    """A figure, and which way it should go."""

    maximize: More | None = Field(None, description="The more of it the better.")
    minimize: Less | None = Field(None, description="The less of it the better.")

    @model_validator(mode="before")
    @classmethod
    def _right_way(cls, value: Any) -> Any:
        if isinstance(value, dict):
            for wrong, right, measures in (("maximize", "minimize", Less), ("minimize", "maximize", More)):
                if (measure := value.get(wrong)) in get_args(measures):
                    raise ValueError(f"to {wrong} {measure} makes networks worse: write {{{right}: {measure}}}")
        return value

    @model_validator(mode="after")
    def _one_way(self) -> "Objective":
        if (self.maximize is None) == (self.minimize is None):
            raise ValueError("expects one of maximize and minimize, as in `{maximize: validation_accuracy}`")
        return self

    @property
    def measure(self) -> Measure:
        measure = self.maximize or self.minimize
        assert measure is not None
        return measure


def _listed(value: Any) -> Any:
    if not isinstance(value, dict | list | tuple | Objective):
        raise ValueError("expects one as in `{maximize: validation_accuracy}`, or a list of such")
    return [value] if isinstance(value, dict | Objective) else value


class Rung(Model):
    """A whole training of so many epochs, and the share of networks that go on to the next, longer one."""

    epochs: Epochs = Field(description="Passes over the training images; the schedule is as long.")
    keep: float | None = Field(
        None, gt=0, le=1, description="A network goes on if it is within this share of the best that came here so far."
    )


class Finalists(Model):
    """The best networks, trained again with many seeds."""

    keep: int = Field(8, ge=1, le=1000, description="How many networks.")
    seeds: int = Field(10, ge=1, le=10_000, description="Seeds that each of them is trained with, from 0.")


class Search(Model):
    """A search for networks within a budget: `search.yaml`."""

    name: str = Field(
        pattern=NAME,
        max_length=MAX_NAME,
        description="Letters, digits, `.`, `_` and `-`; names the study and its networks.",
    )
    description: str = Field("", max_length=2000, description="What is looked for, for people to read.")
    base: str = Field(
        min_length=1,
        max_length=1000,
        description="A spec, by path (from the search file, or from here) or packaged name, that is varied.",
    )
    budget: Budget = Field(description="What a network may cost.")
    search: Annotated[dict[str, Dimension], Field(min_length=1, max_length=MAX_ENTRIES)] = Field(
        description="What varies: by the path of a value in the spec, as `--set` takes it, or by any name with `paths`."
    )
    objective: Annotated[
        tuple[Objective, ...],
        Strict(False),
        BeforeValidator(_listed, json_schema_input_type=Objective | list[Objective]),
    ] = Field((Objective(maximize="validation_accuracy"),), min_length=1, max_length=3, description="What is best.")
    dataset: str | None = Field(None, max_length=1000, description="A data set, by name or path; default: the spec's.")
    validation: _Positive = Field(description="Training images that are held out, and that networks are compared on.")
    rungs: Annotated[tuple[Rung, ...], Strict(False), Field(min_length=1, max_length=20)] = Field(
        description="Trainings of rising length, each of which only the best networks of the one before get."
    )
    trials: int = Field(ge=1, le=MAX_TRIALS, description="Networks to try.")
    sampler: Literal["tpe", "evolution", "random"] = Field("tpe", description="How networks are proposed.")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Decides everything random in the proposals.")
    finalists: Finalists = Field(Finalists(), description="How the best networks are compared in the end.")

    @field_validator("search")
    @classmethod
    def _keys_are_lines(cls, search: dict[str, Dimension]) -> dict[str, Dimension]:
        for key in search:
            if not key or len(key) > MAX_KEY or not key.isprintable():
                raise ValueError(f"{shown(key)}: is not a name of at most {MAX_KEY} characters")
        return search

    @field_validator("objective")
    @classmethod
    def _something_is_learned(cls, objectives: tuple[Objective, ...]) -> tuple[Objective, ...]:
        measures = [objective.measure for objective in objectives]
        if len(set(measures)) < len(measures):
            raise ValueError("a figure is named twice")
        if not set(measures) & {"validation_accuracy", "validation_loss"}:
            raise ValueError("needs validation_accuracy or validation_loss, or nothing is learned")
        return objectives

    @field_validator("rungs")
    @classmethod
    def _rungs_rise(cls, rungs: tuple[Rung, ...]) -> tuple[Rung, ...]:
        for rung, following in pairwise(rungs):
            if rung.keep is None:
                raise ValueError(f"the rung of {rung.epochs} needs `keep`: the share that goes on to the next")
            if following.epochs <= rung.epochs:
                raise ValueError(f"each has more epochs than the one before: {following.epochs} follows {rung.epochs}")
        if rungs[-1].keep is not None:
            raise ValueError("nothing follows the last rung: leave out its `keep`")
        return rungs

    @property
    def has_one_objective(self) -> bool:
        return len(self.objective) == 1

    @property
    def wants_little(self) -> bool:
        """Whether networks are to cost little, too."""
        return any(objective.measure in COUNTS for objective in self.objective)

    @property
    def costs(self) -> tuple[Cost, ...]:
        """What the search is about: parameters, and what else is limited or to be little."""
        about = {"parameters", *self.budget.limits, *(objective.measure for objective in self.objective)}
        return tuple(cost for cost in COUNTS if cost in about)

    @property
    def shown_costs(self) -> tuple[Cost, ...]:
        """What tables say of each network: parameters and multiply-adds, and what else the search is about."""
        return tuple(cost for cost in COUNTS if cost == "macs" or cost in self.costs)

    def figures(self, accuracy: float, loss: float, costs: Costs) -> tuple[float, ...]:
        """Those figures of a network that the search is about, in the order of its objectives."""
        found: dict[Measure, float] = {
            "validation_accuracy": accuracy,
            "validation_loss": loss,
            **{cost: amount(costs, cost) for cost in COUNTS},
        }
        return tuple(found[objective.measure] for objective in self.objective)

    def scores(self, accuracy: float, loss: float, costs: Costs) -> tuple[float, ...]:
        """The same, turned so that less is better."""
        figures = self.figures(accuracy, loss, costs)
        pairs = zip(self.objective, figures, strict=True)
        return tuple(figure if objective.maximize is None else -figure for objective, figure in pairs)
