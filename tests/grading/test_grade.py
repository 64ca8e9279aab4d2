"""Grading: each submission gets its own verdict and reason, and none stops the others."""

import csv
import json
import os
import sys
import zipfile
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.support.command_line import Cli, Outcome
from tinymnist.training import memory

ASSIGNMENT = """\
name: exercise
dataset: mnist-5k
checks: {max_params: 700, require: [dropout], forbid: [residual]}
recipe: {max_epochs: 2, max_batch: 400}
seeds: [5, 6]
target: {accuracy: 40}
"""

NET = """\
name: quick
blocks:
  - convs: [{out_channels: 6, stride: 4}]
    pool: max
    dropout: 0.05
train: {epochs: 2, batch_size: 400, augment: [], schedule: {name: one_cycle, max_lr: 0.1}}
"""

KINDS = {
    "good": NET,
    "weak": NET.replace("max_lr: 0.1", "max_lr: 0.000001"),
    "wide": NET.replace("out_channels: 6", "out_channels: 60"),
    "plain": NET.replace("    dropout: 0.05\n", ""),
    "long": NET.replace("epochs: 2", "epochs: 3"),
    "big-batch": NET.replace("batch_size: 400", "batch_size: 401"),
    "taught": NET.replace("train: {", "train: {distill: {teacher: smooth3092}, "),
    "broken": NET.replace("blocks:", "blocks: [", 1),
    "unbuildable": NET.replace("stride: 4", "kernel_size: 99, padding: 0"),
    "diverging": NET.replace("max_lr: 0.1", "max_lr: 100000"),
    "colours": NET.replace("channels: 6", "channels: 4").replace("blocks:", "input: {channels: 3}\nblocks:"),
    "plateau": NET.replace("{name: one_cycle, max_lr: 0.1}", "{name: plateau, lr: 0.1}"),
    "stopping": NET.replace("train: {", "train: {early_stopping: 2, "),
    "no such transform": NET.replace("augment: []", "augment: [{NoSuchThing: {}}]"),
    "empty": "",
    "a list": "[1, 2]",
    "bomb": "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
    "tagged": "!!python/object/apply:os.system ['touch hacked']",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "assignment.yaml").write_text(ASSIGNMENT)
    (tmp_path / "handed-in").mkdir()
    return tmp_path / "handed-in"


def hand_in(folder: Path, **specs: str) -> None:
    for name, text in specs.items():
        (folder / f"{name}.yaml").write_text(text)


def grades(cli: Cli, *arguments: object) -> dict[str, dict[str, Any]]:
    outcome = cli("grade", "assignment.yaml", *(arguments or ["handed-in"]), "--jobs", 1, "--json")
    assert outcome.code == 0, outcome.err
    return {each["submission"]: each for each in json.loads(outcome.out)["grades"]}


def points(grade: dict[str, Any]) -> list[float]:
    return [part["points"] for part in grade["parts"]]


def reasons(grade: dict[str, Any]) -> list[str]:
    return [part["reason"] for part in grade["parts"] if part["points"] < part["most"]]


def test_each_kind_of_submission_gets_its_own_verdict(cli: Cli, folder: Path) -> None:
    hand_in(folder, **KINDS)
    found = grades(cli)
    assert {name: (each["status"], points(each)) for name, each in found.items()} == {
        "good": ("graded", [1, 2, 2, 5]),
        "weak": ("graded", [1, 2, 2, 0]),
        "wide": ("refused", [1, 0, 2, 0]),
        "plain": ("graded", [1, 2, 0, 5]),
        "long": ("refused", [1, 2, 0, 0]),
        "big-batch": ("refused", [1, 2, 0, 0]),
        "taught": ("refused", [1, 2, 0, 0]),
        "broken": ("invalid", [0, 0, 0, 0]),
        "unbuildable": ("invalid", [0, 0, 0, 0]),
        "diverging": ("diverged", [1, 2, 2, 0]),
        "colours": ("unfit", [1, 2, 2, 0]),
        "plateau": ("refused", [1, 2, 0, 0]),
        "stopping": ("refused", [1, 2, 0, 0]),
        "no such transform": ("unfit", [1, 2, 2, 0]),
        "empty": ("invalid", [0, 0, 0, 0]),
        "a list": ("invalid", [0, 0, 0, 0]),
        "bomb": ("invalid", [0, 0, 0, 0]),
        "tagged": ("invalid", [0, 0, 0, 0]),
    }
    assert reasons(found["wide"]) == [
        "max_params: asked at most 700 parameters, found 6,130",
        "not trained: over the budget",
    ]
    assert reasons(found["long"])[0] == "max_epochs: asked at most 2, found 3"
    assert reasons(found["big-batch"])[0] == "max_batch: asked at most 400 images, found 401"
    assert reasons(found["taught"])[0] == "forbid distill: the recipe uses it"
    assert reasons(found["plain"]) == ["require dropout: asked at least 1, found 0"]
    assert reasons(found["broken"])[0].startswith("handed-in/broken.yaml:")
    assert not Path("hacked").exists()


@pytest.mark.parametrize(
    ("rule", "name"), [("max_epochs: 2", "long"), ("forbid: [distill]", "taught")], ids=["epochs", "teacher"]
)
def test_rules_of_the_checks_that_are_about_the_recipe_keep_from_training_too(
    rule: str, name: str, cli: Cli, folder: Path
) -> None:
    lines = [line for line in ASSIGNMENT.splitlines() if not line.startswith(("checks", "recipe"))]
    Path("assignment.yaml").write_text("\n".join([*lines, f"checks: {{{rule}}}", "recipe: {forbid: []}", ""]))
    hand_in(folder, **{name: KINDS[name]})
    found = grades(cli)[name]
    assert (found["status"], points(found)) == ("refused", [1, 2, 0, 0])


def test_the_accuracy_is_the_mean_over_the_graders_seeds(cli: Cli, folder: Path) -> None:
    hand_in(folder, good=NET)
    found = grades(cli)["good"]
    assert len(found["accuracies"]) == 2
    assert found["accuracy"] == sum(found["accuracies"]) / 2
    runs = sorted(path.name for path in Path("grades/exercise/runs").glob("good-*/*"))
    assert runs == ["seed-5", "seed-6"]


def test_drawn_seeds_are_kept_for_the_next_time(cli: Cli, folder: Path) -> None:
    Path("assignment.yaml").write_text(ASSIGNMENT.replace("seeds: [5, 6]", "seeds: 2"))
    hand_in(folder, good=NET)
    first = grades(cli)["good"]["accuracies"]
    seeds = json.loads(Path("grades/exercise/grading.json").read_text())["seeds"]
    assert len(set(seeds)) == 2
    assert grades(cli)["good"]["accuracies"] == first


def test_what_was_trained_is_not_trained_again(cli: Cli, folder: Path) -> None:
    hand_in(folder, good=NET)
    first = grades(cli)
    weights = next(Path("grades").rglob("seed-5/weights.safetensors"))
    before = weights.stat().st_mtime_ns
    assert grades(cli) == first
    assert weights.stat().st_mtime_ns == before


def test_what_is_handed_in_again_is_graded_anew(cli: Cli, folder: Path) -> None:
    hand_in(folder, mine=KINDS["weak"])
    assert points(grades(cli)["mine"])[-1] == 0
    hand_in(folder, mine=NET)
    assert points(grades(cli)["mine"])[-1] == 5


def test_another_assignment_needs_another_folder(cli: Cli, folder: Path) -> None:
    hand_in(folder, broken="")
    assert cli("grade", "assignment.yaml", "handed-in").code == 0
    Path("assignment.yaml").write_text(ASSIGNMENT.replace("max_params: 700", "max_params: 800"))
    outcome = cli("grade", "assignment.yaml", "handed-in")
    expected = "tinymnist: grades/exercise: holds grades of another assignment, or an earlier version: "
    assert (outcome.code, outcome.err) == (2, f"{expected}choose another --output\n")


def test_each_of_the_last_epochs_has_to_reach_the_target(cli: Cli, folder: Path) -> None:
    hand_in(folder, good=NET)
    last = grades(cli)["good"]["accuracy"]
    Path("assignment.yaml").write_text(ASSIGNMENT.replace("accuracy: 40", f"accuracy: {last - 1:.1f}, last_epochs: 2"))
    found = grades(cli, "handed-in", "--output", "others")["good"]
    assert points(found)[-1] == 0
    assert " % in the last 2 epochs at least, asked " in reasons(found)[0]


def test_folders_and_zips_hold_one_spec_each(cli: Cli, folder: Path) -> None:
    for name, files in {"one": ["net.yaml"], "two": ["a.yaml", "b.yml"], "none": ["notes.txt"]}.items():
        (folder / name).mkdir()
        for file in files:
            (folder / name / file).write_text(KINDS["wide"])
    for name, entries in {
        "zipped": ["work/net.yaml"],
        "out": ["../net.yaml"],
        "both": ["a.yaml", "b.yaml"],
        "mac": ["__MACOSX/a.yaml"],
    }.items():
        with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
            for entry in entries:
                archive.writestr(entry, KINDS["wide"])
    (folder / "torn.zip").write_bytes((folder / "zipped.zip").read_bytes()[:40])
    found = grades(cli)
    assert {name: each["status"] for name, each in found.items()} == {
        "one": "refused",
        "two": "invalid",
        "none": "invalid",
        "zipped": "refused",
        "out": "invalid",
        "both": "invalid",
        "mac": "invalid",
        "torn": "invalid",
    }
    assert reasons(found["two"])[0] == "holds 2 specs: hand in one"
    assert reasons(found["mac"])[0] == "holds no spec: hand in one YAML file"
    assert reasons(found["torn"])[0].startswith("is no zip that can be read (")
    assert not Path("net.yaml").exists()


def test_a_huge_spec_in_a_small_zip_is_not_read(cli: Cli, folder: Path) -> None:
    with zipfile.ZipFile(folder / "large.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("net.yaml", "#" * (50 << 20))
    assert reasons(grades(cli)["large"])[0] == "its spec is larger than 1,048,576 bytes"


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_links_are_not_followed(cli: Cli, folder: Path) -> None:
    (folder / "linked.yaml").symlink_to("/etc/passwd")
    (folder / "away").symlink_to("/etc")
    found = grades(cli)
    assert {reasons(each)[0] for each in found.values()} == {
        "is a link, which is not followed: put the file itself there"
    }


def test_the_same_network_under_other_names_is_remarked(cli: Cli, folder: Path) -> None:
    copy = NET.replace("name: quick", "name: mine").replace("  - convs", "  - name: first\n    convs")
    more_dropout = NET.replace("dropout: 0.05", "dropout: 0.06")
    hand_in(folder, a=NET, b=copy, c=KINDS["weak"], d=KINDS["plain"], e=more_dropout)
    found = grades(cli)
    assert {name: each["remarks"] for name, each in found.items()} == {
        "a": ["says the same as b", "has the layers of c, e"],
        "b": ["says the same as a", "has the layers of c, e"],
        "c": ["has the layers of a, b, e"],
        "d": [],
        "e": ["has the layers of a, b, c"],
    }


def test_a_claim_that_training_contradicts_is_remarked(cli: Cli, folder: Path, quick: Path) -> None:
    Path("assignment.yaml").write_text(ASSIGNMENT.replace("[5, 6]", "[5, 6, 7]"))
    for name, claim in {"honest": 10.0, "boasting": 99.9, "absurd": "many"}.items():
        (folder / name).mkdir()
        (folder / name / "spec.yaml").write_text(NET)
        (folder / name / "result.json").write_text(json.dumps({"accuracy": claim}))
        (folder / name / "weights.safetensors").write_bytes(b"of no use")
    remarked = {name: each["remarks"][0] for name, each in grades(cli).items()}
    assert remarked["boasting"].startswith("its own result claims 99.90 %, and 95 % of seeds have at most ")
    assert remarked["honest"].startswith("says the same as ")
    assert remarked["absurd"].startswith("says the same as ")


def test_a_training_that_takes_too_long_is_given_up(cli: Cli, folder: Path) -> None:
    slow = NET.replace("epochs: 2", "epochs: 2000").replace("batch_size: 400", "batch_size: 16")
    hand_in(folder, slow=slow, good=NET)
    Path("assignment.yaml").write_text(ASSIGNMENT.replace("max_epochs: 2", "max_epochs: 2000"))
    found = grades(cli, "handed-in", "--limit", 4)
    assert {name: each["status"] for name, each in found.items()} == {"slow": "too slow", "good": "graded"}
    assert reasons(found["slow"])[0].startswith("not finished after 4 s, in epoch ")


def test_a_network_beyond_memory_stops_no_other(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "memory_of_machine", lambda: 4 << 30)
    vast = NET.replace("6, stride: 4", "10, padding: 1000").replace("train:", "head: {kind: global_pool}\ntrain:")
    hand_in(folder, vast=vast, good=NET)
    found = grades(cli)
    assert {name: each["status"] for name, each in found.items()} == {"vast": "unfit", "good": "graded"}
    assert reasons(found["vast"])[0].startswith("quick: not enough memory: ")


@pytest.mark.slow
def test_several_at_once_give_the_same_grades(cli: Cli, folder: Path) -> None:
    hand_in(folder, good=NET, weak=KINDS["weak"], diverging=KINDS["diverging"])
    one = cli("grade", "assignment.yaml", "handed-in", "--jobs", 1, "--output", "one", "--format", "csv")
    two = cli("grade", "assignment.yaml", "handed-in", "--jobs", 2, "--output", "two", "--format", "csv")

    def without_seconds(outcome: Outcome) -> list[list[str]]:
        return [row[:-1] for row in csv.reader(StringIO(outcome.out))]

    assert without_seconds(one) == without_seconds(two)


def test_a_folder_is_one_submission_if_that_is_said(cli: Cli, folder: Path) -> None:
    (folder / "work").mkdir()
    (folder / "work" / "net.yaml").write_text(KINDS["wide"])
    (folder / "work" / "notes.md").write_text("I tried.")
    assert {name: each["status"] for name, each in grades(cli, "handed-in/work", "--one").items()} == {
        "work": "refused"
    }


def test_one_file_is_one_submission(cli: Cli, folder: Path) -> None:
    hand_in(folder, good=NET, weak=KINDS["weak"])
    assert [*grades(cli, "handed-in/good.yaml")] == ["good"]


def test_fewer_epochs_than_are_judged_do_not_weaken_the_rule(cli: Cli, folder: Path) -> None:
    Path("assignment.yaml").write_text(ASSIGNMENT.replace("accuracy: 40", "accuracy: 20, last_epochs: 9"))
    hand_in(folder, good=NET)
    found = grades(cli)["good"]
    assert (points(found)[-1], reasons(found)) == (0, ["trains 2 epochs, and the last 9 are asked for"])


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes")
def test_a_name_that_is_no_text_stops_nobody(cli: Cli, folder: Path) -> None:
    (Path(os.fsdecode(os.fsencode(folder) + b"/bad\xff.yaml"))).write_text(NET)
    hand_in(folder, good=NET)
    found = grades(cli)
    assert [each["status"] for each in found.values()] == ["graded", "graded"]
    assert cli("grade", "assignment.yaml", "handed-in", "--jobs", 1, "--format", "csv").code == 0


def test_what_is_no_submission_is_named(cli: Cli, folder: Path) -> None:
    hand_in(folder, good=KINDS["wide"])
    (folder / "net.txt").write_text(NET)
    (folder / ".hidden").write_text(NET)
    outcome = cli("grade", "assignment.yaml", "handed-in")
    assert "handed-in: passed over 1 file not named as a spec, a zip or a folder, such as net.txt\n" in outcome.err


def test_nothing_to_grade(cli: Cli, folder: Path) -> None:
    outcome = cli("grade", "assignment.yaml", "handed-in")
    assert (outcome.code, outcome.err) == (
        2,
        "tinymnist: handed-in: holds no submission: expects specs, zips, or a folder for each student\n",
    )


@pytest.mark.parametrize(
    ("change", "line", "message"),
    [
        (("seeds: [5, 6]", "seeds: [5, 5]"), 5, "seeds: expects how many seeds, from 1 to 100, or a list of different"),
        (("seeds: [5, 6]", "seeds: 0"), 5, "seeds: expects how many seeds, from 1 to 100, or a list of different"),
        (("accuracy: 40", "accuracy: 0.994"), 6, "target.accuracy: must be above 1, found 0.994"),
        (("forbid: [residual]", "forbid: [magic]"), 3, "checks.forbid[0]: "),
    ],
    ids=["seeds", "no seeds", "share", "feature"],
)
def test_a_mistake_in_the_assignment(change: tuple[str, str], line: int, message: str, cli: Cli, folder: Path) -> None:
    Path("assignment.yaml").write_text(ASSIGNMENT.replace(*change))
    outcome = cli("grade", "assignment.yaml", "handed-in")
    assert outcome.code == 2
    assert outcome.err.startswith(f"tinymnist: assignment.yaml:{line}: {message}")


class TestFormats:
    @pytest.fixture
    def graded(self, cli: Cli, folder: Path) -> Cli:
        hand_in(folder, **{"=cmd": NET, "b|c": KINDS["broken"]})
        return cli

    def test_text(self, graded: Cli) -> None:
        lines = graded("grade", "assignment.yaml", "handed-in", "--jobs", 1).out.splitlines()
        assert lines[0].split() == ["submission", "status", "parameters", "accuracy", "%", "points"]
        assert lines[1].split()[:3] == ["=cmd", "graded", "622"]
        assert lines[1].endswith("10 of 10")
        assert lines[-1].startswith("b|c: handed-in/b|c.yaml:")
        assert lines[-1].endswith("; no valid spec")

    def test_csv_is_no_formula(self, graded: Cli) -> None:
        outcome = graded("grade", "assignment.yaml", "handed-in", "--jobs", 1, "--format", "csv")
        rows = list(csv.DictReader(StringIO(outcome.out)))
        assert [row["submission"] for row in rows] == ["'=cmd", "b|c"]
        assert (rows[0]["points"], rows[0]["points_accuracy"], rows[0]["reason"]) == ("10", "5", "")
        assert Path("grades/exercise/grades.csv").read_text() == outcome.out

    def test_junit(self, graded: Cli) -> None:
        root = ElementTree.fromstring(
            graded("grade", "assignment.yaml", "handed-in", "--jobs", 1, "--format", "junit").out
        )
        assert [(suite.get("name"), suite.get("failures")) for suite in root] == [("=cmd", "0"), ("b|c", "4")]

    def test_markdown_cells_end_where_they_should(self, graded: Cli) -> None:
        lines = graded("grade", "assignment.yaml", "handed-in", "--jobs", 1, "--format", "markdown").out.splitlines()
        assert len(lines) == 4
        assert lines[3].startswith("| b\\|c | invalid |")

    def test_gradescope(self, graded: Cli) -> None:
        content = json.loads(
            graded("grade", "assignment.yaml", "handed-in/=cmd.yaml", "--jobs", 1, "--format", "gradescope").out
        )
        assert (content["score"], content["visibility"], content["output"]) == (10, "visible", "")
        assert sum(test["max_score"] for test in content["tests"]) == 10
        assert [entry["name"] for entry in content["leaderboard"]] == ["accuracy", "parameters"]

    def test_gradescope_takes_a_folder_as_one_submission(self, graded: Cli) -> None:
        outcome = graded("grade", "assignment.yaml", "handed-in", "--jobs", 1, "--format", "gradescope")
        content = json.loads(outcome.out)
        assert (outcome.code, content["score"]) == (0, 0)
        assert content["tests"][0]["output"].startswith("holds 2 specs: hand in one")

    def test_gradescope_is_told_where_grading_fails(self, graded: Cli) -> None:
        outcome = graded("grade", "assignment.yaml", "nowhere", "--format", "gradescope")
        content = json.loads(outcome.out)
        assert (outcome.code, content["score"], content["visibility"]) == (2, 0, "visible")
        assert content["output"].startswith("could not be graded: nowhere: no such file or folder: ")


def test_the_page_of_a_class_shows_who_reached_what(cli: Cli, folder: Path) -> None:
    hand_in(folder, good=NET, small=NET.replace("channels: 6", "channels: 4"), broken="", wide=KINDS["wide"])
    (folder / "<b>bold.yaml").write_text(KINDS["weak"])
    found = grades(cli, "handed-in", "--page", "class.html")
    page = Path("class.html").read_text()
    assert "5, of which 3 were trained" in page
    row = '<td>good</td><td>graded</td><td class="number">{parameters}</td><td class="number">{accuracy:.2f}</td>'
    assert row.format(**found["good"]) in page
    assert "<td>&lt;b&gt;bold</td>" in page
    assert "not trained: over the budget" in page
    assert '<td>accuracy</td><td class="number">2 of 5</td>' in page


def test_an_anonymous_page_has_no_names_points_or_reasons(cli: Cli, folder: Path) -> None:
    hand_in(folder, alice=NET, bob=NET.replace("channels: 6", "channels: 4"), carol=KINDS["wide"])
    found = grades(cli, "handed-in", "--page", "class.html", "--anonymous")
    page = Path("class.html").read_text()
    assert not [word for word in ("alice", "bob", "carol", "points", "reason", "over the budget") if word in page]
    best = max(found.values(), key=lambda each: each["accuracy"] or 0)
    assert (
        f'<td>1</td><td class="number">{best["parameters"]:,}</td><td class="number">{best["accuracy"]:.2f}</td>'
        in page
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--anonymous"], "--anonymous: is about the page: name it with --page"),
        (["--page", "class.pdf"], "class.pdf: expects a name that ends in .html"),
    ],
)
def test_a_page_that_cannot_be_is_refused_at_once(options: list[str], message: str, cli: Cli, folder: Path) -> None:
    hand_in(folder, good=NET)
    outcome = cli("grade", "assignment.yaml", "handed-in", *options)
    assert (outcome.code, outcome.err) == (2, f"tinymnist: {message}\n")
    assert not Path("grades").exists()


def test_a_folder_is_called_by_its_whole_name(cli: Cli, folder: Path) -> None:
    for name in ("jane.doe", "joe@example.org"):
        (folder / name).mkdir()
        (folder / name / "net.yaml").write_text(KINDS["wide"])
    assert [*grades(cli)] == ["jane.doe", "joe@example.org"]
    assert [*grades(cli, "handed-in/jane.doe", "--one")] == ["jane.doe"]


def test_a_run_is_one_submission_with_its_claim(cli: Cli, folder: Path) -> None:
    (folder / "run").mkdir()
    (folder / "run" / "spec.yaml").write_text(KINDS["wide"])
    (folder / "run" / "result.json").write_text("{}")
    assert [*grades(cli, "handed-in/run")] == ["run"]


@pytest.mark.parametrize(
    "alone", [("handed-in/a.yaml",), ("run/a",), ("handed-in", "--one")], ids=["a file", "a run", "a folder"]
)
def test_one_submission_leaves_the_table_of_the_class_alone(cli: Cli, folder: Path, alone: tuple[str, ...]) -> None:
    hand_in(folder, a=KINDS["wide"])
    run = Path("run/a")
    run.mkdir(parents=True)
    (run / "spec.yaml").write_text(KINDS["wide"])
    table = Path("grades/exercise/grades.csv")
    grades(cli)
    table.write_text("of the class")
    (one,) = grades(cli, *alone)
    assert table.read_text() == "of the class"
    last = json.loads(table.with_suffix(".json").read_text())
    assert [each["submission"] for each in last["grades"]] == [one]


def test_a_page_that_cannot_be_written_is_refused_before_anything_is_trained(cli: Cli, folder: Path) -> None:
    hand_in(folder, wide=KINDS["wide"])
    outcome = cli("grade", "assignment.yaml", "handed-in", "--page", "nowhere/page.html")
    assert outcome.code == 3
    assert outcome.err.endswith("nowhere/page.html: cannot be written: nowhere is no folder that you may write to\n")
    assert not Path("grades").exists()


def test_the_exit_code_can_ask_for_points(cli: Cli, folder: Path) -> None:
    hand_in(folder, wide=KINDS["wide"])
    assert [cli("grade", "assignment.yaml", "handed-in", "--at-least", asked).code for asked in (3, 3.5)] == [0, 1]
