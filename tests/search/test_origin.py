"""The base of a search is the first network that it tries, if it lies in its space."""

from pathlib import Path

import pytest

from tests.search.test_journal import opened
from tests.support.searches import BASE, SEARCH, search_of
from tinymnist.search.origin import origin

AXES = SEARCH[SEARCH.index("search:\n") : SEARCH.index("dataset:")]
VALUES = {
    "blocks[0].convs[0].out_channels": 4,
    "blocks[0].convs[1].out_channels": 6,
    "deep": 6,
    "defaults.activation": "relu",
    "train.schedule.max_lr": 0.1,
}


def test_the_base_is_tried_first(tmp_path: Path) -> None:
    file = search_of(tmp_path, SEARCH)
    journal = opened(tmp_path, file)
    first, second = journal.propose(), journal.propose()
    assert first is not None
    assert second is not None
    assert first.values == VALUES
    assert first.parameters == file.space.base_spec.plan.parameters
    assert second.values != VALUES
    assert file.space.document(first.values).spec.blocks == file.space.base_spec.blocks


@pytest.mark.parametrize(
    ("here", "instead"),
    [
        ("max_params: 900", "max_params: 1000"),
        ("max_params: 900", "max_params: 800"),
        ('"blocks[0].convs[0].out_channels": {int: [2, 12]}', '"blocks[0].convs[0].out_channels": {int: [5, 12]}'),
        ('"blocks[0].convs[0].out_channels": {int: [2, 12]}', '"blocks[0].convs[0].out_channels": {int: [3, 12, 3]}'),
        ("{choice: [relu, silu]}", "{choice: [gelu, silu]}"),
        ("{log: [0.02, 0.4]}", "{log: [0.2, 0.4]}"),
    ],
    ids=["too small", "too large", "width", "step", "choice", "rate"],
)
def test_a_base_outside_its_space_is_not_tried(tmp_path: Path, here: str, instead: str) -> None:
    assert here in SEARCH
    assert origin(search_of(tmp_path, SEARCH.replace(here, instead)).space) is None


def test_a_base_whose_widths_differ_where_one_axis_makes_them_equal_is_not_tried(tmp_path: Path) -> None:
    text = SEARCH.replace('  "blocks[0].convs[1].out_channels": {int: [2, 12]}\n', "")
    text = text.replace('paths: ["blocks[1]', 'paths: ["blocks[0].convs[1].out_channels", "blocks[1]')
    assert origin(search_of(tmp_path, text).space) is not None
    assert origin(search_of(tmp_path, text, BASE.replace("[6], pool", "[8], pool")).space) is None


def test_a_layer_that_the_base_writes_as_a_mapping_is_found_in_a_choice(tmp_path: Path) -> None:
    axes = '  "blocks[1].pool": {choice: [{kind: average, kernel_size: 3, stride: 2}, {kind: max, kernel_size: 2}]}\n'
    text = SEARCH.replace(AXES, "search:\n" + axes)
    found = origin(search_of(tmp_path, text).space)
    assert found is not None
    assert dict(found.values) == {"blocks[1].pool": '{"kind": "max", "kernel_size": 2}'}


def test_a_kill_before_the_base_is_tried_changes_nothing(tmp_path: Path) -> None:
    file = search_of(tmp_path, SEARCH)
    journal = opened(tmp_path, file)
    uncut = [journal.propose() for _ in range(4)]
    path = tmp_path / "journal.log"
    lines = path.read_text().splitlines(keepends=True)
    for count in range(1, 6):
        path.write_text("".join(lines[:count]))
        again = opened(tmp_path, file)
        while len(again.trials) < 4:
            again.propose()
        assert again.trials == uncut
