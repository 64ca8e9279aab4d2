"""What stderr says meanwhile: nothing with `--quiet`, and never nothing for minutes."""

from pathlib import Path

import pytest

from tests.support.command_line import Cli
from tinymnist.cli.progress import Silence


@pytest.mark.parametrize("seeds", [["--seed", 1], ["--seeds", 2, "--jobs", 1]], ids=["run", "series"])
@pytest.mark.parametrize("before", [True, False], ids=["before the command", "after it"])
def test_a_quiet_training_prints_its_result_alone(
    cli: Cli, quick: Path, tmp_path: Path, seeds: list[object], before: bool
) -> None:
    training = ["train", quick, *seeds, "--dataset", "mnist-5k", "--output", tmp_path, "--name", "net"]
    outcome = cli("-q", *training) if before else cli(*training, "--quiet")
    assert (outcome.code, outcome.err) == (0, "")
    assert f"run: {tmp_path / 'net'}" in outcome.out


def test_notes_are_left_out_but_errors_stay(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / ".hidden.yaml").write_text("name: net\n")
    (tmp_path / "bad.yaml").write_text("name: net\n")
    outcome = cli("check", tmp_path, "--quiet")
    assert outcome.err == f"tinymnist: {tmp_path}/bad.yaml:1: blocks: is missing: every spec needs it\n"


def test_warnings_stay(cli: Cli, quick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    training = ["train", quick, "--epochs", 1, "--dataset", "mnist-5k", "--device", "cpu", "--output", tmp_path]
    outcome = cli(*training, "--quiet")
    assert [line.split(" (")[0] for line in outcome.err.splitlines()] == ["WARNING: no native engine"]


def test_silence_ends_with_the_command(cli: Cli, quick: Path, tmp_path: Path) -> None:
    assert cli("check", quick, "--quiet").code == 0
    outcome = cli("train", quick, "--epochs", 1, "--dataset", "mnist-5k", "--output", tmp_path)
    assert len(outcome.err.splitlines()) == 2


def test_a_long_epoch_says_how_far_it_is(
    cli: Cli, quick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Silence, "LONG_SECONDS", 0.0)
    training = ["train", quick, "--epochs", 1, "--dataset", "mnist-5k", "--output", tmp_path]
    alone, series = cli(*training), cli(*training, "--seeds", "7,9", "--jobs", 1)
    assert alone.err.splitlines()[1] == "epoch 1/1: 400 of 4,000 images"
    assert series.err.splitlines()[1] == "seed 7, epoch 1: 400 images so far"
