"""What can be said of a submission without training it, and without PyTorch."""

from dataclasses import dataclass

from tinymnist.check import check
from tinymnist.check.rules import BUDGETS, Verdict
from tinymnist.errors import SpecError
from tinymnist.grading.declaration import Assignment
from tinymnist.grading.grades import Grade, Part
from tinymnist.grading.submissions import Submission
from tinymnist.spec import Document, Spec
from tinymnist.spec.load import document_from_text
from tinymnist.spec.recipe import Train
from tinymnist.spec.schedules import Plateau

OF_RECIPES = ("max_epochs", "forbid distill")
"""The rules of `checks` that are about the recipe."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A submission before its training."""

    submission: Submission
    spec: Spec | None
    """What was handed in, if it is valid."""
    to_train: Spec | None
    """What is trained of it; None where nothing is."""
    grade: Grade
    """Without the points for accuracy, if it is to be trained."""


def judge(submission: Submission, assignment: Assignment) -> Judged:
    """The points that need no training.

    A network over the budget, or with a recipe that is not allowed, is not trained: its accuracy would not be
    comparable.
    """
    points = assignment.points
    if submission.text is None:
        return _nothing(submission, assignment, f"{submission.problem}")
    try:
        document = document_from_text(submission.text, submission.file)
    except SpecError as error:
        return _nothing(submission, assignment, "; ".join([str(error), *error.others]))
    spec = document.spec
    failed = {each.rule: _words(each) for each in _failed(document, assignment)}
    over = [failed.pop(rule) for rule in BUDGETS if rule in failed]
    recipe = [failed.pop(rule) for rule in OF_RECIPES if rule in failed] + _about_recipe(spec.train, assignment)
    parts = [
        Part("valid", points.valid, points.valid, f"{spec.plan.parameters:,} parameters"),
        _part("budget", points.budget, over),
        _part("rules", points.rules, [*failed.values(), *recipe]),
    ]
    if over or recipe:
        why = "over the budget" if over else "its recipe is not allowed"
        parts.append(Part("accuracy", 0.0, points.accuracy, f"not trained: {why}"))
        return Judged(submission, spec, None, Grade(submission.name, "refused", spec.plan.parameters, tuple(parts)))
    to_train = spec.model_copy(update={"data": None, "checks": spec.checks.model_copy(update=dict.fromkeys(BUDGETS))})
    return Judged(submission, spec, to_train, Grade(submission.name, "graded", spec.plan.parameters, tuple(parts)))


def _nothing(submission: Submission, assignment: Assignment, problem: str) -> Judged:
    points = assignment.points
    parts = [Part("valid", 0.0, points.valid, problem)]
    for rule, most in (("budget", points.budget), ("rules", points.rules), ("accuracy", points.accuracy)):
        parts.append(Part(rule, 0.0, most, "no valid spec"))
    return Judged(submission, None, None, Grade(submission.name, "invalid", None, tuple(parts)))


def _failed(document: Document, assignment: Assignment) -> list[Verdict]:
    """The rules of the assignment that a network breaks; its own are the student's affair."""
    own = document.spec.model_copy(update={"checks": assignment.checks})
    return [each for each in check(Document(document.file, own, document.places)).verdicts if not each.passed]


def _words(verdict: Verdict) -> str:
    return f"{verdict.rule}: asked {verdict.asked}, found {verdict.found}"


def _part(rule: str, most: float, problems: list[str]) -> Part:
    return Part(rule, 0.0 if problems else most, most, "; ".join(problems) or "kept")


def _about_recipe(recipe: Train, assignment: Assignment) -> list[str]:
    rules = assignment.recipe
    found = []
    if recipe.early_stopping is not None or isinstance(recipe.schedule, Plateau):
        found.append("early_stopping and plateau go by held-out images, of which there are none here")
    if rules.max_epochs is not None and recipe.epochs > rules.max_epochs:
        found.append(f"max_epochs: asked at most {rules.max_epochs:,}, found {recipe.epochs:,}")
    if rules.max_batch is not None and recipe.batch_size > rules.max_batch:
        found.append(f"max_batch: asked at most {rules.max_batch:,} images, found {recipe.batch_size:,}")
    return [*found, *(f"forbid {key}: the recipe uses it" for key in rules.forbid if getattr(recipe, key))]
