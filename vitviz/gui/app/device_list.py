"""What only torch can tell, asked off the window's thread: the devices of this computer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from vitviz.core.language import _
from vitviz.core.progress import Progress
from vitviz.gui.panels.top_bar import TopBar
from vitviz.session.session import Session
from vitviz.session.work.log import sentence

if TYPE_CHECKING:
    from vitviz.models.loading.devices import DeviceInfo


def learn_devices(session: Session, bar: TopBar) -> None:
    """Offers the devices of this computer in the bar."""

    def work(_progress: Progress) -> tuple[DeviceInfo, ...]:
        from vitviz.models import devices

        return devices()

    def done(found: tuple[DeviceInfo, ...]) -> None:
        bar.show_devices([(device.name, device.title, device.precisions) for device in found])

    session.jobs.submit(
        "devices", work, lane="read", done=done, failed=_told(session, _("looking for devices"))
    )


def _told(session: Session, doing: str) -> Callable[[Exception], None]:
    def failed(error: Exception) -> None:
        session.problems.emit([sentence(error, doing)])

    return failed
