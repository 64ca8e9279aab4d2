"""A search file with a mistake gets one line: where, what, and what to do."""

from pathlib import Path

import pytest

from tests.support.searches import BASE, SEARCH, search_of, write_search
from tinymnist.errors import SpecError
from tinymnist.search.load import load_search, search_from_text
from tinymnist.spec.load import document_from_text

WIDTH = '"blocks[0].convs[0].out_channels": {int: [2, 12]}'

MISTAKES: dict[str, tuple[tuple[str, str], int, str]] = {
    "unknown key": (("trials: 5", "trials: 5\ntrails: 5"), 14, "trails: unknown key: did you mean 'trials'?"),
    "no rungs": (("rungs: [{epochs: 1, keep: 0.4}, {epochs: 2}]\n", ""), 1, "rungs: is missing: give it a value"),
    "no base": (("/base.yaml", "/absent.yaml"), 2, "no such file, nor an architecture of tinymnist"),
    "no such place": (
        ("blocks[0].convs[0]", "blocks[7].convs[0]"),
        5,
        "blocks: has 2 entries, numbered from 0: there is no [7]",
    ),
    "no such key": (
        ("defaults.activation", "defaults.activity"),
        8,
        "activity: unknown key: known here: activation, ",
    ),
    "no path": (('"blocks[0].convs[1].out_channels"', '"the second"'), 6, "'the second' is not a path"),
    "set elsewhere": (("train.schedule.max_lr", "train.epochs"), 9, "'train.epochs' is not searched"),
    "two kinds": ((WIDTH, WIDTH[:-1] + ", log: [1, 2]}"), 5, "expects one of int, float, log and choice"),
    "no kind": ((WIDTH, WIDTH.replace("int: [2, 12]", "")), 5, "expects one of int, float, log and choice"),
    "upside down": (("{log: [0.02, 0.4]}", "{log: [0.4, 0.02]}"), 9, "is [lowest, highest]: 0.4 is above 0.02"),
    "no factor": (("{log: [0.02, 0.4]}", "{log: [0, 0.4]}"), 9, "log needs numbers above 0, found 0"),
    "no step": (("[2, 24, 2]", "[2, 24, 0]"), 7, "a step is 1 or more, found 0"),
    "no width": ((WIDTH, WIDTH.replace("2, 12", "0, 12")), 5, "a width is 1 or more, found 0"),
    "empty choice": (("[relu, silu]", "[]"), 8, "choice: needs at least 1 entry"),
    "unknown option": (("[relu, silu]", "[relu, silo]"), 8, "as 'silo' fits nowhere: "),
    "option twice": (("[relu, silu]", "[relu, relu]"), 8, "names an option twice: leave one out"),
    "place twice": (('["blocks[1]', '["blocks[0]'), 7, "'blocks[0].convs[0].out_channels' sets it too"),
    "no budget": (
        ("{max_params: 900, fill: 0.9}", "{fill: 0.9}"),
        3,
        "budget: needs max_params, max_macs, max_ram or max_flash",
    ),
    "budget too small": (
        ("max_params: 900", "max_params: 90"),
        3,
        "none of 300 networks drawn uses 90 to 100 % of 90 parameters: the nearest has ",
    ),
    "budget too large": (("max_params: 900", "max_params: 90000"), 3, "the nearest has 5,110 parameters"),
    "nothing kept": (("{epochs: 1, keep: 0.4}", "{epochs: 1}"), 12, "rungs: the rung of 1 needs `keep`"),
    "rungs fall": (("{epochs: 2}", "{epochs: 1}"), 12, "more epochs than the one before: 1 follows 1"),
    "more after the last": (("{epochs: 2}", "{epochs: 2, keep: 0.5}"), 12, "nothing follows the last rung"),
    "the test set": (
        ("trials: 5", "trials: 5\nobjective: {maximize: test_accuracy}"),
        14,
        "objective[0].maximize: expects 'validation_accuracy', found 'test_accuracy'",
    ),
    "nothing to learn": (("trials: 5", "trials: 5\nobjective: {minimize: macs}"), 14, "objective: needs validation_"),
    "larger is better": (
        ("trials: 5", "trials: 5\nobjective: {maximize: ram}"),
        14,
        "objective[0]: to maximize ram makes networks worse: write {minimize: ram}",
    ),
    "no objective": (
        ("trials: 5", "trials: 5\nobjective: ram"),
        14,
        "objective: expects one as in `{maximize: validation",
    ),
    "both ways": (
        ("trials: 5", "trials: 5\nobjective: {maximize: validation_accuracy, minimize: macs}"),
        14,
        "expects one of maximize and minimize",
    ),
}


@pytest.mark.parametrize(("change", "line", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_line_with_its_place(tmp_path: Path, change: tuple[str, str], line: int, message: str) -> None:
    file = write_search(tmp_path)
    text = file.read_text()
    assert change[0] in text
    with pytest.raises(SpecError) as problem:
        search_from_text(text.replace(*change, 1), "search.yaml")
    assert str(problem.value).startswith(f"search.yaml:{line}: ")
    assert message in str(problem.value)
    assert "\n" not in str(problem.value)


def test_a_recipe_that_chooses_by_the_scored_images_is_refused(tmp_path: Path) -> None:
    base = BASE.replace("  engine: torch\n", "  engine: torch\n  early_stopping: 3\n")
    with pytest.raises(SpecError, match=r"search.yaml:2: base: .*early_stopping"):
        search_of(tmp_path, base=base)


def test_a_recipe_that_rounds_is_refused(tmp_path: Path) -> None:
    base = BASE.replace("  engine: torch\n", "  engine: torch\n  quantize: int8\n")
    with pytest.raises(SpecError, match=r"search.yaml:2: base: .*: its recipe rounds, .*: leave out quantize"):
        search_of(tmp_path, base=base)


def test_a_rung_that_is_too_short_for_the_recipe_is_refused(tmp_path: Path) -> None:
    milestones = "{name: step, lr: 0.1, milestones: [2], factor: 0.1}"
    base = BASE.replace("{name: one_cycle, max_lr: 0.1}", milestones)
    text = SEARCH.replace("train.schedule.max_lr", "train.schedule.lr")
    with pytest.raises(SpecError, match=r"search.yaml:12: rungs\[0\].epochs: the recipe does not go with 1: "):
        search_of(tmp_path, text, base)


def test_a_name_leaves_room_for_the_number_of_a_network(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"search.yaml:1: name: is longer than 56 characters"):
        search_of(tmp_path, SEARCH.replace("name: tiny", f"name: {'x' * 57}"))
    assert search_of(tmp_path, SEARCH.replace("name: tiny", f"name: {'x' * 56}")).search.name == "x" * 56


def test_a_mistake_in_the_base_names_both_files(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"search.yaml:2: base: .*base.yaml:5: blocks\[0\].convs\[0\].out_channels: "):
        search_of(tmp_path, base=BASE.replace("[4, 6]", "[x, 6]"))


def test_a_packaged_network_can_be_the_base(tmp_path: Path) -> None:
    file = tmp_path / "search.yaml"
    text = SEARCH.replace("base.yaml", "smooth675").replace("max_params: 900", "max_params: 690")
    file.write_text(
        text.replace("deep", "unused").replace(
            '["blocks[1].convs[0].out_channels"]', '["blocks[2].convs[0].out_channels"]'
        )
    )
    assert load_search(str(file)).space.file.endswith("smooth675.yaml")


def test_a_search_file_is_no_architecture() -> None:
    with pytest.raises(SpecError, match=r"^file\.yaml:1: is a search file"):
        document_from_text(SEARCH, "file.yaml")


def test_a_base_beside_the_search_file_is_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, here = tmp_path / "searches", tmp_path / "here"
    folder.mkdir()
    here.mkdir()
    (folder / "base.yaml").write_text(BASE)
    (folder / "search.yaml").write_text(SEARCH)
    (here / "base.yaml").write_text(BASE.replace("name: base", "name: another"))
    monkeypatch.chdir(here)
    assert load_search("../searches/search.yaml").space.base_spec.name == "base"
