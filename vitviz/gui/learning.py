"""What only torch and timm can tell, asked off the window's thread: devices and model names."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from shiboken6 import isValid

from vitviz.core.progress import Progress
from vitviz.gui.finder import Finder
from vitviz.gui.toolbar import TopBar
from vitviz.session.log import sentence
from vitviz.session.session import Session

if TYPE_CHECKING:
    from vitviz.models.hardware import DeviceInfo


def learn_devices(session: Session, bar: TopBar) -> None:
    """Offers the devices of this computer in the bar."""

    def work(_progress: Progress) -> tuple[DeviceInfo, ...]:
        from vitviz.models import devices

        return devices()

    def done(found: tuple[DeviceInfo, ...]) -> None:
        bar.show_devices([(device.name, device.title, device.precisions) for device in found])

    session.jobs.submit(
        "devices", work, lane="read", done=done, failed=_told(session, "looking for devices")
    )


def learn_names(session: Session, finder: Finder) -> None:
    """Offers the names of all models in the finder, as long as it is open."""

    def work(_progress: Progress) -> tuple[str, ...]:
        from vitviz.models import names

        return names()

    def done(found: tuple[str, ...]) -> None:
        if isValid(finder):
            finder.show_names(found)

    session.jobs.submit(
        "names", work, lane="read", done=done, failed=_told(session, "listing timm's models")
    )


def _told(session: Session, doing: str) -> Callable[[Exception], None]:
    def failed(error: Exception) -> None:
        session.problems.emit([sentence(error, doing)])

    return failed
