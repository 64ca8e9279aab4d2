"""Labels are placed within the picture, clear of obstacles."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tinymnist.front.labels import Box, Label, place


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(20, 380), st.integers(20, 280)), min_size=1, max_size=4))
def test_labels_lie_inside_whole(marks: list[tuple[int, int]]) -> None:
    inside = Box(0, 0, 400, 300)
    boxes = place([Label(x, y, 60, 20) for x, y in marks], [], inside)
    assert len(boxes) == len(marks)
    for box in boxes:
        assert inside.left - 1e-9 <= box.left
        assert box.right <= inside.right + 1e-9
        assert inside.bottom - 1e-9 <= box.bottom
        assert box.top <= inside.top + 1e-9


def test_labels_keep_off_obstacles() -> None:
    obstacle = Box(100, 0, 200, 300)
    (box,) = place([Label(98, 150, 60, 20)], [obstacle], Box(0, 0, 400, 300))
    assert box.overlap(obstacle) == 0
