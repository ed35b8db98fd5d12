"""What `vitviz` and `python -m vitviz` do: no command opens the window, the rest needs none."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from io import TextIOWrapper
from pathlib import Path

from vitviz.core import garbage, idle_threads
from vitviz.session.app.launch_options import LaunchOptions
from vitviz.session.app.spoken_language import speak_as_chosen


def main() -> int:
    """The exit code: 0 when it worked, 1 when it failed, 2 when the arguments are wrong."""
    _have_streams()
    garbage.own_this_process()
    idle_threads.rest_between_products()
    argv = sys.argv[1:]
    speak_as_chosen(on_console=bool(argv))
    if not argv:  # the window is up sooner without the command line's library
        return open_window(LaunchOptions())
    from vitviz.cli import run

    return run(argv, open_window)


def _have_streams() -> None:
    """A program with a window and no terminal, on Windows, has no streams: its words go nowhere."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, TextIOWrapper):  # names that are no text must not end a command
            stream.reconfigure(errors="surrogateescape" if name == "stdout" else "backslashreplace")


def open_window(launch: LaunchOptions) -> int:
    """Opens the window, or gives the files to the one that is open; says why where neither works."""
    from vitviz.gui.app import qt_platform

    if launch.screenshot is not None and not qt_platform.has_display():
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    garbage.pause()  # until the window is shown
    if problem := qt_platform.explain():
        print(problem, file=sys.stderr)
        return 1
    from vitviz.gui.app.single_instance import hand_over

    if hand_over(launch):  # before the rest is imported: a window that is open has it already
        return 0
    from vitviz.session.app.crash_report import CrashReporter

    reporter = CrashReporter()
    reporter.start()
    from vitviz.gui.app.application import run
    from vitviz.session.app.exit_process import leave
    from vitviz.session.work.log import start_log

    start_log()
    if launch.screenshot is not None:
        from vitviz.core.files import expanded

        launch = replace(launch, screenshot=expanded(launch.screenshot).resolve())
    return leave(run(launch, reporter, garbage.resume))


if __name__ == "__main__":
    sys.exit(main())
