"""`tinymnist new FILE --search ARCH` writes a search file that works as it is."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.command_line import Cli
from tests.support.searches import BASE
from tests.support.specs import specs
from tinymnist.search.forecast import forecast
from tinymnist.search.load import load_search
from tinymnist.search.origin import origin
from tinymnist.search.starting import starting_search
from tinymnist.search.widths import widths
from tinymnist.spec import Spec, load_spec
from tinymnist.spec.dump import dump_spec
from tinymnist.spec.load import Override, document_from_text
from tinymnist.spec.packaged import packaged_files


@pytest.mark.parametrize("arch", packaged_files())
def test_for_every_packaged_architecture_it_loads_and_fills_the_budget(cli: Cli, arch: str, tmp_path: Path) -> None:
    assert cli("new", tmp_path / "mine.yaml", "--search", arch).code == 0
    found = load_search(str(tmp_path / "mine.yaml"))
    assert (found.search.name, found.search.base) == ("mine", arch)
    assert found.search.budget.max_params == load_spec(arch).plan.parameters
    assert found.space.widths
    some = forecast(found, 5)
    assert (some.valid, some.scaled) == (1, 1)
    base = origin(found.space)
    assert base is not None
    assert base.use == 1


def test_it_says_what_was_written_and_what_is_next(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = cli("new", "wider nets", "--search", "smooth996")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == (
        "wrote wider nets.yaml: varies 6 values of smooth996, within 996 parameters\n"
        "next: tinymnist search 'wider nets.yaml' --dry-run\n"
    )
    assert load_search("wider nets.yaml").search.name == "wider-nets"


def test_a_base_in_another_folder_is_found_from_anywhere(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "mine.yaml").write_text(BASE)
    monkeypatch.chdir(tmp_path)
    assert cli("new", "searches/wider.yaml", "--search", "nets/mine").code == 0
    monkeypatch.chdir(tmp_path / "nets")
    assert load_search("../searches/wider.yaml").space.base_spec.name == "base"


def entries(text: str) -> list[str]:
    return text.partition("\nsearch:\n")[2].partition("\n\n")[0].splitlines()


def test_widths_go_from_half_to_twice_and_equal_ones_together() -> None:
    assert entries(starting_search("mine", "shared986")) == [
        '  "blocks[0].convs[0].out_channels": {int: [3, 12]}',
        '  "blocks[0].convs[1].out_channels": {int: [4, 16]}',
        "  equal widths:",
        "    int: [6, 24]",
        "    paths:",
        '      - "blocks[2].convs[0].out_channels"',
        '      - "blocks[3].convs[0].out_channels"',
        '      - "blocks[5].convs[0].out_channels"',
        "  train.schedule.max_lr: {log: [0.025, 0.2]}",
    ]


def test_a_width_that_the_classes_or_a_rule_decide_is_left_out() -> None:
    assert not any("blocks[2]" in entry for entry in entries(starting_search("mine", "tiny3130")))
    assert not any("convs[1]" in entry for entry in entries(starting_search("mine", "pooled-classes")))


def test_widths_in_groups_go_in_steps(tmp_path: Path) -> None:
    file = tmp_path / "groups.yaml"
    file.write_text(
        "name: groups\n"
        "blocks:\n"
        "  - convs: [6, {out_channels: 8, groups: 2, norm: {kind: group, groups: 4}}, {out_channels: 5, bias: true}]\n"
        "head: {kind: linear, hidden: [9]}\n"
        "train: {schedule: {name: cosine, lr: 0.1}}\n"
    )
    assert entries(starting_search("mine", str(file))) == [
        '  "blocks[0].convs[0].out_channels": {int: [4, 12, 2]}',
        '  "blocks[0].convs[1].out_channels": {int: [4, 16, 4]}',
        '  "blocks[0].convs[2].out_channels": {int: [3, 10]}',
        '  "head.hidden[0].out_features": {int: [5, 18]}',
        "  train.schedule.lr: {log: [0.025, 0.2]}",
    ]


TIES = {
    "repeated": ("[{convs: [6]}, {convs: [6], repeat: 2}]", ["blocks[0].convs[0]", "blocks[1].convs[0]"]),
    "added": ("[{convs: [6]}, {convs: [4, 6], residual: identity}]", ["blocks[0].convs[0]", "blocks[1].convs[1]"]),
    "one filter per channel": (
        "[{convs: [6, {kind: depthwise, out_channels: 6}]}]",
        ["blocks[0].convs[0]", "blocks[0].convs[1]"],
    ),
}


@pytest.mark.parametrize(("blocks", "equal"), TIES.values(), ids=TIES.keys())
def test_widths_that_must_be_equal_have_one_entry(tmp_path: Path, blocks: str, equal: list[str]) -> None:
    (tmp_path / "net.yaml").write_text(f"name: net\nblocks: {blocks}\n")
    found = entries(starting_search("mine", str(tmp_path / "net.yaml")))
    paths = found[found.index("    paths:") + 1 :][:2]
    assert paths == [f'      - "{place}.out_channels"' for place in equal]


def test_widths_of_which_one_is_a_multiple_of_the_other_stay(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text("name: net\nblocks: [{convs: [4, {kind: depthwise, out_channels: 8}, 5]}]\n")
    assert entries(starting_search("mine", str(tmp_path / "net.yaml"))) == [
        '  "blocks[0].convs[2].out_channels": {int: [3, 10]}',
        "  train.schedule.max_lr: {log: [0.1, 0.8]}",
    ]


@given(spec=specs(), data=st.data())
@settings(max_examples=40)
def test_each_width_may_vary_without_the_others(spec: Spec, data: st.DataObject) -> None:
    overrides = [
        Override(path, factor * width.value, "test")
        for width in widths(spec)
        for factor in [data.draw(st.integers(1, 3))]
        for path in width.paths
    ]
    document_from_text(dump_spec(spec), "random.yaml", overrides)


@pytest.mark.parametrize(("epochs", "rungs"), [(60, [8, 24, 60]), (3, [1, 3]), (1, [1])], ids=["60", "3", "1"])
def test_rungs_end_with_the_length_of_the_recipe(tmp_path: Path, epochs: int, rungs: list[int]) -> None:
    (tmp_path / "base.yaml").write_text(BASE.replace("epochs: 3", f"epochs: {epochs}"))
    file = tmp_path / "search.yaml"
    file.write_text(starting_search("mine", str(tmp_path / "base.yaml")))
    assert [rung.epochs for rung in load_search(str(file)).search.rungs] == rungs


REFUSED = {
    "a file that is there": (["there.yaml", "--search", "mini697"], "there.yaml: already exists: choose another name"),
    "no such base": (["mine.yaml", "--search", "mini679"], "mini679: no such file, nor an architecture of tinymnist"),
    "a recipe that goes by the scored images": (
        ["mine.yaml", "--search", "there.yaml"],
        "there.yaml: its recipe goes by the scored images, of which there are none when the winner is trained on all ",
    ),
    "images": (
        ["mine.yaml", "--search", "mini697", "--dataset", "mnist-5k"],
        "--dataset: goes with a network: a search file names its images itself, as in `dataset: mnist-5k`",
    ),
    "mirror": (["mine.yaml", "--search", "mini697", "--mirror"], "--mirror: is for --dataset: name the images"),
}


@pytest.mark.parametrize(("arguments", "error"), REFUSED.values(), ids=REFUSED.keys())
def test_a_mistake_is_refused_and_nothing_is_written(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], error: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.yaml").write_text(BASE + "  early_stopping: 3\n")
    outcome = cli("new", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"tinymnist: {error}")
    assert not (tmp_path / "mine.yaml").exists()


def test_it_is_written_without_torch(tmp_path: Path) -> None:
    code = "import sys; from tinymnist.cli import run; sys.exit(run(sys.argv[1:]) + 100 * ('torch' in sys.modules))"
    command = [sys.executable, "-c", code, "new", "mine.yaml", "--search", "tiny3130"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60).returncode == 0
