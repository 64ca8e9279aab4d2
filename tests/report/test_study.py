"""The page about a search: what it shows, finished or not, and that it changes nothing."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.report.test_report import Document, seen
from tests.support.browser import Page
from tests.support.command_line import Cli
from tests.support.searches import SEARCH
from tests.support.studies import journal_of, new_study, play, stepwise
from tinymnist.errors import DataError
from tinymnist.report.study_columns import StudyColumns
from tinymnist.report.study_contents import StudyContents, read_study
from tinymnist.search.driver import rung_spec
from tinymnist.search.history import History
from tinymnist.search.records import Finalist, StudyResult, Winner
from tinymnist.search.study import JOURNAL, RESULT, Study, open_study
from tinymnist.search.trials import Figures, Trial
from tinymnist.training.records import write_record
from tinymnist.training.series_api import train_series

LARGER = SEARCH.replace("trials: 5", "trials: 40") + "sampler: random\n"
SEVERAL = LARGER + "objective: [{minimize: validation_loss}, {minimize: macs}]\n"
NASTY = "<b onclick='x'>$y$ & co</b>"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """12 networks tried, and another in training. Not to be changed."""
    found = new_study(tmp_path_factory.mktemp("study"), LARGER)
    play(found, 12, stepwise)
    journal_of(found).propose()
    return found


@pytest.fixture(scope="module")
def contents(study: Study) -> StudyContents:
    return read_study(study.path)


@pytest.fixture(scope="module")
def finished(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same study with a result."""
    path = tmp_path_factory.mktemp("finished") / "tiny"
    shutil.copytree(study.path, path)
    finalists = [
        Finalist(
            trial=number, name=f"tiny-{number}", parameters=880, macs=9000, run=f"finalists/tiny-{number}",
            accuracy=accuracy, std=std, loss=0.75, n=2,
        )
        for number, accuracy, std in ((11, 72.5, 0.25), (8, 70.0, None))
    ]  # fmt: skip
    winner = Winner(trial=11, name="tiny-11", parameters=880, run="winners/tiny-11", accuracy=81.25, std=0.125, n=2)
    result = StudyResult(
        study="studies/tiny", name="tiny", dataset="digits-8x8", chosen_on="held-out images", trials=13,
        trainings=16, epochs=20, seconds=30.0, finalists=finalists, winners=[winner],
    )  # fmt: skip
    write_record(result, path / RESULT)
    return path


def snapshot(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# what is shown


def test_trainings_are_in_the_order_in_which_they_ended(tmp_path: Path) -> None:
    study = new_study(tmp_path, LARGER)
    journal = journal_of(study)
    first, second = journal.propose(), journal.propose()
    assert first is not None
    assert second is not None
    journal.close(journal.record(second, Figures(1, 40.0, 2.0, 3.0)))
    first = journal.record(first, Figures(1, 60.0, 1.0, 1.0))
    journal.close(journal.record(first, Figures(2, 70.0, 0.5, 2.0)))
    ended = read_study(study.path).ended
    assert [(each.rung, each.figures.accuracy, each.seconds) for each in ended] == [
        (0, 40.0, 3.0),
        (0, 60.0, 4.0),
        (1, 70.0, 6.0),
    ]


def test_networks_trainings_epochs_and_seconds_are_counted(contents: StudyContents) -> None:
    assert (len(contents.trials), len(contents.trained), len(contents.ended)) == (13, 12, 16)
    assert (contents.epochs, contents.seconds) == (12 + 4 * 2, 12 * 1.5 + 4 * 3.0)
    assert {state: contents.count(state) for state in ("finished", "dropped", "running", "diverged")} == {
        "finished": 4,
        "dropped": 8,
        "running": 1,
        "diverged": 0,
    }


def test_the_best_are_those_trained_longest_then_by_their_figures(contents: StudyContents) -> None:
    assert [trial.number for trial in contents.best] == [11, 8, 5, 2, 10, 9, 7, 6, 4, 3]


def test_the_front_is_that_of_front_csv(study: Study, contents: StudyContents) -> None:
    assert contents.front == study.front(contents.history.trials)
    assert 11 in {trial.number for trial in contents.front}


def test_the_axis_that_alone_decides_has_nearly_all_importance(tmp_path: Path) -> None:
    study = new_study(tmp_path, LARGER)

    def figures(trial: Trial) -> list[Figures]:
        relu = trial.values["defaults.activation"] == "relu"
        return [Figures(1, 80.0 if relu else 60.0, 1.0, 1.0)]

    play(study, 30, figures)
    importance = read_study(study.path).importance
    assert importance.trials == 30
    assert next(iter(importance.shares)) == "defaults.activation"
    assert importance.shares["defaults.activation"] > 0.9
    assert sum(importance.shares.values()) == pytest.approx(1)


def test_importance_takes_no_longer_with_many_options(tmp_path: Path) -> None:
    sizes = f"  train.batch_size: {{choice: {list(range(16, 46))}}}\n"
    study = new_study(tmp_path, LARGER.replace("dataset:", f"{sizes}dataset:", 1))
    play(study, 12, stepwise)
    assert "train.batch_size" in read_study(study.path).importance.shares


@pytest.mark.parametrize(
    ("trials", "kind", "expected"),
    [
        (9, "", "that takes 10 networks, and there are 9"),
        (12, "flat", "all networks are alike"),
        (10, "one", "only one axis was varied"),
    ],
    ids=["few", "alike", "one axis"],
)
def test_importance_is_left_out_where_nothing_can_be_said(
    tmp_path: Path, trials: int, kind: str, expected: str
) -> None:
    text = LARGER
    if kind == "one":
        before, after = LARGER.index("search:\n"), LARGER.index("dataset:")
        text = LARGER[:before] + "search:\n  train.schedule.max_lr: {log: [0.02, 0.4]}\n" + LARGER[after:]
        text = text.replace("fill: 0.9", "fill: 0")
    study = new_study(tmp_path, text)
    play(study, trials, (lambda _: [Figures(1, 50.0, 1.0, 1.0)]) if kind == "flat" else stepwise)
    words = StudyColumns(read_study(study.path)).importance_words
    assert words == f"How much each axis explains is not estimated: {expected}."


# the page


def test_an_unfinished_study_is_shown_as_it_is(cli: Cli, study: Study, tmp_path: Path) -> None:
    outcome = cli("report", study.path, "--output", tmp_path / "report.html")
    parameters = read_study(study.path).best[0].parameters
    assert (outcome.code, outcome.out.splitlines()) == (
        0,
        [
            "tiny: 13 of 40 networks tried in 16 trainings (20 epochs), not finished",
            "71.00 %, best so far of the 300 held-out training images of digits-8x8: "
            f"network 11, {parameters} parameters, after 2 epochs",
            f"wrote {tmp_path / 'report.html'}",
        ],
    )
    page = Document(tmp_path / "report.html")
    assert page.of("code") == [f"tinymnist search --resume {study.path}"]
    cells = page.of("td")
    for text in (
        "90 to 100 % of 900 parameters",
        "the highest held-out accuracy",
        "1 epoch, of which the best 40 % go on to 2 epochs",
        "at random, seed 0",
        "13 of 40 tried: 4 trained to the end, 8 dropped, 1 in training",
        "16, of 20 epochs together",
        "30 seconds, not counting finalists and winners",
        "2 to 24 in steps of 2",
        "relu, silu",
        "0.02 to 0.4, log scale",
    ):
        assert text in cells
    assert study.file.text.rstrip() in page.of("pre")[0]


def test_a_finished_study_shows_finalists_and_winner_and_needs_nothing_but_itself(
    cli: Cli, finished: Path, tmp_path: Path
) -> None:
    outcome = cli("report", finished, "--output", tmp_path / "report.html")
    assert outcome.out.splitlines()[1] == (
        "81.25 ± 0.12 %, of the test images of digits-8x8, 2 seeds: "
        "tiny-11, 880 parameters, trained on all training images"
    )
    page = Document(tmp_path / "report.html")
    cells = page.of("td")
    place = cells.index("tiny-11")
    assert cells[place : place + 7] == ["tiny-11", "880", "9,000", "72.50 ± 0.25 %", "0.7500", "2", "81.25 ± 0.12 %"]
    place = cells.index("tiny-8")
    assert cells[place : place + 6] == ["tiny-8", "880", "9,000", "70.00 %", "0.7500", "2"]
    assert "Spec of the winner tiny-11" in page.of("h3")
    assert page.of("code") == []
    assert not {"script", "link", "iframe"} & {tag for tag, _ in page.tags}
    sources = [str(attributes["src"]) for tag, attributes in page.tags if tag == "img"]
    assert len(sources) == 4
    assert all(source.startswith("data:image/svg+xml;base64,") for source in sources)
    policies = [attributes["content"] for tag, attributes in page.tags if attributes.get("http-equiv")]
    assert policies == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


def test_a_study_that_has_trained_nothing_has_a_page(cli: Cli, tmp_path: Path) -> None:
    study = new_study(tmp_path)
    outcome = cli("report", study.path, "--output", tmp_path / "report.html", "--pictures", tmp_path / "pictures")
    assert outcome.code == 0
    assert outcome.out.splitlines()[0] == "tiny: 0 of 5 networks tried in 0 trainings (0 epochs), not finished"
    assert "No training has ended yet." in Document(tmp_path / "report.html").of("p")
    assert not (tmp_path / "pictures").exists()
    assert not (study.path / JOURNAL).exists()


def test_hostile_names_and_options_are_only_text(cli: Cli, tmp_path: Path) -> None:
    option = json.dumps(NASTY * 7)
    axis = f"  {json.dumps(NASTY)}: {{choice: [{option}, plain], paths: [train.chosen_on]}}\n"
    study = new_study(tmp_path, LARGER.replace("dataset:", f"{axis}dataset:", 1))
    play(study, 12, stepwise)
    assert cli("report", study.path, "--output", tmp_path / "report.html").code == 0
    page = Document(tmp_path / "report.html")
    assert {tag for tag, _ in page.tags} & {"b", "script"} == set()
    assert all("onclick" not in attributes for _, attributes in page.tags)
    assert NASTY in page.of("td")
    assert max(map(len, page.of("td"))) <= 300


@pytest.mark.slow
def test_finalists_are_shown_before_the_study_is_finished(cli: Cli, study: Study, tmp_path: Path) -> None:
    path = tmp_path / "tiny"
    shutil.copytree(study.path, path)
    mine = open_study(path)
    trial = read_study(path).best[0]
    spec = rung_spec(mine, trial, -1)
    series = train_series(
        spec, [0], jobs=1, dataset="digits-8x8", validation=300, output=path / "finalists", name=spec.name, device="cpu"
    )
    assert cli("report", path, "--output", tmp_path / "report.html").code == 0
    page = Document(tmp_path / "report.html")
    assert "Finalists so far" in page.of("h3")
    place = page.of("td").index("tiny-11")
    accuracy, loss = f"{series.result.mean:.2f} %", f"{series.result.losses[0]:.4f}"
    expected = ["tiny-11", f"{trial.parameters:,}", f"{trial.macs:,}", accuracy, loss, "1"]
    assert page.of("td")[place : place + 6] == expected
    assert "on the test set" not in page.of("th")


def test_each_of_several_winners_has_a_line_and_a_spec(cli: Cli, finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "tiny")
    result = json.loads((finished / RESULT).read_text())
    result["winners"].append({**result["winners"][0], "trial": 8, "name": "tiny-8", "accuracy": 80.0, "std": None})
    (tmp_path / "tiny" / RESULT).write_text(json.dumps(result))
    outcome = cli("report", tmp_path / "tiny", "--output", tmp_path / "report.html")
    assert outcome.out.splitlines()[1:3] == [
        f"{figure} %, of the test images of digits-8x8, 2 seeds: {name}, 880 parameters, trained on all training images"
        for figure, name in (("81.25 ± 0.12", "tiny-11"), ("80.00", "tiny-8"))
    ]
    page = Document(tmp_path / "report.html")
    assert [title for title in page.of("h3") if "winner" in title] == [
        "Spec of the winner tiny-11",
        "Spec of the winner tiny-8",
    ]


def test_a_choice_of_layers_reads_as_in_the_search_file(cli: Cli, tmp_path: Path) -> None:
    layers = "{kind: conv, out_channels: 6}, {kind: separable, out_channels: 6}"
    axis = f'  last: {{choice: [{layers}], paths: ["blocks[1].convs[0]"]}}\n  deep: '
    text = LARGER.replace("  deep: ", axis).replace("fill: 0.9", "fill: 0.5")
    study = new_study(tmp_path, text)
    play(study, 12, stepwise)
    assert cli("report", study.path, "--output", tmp_path / "report.html").code == 0
    cells = Document(tmp_path / "report.html").of("td")
    assert layers.replace("}, ", "}; ") in cells
    assert "{kind: separable, out_channels: 6}" in cells


def test_several_objectives_add_a_picture_of_multiply_adds(cli: Cli, tmp_path: Path) -> None:
    study = new_study(tmp_path, SEVERAL.replace("fill: 0.9", "fill: 0.3"))
    play(study, 12, stepwise)
    outcome = cli("report", study.path, "--output", tmp_path / "report.html", "--pictures", tmp_path / "pictures")
    names = ["parameters", "macs", "trainings", "time", "axes"]
    assert outcome.out.splitlines()[2:-1] == [f"wrote {tmp_path / 'pictures' / f'tiny-{name}.svg'}" for name in names]
    assert "the lowest held-out loss, the fewest multiply-adds" in Document(tmp_path / "report.html").of("td")


def test_json_has_the_figures(cli: Cli, finished: Path, tmp_path: Path) -> None:
    content = json.loads(cli("report", finished, "--output", tmp_path / "report.html", "--json").out)
    assert [content[key] for key in ("name", "finished", "trials", "of_trials", "trainings", "epochs", "seconds")] == [
        "tiny", True, 13, 40, 16, 20, 30.0,
    ]  # fmt: skip
    first = content["best"][0]
    assert [first[key] for key in ("trial", "state", "epochs", "accuracy", "loss")] == [11, "finished", 2, 71.0, 0.89]
    assert set(first["values"]) == set(content["importance"]["shares"])
    assert content["importance"]["trials"] == 12
    assert [each["name"] for each in content["finalists"]] == ["tiny-11", "tiny-8"]
    assert content["winners"][0]["accuracy"] == 81.25
    assert content["pictures"] == []


# nothing is changed


def test_half_a_line_is_not_read_and_nothing_is_written(cli: Cli, study: Study, tmp_path: Path) -> None:
    path = tmp_path / "tiny"
    shutil.copytree(study.path, path)
    with open(path / JOURNAL, "ab") as stream:
        stream.write(b'{"op_code":4,"worker')
    before = snapshot(path)
    assert cli("report", path, "--output", tmp_path / "report.html").code == 0
    assert snapshot(path) == before
    assert read_study(path).history == read_study(study.path).history


def test_a_report_can_be_written_at_every_line_of_the_journal(tmp_path: Path) -> None:
    study = new_study(tmp_path)
    play(study, 2, stepwise)
    lines = (study.path / JOURNAL).read_bytes().splitlines(keepends=True)
    counts = []
    for kept in range(len(lines) + 1):
        (study.path / JOURNAL).write_bytes(b"".join(lines[:kept]))
        counts.append(len(read_study(study.path).trials))
    assert counts == sorted(counts)
    assert set(counts) == {0, 1, 2}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"op_code":4', b'"op_code":4,,'),
        (b'"accuracy":50.0', b'"accuracy":"50"'),
        (b'"accuracy":50.0', b'"accuracy":NaN'),
        (b'"seconds":1.5', b'"minutes":1.5'),
        (b'"param_name":"deep"', b'"param_name":"wide"'),
        (b'"parameters":', b'"weights":'),
        (b'"study_name":"tiny"', b'"study_name":["tiny"]'),
        (b"{", b"3 #"),
    ],
    ids=["no JSON", "no number", "not finite", "another key", "another axis", "no size", "no name", "no object"],
)
def test_a_damaged_journal_is_refused_in_one_line(study: Study, tmp_path: Path, old: bytes, new: bytes) -> None:
    path = tmp_path / "tiny"
    shutil.copytree(study.path, path)
    content = (path / JOURNAL).read_bytes()
    assert old in content
    (path / JOURNAL).write_bytes(content.replace(old, new))
    with pytest.raises(DataError, match=r"journal\.log: is damaged: [^\n]+$"):
        read_study(path)


def test_of_many_networks_only_some_are_drawn(study: Study, contents: StudyContents) -> None:
    first = contents.trained[0]
    many = [replace(first, number=number, rungs=(Figures(1, number / 10, 1.0, 1.0),)) for number in range(600)]
    columns = StudyColumns(StudyContents(study, History(many, []), None, []))
    assert "Vermilion: the best 30 by accuracy" in columns.parallel_words
    assert "Not all of the others are drawn" in columns.parallel_words
    assert "Vermilion: the best 2 by accuracy" in StudyColumns(contents).parallel_words
    assert len(columns.parallel) < 2_000_000


# in a browser


@pytest.mark.slow
def test_a_phone_shows_the_study_and_nothing_beyond_its_edge(
    browser: Page, cli: Cli, finished: Path, tmp_path: Path
) -> None:
    shutil.copytree(finished, tmp_path / "tiny")
    record = json.loads((finished / "study.json").read_text())
    (tmp_path / "tiny" / "study.json").write_text(json.dumps({**record, "command": ["/x" * 100]}))
    assert cli("report", tmp_path / "tiny", "--output", tmp_path / "report.html").code == 0
    facts = seen(browser, tmp_path, 390)
    assert facts["images"] == [True] * 4
    assert (facts["overflow"], facts["scripts"]) == (0, 0)


# beside other things


def test_a_study_stands_alone(cli: Cli, study: Study, small_run: Path) -> None:
    outcome = cli("report", small_run, study.path)
    assert (outcome.code, outcome.err) == (
        2,
        f"tinymnist: {study.path}: is a study, which has a page of its own: give it alone\n",
    )


def test_options_of_runs_are_refused(cli: Cli, study: Study) -> None:
    outcome = cli("report", study.path, "--dataset", "mnist-5k")
    assert (outcome.code, outcome.err) == (
        2,
        "tinymnist: --dataset: a study is shown as it was recorded: leave it out\n",
    )


def test_without_optuna_it_says_what_to_install(cli: Cli, study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    outcome = cli("report", study.path)
    expected = 'tinymnist: the report of a study needs Optuna: pip install "tinymnist[search]"\n'
    assert (outcome.code, outcome.err) == (2, expected)
