"""An index finds exactly what a search through every vector in full precision finds, and resumes."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vitviz
from vitviz.cli import run
from vitviz.core.progress import Cancelled, VitvizError
from vitviz.folders.index.index_query import excited, picture_of, where_else
from vitviz.folders.index.index_run import IndexOrder, index_folder
from vitviz.folders.index.index_search import direction_of, most_alike
from vitviz.folders.index.vector_index import index_writer, open_index


@pytest.fixture
def order(pictures: Path) -> IndexOrder:
    return IndexOrder(pictures, layer=2, size=3)


@pytest.fixture
def place(order: IndexOrder, tiny_model, tmp_path: Path) -> Path:
    found = index_folder(order, tmp_path / "index", model=tiny_model)
    assert (found.added, found.before) == (12, 0)
    assert [Path(file).name for file, _ in found.broken] == ["broken.png"]
    return tmp_path / "index"


def alone(model, file: Path) -> np.ndarray:
    return vitviz.trace(model, file).source.features()[2]


def test_vectors_are_those_of_each_picture_alone(place, pictures, tiny_model) -> None:
    index = open_index(place)
    assert index.vectors.shape == (12, 101, 64)
    for entry in index.entries:
        expected = alone(tiny_model, pictures / entry.name)
        for token in (0, 1, 50):
            np.testing.assert_allclose(
                index.vector(entry, token), expected[token], rtol=2e-3, atol=2e-3
            )


def test_a_search_is_that_of_every_vector_in_full_precision(place, pictures, tiny_model) -> None:
    index = open_index(place)
    asked = pictures / "5.png"
    found = where_else(index, asked, [(4, 4)], count=5, model=tiny_model)
    query = direction_of([index.vector(index.entry(found.query.key), 1 + 44)])
    best = {
        entry.name: (index.vectors[entry.vectors, 1:].astype(np.float64) @ query)
        for entry in index.entries
    }
    ranked = sorted(best, key=lambda name: -best[name].max())[:5]
    assert [each.entry.name for each in found.places] == ranked
    for each in found.places:
        scores = best[each.entry.name]
        assert each.score == pytest.approx(scores.max(), abs=1e-5)
        assert scores[each.token - 1] == pytest.approx(scores.max(), abs=1e-6)
    assert (found.places[0].entry.name, found.places[0].token) == ("5.png", 45)
    assert found.places[0].score == pytest.approx(1, abs=1e-3)


def test_a_picture_that_is_not_in_the_index_is_read_by_the_model(place, tiny_model, photo):
    index = open_index(place)
    strange = np.ascontiguousarray(photo[:, ::-1])
    found = where_else(index, strange, [(0, 0), (0, 1)], unlike=[(9, 9)], model=tiny_model)
    own = vitviz.trace(tiny_model, strange).source.features()[2]
    query = direction_of([own[1], own[2]], [own[100]])
    expected = most_alike(index, query, 12)
    assert [each.entry.name for each in found.places] == [each.entry.name for each in expected]
    assert found.asked.endswith("not token (9, 9)")
    with pytest.raises(VitvizError, match="random weights"):
        where_else(index, strange, [(0, 0)])
    other = vitviz.load("vit_tiny_patch16_224", pretrained=False, img_size=160, depth=3)
    with pytest.raises(VitvizError, match="ask with the same model"):
        where_else(
            index,
            strange,
            [(0, 0)],
            model=replace(other, info=replace(other.info, weights_hash="f" * 64)),
        )


def test_the_class_token_is_compared_with_class_tokens(place, pictures, tiny_model) -> None:
    found = where_else(open_index(place), pictures / "5.png", ["class"], count=12)
    assert {each.token for each in found.places} == {0}
    assert found.places[0].entry.name == "5.png"


def test_the_head_that_speaks_loudest_is_found(order, pictures, tiny_model, tmp_path) -> None:
    index_folder(replace(order, kind="heads"), tmp_path / "heads", model=tiny_model)
    index = open_index(tmp_path / "heads")
    found = excited(index, 1, token="class", count=3)
    lengths = {}
    for entry in index.entries:
        trace = vitviz.trace(tiny_model, pictures / entry.name)
        attention = trace.layers[2].attention
        output = attention.matrix(1)[0] @ attention.values[1].numpy()
        lengths[entry.name] = np.linalg.norm(output)
    ranked = sorted(lengths, key=lambda name: -lengths[name])[:3]
    assert [each.entry.name for each in found.places] == ranked
    assert found.places[0].score == pytest.approx(lengths[ranked[0]], rel=2e-3)
    with pytest.raises(VitvizError, match="there is no head 2; this index has 0 to 1"):
        excited(index, 2)
    with pytest.raises(VitvizError, match="how strongly each head speaks"):
        most_alike(index, np.ones(2, np.float32), 3)


def test_the_feature_that_is_largest_is_found(place, pictures, tiny_model) -> None:
    index = open_index(place)
    found = excited(index, 7, count=2)
    best = {
        entry.name: alone(tiny_model, pictures / entry.name)[1:, 7].max() for entry in index.entries
    }
    assert found.places[0].entry.name == max(best, key=best.__getitem__)
    assert found.places[0].score == pytest.approx(max(best.values()), rel=3e-3)


def test_a_stopped_index_goes_on_and_is_the_same(order, tiny_model, place, tmp_path) -> None:
    def stop(done: float, total: float, what: str = "") -> None:
        if done >= 5:
            raise Cancelled

    half = tmp_path / "half"
    with pytest.raises(Cancelled):
        index_folder(order, half, model=tiny_model, progress=stop)
    with (half / "vectors.f16").open("ab") as file:
        file.write(b"half a picture")
    with (half / "pictures.jsonl").open("ab") as file:
        file.write(b'{"name": "cut sho')
    found = index_folder(order, half, model=tiny_model)
    assert (found.added, found.before) == (7, 5)
    one, other = open_index(half), open_index(place)
    assert [each.name for each in one.entries] == [each.name for each in other.entries]
    np.testing.assert_allclose(
        one.vectors.astype(np.float32), other.vectors.astype(np.float32), atol=1e-3
    )


def test_only_what_changed_is_read_again(order, pictures, place, tiny_model, photo) -> None:
    (pictures / "0.png").unlink()
    shutil.copy(pictures / "1.png", pictures / "twin.png")
    Image.fromarray(photo[::-1]).save(pictures / "2.png")
    found = index_folder(order, place, model=tiny_model)
    assert (found.added, found.before, found.gone) == (2, 10, 1)
    index = open_index(place)
    assert len(index.entries) == 12
    assert index.vectors.shape[0] == 13  # the twin's pixels were there already
    names = [each.entry.name for each in where_else(index, pictures / "1.png", [(2, 2)]).places]
    assert set(names[:2]) == {"1.png", "twin.png"}
    assert "0.png" not in names
    (pictures / "1.png").write_bytes((pictures / "2.png").read_bytes())
    entry = next(each for each in index.entries if each.name == "1.png")
    place_of_it = most_alike(index, direction_of([index.vector(entry, 5)]), 12)
    changed = next(each for each in place_of_it if each.entry.name == "1.png")
    assert "has changed since it was indexed" in picture_of(index, changed)


def test_another_model_or_a_second_run_is_refused(order, place, tiny_model, tmp_path) -> None:
    with pytest.raises(VitvizError, match=r"index of the tokens of layer 3 .*\(layer differs\)"):
        index_folder(replace(order, layer=1), place, model=tiny_model)
    about = open_index(place).about
    with (
        index_writer(place, about, order.folder, overwrite=False),
        pytest.raises(VitvizError, match="another run is adding"),
    ):
        index_folder(order, place, model=tiny_model)
    with pytest.raises(VitvizError, match="is no index; make one with"):
        open_index(tmp_path)
    (place / "vectors.f16").write_bytes(b"")
    with pytest.raises(VitvizError, match="has vectors of 0 pictures and lists 12"):
        open_index(place)


def test_the_commands(pictures: Path, tmp_path: Path, tiny_checkpoint: Path, capsys) -> None:
    def ran(*words: object) -> int:
        return run([str(word) for word in words], lambda launch: 9)

    place = tmp_path / "i"
    asked = ("index", pictures, "-m", tiny_checkpoint, "--layer", "2", "-o", place)
    assert ran(*asked) == 3
    assert ran(*asked, "--json") == 3
    assert json.loads(capsys.readouterr().out.split("\n", 1)[1])["before"] == 12
    query = ("find", place, "--picture", pictures / "5.png", "--token", "4,4", "-n", "3")
    assert ran(*query, "-o", tmp_path / "found.png") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].split()[-1] == "5.png"
    with Image.open(tmp_path / "found.png") as image:
        assert image.width > 500
    assert ran("find", place, "--head", "0") == 2
    assert ran("find", place) == 2
    assert ran("find", place, "--feature", "3", "--token", "class", "--json") == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["places"][0]["token"] == "class"
    assert "is an index of tokens" in told.err


@pytest.mark.parametrize("damage", [b"{]\n", b'{"name": 3}\n', b'{"name": "a", "vectors": "x"}\n'])
def test_a_damaged_line_is_said_and_its_picture_is_read_again(
    order, place, tiny_model, damage: bytes
) -> None:
    listed = place / "pictures.jsonl"
    lines = listed.read_bytes().splitlines(keepends=True)
    listed.write_bytes(b"".join([*lines[:3], damage, *lines[4:]]))
    with pytest.raises(VitvizError, match=r"line 4 of .* is damaged; run vitviz index again"):
        open_index(place)
    found = index_folder(order, place, model=tiny_model)
    assert (found.added, found.before) == (1, 11)
    assert len(open_index(place).entries) == 12
