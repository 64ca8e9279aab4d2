"""Trained networks in one file: the same network, named like an architecture, and whole or refused."""

import pickle
from pathlib import Path

import pytest
import torch

from tests.support.command_line import Cli
from tinymnist import evaluate, load_run
from tinymnist.errors import DataError, RunError
from tinymnist.spec import packaged
from tinymnist.training.packed import pack_run


@pytest.fixture(scope="module")
def packed(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("packed") / "small.safetensors"
    pack_run(load_run(small_run), path)
    return path


def test_a_packed_run_is_the_run(packed: Path, small_run: Path) -> None:
    ours, theirs = load_run(packed), load_run(small_run)
    assert (ours.spec, ours.result.accuracy) == (theirs.spec, theirs.result.accuracy)
    ours_state, theirs_state = (run.load_model().state_dict() for run in (ours, theirs))
    assert all(torch.equal(ours_state[name], tensor) for name, tensor in theirs_state.items())
    assert evaluate(ours) == evaluate(theirs)


def test_it_holds_no_path_of_the_machine_it_was_made_on(packed: Path, small_run: Path) -> None:
    assert str(small_run.parent).encode() not in packed.read_bytes()


def test_a_packaged_network_is_named_like_its_architecture(
    packed: Path, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packaged, "packaged_folder", lambda: packed.parent)
    monkeypatch.chdir(tmp_path)
    outcome = cli("evaluate", "small", "--dataset", "mnist-5k")
    assert outcome.code == 0
    assert outcome.out.startswith("tiny3130, 3,130 parameters, on the 1,000 test images of mnist-5k\n")


def test_an_architecture_without_a_network_says_how_to_make_one(cli: Cli) -> None:
    outcome = cli("evaluate", "pooled-classes")
    remedy = "make one by `tinymnist train --arch pooled-classes --name pooled-classes`"
    lacks = "comes without a trained network or a series of runs"
    assert (outcome.code, outcome.err) == (2, f"tinymnist: pooled-classes: {lacks}: {remedy}\n")


def test_every_flipped_byte_is_found(packed: Path, tmp_path: Path) -> None:
    content = bytearray(packed.read_bytes())
    broken = tmp_path / "broken.safetensors"
    for place in range(8, len(content), len(content) // 50):
        content[place] ^= 0x10
        broken.write_bytes(content)
        content[place] ^= 0x10
        # where the format's own name is hit, it is no packed network any more
        with pytest.raises((DataError, RunError), match=r"damaged network|is not a packed network"):
            load_run(broken).load_model()


def test_a_file_that_is_not_a_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "net.pt").write_bytes(b"?")
    with pytest.raises(
        RunError, match=r"is not a run: expects a run directory, or a .safetensors file made by tinymnist"
    ):
        load_run(tmp_path / "net.pt")


def test_the_weights_of_a_run_are_not_a_packed_network(small_run: Path) -> None:
    with pytest.raises(RunError, match="is not a packed network: name the directory of a run"):
        load_run(small_run / "weights.safetensors")


def test_a_packed_network_keeps_no_metrics(packed: Path) -> None:
    with pytest.raises(RunError, match="keeps no metrics"):
        load_run(packed).read_metrics()


def test_a_pickle_is_never_opened_whatever_its_name(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[type[Path], tuple[str]]:
            (tmp_path / "opened").touch()
            return Path, ("x",)

    path = tmp_path / "net.safetensors"
    path.write_bytes(pickle.dumps(Trap()))
    (tmp_path / "opened").unlink()
    with pytest.raises(DataError, match="damaged network"):
        load_run(path)
    assert not (tmp_path / "opened").exists()
