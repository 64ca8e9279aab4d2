"""Files that appear whole or not at all. What happens to them on a full disk is tried in `tests/process`."""

from pathlib import Path

import pytest

from tinymnist.errors import DataError
from tinymnist.files import read_bytes, write_atomically, write_folder


def test_a_failed_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_atomically(tmp_path / "file", "before")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DataError, match="file: cannot be written: No space left on device"):
        write_atomically(tmp_path / "file", "after")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file", "before")]


def test_a_folder_appears_with_all_its_files(tmp_path: Path) -> None:
    write_folder(tmp_path / "above" / "folder", {"a": "1", "b": b"\0"})
    assert {path.name: path.read_bytes() for path in (tmp_path / "above" / "folder").iterdir()} == {
        "a": b"1",
        "b": b"\0",
    }
    assert [path.name for path in (tmp_path / "above").iterdir()] == ["folder"]


@pytest.mark.parametrize("taken", ["file", "folder"])
def test_a_folder_whose_name_is_taken_is_not_made(tmp_path: Path, taken: str) -> None:
    path = tmp_path / "taken"
    if taken == "folder":
        path.mkdir()
        (path / "before").touch()
    else:
        path.touch()
    with pytest.raises(FileExistsError):
        write_folder(path, {"a": "1"})
    assert [each.name for each in tmp_path.iterdir()] == ["taken"]
    assert not (path / "a").exists()


@pytest.mark.parametrize(("limit", "fits"), [(3, True), (2, False)])
def test_a_file_is_read_up_to_its_limit(tmp_path: Path, limit: int, fits: bool) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    if fits:
        assert read_bytes(tmp_path / "file", limit) == b"abc"
    else:
        with pytest.raises(DataError, match="larger than 2 bytes"):
            read_bytes(tmp_path / "file", limit)


def test_a_folder_is_not_read_as_a_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a regular file"):
        read_bytes(tmp_path)
