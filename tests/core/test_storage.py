"""Paths in a store answer as paths on a disk do, and what a store refuses is a sentence."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitviz.core.files import check_place, whole
from vitviz.core.pictures.picture_files import open_picture, picture_files
from vitviz.core.progress import BadImage, VitvizError
from vitviz.core.storage import StoragePath, file_state, place_of

fsspec = pytest.importorskip("fsspec")


@pytest.fixture(params=["memory", "local"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """An empty folder in a store without folders, and in one with them."""
    if request.param == "local":
        yield place_of(f"local://{tmp_path}/store")
        return
    yield place_of(f"memory://{tmp_path.name}")
    fsspec.filesystem("memory").store.clear()


def put(file: Path, data: bytes) -> Path:
    with whole(file) as unfinished:
        unfinished.write_bytes(data)
    return file


def stop_writing(file: Path) -> None:
    with whole(file) as unfinished:
        unfinished.write_bytes(b"half")
        raise RuntimeError


def test_an_address_is_a_path_whose_text_it_is() -> None:
    place = place_of("memory://bucket/a/b.png")
    assert isinstance(place, StoragePath)
    assert str(place) == place.as_posix() == os.fspath(place) == "memory://bucket/a/b.png"
    assert (str(place.parent), place.name, place.suffix) == ("memory://bucket/a", "b.png", ".png")
    assert place.relative_to(place_of("memory://bucket")).as_posix() == "a/b.png"
    assert place_of(Path("memory://bucket/a/b.png")) == place  # as a command line hands it on
    assert pickle.loads(pickle.dumps(place)) == place
    assert str(place.with_name("c.npz")) == "memory://bucket/a/c.npz"


def test_file_addresses_and_names_of_this_machine_are_ordinary_paths(tmp_path: Path) -> None:
    assert place_of(f"file://{tmp_path}/a%20b") == tmp_path / "a b"
    for name in ("photos", "C:/photos", "a:b", "http://example.org/a.png"):
        assert place_of(name) == Path(name)
        assert not isinstance(place_of(name), StoragePath)


def test_what_is_put_is_there_whole_and_read_again(folder: Path) -> None:
    file = put(folder / "inner" / "one.txt", b"one\ntwo\n")
    assert file.is_file()
    assert (folder / "inner").is_dir()
    assert (file.stat().st_size, file.read_text("utf-8")) == (8, "one\ntwo\n")
    before = file_state(file)
    with pytest.raises(RuntimeError):
        stop_writing(file)
    assert (file.read_bytes(), file_state(file)) == (b"one\ntwo\n", before)
    assert file_state(put(file, b"two\none\n")) != before
    assert [each.name for each in (folder / "inner").iterdir()] == ["one.txt"]
    assert list(folder.glob("inner/*.txt")) == [file]
    with pytest.raises(VitvizError, match="is there already"):
        check_place(file, overwrite=False)
    file.unlink()
    file.unlink(missing_ok=True)
    assert not file.exists()
    assert file_state(file) == ()


def test_only_one_can_make_a_new_file(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "note").write_bytes(b"first")
    (folder / "note").put(tmp_path / "note", new=True)
    with pytest.raises(FileExistsError):
        (folder / "note").put(tmp_path / "note", new=True)


def test_pictures_are_listed_as_on_a_disk(folder: Path, tmp_path: Path) -> None:
    names = ("b10.png", "b9.png", "z/1.jpg", "z/0/2.png", ".hidden/3.png", "words.txt", "a/4.PNG")
    for name in names:
        put(folder / name, b"x")
        (tmp_path / "disk" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "disk" / name).write_bytes(b"x")
    listed = [file.relative_to(folder).as_posix() for file in picture_files([folder])]
    disk = tmp_path / "disk"
    assert listed == [file.relative_to(disk).as_posix() for file in picture_files([disk])]
    assert len(listed) == 5


def test_a_picture_is_opened_from_a_store(folder: Path, photo: np.ndarray, tmp_path: Path) -> None:
    photo_file = tmp_path / "photo.png"
    Image.fromarray(photo).save(photo_file)
    there = put(folder / "photo.png", photo_file.read_bytes())
    assert open_picture(str(there)).key == open_picture(photo_file).key
    assert open_picture(there).path == str(there)
    with pytest.raises(BadImage, match=r"none\.png"):
        open_picture(folder / "none.png")


def test_a_store_that_is_not_known_or_not_installed_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(VitvizError, match="nosuch:// is no store that is known"):
        place_of("nosuch://bucket/photos")

    def refuses(name: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec, "filesystem", refuses)
    with pytest.raises(VitvizError, match=r"s3:// cannot be read: Install s3fs.*vitviz\[cloud\]"):
        place_of("s3://bucket/photos")
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    with pytest.raises(VitvizError, match=r"need fsspec.*vitviz\[cloud\]"):
        place_of("s3://bucket/photos")


def test_a_store_that_refuses_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    place = place_of("memory://bucket/figure.png")
    store = type(place.store)

    def told(error: BaseException, name: str) -> str:
        def refuses(self: object, *_: object, **__: object) -> None:
            raise error

        asked = place.exists if name == "info" else lambda: put(place, b"x")
        with monkeypatch.context() as patched:
            patched.setattr(store, name, refuses)
            with pytest.raises(VitvizError) as said:
                asked()
        return str(said.value)

    written = {
        PermissionError("Access Denied"): "these keys may not write there (Access Denied)",
        FileNotFoundError("The bucket does not exist"): "there is no such bucket or folder",
        RuntimeError("Unable to locate credentials"): "Unable to locate credentials; check the",
    }
    for error, words in written.items():
        assert f"{place} cannot be saved: {words}" in told(error, "pipe_file")
    assert "may not be read with these keys (Access Denied)" in told(
        PermissionError("Access Denied"), "info"
    )
    assert "cannot be reached (no route)" in told(ConnectionError("no route"), "info")
