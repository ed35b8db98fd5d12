"""Files appear whole or not at all, and what stands in the way is said in a sentence."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from vitviz.core import files
from vitviz.core.files import Exists, expanded, fitting_name, whole
from vitviz.core.progress import VitvizError


def test_a_file_appears_with_all_that_was_written(tmp_path: Path) -> None:
    target = tmp_path / "räven 狐 a.txt"
    with whole(target) as unfinished:
        unfinished.write_text("all of it")
        assert not target.exists()
    assert target.read_text() == "all of it"
    assert [file.name for file in tmp_path.iterdir()] == [target.name]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(ValueError, match="no number"), whole(target) as unfinished:
        unfinished.write_text(str(int("no number")))
    assert target.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_what_is_there_is_replaced_only_when_that_is_meant(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(Exists, match="is there already"), whole(target, overwrite=False):
        pass
    with whole(target) as unfinished:
        unfinished.write_text("new")
    assert target.read_text() == "new"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(VitvizError, match="there is no folder"), whole(tmp_path / "no" / "a.txt"):
        pass


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "no space is left"),
        (errno.EACCES, "choose a folder of your own"),
        (errno.EIO, "choose another place"),
    ],
)
def test_a_disk_that_refuses_is_one_sentence(
    number: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files, "_to_disk", refuse)
    target = tmp_path / "a.txt"
    with pytest.raises(VitvizError, match=said) as error, whole(target) as unfinished:
        unfinished.write_text("half")
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_said_as_such(tmp_path: Path) -> None:
    with (
        pytest.raises(VitvizError, match="no space is left"),
        whole(tmp_path / "a.txt"),
        Path("/dev/full").open("wb", buffering=0) as full,
    ):
        full.write(b"x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
def test_a_folder_without_permission_is_said_as_such(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with (
            pytest.raises(VitvizError, match="choose a folder of your own"),
            whole(tmp_path / "a.txt"),
        ):
            pass
    finally:
        tmp_path.chmod(0o700)


def test_a_name_that_is_too_long_is_said_as_such(tmp_path: Path) -> None:
    with pytest.raises(VitvizError, match="300 letters is too long"), whole(tmp_path / ("a" * 300)):
        pass


def test_names_longer_than_a_disk_takes_are_shortened_and_stay_apart(tmp_path: Path) -> None:
    assert fitting_name("photo", "-heads.png") == "photo-heads.png"
    long = [fitting_name("ä" * 124 + letter, "-heads.png") for letter in "ab"]
    assert len(set(long)) == 2
    for name in long:
        (tmp_path / name).touch()
        assert name.endswith("-heads.png")


def test_a_tilde_is_a_home_only_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert expanded("~nobody-has-this-name.png") == Path("~nobody-has-this-name.png")
    assert expanded("~/x.png") == Path.home() / "x.png"
    (tmp_path / "~").mkdir()
    (tmp_path / "~" / "x.png").touch()
    assert expanded("~/x.png") == Path("~/x.png")


@pytest.mark.parametrize("name", ["x" * 300 + ".png", "zero\0.png"])
def test_a_name_that_no_disk_takes_ends_in_a_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(VitvizError, match="cannot be saved"), whole(tmp_path / name):
        pass


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps rights otherwise")
def test_a_private_file_is_this_users_alone(tmp_path: Path) -> None:
    with whole(tmp_path / "session", private=True) as unfinished:
        unfinished.write_bytes(b"x")
    assert (tmp_path / "session").stat().st_mode & 0o777 == 0o600
