"""`tinymnist quantize`: a run that is trained on with rounded numbers, and what comes of it."""

from pathlib import Path

import pytest

from tests.support.command_line import Cli
from tests.training.test_training import StopAt
from tinymnist import load_run, load_spec, train
from tinymnist.errors import Interrupted, SpecError, UsageError
from tinymnist.training import resume, train_series
from tinymnist.training.quantize import quantize, rounding_spec


def weights(run: Path) -> bytes:
    return (run / "weights.safetensors").read_bytes()


def test_a_run_is_trained_on_in_a_new_one(small_run: Path, tmp_path: Path, cli: Cli) -> None:
    before = {path.name: path.read_bytes() for path in small_run.glob("*.*")}
    outcome = cli("quantize", small_run, "--epochs", "1", "--output", tmp_path, "--name", "rounded")
    assert (outcome.code, outcome.err.split(": ")[0]) == (0, f"{tmp_path}/rounded")
    run, old = load_run(tmp_path / "rounded"), load_run(small_run)
    assert (run.spec.train.quantize, run.spec.train.epochs, run.environment.engine) == ("int8", 1, "torch")
    assert run.environment.seed == old.environment.seed == 7
    assert run.environment.initial is not None
    assert run.environment.initial.weights_sha256 == old.result.weights_sha256
    assert run.spec.plan == old.spec.plan
    assert {path.name: path.read_bytes() for path in small_run.glob("*.*")} == before
    assert outcome.out.splitlines()[-1] == (
        f"next: tinymnist export {tmp_path}/rounded --format c --dtype int8 --output tiny3130-c"
    )


def test_weights_may_have_four_bits(small_run: Path, tmp_path: Path, cli: Cli) -> None:
    outcome = cli("quantize", small_run, "--dtype", "int4", "--epochs", "1", "--output", tmp_path, "--name", "four")
    assert load_run(tmp_path / "four").spec.train.quantize == "int4"
    assert outcome.out.splitlines()[-1] == (
        f"next: tinymnist export {tmp_path}/four --format c --dtype int4 --output tiny3130-c"
    )


def test_what_is_trained_for_whole_numbers_is_not_quantized_again(small_run: Path, tmp_path: Path, cli: Cli) -> None:
    cli("quantize", small_run, "--epochs", "1", "--output", tmp_path, "--name", "first")
    outcome = cli("quantize", tmp_path / "first", "--dtype", "int4", "--output", tmp_path, "--name", "second")
    message = f"{tmp_path}/first: is trained for int8 already: quantize the run that it began with"
    assert (outcome.code, outcome.err) == (2, f"tinymnist: {message}\n")


def test_the_same_seed_gives_the_same_bits(small_run: Path, tmp_path: Path, cli: Cli) -> None:
    for name in ("one", "other"):
        cli("quantize", small_run, "--epochs", "1", "--threads", "1", "--output", tmp_path, "--name", name)
    assert weights(tmp_path / "one") == weights(tmp_path / "other") != weights(small_run)


@pytest.mark.slow
def test_held_out_images_stay_so(quick: Path, tmp_path: Path, cli: Cli) -> None:
    run = train(load_spec(quick), seed=1, dataset="mnist-5k", validation=500, output=tmp_path, name="held")
    cli("quantize", run.path, "--epochs", "1", "--output", tmp_path, "--name", "rounded")
    assert load_run(tmp_path / "rounded").environment.validation == 500


def test_the_recipe_is_gentle_and_without_what_belongs_to_the_first_training() -> None:
    spec = load_spec("bank1981", ["train.ema=0.99"])
    recipe = rounding_spec(spec, "int8", 5).train
    assert recipe.schedule.model_dump() == {"name": "cosine", "lr": 0.001, "warmup_epochs": 0.0, "final_lr": 0.0}
    assert (recipe.distill, recipe.ema, recipe.chosen_on) == (None, None, "")
    assert (recipe.augment, recipe.optimizer, recipe.batch_size) == (
        spec.train.augment,
        spec.train.optimizer,
        spec.train.batch_size,
    )
    assert rounding_spec(spec, "int8", 5, 0.5).train.schedule.model_dump()["lr"] == 0.5


def test_group_norm_is_refused_before_there_is_a_run(tmp_path: Path, cli: Cli) -> None:
    spec = load_spec("smooth675", ["defaults.norm={kind: group, groups: 1}", "train.epochs=1"])
    run = train(spec, seed=0, dataset="mnist-5k", output=tmp_path, name="groups")
    outcome = cli("quantize", run.path, "--output", tmp_path, "--name", "rounded")
    assert outcome.code == 2
    assert "no group norm in whole numbers" in outcome.err
    assert not (tmp_path / "rounded").exists()


def test_rounding_needs_a_trained_network(tmp_path: Path) -> None:
    spec = load_spec("smooth675", ["train.quantize=int8"])
    with pytest.raises(UsageError, match="is for a trained network: use `tinymnist quantize RUN`"):
        train(spec, seed=0, dataset="mnist-5k", output=tmp_path, name="none")
    with pytest.raises(UsageError, match="is for a trained network: use `tinymnist quantize RUN`"):
        train_series(spec, [0, 1], dataset="mnist-5k", output=tmp_path, name="none")
    assert not (tmp_path / "none").exists()


def test_the_native_engine_does_not_round() -> None:
    with pytest.raises(SpecError, match="quantize: the native engine does not round: leave engine out"):
        load_spec("smooth675", ["train.quantize=int8", "train.engine=native"])


@pytest.mark.slow
def test_an_interrupted_run_ends_with_the_same_bits(small_run: Path, tmp_path: Path) -> None:
    whole = quantize(small_run, epochs=2, threads=1, output=tmp_path, name="whole")
    with pytest.raises(Interrupted):
        quantize(small_run, epochs=2, threads=1, output=tmp_path, name="cut", observer=StopAt(70))
    assert weights(resume(tmp_path / "cut").path) == weights(whole.path)
