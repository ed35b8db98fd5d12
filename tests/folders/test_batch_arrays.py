"""Arrays of a batch are the model's own numbers, in every kind of file."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

import vitviz
from vitviz.cli import run
from vitviz.core.progress import Cancelled, VitvizError
from vitviz.folders import batch as batch_file


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of five pictures."""
    monkeypatch.setattr(batch_file, "PART", 5)


def ran(*words: object) -> int:
    return run([str(word) for word in words], lambda launch: 9)


def loaded(file: Path) -> dict[str, np.ndarray]:
    with np.load(file) as arrays:
        return {name: arrays[name] for name in arrays.files}


def test_features_logits_and_qkv_are_the_models_own(pictures, tiny_model, tmp_path) -> None:
    out = tmp_path / "out"
    found = vitviz.batch(
        pictures, out=out, model=tiny_model, features=True, logits=True, qkv=True, size=3
    )
    assert (found.done, len(found.broken)) == (12, 1)
    assert sorted(found.seconds) == ["decode", "elapsed", "model", "rows", "write"]
    assert found.seconds["model"] > 0
    trace = vitviz.trace(tiny_model, pictures / "4.png")
    features = loaded(out / "4-features.npz")["features"]
    np.testing.assert_allclose(features, trace.source.features(), atol=1e-4)
    logits = loaded(out / "4-logits.npz")["logits"]
    np.testing.assert_allclose(logits, trace.source.readout()[-1], atol=1e-4)
    arrays = loaded(out / "4-qkv.npz")
    given = []
    attn = tiny_model.module.blocks[2].attn
    hook = attn.register_forward_hook(lambda _module, args, _out: given.append(args[0]))
    trace.source.readout()
    vitviz.trace(tiny_model, pictures / "4.png")
    hook.remove()
    with torch.no_grad():
        packed = functional.linear(given[0], attn.qkv.weight, attn.qkv.bias)
        q, k, v = packed.reshape(*given[0].shape[:2], 3, attn.num_heads, -1).permute(2, 0, 3, 1, 4)
        expected = {"query": attn.q_norm(q), "key": attn.k_norm(k), "value": v}
    for name, tensor in expected.items():
        assert arrays[name].shape == (6, 2, 101, 32)
        np.testing.assert_allclose(arrays[name][2], tensor[0].numpy(), atol=1e-4)
    said = json.loads(str(arrays["about"]))
    assert said["axes"] == dict.fromkeys(("query", "key", "value"), "layer head token dim")


def test_one_data_set_is_read_by_pandas_and_duckdb(
    pictures, tiny_model, tmp_path, small_parts
) -> None:
    pandas, duckdb = pytest.importorskip("pandas"), pytest.importorskip("duckdb")
    pytest.importorskip("pyarrow")
    out = tmp_path / "out"
    asked = {"model": tiny_model, "rows": True, "features": True, "logits": True, "size": 3}
    vitviz.batch(pictures, out=out, numbers="parquet", token=(2, 3), **asked)
    table = pandas.read_parquet(out / "numbers.parquet")
    assert len(list((out / "numbers.parquet").glob("*.parquet"))) == 3
    assert table.picture.nunique() == 12
    trace = vitviz.trace(tiny_model, pictures / "inner" / "3.png")
    one = table[table.picture == "inner/3.png"]
    rows = one[(one.quantity == "attention") & (one.layer == 4) & (one["head"] == 1)]
    assert list(rows.token) == ["(2, 3)"]
    np.testing.assert_allclose(
        rows["values"].iloc[0], trace.layers[4].attention.rows(24)[1], atol=1e-5
    )
    features = one[(one.quantity == "features") & (one.layer == 1) & (one.token == "class")]
    np.testing.assert_allclose(features["values"].iloc[0], trace.source.features()[1, 0], atol=1e-4)
    counted = duckdb.connect().execute(
        f"select quantity, count(*), max(len(values)) from '{out}/numbers.parquet/*.parquet' "
        "group by quantity order by quantity"
    )
    assert counted.fetchall() == [
        ("attention", 12 * 6 * 2, 101),
        ("features", 12 * 6 * 101, 64),
        ("logits", 12, 1000),
    ]


def test_a_table_that_was_stopped_has_the_same_bytes(
    pictures, tiny_model, tmp_path, small_parts, photo
) -> None:
    pytest.importorskip("pyarrow")

    def stop(done: float, total: float, what: str = "") -> None:
        if done >= 6:
            raise Cancelled

    asked = {"model": tiny_model, "rows": True, "numbers": "parquet", "size": 3}
    with pytest.raises(Cancelled):
        vitviz.batch(pictures, out=tmp_path / "stopped", progress=stop, **asked)
    assert not list((tmp_path / "stopped").rglob(".vitviz-*"))
    again = vitviz.batch(pictures, out=tmp_path / "stopped", **asked)
    assert again.before >= 5
    vitviz.batch(pictures, out=tmp_path / "whole", **asked)
    parts = sorted((tmp_path / "whole" / "numbers.parquet").iterdir())
    for part in parts:
        other = tmp_path / "stopped" / "numbers.parquet" / part.name
        assert other.read_bytes() == part.read_bytes()
    (pictures / "1.png").unlink()
    vitviz.batch(pictures, out=tmp_path / "whole", **asked)
    left = sorted((tmp_path / "whole" / "numbers.parquet").iterdir())
    assert not set(left) & set(parts[:1])
    pandas = pytest.importorskip("pandas")
    table = pandas.read_parquet(tmp_path / "whole" / "numbers.parquet")
    assert table.picture.nunique() == 11
    assert len(table) == 11 * 12


def test_files_have_the_same_bytes_wherever_a_run_was_stopped(
    pictures, tiny_model, tmp_path
) -> None:
    def stop(done: float, total: float, what: str = "") -> None:
        if done >= 4:
            raise Cancelled

    asked = {"model": tiny_model, "rows": True, "size": 5}
    with pytest.raises(Cancelled):
        vitviz.batch(pictures, out=tmp_path / "a", progress=stop, **asked)
    vitviz.batch(pictures, out=tmp_path / "a", **asked)
    vitviz.batch(pictures, out=tmp_path / "b", **asked)
    for file in (tmp_path / "b").rglob("*.npz"):
        other = tmp_path / "a" / file.relative_to(tmp_path / "b")
        assert other.read_bytes() == file.read_bytes()


def test_csv_has_a_line_a_vector(pictures, tiny_model, tmp_path) -> None:
    vitviz.batch(pictures, out=tmp_path / "out", model=tiny_model, rows=True, numbers="csv")
    with (tmp_path / "out" / "5-attention.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 12
    expected = vitviz.trace(tiny_model, pictures / "5.png").layers[3].attention.rows(0)[1]
    line = next(each for each in lines if (each["layer"], each["head"]) == ("3", "1"))
    found = [float(line[str(key)]) for key in range(101)]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_function_says_what_is_wrong(pictures, tiny_model, tmp_path) -> None:
    out = tmp_path / "out"
    for message, asked in {
        "say what to make": {},
        "compares two": {"view": "difference"},
        "there is no view 'nonsense'": {"view": "nonsense"},
        "options are for views that are drawn": {"view": "heads", "options": {"rollout": {}}},
        "1 worker or more": {"rows": True, "size": 0},
    }.items():
        with pytest.raises(VitvizError, match=message):
            vitviz.batch(pictures, out=out, model=tiny_model, **asked)
    with pytest.raises(VitvizError, match="there is no folder"):
        vitviz.batch(tmp_path / "none", out=out, model=tiny_model, rows=True)
    assert not out.exists()


def test_the_commands_write_what_they_are_asked(pictures, tiny_checkpoint, tmp_path, capsys):
    out = tmp_path / "out"
    model = ("-m", tiny_checkpoint)
    assert ran("batch", pictures, *model, "--features", "--profile", "-o", out) == 3
    assert "decode" in capsys.readouterr().out
    assert len(list(out.rglob("*-features.npz"))) == 12
    assert ran("batch", pictures, *model, "-o", out) == 2
    target = tmp_path / "rows.npz"
    assert ran("trace", pictures / "5.png", *model, "--logits", "--qkv", "-o", target) == 0
    assert loaded(tmp_path / "rows-logits.npz")["logits"].shape == (1000,)
    assert loaded(tmp_path / "rows-qkv.npz")["key"].shape == (6, 2, 101, 32)
    assert ran("trace", pictures / "5.png", *model, "--logits", "-o", target) == 1
