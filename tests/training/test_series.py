"""Many seeds as one series: the same runs as one by one, figures over them, verdicts, and resuming after any stop."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from tests.support.command_line import Cli
from tinymnist import load_run, load_spec, train
from tinymnist.errors import DataError, Interrupted, RunError, UsageError
from tinymnist.text import interval_text
from tinymnist.training import Series, SeriesObserver, open_run, resume_series, train_series
from tinymnist.training.observer import EpochRow
from tinymnist.training.records import Result
from tinymnist.training.seeds import parse_seeds


def weights(run: Path) -> bytes:
    return (run / "weights.safetensors").read_bytes()


@pytest.fixture(scope="module")
def series(quick: Path, tmp_path_factory: pytest.TempPathFactory) -> Series:
    output = tmp_path_factory.mktemp("runs")
    return train_series(load_spec(quick), [3, 5, 9], jobs=2, dataset="mnist-5k", output=output, name="three")


def test_each_seed_is_the_run_that_it_is_alone(series: Series, quick: Path, tmp_path: Path) -> None:
    alone = train(load_spec(quick), seed=5, dataset="mnist-5k", output=tmp_path, name="alone")
    assert weights(series.path / "seed-5") == weights(alone.path)


def test_one_job_gives_the_same_bits_as_several(series: Series, quick: Path, tmp_path: Path) -> None:
    one = train_series(load_spec(quick), [3, 9], jobs=1, dataset="mnist-5k", output=tmp_path, name="one")
    assert [weights(run.path) for run in one.runs] == [weights(series.path / f"seed-{seed}") for seed in (3, 9)]


def test_the_result_is_over_the_last_epochs_of_all_seeds(series: Series) -> None:
    accuracies = [load_run(series.path / f"seed-{seed}").result.accuracy for seed in (3, 5, 9)]
    result = series.result
    interval = scipy.stats.t.interval(0.95, 2, loc=scipy.stats.tmean(accuracies), scale=scipy.stats.sem(accuracies))
    assert (result.seeds, result.accuracies, result.n, result.images) == ([3, 5, 9], accuracies, 3, 1000)
    assert (result.minimum, result.maximum) == (min(accuracies), max(accuracies))
    assert result.mean == pytest.approx(scipy.stats.tmean(accuracies))
    assert result.std == pytest.approx(scipy.stats.tstd(accuracies))
    assert result.interval is not None
    assert (result.interval.low, result.interval.high) == pytest.approx(interval)


def test_metrics_have_the_rows_of_every_seed(series: Series) -> None:
    with (series.path / "metrics.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["seed"], row["epoch"]) for row in rows] == [(s, e) for s in "359" for e in "12"]
    assert [float(row["eval_accuracy"]) for row in rows[1::2]] == series.result.accuracies


def test_a_series_whose_metrics_lack_an_epoch_of_a_seed_is_damaged(series: Series, tmp_path: Path, cli: Cli) -> None:
    copy = shutil.copytree(series.path, tmp_path / "copy")
    lines = (copy / "metrics.csv").read_text().splitlines()
    (copy / "metrics.csv").write_text("\n".join(lines[:-1]) + "\n")
    outcome = cli("train", "--resume", copy, "--target", 50, "--last-epochs", 1)
    assert (outcome.code, outcome.err) == (
        3,
        f"tinymnist: {copy}/metrics.csv: damaged (some seeds lack epochs): copy the series again\n",
    )


def test_a_finished_series_is_left_as_it_is(series: Series) -> None:
    before = {path: path.stat().st_mtime_ns for path in series.path.rglob("*")}
    assert resume_series(series).result == series.result
    assert {path: path.stat().st_mtime_ns for path in series.path.rglob("*")} == before


@pytest.mark.slow
def test_a_finished_series_can_have_more_seeds(series: Series, tmp_path: Path, cli: Cli) -> None:
    shutil.copytree(series.path, tmp_path / "more")
    before = [weights(run.path) for run in series.runs]
    outcome = cli("train", "--resume", tmp_path / "more", "--seeds", "5-6", "--json")
    content = json.loads(outcome.out)
    assert (outcome.code, content["seeds"], content["n"]) == (0, [3, 5, 9, 6], 4)
    assert "4 seeds (3 finished before)" in outcome.err
    assert content["accuracies"][:3] == series.result.accuracies
    more = open_run(tmp_path / "more")
    assert isinstance(more, Series)
    assert [weights(run.path) for run in more.runs[:3]] == before
    assert [len(rows) for rows in more.metrics_by_seed] == [2, 2, 2, 2]


def test_figures_alone_cannot_have_more_seeds(series: Series, tmp_path: Path, cli: Cli) -> None:
    for name in ("series.json", "spec.yaml", "metrics.csv", "result.json"):
        shutil.copyfile(series.path / name, tmp_path / name)
    outcome = cli("train", "--resume", tmp_path, "--seeds", "4")
    assert outcome.code == 2
    assert (
        outcome.err
        == f"tinymnist: {tmp_path}: holds the figures alone, not the runs of its seeds: train a new series\n"
    )
    assert open_run(tmp_path).result == series.result


def test_more_seeds_that_cannot_be_trained_leave_a_series_as_it_is(series: Series, tmp_path: Path, cli: Cli) -> None:
    shutil.copytree(series.path, tmp_path / "whole")
    spec = (tmp_path / "whole" / "spec.yaml").read_text()
    taught = spec.replace("train:\n", "train:\n  distill: {teacher: gone}\n")
    (tmp_path / "whole" / "spec.yaml").write_text(taught)
    declared = json.loads((tmp_path / "whole" / "series.json").read_text())
    (tmp_path / "whole" / "series.json").write_text(json.dumps({**declared, "spec_sha256": None}))
    before = {path.name: path.read_bytes() for path in (tmp_path / "whole").glob("*.*")}
    outcome = cli("train", "--resume", tmp_path / "whole", "--seeds", "6")
    assert outcome.code == 2
    assert "gone: no such run directory" in outcome.err
    assert {path.name: path.read_bytes() for path in (tmp_path / "whole").glob("*.*")} == before


def test_more_seeds_of_other_teachers_are_refused(series: Series, tmp_path: Path, cli: Cli) -> None:
    whole = Path(shutil.copytree(series.path, tmp_path / "whole"))
    declared = json.loads((whole / "series.json").read_text())
    (whole / "series.json").write_text(json.dumps({**declared, "teachers": {"runs/other": "0" * 64}}))
    outcome = cli("train", "--resume", whole, "--seeds", "6")
    assert (outcome.code, outcome.err) == (
        3,
        f"tinymnist: {whole}: its data or teachers have changed since it was begun: train a new series\n",
    )
    assert (whole / "result.json").is_file()


def test_seeds_that_a_series_has_are_nothing_new(series: Series, cli: Cli) -> None:
    outcome = cli("train", "--resume", series.path, "--seeds", "5,9")
    assert outcome.code == 0
    assert outcome.err == f"{series.path}: has these seeds already: for 2 more, --seeds 10-11\n"


def test_one_training_has_one_seed(small_run: Path, cli: Cli) -> None:
    outcome = cli("train", "--resume", small_run, "--seeds", "4")
    assert outcome.err.startswith(f"tinymnist: --seeds: {small_run} is one training: leave it out")


class StopAfter(SeriesObserver):
    """Sends this process a signal after so many epochs, and remembers which seeds were trained."""

    def __init__(self, epochs: int | None = None) -> None:
        super().__init__()
        self.left = epochs
        self.ended: list[int] = []

    def epoch_ended(self, seed: int, row: EpochRow) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGTERM)

    def seed_ended(self, result: Result) -> None:
        self.ended.append(result.seed)


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_stopped_series_resumes_where_it_stopped(jobs: int, quick: Path, tmp_path: Path) -> None:
    spec = load_spec(quick, ["train.epochs=12"])  # so long that with two jobs the signal comes before their end
    whole = train_series(spec, [3, 5, 9], jobs=2, dataset="mnist-5k", output=tmp_path, name="whole")
    first = StopAfter(13)  # with one job, in the second seed
    with pytest.raises(Interrupted, match=r"stopped: resume it with `tinymnist train --resume .*cut`") as stopped:
        train_series(spec, [3, 5, 9], jobs=jobs, dataset="mnist-5k", output=tmp_path, name="cut", observer=first)
    assert stopped.value.exit_code == 143
    cut = open_run(tmp_path / "cut")
    assert isinstance(cut, Series)
    with pytest.raises(RunError, match="not finished"):
        _ = cut.result
    second = StopAfter()
    finished = resume_series(cut, jobs=jobs, observer=second)
    assert [weights(run.path) for run in finished.runs] == [weights(run.path) for run in whole.runs]
    assert sorted([*first.ended, *second.ended]) == [3, 5, 9]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kills by signal")
def test_workers_end_when_their_parent_is_killed(series: Series, quick: Path, tmp_path: Path) -> None:
    options = ["--dataset", "mnist-5k", "--seeds", "2", "--epochs", "2000", "--jobs", "2", "--name", "killed"]
    command = [sys.executable, "-m", "tinymnist", "train", "--arch", str(quick), "--output", str(tmp_path), *options]
    parent = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seeds = [tmp_path / "killed" / f"seed-{seed}" for seed in (0, 1)]
    _until(lambda: all((seed / "metrics.csv").exists() for seed in seeds))
    parent.kill()
    parent.wait()
    _until(lambda: all(_is_free(seed) for seed in seeds))
    assert all((seed / "checkpoint" / "state.safetensors").exists() for seed in seeds)


def _is_free(run: Path) -> bool:
    from filelock import FileLock, Timeout

    try:
        with FileLock(run / ".lock", timeout=0):
            return True
    except Timeout:
        return False


def _until(condition: object, seconds: float = 60.0) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def test_what_cannot_be_trained_leaves_no_directory(quick: Path, tmp_path: Path) -> None:
    spec = load_spec(quick, ["train.distill={teacher: nowhere}"])
    with pytest.raises(RunError, match="nowhere: no such run directory"):
        train_series(spec, [1, 2], dataset="mnist-5k", output=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("stranger", ["another seed", "another network", "other images", "a link", "an empty folder"])
def test_a_folder_that_is_not_of_the_series_is_never_averaged(
    stranger: str, series: Series, quick: Path, tmp_path: Path
) -> None:
    ours = shutil.copytree(series.path, tmp_path / "ours")
    (ours / "result.json").unlink()
    shutil.rmtree(ours / "seed-5")
    if stranger == "another seed":
        shutil.copytree(ours / "seed-3", ours / "seed-5")
    elif stranger == "a link":
        (ours / "seed-5").symlink_to(ours / "seed-3")
    elif stranger == "an empty folder":
        (ours / "seed-5").mkdir()
    else:
        spec = load_spec(quick, ["blocks[0].convs=[5]"] if stranger == "another network" else [])
        held = 100 if stranger == "other images" else 0
        train(spec, seed=5, dataset="mnist-5k", validation=held, output=ours, name="seed-5")
    half = open_run(ours)
    assert isinstance(half, Series)
    remedy = "is a link, which may lead out" if stranger == "a link" else "move it away, then resume the series"
    with pytest.raises(DataError, match=f"seed-5.*: .*{remedy}"):
        resume_series(half)


def test_a_damaged_declaration_is_named(series: Series, tmp_path: Path) -> None:
    ours = shutil.copytree(series.path, tmp_path / "ours")
    content = json.loads((ours / "series.json").read_text())
    (ours / "series.json").write_text(json.dumps({**content, "seeds": [0, 0]}))
    with pytest.raises(DataError, match=r"series.json: damaged .*a seed is listed twice"):
        open_run(ours)


@pytest.mark.parametrize(
    "change",
    [{"accuracies": [1.0]}, {"std": None}, {"accuracies": [1e9, 1.0, 2.0]}, {"name": "a\nmean 100 %"}],
    ids=str,
)
def test_a_result_that_contradicts_itself_is_damaged(change: dict[str, object], series: Series, tmp_path: Path) -> None:
    ours = shutil.copytree(series.path, tmp_path / "ours")
    content = json.loads((ours / "result.json").read_text())
    (ours / "result.json").write_text(json.dumps({**content, **change}))
    opened = open_run(ours)
    with pytest.raises(DataError, match=r"result.json: damaged"):
        _ = opened.result


def test_metrics_that_are_damaged_are_named(series: Series, cli: Cli, tmp_path: Path) -> None:
    ours = shutil.copytree(series.path, tmp_path / "ours")
    metrics = ours / "metrics.csv"
    metrics.write_text(metrics.read_text().replace("\n3,2,", "\n3,7,"))
    outcome = cli("train", "--resume", ours, "--target", 50, "--last-epochs", 1)
    assert (outcome.code, outcome.err) == (
        3, f"tinymnist: {metrics}: damaged (its epochs are not 1, 2, 3 and so on): copy the run again\n"
    )  # fmt: skip


def test_a_signal_during_a_seeds_start_stops_the_series(quick: Path, tmp_path: Path) -> None:
    class StopAtOnce(SeriesObserver):
        def started(self, *_: object) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted) as stopped:
        train_series(load_spec(quick), [1], jobs=1, dataset="mnist-5k", output=tmp_path, observer=StopAtOnce())
    assert stopped.value.exit_code == 130
    assert list(tmp_path.rglob("metrics.csv")) == []


@pytest.mark.parametrize("seeds", [np.arange(2), [1, 0]], ids=["numpy", "list"])
def test_whole_numbers_of_any_kind_are_seeds(seeds: Any, quick: Path, tmp_path: Path) -> None:
    spec = load_spec(quick, ["train.epochs=1"])
    found = train_series(spec, seeds, jobs=1, dataset="mnist-5k", output=tmp_path)
    assert sorted(found.seeds) == [0, 1]


@pytest.mark.slow
def test_a_script_from_standard_input_is_told_what_to_do(quick: Path, tmp_path: Path) -> None:
    code = (
        "import tinymnist; tinymnist.train_series("
        f"tinymnist.load_spec({str(quick)!r}), [1, 2], jobs=2, dataset='mnist-5k', output={str(tmp_path)!r})"
    )
    done = subprocess.run([sys.executable, "-"], input=code, capture_output=True, text=True, timeout=120)
    assert "UsageError: a series with several jobs needs a main module that is a file" in done.stderr


@pytest.mark.slow
def test_a_script_without_a_main_guard_is_told_before_a_folder_is_made(quick: Path, tmp_path: Path) -> None:
    script, runs = tmp_path / "script.py", tmp_path / "runs"
    script.write_text(
        "import tinymnist\ntinymnist.train_series("
        f"tinymnist.load_spec({str(quick)!r}), [1, 2], jobs=2, dataset='mnist-5k', output={str(runs)!r})\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("tinymnist.errors.UsageError: a series with several jobs starts processes, which cannot")
    assert last.endswith('put the call under `if __name__ == "__main__":`, or give jobs=1')
    assert (done.returncode, runs.exists(), "memory" in done.stderr) == (1, False, False)


@pytest.mark.slow
def test_an_error_of_one_seed_ends_the_series(quick: Path, cli: Cli, tmp_path: Path) -> None:
    wild = "train.schedule={name: constant, lr: 1000000}"
    outcome = cli("train", "--arch", quick, "--set", wild, "--seeds", 2, "--dataset", "mnist-5k", "--output", tmp_path,
                  "--name", "wild")  # fmt: skip
    assert outcome.code == 4
    assert outcome.err.splitlines()[-1].startswith(f"tinymnist: {tmp_path / 'wild'}")


# The command line


def arguments(quick: Path, tmp_path: Path) -> list[object]:
    return ["train", "--arch", quick, "--dataset", "mnist-5k", "--output", tmp_path, "--name", "s", "--seeds", "0-1"]


def test_one_row_per_seed_and_the_figures_below(quick: Path, cli: Cli, tmp_path: Path) -> None:
    outcome = cli(*arguments(quick, tmp_path), "--jobs", 1)
    lines = outcome.out.splitlines()
    assert lines[0] == "quick, 622 parameters, 2 epochs, on the 1,000 test images of mnist-5k"
    assert lines[1] == "seed        accuracy     loss"
    assert [line.split()[0] for line in lines[2:4]] == ["0", "1"]
    assert lines[4].startswith("mean ")
    assert "(n 2), 95 % interval of the mean " in lines[4]
    assert lines[5:] == [f"run: {tmp_path / 's'}", f"next: tinymnist compare {tmp_path / 's'} OTHER-SERIES"]
    assert [line.split(":")[0] for line in outcome.err.splitlines()[1:]] == [
        *("seed 0, epoch 1", "seed 0, epoch 2", "seed 0"),
        *("seed 1, epoch 1", "seed 1, epoch 2", "seed 1"),
    ]


@pytest.mark.parametrize(
    ("target", "outcome", "code"), [("99.4", "pass", 0), ("99.6", "fail", 1), ("99.51", "inconclusive", 1)]
)
def test_a_target_gives_a_verdict_and_an_exit_code(
    target: str, outcome: str, code: int, series: Series, cli: Cli, tmp_path: Path
) -> None:
    known = shutil.copytree(series.path, tmp_path / "known")
    content = json.loads((known / "result.json").read_text())
    (known / "result.json").write_text(json.dumps({**content, "accuracies": [99.49, 99.50, 99.52]}))
    found = cli("train", "--resume", known, "--target", target, "--json")
    assert (json.loads(found.out)["verdict"]["outcome"], found.code) == (outcome, code)


@pytest.mark.parametrize(("target", "code"), [("1.5", 0), ("100", 1)])
def test_the_last_epochs_are_judged_by_what_happened(target: str, code: int, series: Series, cli: Cli) -> None:
    found = cli("train", "--resume", series.path, "--target", target, "--last-epochs", 2, "--json")
    lowest = min(row.eval_accuracy for run in series.runs for row in run.read_metrics())
    verdict = json.loads(found.out)["verdict"]
    assert (verdict["lowest"], verdict["passed"], found.code) == (lowest, 0 if code else 3, code)


def test_one_seed_cannot_tell(small_run: Path, cli: Cli) -> None:
    outcome = cli("train", "--resume", small_run, "--target", "1.5")
    assert outcome.code == 1
    assert "inconclusive" in outcome.out
    assert "one seed says nothing about the spread" in outcome.out


@pytest.mark.parametrize(
    ("extra", "error"),
    [
        (["--seed", 1], "--seed: is one of --seeds already"),
        (["--jobs", 0], "Invalid value for '--jobs'"),
        (["--last-epochs", 1], "--last-epochs: needs a --target"),
        (["--last-epochs", 3, "--target", 50], "--last-epochs 3: the recipe has 2 epochs"),
        (["--target", "nan"], "--target nan: expects percent, above 1 and up to 100, as in 99.4"),
        (["--target", "100.5"], "--target 100.5: expects percent, above 1 and up to 100, as in 99.4"),
        (["--target", "0.994"], "--target 0.994: expects percent, above 1 and up to 100, as in 99.4"),
        (["--device", "gpu"], "Invalid value for '--device': 'gpu' is not one of 'auto', 'cpu', 'cuda', 'mps'"),
        (
            ["--epochs", 1, "--set", "train.epochs=2"],
            "--epochs and --set train.epochs: are the same: give one of the two",
        ),
    ],
)
def test_wrong_options_are_one_line(quick: Path, cli: Cli, tmp_path: Path, extra: list[object], error: str) -> None:
    outcome = cli(*arguments(quick, tmp_path), *extra)
    assert outcome.code == 2
    assert outcome.err.startswith(f"tinymnist: {error}")
    assert outcome.err.count("\n") == 1
    assert not (tmp_path / "s").exists()


def test_a_series_is_not_a_run(series: Series) -> None:
    with pytest.raises(RunError, match=r"is a series of 3 seeds: name one of them, such as .*seed-3"):
        load_run(series.path)


def test_a_name_that_is_taken_is_refused(series: Series, quick: Path) -> None:
    with pytest.raises(RunError, match="already exists"):
        train_series(load_spec(quick), [1], dataset="mnist-5k", output=series.path.parent, name=series.path.name)


# Seeds


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("3", (0, 1, 2)),
        (" 3 ", (0, 1, 2)),
        ("0-7", tuple(range(8))),
        ("3,5,9", (3, 5, 9)),
        ("0-2,7", (0, 1, 2, 7)),
        ("4-4", (4,)),
    ],
)
def test_seeds_are_a_number_a_range_or_a_list(text: str, seeds: tuple[int, ...]) -> None:
    assert parse_seeds(text) == seeds


@given(st.lists(st.integers(0, 2**31 - 1), min_size=2, max_size=20))
def test_a_list_of_seeds_is_read_as_written(seeds: list[int]) -> None:
    assert parse_seeds(",".join(map(str, seeds))) == tuple(seeds)


@pytest.mark.parametrize("text", ["0", "05", "", "x", "7-3", "1,,2", "-3", "1.5", "0-99999999", "100000"])
def test_what_is_not_a_list_of_seeds_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expects a number of seeds"):
        parse_seeds(text)


def test_the_same_seed_twice_is_refused(quick: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="each once"):
        train_series(load_spec(quick), [1, 1], dataset="mnist-5k", output=tmp_path)


def test_an_interval_of_few_seeds_ends_where_percent_end() -> None:
    assert interval_text(-12.3, 138.966, 3) == "0.000 to 100.000 %"
    assert interval_text(98.1, 99.304, 2) == "98.10 to 99.30 %"


def test_epochs_that_contradict_the_result_give_no_verdict(small_run: Path, cli: Cli, tmp_path: Path) -> None:
    run = shutil.copytree(small_run, tmp_path / "edited")
    header, row = (run / "metrics.csv").read_text().splitlines()
    accuracy = str(json.loads((run / "result.json").read_text())["accuracy"])
    (run / "metrics.csv").write_text(f"{header}\n{row.replace(accuracy, '99.77')}\n")
    outcome = cli("train", "--resume", run, "--target", 99.4, "--last-epochs", 1)
    assert (outcome.code, outcome.out, outcome.err) == (
        3,
        "",
        f"tinymnist: {run}: metrics.csv and result.json contradict each other: copy the run again\n",
    )


def test_too_many_last_epochs_are_refused_before_a_training_is_resumed(small_run: Path, cli: Cli) -> None:
    outcome = cli("train", "--resume", small_run, "--target", 50, "--last-epochs", 2)
    assert (outcome.code, outcome.err) == (2, "tinymnist: --last-epochs 2: the recipe has 1 epoch\n")
