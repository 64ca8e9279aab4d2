"""Comparing: two runs image by image, two series seed by seed, and nothing else."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from scipy.stats import binomtest, ttest_ind
from torch import Tensor

import tinymnist
from tests.support.command_line import ARCHS, Cli
from tests.support.digits import mnist_5k
from tinymnist.comparison import RunComparison, SeriesComparison, compare
from tinymnist.spec.dump import dump_spec
from tinymnist.spec.packaged import packaged_networks, packaged_series
from tinymnist.statistics import summarize
from tinymnist.training import Series
from tinymnist.training.records import Declaration, Interval, SeriesResult, write_record

GOOD = [99.41, 99.44, 99.45, 99.42, 99.47]
POOR = [99.32, 99.41, 99.28, 99.37]
EQUALLY_GOOD = "two equally good networks would differ this much or more with probability"
MakeSeries = Callable[..., Path]


@pytest.fixture(scope="session")
def other_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run beside `small_run`: one epoch of mini697 on mnist-5k. Not to be changed."""
    spec = tinymnist.load_spec(ARCHS / "mini697.yaml", ["train.epochs=1", "train.batch_size=64"])
    run = tinymnist.train(spec, seed=3, dataset="mnist-5k", output=tmp_path_factory.mktemp("runs"), name="other")
    return run.path


@pytest.fixture
def series(tmp_path: Path) -> MakeSeries:
    """Makes the directory of a finished series of tiny3130, without training, and gives its path."""

    def make(
        name: str,
        accuracies: list[float],
        dataset: str = "mnist",
        scored_on: Literal["test", "validation"] = "test",
        images: int = 10_000,
    ) -> Path:
        path, seeds = tmp_path / name, list(range(len(accuracies)))
        path.mkdir()
        spec = tinymnist.load_spec(ARCHS / "tiny3130.yaml")
        (path / "spec.yaml").write_text(dump_spec(spec))
        validation = images if scored_on == "validation" else 0
        shared: dict[str, Any] = {"checksums": {}, "teachers": {}, "device": "cpu", "threads": 1}
        declaration = Declaration(seeds=seeds, dataset=dataset, validation=validation, **shared)
        write_record(declaration, path / "series.json")
        summary = summarize(accuracies)
        result = SeriesResult(
            run=str(path),
            name=spec.name,
            parameters=spec.plan.parameters,
            dataset=dataset,
            scored_on=scored_on,
            chosen_on="",
            images=images,
            epochs=20,
            seeds=seeds,
            accuracies=accuracies,
            losses=[0.02] * len(accuracies),
            mean=summary.mean,
            std=summary.std,
            interval=Interval(low=summary.interval[0], high=summary.interval[1]) if summary.interval else None,
            n=summary.n,
            minimum=summary.minimum,
            maximum=summary.maximum,
            seconds=1.0,
        )
        write_record(result, path / "result.json")
        return path

    return make


def right(path: Path) -> Tensor:
    """Which of the test images of mnist-5k the run's network reads right."""
    _, _, images, labels = mnist_5k()
    with torch.inference_mode():
        outputs = tinymnist.load_run(path).load_model()((torch.from_numpy(images)[:, None] / 255 - 0.1307) / 0.3081)
    return torch.eq(outputs.argmax(1), torch.from_numpy(labels))


def test_two_runs_are_compared_image_by_image(small_run: Path, other_run: Path) -> None:
    found = compare(small_run, other_run)
    assert isinstance(found, RunComparison)
    a, b = right(small_run).tolist(), right(other_run).tolist()
    pairs = list(zip(a, b, strict=True))
    only_a, only_b = pairs.count((True, False)), pairs.count((False, True))
    assert (found.dataset, found.n, found.both) == ("mnist-5k", 1000, pairs.count((True, True)))
    assert (found.only_a, found.only_b) == (only_a, only_b)
    assert found.accuracies == (100 * sum(a) / 1000, 100 * sum(b) / 1000)
    assert found.difference == pytest.approx(100 * (sum(a) - sum(b)) / 1000)
    assert found.p == pytest.approx(binomtest(only_a, only_a + only_b).pvalue, rel=1e-6, abs=1e-300)
    assert found.interval[0] < found.difference < found.interval[1]


def test_a_run_scores_in_a_comparison_as_it_did(small_run: Path, other_run: Path, cli: Cli) -> None:
    content = json.loads(cli("compare", small_run, other_run, "--json").out)
    for side, path in (("a", small_run), ("b", other_run)):
        result = json.loads((path / "result.json").read_text())
        assert content[side] == {"run": str(path), **{key: result[key] for key in ("name", "parameters")}} | {
            "accuracy": result["accuracy"],
            "n": 1000,
            "warnings": [],
        }


def test_the_order_turns_the_sign_alone(small_run: Path, other_run: Path) -> None:
    forth, back = compare(small_run, other_run), compare(other_run, small_run)
    assert isinstance(forth, RunComparison)
    assert isinstance(back, RunComparison)
    assert (back.difference, back.p) == (-forth.difference, forth.p)
    assert back.interval == (-forth.interval[1], -forth.interval[0])
    assert (forth.better, back.better) == ("A", "B")


def test_text_of_two_runs(cli: Cli, small_run: Path, other_run: Path) -> None:
    content = json.loads(cli("compare", small_run, other_run, "--json").out)
    low, high = content["interval"]["low"], content["interval"]["high"]
    assert cli("compare", small_run, other_run).out.splitlines() == [
        "on the 1,000 test images of mnist-5k",
        f"A  {content['a']['accuracy']:.2f} %  tiny3130, 3,130 parameters, {small_run}",
        f"B  {content['b']['accuracy']:.2f} %  mini697, 670 parameters, {other_run}",
        f"only A reads {content['only_a_right']} right, only B {content['only_b_right']} "
        "(McNemar's exact test: p < 0.0001)",
        f"difference A - B: {content['difference']:+.2f} points (95 % Agresti-Min interval {low:+.2f} to {high:+.2f})",
        f"A is better: {EQUALLY_GOOD} < 0.0001",
        "(this holds for these two networks; recipes or architectures are compared as series of several seeds)",
    ]


@pytest.mark.parametrize(
    ("only_a", "only_b", "better", "conclusion"),
    [
        (0, 0, None, "no difference shown: both read the same images right"),
        (30, 18, None, f"no difference shown: {EQUALLY_GOOD} 0.111"),
        (18, 40, "B", f"B is better: {EQUALLY_GOOD} 0.00535"),
        (5, 0, None, f"no difference shown: {EQUALLY_GOOD} 0.0625"),
        (6, 0, "A", f"A is better: {EQUALLY_GOOD} 0.0312"),
        (40, 0, "A", f"A is better: {EQUALLY_GOOD} < 0.0001"),
    ],
    ids=["none", "few", "B", "five to none", "six to none", "forty to none"],
)
def test_conclusion_about_two_runs(
    small_run: Path, only_a: int, only_b: int, better: str | None, conclusion: str
) -> None:
    run = tinymnist.load_run(small_run)
    found = RunComparison(run, run, "mnist", "test", 10_000, 9_900, only_a, only_b)
    assert (found.better, found.conclusion) == (better, conclusion)


def test_a_run_is_not_better_than_itself(cli: Cli, small_run: Path) -> None:
    content = json.loads(cli("compare", small_run, small_run, "--json").out)
    assert (content["difference"], content["p"], content["better"]) == (0, 1, None)
    assert content["conclusion"] == "no difference shown: both read the same images right"


def test_two_series_are_compared_seed_by_seed(cli: Cli, series: MakeSeries) -> None:
    a, b = series("good", GOOD), series("poor", POOR)
    content = json.loads(cli("compare", a, b, "--json").out)
    expected = ttest_ind(GOOD, POOR, equal_var=False)
    interval = expected.confidence_interval(0.95)
    assert [content[key] for key in ("kind", "dataset", "scored_on", "images")] == ["series", "mnist", "test", 10_000]
    assert content["a"]["std"] == pytest.approx(summarize(GOOD).std)
    assert (content["a"]["mean"], content["a"]["n"], content["b"]["n"]) == (pytest.approx(99.438), 5, 4)
    assert (content["t"], content["degrees_of_freedom"], content["p"]) == pytest.approx(
        (expected.statistic, expected.df, expected.pvalue)
    )
    assert (content["interval"]["low"], content["interval"]["high"]) == pytest.approx((interval.low, interval.high))
    assert (content["test"], content["interval"]["method"], content["better"]) == ("welch", "welch", "A")


def test_text_of_two_series(cli: Cli, series: MakeSeries) -> None:
    a, b = series("good", GOOD), series("poor", POOR)
    assert cli("compare", a, b).out.splitlines() == [
        "on the 10,000 test images of mnist",
        f"A  99.44 ± 0.02 % (n 5)  tiny3130, 3,130 parameters, {a}",
        f"B  99.34 ± 0.06 % (n 4)  tiny3130, 3,130 parameters, {b}",
        "difference A - B: +0.09 points (95 % interval +0.01 to +0.18; Welch's t 3.06 with 3.8 degrees of freedom, "
        "p 0.0395)",
        "A is better: by 0.01 to 0.18 points",
    ]


@pytest.mark.parametrize(
    ("a", "b", "better", "conclusion"),
    [
        (POOR, [99.5, 99.52, 99.49], "B", "B is better: by 0.07 to 0.25 points"),
        (GOOD[:2], POOR[:2], None, "no difference shown: A may be up to "),
        ([99.4, 99.4], [99.5, 99.5], None, "cannot be told: neither varies from seed to seed: train more seeds"),
    ],
    ids=["B", "few", "no spread"],
)
def test_conclusion_about_two_series(
    series: MakeSeries, cli: Cli, a: list[float], b: list[float], better: str | None, conclusion: str
) -> None:
    first, second = series("first", a), series("second", b)
    found = compare(first, second)
    assert isinstance(found, SeriesComparison)
    assert found.better == better
    assert found.conclusion.startswith(conclusion)
    assert cli("compare", first, second).out.splitlines()[-1] == found.conclusion
    assert json.loads(cli("compare", first, second, "--json").out)["conclusion"] == found.conclusion


@pytest.mark.parametrize("turned", [False, True], ids=["run first", "series first"])
def test_a_run_and_a_series_are_not_compared(cli: Cli, small_run: Path, series: MakeSeries, turned: bool) -> None:
    many = series("many", GOOD)
    outcome = cli("compare", *((many, small_run) if turned else (small_run, many)))
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == (
        f"tinymnist: {small_run} is one run, {many} a series of runs: compare two series, or the run with one of that "
        f"series, such as {many}/seed-0\n"
    )


OTHER_IMAGES = {
    "another data set": (("mnist-5k", "test", 1000), "the 1,000 test images of mnist-5k"),
    "held-out images": (("mnist", "validation", 10_000), "the 10,000 held-out training images of mnist"),
}


@pytest.mark.parametrize(("scored", "where"), OTHER_IMAGES.values(), ids=OTHER_IMAGES.keys())
def test_series_scored_on_different_images_are_not_compared(
    cli: Cli, series: MakeSeries, scored: tuple[str, str, int], where: str
) -> None:
    a, b = series("a", GOOD), series("b", POOR, *scored)
    outcome = cli("compare", a, b)
    assert (outcome.code, outcome.err) == (
        2,
        f"tinymnist: {a} was scored on the 10,000 test images of mnist, {b} on {where}: "
        "compare series that were scored on the same images\n",
    )


def test_series_of_one_seed_are_not_compared(cli: Cli, series: MakeSeries) -> None:
    a, b = series("a", GOOD), series("b", [99.4])
    outcome = cli("compare", a, b)
    assert (outcome.code, outcome.err) == (
        2,
        f"tinymnist: {b}: one seed says nothing about the spread: compare series of two at least\n",
    )


def test_series_are_not_scored_again(cli: Cli, series: MakeSeries) -> None:
    a, b = series("a", GOOD), series("b", POOR)
    assert cli("compare", a, b, "--dataset", "mnist").code == 0
    outcome = cli("compare", a, b, "--dataset", "fashion-mnist")
    assert (outcome.code, outcome.err) == (
        2,
        "tinymnist: --dataset fashion-mnist: series are compared by the accuracies in their results, on mnist: "
        "leave it out\n",
    )


@pytest.mark.parametrize("turned", [False, True], ids=["series first", "network first"])
def test_beside_a_series_a_network_of_tinymnist_means_the_series_that_it_is_from(
    cli: Cli, series: MakeSeries, turned: bool
) -> None:
    mine, packaged = series("mine", GOOD), packaged_series()["smooth3092"]
    content = json.loads(cli("compare", *(("smooth3092", mine) if turned else (mine, "smooth3092")), "--json").out)
    accuracies = json.loads((packaged / "result.json").read_text())["accuracies"]
    side, sign = ("a", 1) if turned else ("b", -1)
    assert (content["kind"], content[side]["run"], content[side]["n"]) == ("series", str(packaged), 10)
    expected = ttest_ind(accuracies, GOOD, equal_var=False)
    assert (content["t"], content["p"]) == pytest.approx((sign * expected.statistic, expected.pvalue))
    text = cli("compare", mine, "smooth3092").out
    assert "B  99.51 ± 0.07 % (n 10)  smooth3092, 3,092 parameters, smooth3092 of tinymnist\n" in text


def test_a_series_of_tinymnist_is_compared_by_name(cli: Cli) -> None:
    content = json.loads(cli("compare", "tiny3130-steady", "tiny3130", "--json").out)
    assert [content[side]["n"] for side in "ab"] == [20, 10]


def test_each_network_of_tinymnist_is_from_a_series_of_its_name() -> None:
    for name in packaged_networks():
        many, network = tinymnist.open_run(packaged_series()[name]), tinymnist.load_run(name)
        assert isinstance(many, Series)
        assert dump_spec(many.spec) == dump_spec(network.spec)
        accuracies = dict(zip(many.seeds, many.result.accuracies, strict=True))
        median = accuracies[many.result.median_seed]
        assert accuracies[network.environment.seed] == network.result.accuracy == median


def test_an_installed_series_of_tinymnist_is_without_its_epochs(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wheel leaves `metrics.csv` out."""
    installed = tmp_path / "results" / "tiny3130-steady"
    shutil.copytree(packaged_series()["tiny3130-steady"], installed, ignore=shutil.ignore_patterns("metrics.csv"))
    monkeypatch.setattr("tinymnist.spec.packaged._PACKAGE", tmp_path)
    monkeypatch.chdir(tmp_path)
    target = ["train", "--resume", "tiny3130-steady", "--target", "99.45"]
    assert "target 99.45 %: fail (95 % interval of the mean 99.36 to 99.40 %, n 20)\n" in cli(*target).out
    assert cli("report", "tiny3130-steady").code == 0
    outcome = cli(*target, "--last-epochs", 2)
    assert (outcome.code, outcome.err) == (
        3,
        "tinymnist: tiny3130-steady: comes with its results alone: every epoch of it is in the repository\n",
    )


def test_an_architecture_without_a_series_says_so(cli: Cli, series: MakeSeries) -> None:
    outcome = cli("compare", series("mine", GOOD), "mini697")
    assert (outcome.code, outcome.err) == (
        2,
        "tinymnist: mini697: comes without a trained network or a series of runs: make one by `tinymnist train --arch "
        "mini697 --name mini697`\n",
    )


def test_an_unfinished_series_says_how_to_resume_it(cli: Cli, series: MakeSeries) -> None:
    a, b = series("a", GOOD), series("b", POOR)
    (b / "result.json").unlink()
    outcome = cli("compare", a, b)
    assert (outcome.code, outcome.err) == (
        2,
        f"tinymnist: {b}: not finished: resume it with `tinymnist train --resume {b}`\n",
    )


@pytest.fixture
def run_of_mnist(small_run: Path, tmp_path: Path) -> Path:
    """A copy of the small run that says it was trained on all of MNIST."""
    path = Path(shutil.copytree(small_run, tmp_path / "of-mnist"))
    environment = json.loads((path / "environment.json").read_text())
    (path / "environment.json").write_text(json.dumps({**environment, "dataset": "mnist", "data": None}))
    return path


def test_runs_of_different_data_need_a_test_set(cli: Cli, run_of_mnist: Path, other_run: Path) -> None:
    outcome = cli("compare", run_of_mnist, other_run)
    assert (outcome.code, outcome.err) == (
        2,
        f"tinymnist: {run_of_mnist} was trained on mnist, {other_run} on mnist-5k: "
        "choose the test set for both with --dataset\n",
    )


def test_a_test_set_that_one_was_trained_on_is_refused(cli: Cli, run_of_mnist: Path, other_run: Path) -> None:
    outcome = cli("compare", other_run, run_of_mnist, "--dataset", "mnist-5k")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"tinymnist: {run_of_mnist}: was trained on mnist, so it may know images of mnist-5k")


@pytest.fixture
def tuned(small_run: Path, tmp_path: Path) -> Callable[[int], Path]:
    """Makes copies of the small run that say how many training images were held out."""

    def make(held_out: int) -> Path:
        path = Path(shutil.copytree(small_run, tmp_path / f"tuned-{held_out}"))
        environment = json.loads((path / "environment.json").read_text())
        (path / "environment.json").write_text(json.dumps({**environment, "validation": held_out}))
        return path

    return make


def test_runs_that_held_images_out_are_compared_on_those(cli: Cli, tuned: Callable[[int], Path]) -> None:
    path = tuned(500)
    outcome = cli("compare", path, path)
    assert (outcome.code, outcome.out.splitlines()[0]) == (0, "on the 500 held-out training images of mnist-5k")
    content = json.loads(cli("compare", path, path, "--dataset", "mnist-5k", "--json").out)
    assert (content["scored_on"], content["a"]["n"]) == ("test", 1000)


def test_a_run_that_is_being_tuned_and_one_that_is_not_need_a_test_set(
    cli: Cli, small_run: Path, tuned: Callable[[int], Path]
) -> None:
    path = tuned(500)
    outcome = cli("compare", path, small_run)
    assert (outcome.code, outcome.err) == (
        2,
        f"tinymnist: {path} held out 500 training images, {small_run} 0: name the test set with --dataset mnist-5k, "
        "once nothing is tuned any more\n",
    )


@pytest.mark.slow
def test_mnists_test_set_is_fit_for_both(cli: Cli, run_of_mnist: Path, other_run: Path, mnist_dir: Path) -> None:
    outcome = cli("compare", run_of_mnist, other_run, "--dataset", "mnist", "--data-dir", mnist_dir, "--json")
    content = json.loads(outcome.out)
    assert (content["dataset"], content["a"]["n"], content["better"]) == ("mnist", 10_000, "A")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["nowhere", "nowhere"], "tinymnist: nowhere: no such run directory"),
        (["nowhere"], "tinymnist: Missing argument 'RUN'. (see tinymnist compare --help)\n"),
    ],
    ids=["no run", "one run"],
)
def test_wrong_usage_is_one_line(cli: Cli, arguments: list[str], error: str) -> None:
    outcome = cli("compare", *arguments)
    assert outcome.err.startswith(error)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
