"""Parquet, where pyarrow is installed; else a sentence that says how to have it."""

from __future__ import annotations

from typing import Any

from vitviz.core.progress import VitvizError


def parquet() -> tuple[Any, Any]:
    """pyarrow and its Parquet module. VitvizError where they are not installed."""
    try:
        import pyarrow as pa
        from pyarrow import parquet as files
    except ImportError:
        raise VitvizError(
            "Parquet needs pyarrow, which is not installed; pip install 'vitviz[parquet]', or take "
            ".npz or .csv"
        ) from None
    return pa, files
