"""A batch makes of every picture what it is alone, stops, goes on, and leaves broken ones out."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

import vitviz
from vitviz.core import files
from vitviz.core.data.selection import Selection
from vitviz.core.progress import Cancelled, Unsupported, VitvizError
from vitviz.figures.raw import raw_attention
from vitviz.folders.batch import run_batch as batch
from vitviz.folders.batch_order import BatchOrder
from vitviz.folders.output_files import pictures_of
from vitviz.models.record.attention.only_row import OnlyRow
from vitviz.models.tracing.batch_tracing import BatchTracing
from vitviz.views import views
from vitviz.views.api import selection_of, token_chosen

ROOT = Path(__file__).resolve().parents[2]
DEIT = (
    "deit_tiny_distilled_patch16_224",
    {"embed_dim": 32, "depth": 2, "num_heads": 2, "img_size": 64, "num_classes": 5},
)


@pytest.fixture
def folder(tmp_path: Path, photo: np.ndarray) -> Path:
    """Seven pictures, one of them in a folder inside, two of one name, with names in any script."""
    inside = tmp_path / "my photos" / "räven 狐"
    inside.mkdir(parents=True)
    names = ["a.png", "a.bmp", "b c.png", "ж.png", "räven 狐/d.png", "e.png", "f.png"]
    for at, name in enumerate(names):
        Image.fromarray(np.roll(photo, 9 * at, axis=1)).save(tmp_path / "my photos" / name)
    return tmp_path / "my photos"


@pytest.fixture
def order(folder: Path, tmp_path: Path, tiny_model) -> BatchOrder:
    return BatchOrder(tiny_model, folder, tmp_path / "out", rows=True, size=3)


def about(file: Path) -> dict:
    with np.load(file) as arrays:
        return json.loads(str(arrays["about"]))


def test_every_picture_has_the_rows_that_it_has_alone(order: BatchOrder, folder: Path) -> None:
    found = batch(order)
    assert (found.done, found.before, found.broken) == (7, 0, ())
    files = {
        "b c-attention.npz": "b c.png",
        "räven 狐/d-attention.npz": "räven 狐/d.png",
        "a-bmp-attention.npz": "a.bmp",
        "a-png-attention.npz": "a.png",
    }
    for made, source in files.items():
        alone = vitviz.trace(order.model, folder / source)
        with np.load(order.out / made) as arrays:
            rows = arrays["rows"]
        assert about(order.out / made)["run"]["picture_key"] == alone.picture.key
        for layer, row in zip(alone.layers, rows, strict=True):
            np.testing.assert_allclose(row, layer.attention.rows(0), atol=1e-5)
        assert about(order.out / made)["verified"] < 1e-4


def test_stopped_it_goes_on_and_makes_nothing_twice(order: BatchOrder) -> None:
    def stop(done: float, total: float, what: str = "") -> None:
        if done >= 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        batch(replace(order, size=1), stop)
    made = {file: file.stat().st_mtime_ns for file in order.out.rglob("*.npz")}
    assert 2 <= len(made) < 7
    listed = len((order.out / "manifest.jsonl").read_text("utf-8").splitlines()) - 1
    found = batch(order)
    assert found.before == listed >= 2
    assert found.before + found.done == 7
    kept = [file for file, time in made.items() if file.stat().st_mtime_ns == time]
    assert len(kept) >= listed
    assert not list(order.out.rglob(".vitviz-*"))
    assert batch(order).done == 0


def test_a_line_that_was_cut_short_is_done_again(order: BatchOrder) -> None:
    batch(order)
    manifest = order.out / "manifest.jsonl"
    manifest.write_bytes(manifest.read_bytes()[:-9])
    assert (batch(order).done, batch(order).done) == (1, 0)


def test_a_picture_that_changed_is_done_again(
    order: BatchOrder, folder: Path, photo: np.ndarray
) -> None:
    batch(order)
    Image.fromarray(photo[::-1]).save(folder / "e.png")
    assert batch(order).done == 1


def test_broken_pictures_are_left_out_and_reported(order: BatchOrder, folder: Path) -> None:
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n not a picture")
    (folder / "empty.jpg").touch()
    found = batch(order)
    assert found.done == 7
    assert {Path(file).name for file, _ in found.broken} == {"broken.png", "empty.jpg"}
    assert found.report is not None
    listed = json.loads(found.report.read_text("utf-8"))
    assert any("is empty (0 bytes)" in line["why"] for line in listed)
    for name in ("broken.png", "empty.jpg"):
        (folder / name).unlink()
    assert batch(order).report is None
    assert not found.report.exists()


def test_other_settings_are_not_mixed_into_one_folder(order: BatchOrder) -> None:
    batch(order)
    with pytest.raises(VitvizError, match=r"another order \(fit differs\)"):
        batch(replace(order, fit="pad"))


def test_shards_share_a_folder_without_overlap(order: BatchOrder, folder: Path) -> None:
    parts = [pictures_of(folder, (at, 3)) for at in (1, 2, 3)]
    assert sorted(file for part in parts for file in part) == sorted(pictures_of(folder, (1, 1)))
    found = [batch(replace(order, shard=(at, 3))) for at in (1, 2, 3)]
    assert sum(one.done for one in found) == 7
    assert len(list(order.out.rglob("*.npz"))) == 7


def test_one_range_is_the_same_in_all_pictures(order: BatchOrder, tmp_path: Path) -> None:
    heads = (views()["heads"], {})
    drawn = replace(
        order, views=(heads,), kinds=("npz",), rows=False, one_range=True, out=tmp_path / "same"
    )
    batch(drawn)
    ranges = {
        tuple(about(file)["arrays"]["panel1"][end] for end in ("low", "high"))
        for file in drawn.out.rglob("*-heads.npz")
    }
    assert len(ranges) == 1
    batch(replace(drawn, one_range=False, out=tmp_path / "own"))
    own = {about(file)["arrays"]["panel1"]["high"] for file in (tmp_path / "own").rglob("*.npz")}
    assert len(own) > 1
    assert max(own) == pytest.approx(ranges.pop()[1], rel=1e-9)


def test_figures_are_printed_beside_the_model(
    order: BatchOrder, tmp_path: Path, folder: Path
) -> None:
    for file in [*folder.iterdir()][2:]:
        if file.is_file():
            file.unlink()
    drawn = replace(order, views=((views()["rollout"], {}),), rows=False)
    batch(drawn)
    figure = next(drawn.out.glob("*-rollout.png"))
    with Image.open(figure) as image:
        assert json.loads(image.text["vitviz"])["view"] == "rollout"


def test_eager_models_are_run_one_by_one(folder: Path, tmp_path: Path, photo: np.ndarray) -> None:
    model = vitviz.load("test_vit", pretrained=False)
    for block in model.module.blocks:
        block.attn.fused_attn = False
    several = BatchTracing(model)
    traces = several.trace([several.ready(photo), several.ready(photo[::-1])])
    assert several.batched is False
    alone = vitviz.trace(model, photo[::-1])
    np.testing.assert_array_equal(
        traces[1].layers[0].attention.rows(0), alone.layers[0].attention.rows(0)
    )
    assert raw_attention(traces[1], Selection())[1]["axes"] == {"rows": "layer head key"}


@pytest.mark.parametrize(
    ("name", "arguments"), [("test_vit", {}), ("test_vit2", {}), ("test_vit4", {}), DEIT]
)
@pytest.mark.parametrize("token", [None, (1, 2)])
def test_rows_alone_are_those_of_the_whole_trace(photo: np.ndarray, name, arguments, token) -> None:
    model = vitviz.load(name, pretrained=False, **arguments)
    pictures = [photo, photo[::-1], photo[:, :90]]
    several = BatchTracing(model, only=lambda grid, crop: token_chosen(token, grid, crop))
    traces = several.trace([several.ready(each) for each in pictures])
    assert several.batched is True
    for picture, found in zip(pictures, traces, strict=True):
        alone = vitviz.trace(model, picture)
        at = selection_of(alone, token=token).token(alone.grid, alone.crop)
        assert found.refused == ()
        assert 0 < found.verified < 1e-5
        assert found.held_bytes < alone.held_bytes / 10
        for one, other in zip(found.layers, alone.layers, strict=True):
            np.testing.assert_allclose(one.attention.rows(at), other.attention.rows(at), atol=1e-6)
            assert one.attention.queries == other.attention.queries
            with pytest.raises(OnlyRow, match="only the row of token"):
                one.attention.rows(at + 1)
            with pytest.raises(OnlyRow):
                one.attention.matrix()


def test_a_wrong_output_is_refused_where_only_rows_are_kept(photo: np.ndarray) -> None:
    model = vitviz.load("test_vit", pretrained=False)
    attention = functional.scaled_dot_product_attention

    class Bent(torch.overrides.TorchFunctionMode):
        """A kernel that answers wrongly in one picture of the batch."""

        def __torch_function__(self, func, types, args=(), kwargs=None):
            found = func(*args, **(kwargs or {}))
            if func is attention and len(found) == 3:
                found[1] *= 1.01
            return found

    several = BatchTracing(model, only=lambda grid, crop: Selection())
    batch = [several.ready(each) for each in (photo, photo[::-1], photo[:, ::-1])]
    assert all(each.layers for each in several.trace(batch))
    with Bent(), pytest.raises(Unsupported, match="differs from the module's own output"):
        several.trace(batch)


def test_a_folder_without_pictures_is_one_sentence(order: BatchOrder, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(VitvizError, match="there are no pictures in"):
        batch(replace(order, folder=tmp_path / "none"))


@pytest.mark.parametrize(
    "damage",
    [
        lambda lines: [*lines[:2], "{garbled", *lines[3:]],
        lambda lines: [*lines[:2], "\0" * 400, *lines[3:]],
        lambda lines: [*lines[:2], "[" * 100_000, *lines[3:]],
        lambda lines: [*lines[:2], '{"picture": 7}', *lines[3:]],
        lambda lines: [*lines[:2], "null", *lines[3:]],
        lambda lines: ["garbled", *lines[1:]],
    ],
)
def test_a_garbled_manifest_heals(order: BatchOrder, damage: Any) -> None:
    batch(order)
    file = order.out / "manifest.jsonl"
    lines = file.read_text().splitlines()
    file.write_text("\n".join(damage(lines)) + "\n")
    again = batch(order)
    assert (again.done, again.before) == ((7, 0) if damage(lines)[0] == "garbled" else (1, 6))
    assert batch(order).done == 0
    assert all(json.loads(line) for line in file.read_text().splitlines())


def test_a_folder_that_was_removed_meanwhile_is_not_counted(order: BatchOrder) -> None:
    def remove(done: float, total: float, what: str = "") -> None:
        if done == 2:
            order.out.rename(order.out.with_name("gone"))

    with pytest.raises(VitvizError, match="was removed or moved"):
        batch(replace(order, size=1), remove)


def test_files_that_were_taken_away_meanwhile_are_not_counted(order: BatchOrder) -> None:
    def take(done: float, total: float, what: str = "") -> None:
        if done == 7:
            (order.out / "ж-attention.npz").unlink()

    found = batch(order, take)
    assert found.done == 6
    assert [(Path(file).name, "taken away" in why) for file, why in found.broken] == [
        ("ж.png", True)
    ]


def test_what_a_killed_batch_left_is_cleared_and_other_peoples_files_are_not(
    order: BatchOrder,
) -> None:
    (order.out / "inside").mkdir(parents=True)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    here = files._prefix().removesuffix(f"{os.getpid()}-")
    left = order.out / "inside" / f"{here}{dead.pid}-abc.png"
    others = [order.out / name for name in (f"{here}{os.getpid()}-x.png", ".vitviz-ffffff-1-x.png")]
    for file in (left, *others):
        file.touch()
    batch(order)
    assert not left.exists()
    assert all(file.exists() for file in others)


def test_anew_forgets_only_its_own_part(order: BatchOrder) -> None:
    parts = [replace(order, shard=(at, 2)) for at in (1, 2)]
    first = [batch(part).done for part in parts]
    assert batch(replace(parts[1], anew=True)).done == first[1]
    assert batch(parts[0]).before == first[0]


@pytest.mark.skipif(os.name == "nt", reason="signals are told otherwise there")
@pytest.mark.parametrize("ended", [signal.SIGTERM, signal.SIGKILL])
def test_printing_processes_die_with_their_parent(
    folder: Path, tmp_path: Path, ended: signal.Signals
) -> None:
    """They held standard output open, so that whoever read it waited for ever."""
    order = [
        sys.executable,
        "-m",
        "vitviz",
        "batch",
        str(folder),
        "-o",
        str(tmp_path / "o"),
        "-v",
        "patches",
        "-m",
        "test_vit",
        "--untrained",
        "--workers",
        "2",
        "--batch",
        "1",
    ]
    run = subprocess.Popen(order, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT)
    manifest = tmp_path / "o" / "manifest.jsonl"
    deadline = time.monotonic() + 240
    while not (manifest.is_file() and manifest.read_text().count("\n") > 1):
        assert run.poll() is None, run.stdout.read()
        assert time.monotonic() < deadline
        select.select([run.stdout], [], [], 0.05)
    run.send_signal(ended)
    run.communicate(timeout=30)  # ends when the last of them has let go of standard output
    assert run.returncode != 0
    again = subprocess.run(order, capture_output=True, text=True, cwd=ROOT)
    assert again.returncode == 0, again.stderr
    assert len(list((tmp_path / "o").rglob("*-patches.png"))) == 7
    assert not list((tmp_path / "o").rglob(".vitviz-*-*-*.png"))
