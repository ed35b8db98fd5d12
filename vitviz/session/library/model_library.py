"""The model library: what there is, what of it is on this computer, and what is being downloaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from psygnal import Signal

from vitviz.core.language import _
from vitviz.core.progress import Progress
from vitviz.session.files.settings import Settings
from vitviz.session.library.library_items import (
    LibraryFilters,
    LibraryItem,
    bundled_item,
    file_item,
    found,
    in_order,
    timm_item,
)
from vitviz.session.work.jobs import Job, Jobs
from vitviz.session.work.log import sentence

if TYPE_CHECKING:
    from vitviz.models.catalogue.catalogue import ModelCatalogue

DownloadState = Literal["none", "waiting", "running", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class ModelDownload:
    """How far a download is, in bytes (`total` 0: not said yet); `said` is what went wrong or on."""

    state: DownloadState = "none"
    done: float = 0.0
    total: float = 0.0
    said: str = ""


@dataclass(frozen=True, slots=True)
class DiskUse:
    """What is on this computer: repositories with their bytes, those whose download was stopped with
    what has arrived, and whether the hub can be reached."""

    whole: dict[str, int]
    parts: dict[str, int]
    reachable: bool


class ModelLibrary:
    """All models with their facts. Called, and announced, at home; reading and fetching are jobs.

    `settings` gives the settings of the moment and `remember` changes them.
    """

    changed = Signal()
    download_changed = Signal(str)
    downloaded = Signal(str)

    def __init__(
        self, jobs: Jobs, settings: Callable[[], Settings], remember: Callable[..., None]
    ) -> None:
        self._jobs, self._settings, self._remember = jobs, settings, remember
        self.items: tuple[LibraryItem, ...] = ()
        self.offline = False
        """Whether the hub cannot be reached; what is on disk works all the same."""
        self._downloads: dict[str, tuple[ModelDownload, Job | None]] = {}
        self._disk: dict[str, int] = {}
        self._checked = False
        jobs.progressed.connect(self._progressed)
        jobs.ended.connect(self._ended)

    # -- what there is ------------------------------------------------------------------------------

    def read(self) -> None:
        """Reads the names at once."""
        if not self.items:
            self._fill()

    def open(self) -> None:
        """Reads the names; what is on disk is looked up off the window's thread."""
        self.read()
        self.look_at_disk()
        self._catch_up()

    def search(self, filters: LibraryFilters) -> list[LibraryItem]:
        """The models that are wanted, in order."""
        return found(self.items, filters, self.favourites)

    def find(self, name: str) -> LibraryItem | None:
        """The model of that name; a timm name without its tag is its first training."""
        named = next((item for item in self.items if item.name == name), None)
        return named or next(
            (item for item in self.items if item.name.startswith(f"{name}.")), None
        )

    @property
    def favourites(self) -> frozenset[str]:
        """Names with a star."""
        return frozenset(self._settings().favourites)

    def favour(self, name: str, on: bool) -> None:
        """Gives a model its star, or takes it."""
        kept = [each for each in self._settings().favourites if each != name]
        self._remember(favourites=(*kept, name) if on else tuple(kept))
        self.changed.emit()

    def look_at_disk(self) -> None:
        """Looks up what is on this computer and whether there is a network."""
        names = [item.repository for item in self.items if item.repository]

        def work(_progress: Progress) -> DiskUse:
            from vitviz.models.loading.hub import hub_files
            from vitviz.models.loading.hub.download import partial as arrived

            whole = hub_files.on_disk(names)
            parts = {each: arrived(each) for each in hub_files.begun(names) if each not in whole}
            return DiskUse(whole, parts, hub_files.is_reachable())

        self._jobs.submit(
            "library-disk", work, lane="read", done=self._looked, failed=self._not_looked
        )

    # -- downloads ----------------------------------------------------------------------------------

    def download(self, name: str) -> None:
        """Fetches a model's weights; goes on where an earlier try was stopped."""
        item = self.find(name)
        if item is None or not item.repository or item.on_disk or self.state(name).state in _BUSY:
            return

        def work(progress: Progress) -> Path:
            from vitviz.models.loading.hub.download import fetch

            return fetch(item.repository, item.name, progress)

        job = self._jobs.submit(
            ("download", item.name),
            work,
            lane="fetch",
            done=partial(self._fetched, item.name),
            failed=partial(self._failed, item.name),
            label=_("downloading {name}").format(name=item.name),
        )
        if job.state in _BUSY:  # not when it was done at once
            self._tell(item.name, ModelDownload("running"), job)

    def stop(self, name: str) -> None:
        """Ends a download; what has arrived is kept for the next try."""
        job = self._downloads.get(name, (None, None))[1]
        if job is not None:
            job.stop()

    def state(self, name: str) -> ModelDownload:
        """How far the download of a model is."""
        return self._downloads.get(name, (ModelDownload(), None))[0]

    # -- what comes home ----------------------------------------------------------------------------

    def _fill(self) -> None:
        from vitviz.models import bundled
        from vitviz.models.catalogue.catalogue import catalogue

        files = (name for name in self._settings().recent_models if Path(name).is_file())
        timm = (
            timm_item(entry, self._disk.get(entry.repository, 0)) for entry in catalogue().entries
        )
        self.items = in_order([*map(bundled_item, bundled()), *map(file_item, files), *timm])
        self.changed.emit()

    def refill(self) -> None:
        """Another file was opened: the list has changed."""
        if self.items:
            self._fill()

    def _looked(self, disk: DiskUse) -> None:
        for item in self.items:
            here = disk.parts.get(item.repository, 0)
            if here and item.name not in self._downloads:
                self._tell(item.name, ModelDownload("stopped", here, item.download), None)
        offline = not disk.reachable
        if disk.whole != self._disk or offline != self.offline:
            self._disk, self.offline = disk.whole, offline
            self._fill()

    def _not_looked(self, _error: Exception) -> None:
        self.offline = True
        self.changed.emit()

    def _catch_up(self) -> None:
        """Another timm than the one the catalogue is of: it is read anew, once."""
        from vitviz.models.catalogue.catalogue import catalogue, installed_timm

        if self._checked or catalogue().timm == installed_timm():
            return
        self._checked = True

        def work(progress: Progress) -> ModelCatalogue:
            from vitviz.models.catalogue.catalogue_build import refreshed
            from vitviz.models.loading.architectures import index

            index.refreshed(progress)
            return refreshed(progress)

        self._jobs.submit(
            "census",
            work,
            lane="fetch",
            done=lambda _unused: self._fill(),
            failed=lambda _unused: None,
            label=_("reading timm's new models"),
        )

    def _fetched(self, name: str, file: Path) -> None:
        self._downloads.pop(name, None)
        item = self.find(name)
        if item is not None:
            self._disk = {**self._disk, item.repository: file.stat().st_size}
            self._fill()
        self.download_changed.emit(name)
        self.downloaded.emit(name)

    def _failed(self, name: str, error: Exception) -> None:
        self._tell(
            name,
            replace(self.state(name), state="failed", said=sentence(error, f"downloading {name}")),
            None,
        )

    def _progressed(self, job: Job) -> None:
        match job.key:
            case ("download", str(name)):
                self._tell(name, ModelDownload("running", job.done, job.total, job.what), job)

    def _ended(self, job: Job) -> None:
        match job.key:
            case ("download", str(name)) if job.state == "stopped":
                self._tell(name, replace(self.state(name), state="stopped", said=""), None)

    def _tell(self, name: str, download: ModelDownload, job: Job | None) -> None:
        self._downloads[name] = (download, job)
        self.download_changed.emit(name)


_BUSY = ("waiting", "running")
