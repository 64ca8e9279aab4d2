"""The compiler's cache: libraries are compiled once, private, and loaded only if they are intact."""

import os
import stat
from pathlib import Path

import pytest

from tinymnist.native import CompilerError, compiler, find_compiler
from tinymnist.native.compiler import load_library

SOURCE = '__attribute__((visibility("default"))) int answer(void) { return 42; }\n'


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "native"


def answer(cache: Path) -> int:
    return int(load_library(SOURCE, find_compiler(), cache).answer())


def test_a_library_is_compiled_once(cache: Path) -> None:
    assert answer(cache) == 42
    (library,) = cache.glob("*.so")
    made = library.stat().st_ino
    assert answer(cache) == 42
    assert library.stat().st_ino == made


@pytest.mark.parametrize("damage", [b"", b"not a library"], ids=["empty", "other bytes"])
def test_a_damaged_library_is_compiled_again(cache: Path, damage: bytes) -> None:
    load_library(SOURCE, find_compiler(), cache)
    (library,) = cache.glob("*.so")
    library.unlink()  # it is loaded: its bytes in memory must stay
    library.write_bytes(damage)
    assert answer(cache) == 42


def test_libraries_that_were_not_used_for_long_make_room(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(number: int) -> str:
        before = set(cache.glob("*.so"))
        load_library(SOURCE.replace("42", str(number)), find_compiler(), cache)
        return next(iter(set(cache.glob("*.so")) - before), Path()).stem

    first, second = load(1), load(2)
    load(1)  # is used again
    (cache / "notes").write_text("of somebody")
    size = (cache / f"{first}.so").stat().st_size
    monkeypatch.setattr(compiler, "LIMIT", 2 * size)
    third = load(3)
    assert second != third
    assert {path.name for path in cache.iterdir()} == {
        "notes",
        *(f"{name}.{ending}" for name in (first, third) for ending in ("so", "sha256")),
    }


def test_the_cache_is_private(cache: Path) -> None:
    answer(cache)
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700


def test_a_cache_that_others_may_read_is_made_private(cache: Path) -> None:
    cache.mkdir(parents=True)
    cache.chmod(0o755)
    assert answer(cache) == 42
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700


@pytest.mark.parametrize("which", ["cache", "the folder around it"])
def test_a_cache_of_another_user_is_refused(cache: Path, which: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner is simulated, because only root can give a folder away."""
    cache.mkdir(mode=0o700, parents=True)
    foreign = cache if which == "cache" else cache.parent
    kept = {name: getattr(Path, name) for name in ("stat", "lstat")}

    def status(path: Path, name: str) -> os.stat_result:
        found = kept[name](path)
        return os.stat_result([*found[:4], 12345, *found[5:]]) if path == foreign else found

    monkeypatch.setattr(Path, "stat", lambda path, **_: status(path, "stat"))
    monkeypatch.setattr(Path, "lstat", lambda path: status(path, "lstat"))
    with pytest.raises(CompilerError, match="is not a"):
        answer(cache)
    assert list(cache.iterdir()) == []


def test_a_cache_in_a_folder_that_others_may_change_is_refused(cache: Path) -> None:
    cache.mkdir(mode=0o700, parents=True)
    cache.parent.chmod(0o777)
    with pytest.raises(CompilerError, match="is not a folder that only this user can change"):
        answer(cache)


def test_a_link_in_place_of_the_cache_is_refused(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    cache.parent.mkdir()
    cache.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CompilerError, match="is not a private folder"):
        answer(cache)


@pytest.mark.parametrize("form", ["bytes added", "another library", "no digest"])
def test_a_library_other_than_the_compiled_one_is_compiled_again(cache: Path, form: str, tmp_path: Path) -> None:
    load_library(SOURCE, find_compiler(), cache)
    (library,) = cache.glob("*.so")
    content = library.read_bytes()
    library.unlink()
    if form == "another library":
        load_library(SOURCE.replace("42", "43"), find_compiler(), tmp_path / "other" / "native")
        (other,) = (tmp_path / "other" / "native").glob("*.so")
        library.write_bytes(other.read_bytes())
    else:
        library.write_bytes(content + (b"\0" if form == "bytes added" else b""))
    if form == "no digest":
        library.with_suffix(".sha256").unlink()
    assert answer(cache) == 42


def test_a_cache_that_others_may_write_to_is_refused(cache: Path) -> None:
    cache.mkdir(parents=True)
    cache.chmod(0o777)
    with pytest.raises(CompilerError, match="is not a private folder"):
        answer(cache)
