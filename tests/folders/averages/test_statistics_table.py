"""Tables of averages are read by those who read tables, and hold the same numbers as the arrays."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from vitviz.cli import run
from vitviz.core.progress import VitvizError
from vitviz.folders import parquet_files
from vitviz.folders.averages.folder_statistics import read_statistics

pytestmark = pytest.mark.usefixtures("few_in_a_part")


def ran(*words: object) -> int:
    return run([str(word) for word in words], lambda launch: 9)


@pytest.fixture
def saved(pictures: Path, tmp_path: Path) -> Path:
    out = tmp_path / "all.npz"
    views = [word for name in ("distance", "shares", "norms", "cka") for word in ("--view", name)]
    assert ran("stats", pictures, "-m", "test_vit", "--untrained", *views, "-o", out) == 3
    return out


def test_a_csv_has_a_line_for_each_entry(saved: Path, tmp_path: Path) -> None:
    assert ran("merge", saved, "-o", tmp_path / "all.csv") == 3
    first, rest = (tmp_path / "all.csv").read_text("utf-8").split("\n", 1)
    assert first.startswith('# {"model": "test_vit"')
    lines = list(csv.DictReader(io.StringIO(rest)))
    found = read_statistics(saved)
    one = next(
        line
        for line in lines
        if (line["measure"], line["layer"], line["head"]) == ("distance", "3", "1")
    )
    assert float(one["mean"]) == found.average("distance")[3, 1]
    assert float(one["standard_error"]) == found.standard_error("distance")[3, 1]
    assert int(one["count"]) == 12
    named = [line for line in lines if line["measure"] == "norms" and line["what"] == "class"]
    assert [int(line["layer"]) for line in named] == list(range(6))
    pairs = [line for line in lines if line["measure"] == "cka"]
    assert len(pairs) == 36
    assert {line["variance"] for line in pairs} == {""}


def test_parquet_is_read_by_pandas_and_duckdb(pictures: Path, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    duckdb = pytest.importorskip("duckdb")
    out = tmp_path / "stats.parquet"
    done = ran(
        "stats", pictures, "-m", "test_vit", "--untrained", "-v", "distance", "--rows", "-o", out
    )
    assert done == 3
    table, rows = pandas.read_parquet(out), pandas.read_parquet(tmp_path / "stats-rows.parquet")
    assert len(table) == 12
    assert len(rows) == 12 * 12
    assert set(rows.picture) >= {"0.png", "inner/3.png"}
    mean = rows.groupby(["layer", "head"]).value.mean().to_numpy()
    np.testing.assert_allclose(mean, table["mean"], rtol=1e-5)
    file = tmp_path / "stats-rows.parquet"
    asked = f"select median(value) from '{file}' where layer = 2 and head = 1"
    median = duckdb.connect().execute(asked).fetchall()[0][0]
    expected = table[(table.layer == 2) & (table["head"] == 1)].q50.iloc[0]
    np.testing.assert_allclose(median, expected, rtol=1e-6)


def test_without_pyarrow_a_sentence_says_how_to_have_it(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(VitvizError, match=r"pip install 'vitviz\[parquet\]'"):
        parquet_files.parquet()
    assert ran("merge", saved, "-o", tmp_path / "all.parquet") == 1
    assert "Parquet needs pyarrow" in capsys.readouterr().err
    assert not (tmp_path / "all.parquet").exists()


@pytest.mark.parametrize("name", ["distance", "shares", "norms", "cka"])
def test_figures_are_drawn_of_saved_averages(saved: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / f"{name}.pdf"
    assert ran("merge", saved, "--view", name, "-o", out) == 3
    assert out.read_bytes().startswith(b"%PDF")


def test_what_is_asked_wrongly_is_said_before_any_work(pictures: Path, tmp_path: Path, capsys):
    assert ran("stats", pictures, "-o", tmp_path / "a.npz") == 2
    assert ran("stats", pictures, "-v", "distance", "-o", tmp_path / "a.xlsx") == 1
    assert "cannot hold averages" in capsys.readouterr().err
    assert ran("stats", tmp_path / "none", "-v", "distance", "-o", tmp_path / "a.npz") == 1
    assert "there is no folder" in capsys.readouterr().err
    assert ran("merge", tmp_path / "none.npz", "-o", tmp_path / "a.npz") == 1
    assert list(tmp_path.glob("a.*")) == []
