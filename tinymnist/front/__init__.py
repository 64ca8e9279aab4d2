"""The Pareto front of accuracy against parameters: series of this project, and what others have published."""

from tinymnist.front.drawing import draw, picture_format, write_picture
from tinymnist.front.points import Front, Point, front
from tinymnist.front.published import PUBLISHED, Published
from tinymnist.front.results import find_results, read_front

__all__ = [
    "PUBLISHED",
    "Front",
    "Point",
    "Published",
    "draw",
    "find_results",
    "front",
    "picture_format",
    "read_front",
    "write_picture",
]
