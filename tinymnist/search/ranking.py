"""Which networks are better than others, by one figure or by several."""

from collections.abc import Sequence

Scores = tuple[float, ...]
"""Figures of which less is better, one for each objective."""


def dominates(one: Scores, other: Scores) -> bool:
    """Whether `one` is better in something and worse in nothing."""
    return one != other and all(mine <= theirs for mine, theirs in zip(one, other, strict=True))


def front(scores: Sequence[Scores]) -> list[int]:
    """The places of those that nothing dominates; of equal ones, all."""
    return [place for place, one in enumerate(scores) if not any(dominates(other, one) for other in scores)]


def order(scores: Sequence[Scores]) -> list[int]:
    """All places, best first: those of the front, then those of the front of the rest, and so on; within a front by the
    first figure."""
    ordered: list[int] = []
    left = sorted(range(len(scores)), key=lambda place: scores[place])
    if scores and len(scores[0]) == 1:
        return left
    while left:
        best = {left[place] for place in front([scores[place] for place in left])}
        ordered += [place for place in left if place in best]
        left = [place for place in left if place not in best]
    return ordered


def goes_on(one: Scores, before: Sequence[Scores], keep: float) -> bool:
    """Whether a network that has come to a rung goes on: fewer than the share `keep` of all that came there so far are
    better, or none is.

    It is decided at once and for good, so that no training waits for another: the asynchronous halving of Li et al.
    (2020, arXiv 1810.05934), without their later promotions.
    """
    better = sum(dominates(other, one) for other in before)
    return better < max(1.0, keep * (len(before) + 1))
