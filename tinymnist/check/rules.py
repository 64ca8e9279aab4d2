"""Rules for a network, and what was found: verdicts as data."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from tinymnist.check.doubts import Doubt, doubts
from tinymnist.errors import CheckFailed, TinyMnistError
from tinymnist.spec import Checks, Document, LinearCheck, Place, Plan, Spec
from tinymnist.spec.costs import COUNTS, RULES, UNITS
from tinymnist.spec.path import Path

BUDGETS = ("exact_params", *RULES.values())


def _count(count: Callable[[Plan], int | None], spec: Spec) -> int | None:
    return count(spec.plan)


LIMITS: dict[str, tuple[Callable[[Spec], int | None], str]] = {
    **{rule: (partial(_count, COUNTS[cost]), UNITS[cost]) for cost, rule in RULES.items()},
    "max_layers": (
        lambda spec: sum(each.kind in ("conv", "linear") for each in spec.plan.layers),
        "layers with weights",
    ),
    "max_blocks": (lambda spec: len(spec.blocks), "blocks"),
    "max_epochs": (lambda spec: spec.train.epochs, "epochs"),
}
"""What a rule limits, and its unit. A layer that is applied several times counts as often."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule applied to one network."""

    rule: str
    """`exact_params`, `require batch_norm`; from the command line, `--exact-params`, `--require batch_norm`."""
    asked: str | None
    """None where the rule asks for nothing but that the spec is valid, or free of doubts."""
    found: str
    passed: bool
    place: Place
    """Where the rule is written, or what it judges where it came from the command line."""
    given_by: Literal["file", "command line"] = "file"
    measured: int | None = None
    """The number found, where the rule is about one."""

    @property
    def figure(self) -> int | str:
        """What was found, as a number where it is one."""
        return self.found if self.measured is None else self.measured


@dataclass(frozen=True, slots=True)
class Report:
    """All verdicts about one file, or the error that kept it from being judged."""

    file: str
    name: str | None
    verdicts: tuple[Verdict, ...]
    error: TinyMnistError | None = None
    doubts: tuple[Doubt, ...] = ()
    """What is allowed and looks wrong."""
    parameters: int | None = None
    multiply_adds: int | None = None

    @property
    def passed(self) -> bool:
        return self.exit_code == 0

    @property
    def exit_code(self) -> int:
        if self.error is not None:
            return self.error.exit_code
        return 0 if all(verdict.passed for verdict in self.verdicts) else 1


def check(document: Document, given: Checks | None = None, *, strict: bool = False) -> Report:
    """Judges a network by its own `checks:` and by those `given` on the command line; if `strict`, each doubt about it
    is a failed rule too.

    A spec without rules still gets one verdict: that it is valid, with its parameters.
    """
    spec = document.spec
    found_doubts = tuple(replace(doubt, place=document.place(doubt.path)) for doubt in doubts(spec))
    verdicts = [*_judge(spec, spec.checks, lambda path: document.place(("checks", *path)))]
    if given is not None:
        verdicts += _judge(spec, given, lambda _: document.place(("blocks",)), of_options=True)
    if not verdicts:
        found = f"{spec.plan.parameters:,} parameters"
        verdicts = [Verdict("valid", None, found, True, document.place(()))]
    if strict:
        verdicts += [
            Verdict("--strict", None, doubt.text, False, doubt.place, "command line") for doubt in found_doubts
        ]
        found_doubts = ()
    plan = spec.plan
    return Report(document.file, spec.name, tuple(verdicts), None, found_doubts, plan.parameters, plan.macs)


def enforce_budget(spec: Spec) -> None:
    """Raises `CheckFailed` for a network over a budget in its own `checks:`."""
    for verdict in _judge(spec, spec.checks, lambda path: Place(spec.name)):
        if verdict.rule in BUDGETS and not verdict.passed:
            remedy = f"change the network, or the budget (--set checks.{verdict.rule}=...)"
            if verdict.measured is None:
                remedy = "use another norm, or leave that budget out"
            raise CheckFailed(
                f"{spec.name}: checks.{verdict.rule}: asked {verdict.asked}, found {verdict.found}: {remedy}"
            )


def _judge(
    spec: Spec, checks: Checks, place: Callable[[Path], Place], *, of_options: bool = False
) -> Iterator[Verdict]:
    given_by: Literal["file", "command line"] = "command line" if of_options else "file"
    plan = spec.plan

    def name(rule: str) -> str:
        """The rule as the user wrote it: `max_params` in a file, `--max-params` on the command line."""
        return f"--{rule.replace('_', '-')}" if of_options else rule

    if checks.exact_params is not None:
        asked, passed = f"exactly {checks.exact_params:,} parameters", plan.parameters == checks.exact_params
        where = place(("exact_params",))
        yield Verdict(name("exact_params"), asked, f"{plan.parameters:,}", passed, where, given_by, plan.parameters)
    for rule, (measure, unit) in LIMITS.items():
        limit = getattr(checks, rule)
        if limit is not None:
            found = measure(spec)
            words = "none: group norm has no int8" if found is None else f"{found:,}"
            passed = found is not None and found <= limit
            yield Verdict(name(rule), f"at most {limit:,} {unit}", words, passed, place((rule,)), given_by, found)
    for rule, features in (("require", checks.require), ("forbid", checks.forbid)):
        for index, feature in enumerate(features):
            found = int(spec.train.distill is not None) if feature == "distill" else plan.features[feature]
            asked = "at least 1" if rule == "require" else "none"
            passed = (found > 0) == (rule == "require")
            where = place((rule, index))
            yield Verdict(f"{name(rule)} {feature}", asked, f"{found:,}", passed, where, given_by, found)
    if checks.linear is not None:
        yield _judge_linear(plan, checks.linear, place(("linear",)))


def _judge_linear(plan: Plan, asked: LinearCheck, place: Place) -> Verdict:
    sizes = [(layer.input[0], layer.output[0]) for layer in plan.linears]
    return Verdict(
        "linear",
        f"a linear layer {asked.in_features} -> {asked.out_features}",
        ", ".join(f"{inputs} -> {outputs}" for inputs, outputs in sizes) or "none",
        (asked.in_features, asked.out_features) in sizes,
        place,
    )
