"""Two batches never do the same pictures at once, and a killed one leaves the folder free."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vitviz.core.progress import VitvizError
from vitviz.folders.folder_lock import FolderLock

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("one", "other"), [((1, 1), (1, 1)), ((1, 2), (1, 1)), ((1, 2), (2, 3))])
def test_pictures_that_are_being_made_are_left_to_that_batch(
    tmp_path: Path, one: tuple[int, int], other: tuple[int, int]
) -> None:
    with (
        FolderLock(tmp_path, one),
        pytest.raises(VitvizError, match="another batch is writing"),
        FolderLock(tmp_path, other),
    ):
        pass
    with FolderLock(tmp_path, other):
        pass


def test_shards_of_one_number_share_a_folder(tmp_path: Path) -> None:
    with FolderLock(tmp_path, (1, 2)), FolderLock(tmp_path, (2, 2)):
        pass


def test_a_killed_batch_leaves_the_folder_free(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; "
        "from vitviz.folders.folder_lock import FolderLock; "
        "FolderLock(Path(sys.argv[1]), (1, 1)).__enter__(); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT).returncode != 0
    with FolderLock(tmp_path, (1, 1)):
        pass
