"""An answer from the web, waited for in small steps so that Stop is heard while nothing comes."""

from __future__ import annotations

import io
import socket
import ssl
import time
from collections.abc import Callable
from functools import partial
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector, build_opener

from vitviz.core.language import _
from vitviz.core.progress import Progress

STEP = 0.2
"""Seconds between two looks whether somebody has said stop."""
CONNECTING = 6.0
"""Seconds that a server may take to be reached, in which nothing is heard."""


def patient_opener(progress: Progress, patience: float, trusted: ssl.SSLContext) -> OpenerDirector:
    """Opens addresses as urllib does; while an answer is awaited `progress` is called, which may raise
    Cancelled. TimeoutError after so many seconds of `patience` without a byte."""
    return build_opener(
        _PatientHandler(progress, patience), _PatientTlsHandler(progress, patience, trusted)
    )


class _PatientHandler(HTTPHandler):
    def __init__(self, progress: Progress, patience: float) -> None:
        super().__init__()
        self._answer = _response_class(progress, patience)

    def http_open(self, request: Any) -> Any:
        """As urllib calls it."""
        return self.do_open(partial(_connection, HTTPConnection, self._answer), request)


class _PatientTlsHandler(HTTPSHandler):
    def __init__(self, progress: Progress, patience: float, trusted: ssl.SSLContext) -> None:
        super().__init__(context=trusted)
        self._answer, self._trusted = _response_class(progress, patience), trusted

    def https_open(self, request: Any) -> Any:
        """As urllib calls it."""
        made = partial(_connection, HTTPSConnection, self._answer, context=self._trusted)
        return self.do_open(made, request)


def _connection(
    kind: Callable[..., Any], answer: type[HTTPResponse], host: str, **more: Any
) -> Any:
    made = kind(host, **{**more, "timeout": CONNECTING})
    made.response_class = answer
    return made


def _response_class(progress: Progress, patience: float) -> type[HTTPResponse]:
    class _PatientResponse(HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **more: Any) -> None:
            super().__init__(sock, *args, **more)
            self.fp.close()
            self.fp = io.BufferedReader(_PatientBytes(sock, progress, patience))

    return _PatientResponse


class _PatientBytes(io.RawIOBase):
    """The bytes of a connection: waits for them a step at a time, and reports between the steps."""

    def __init__(self, connection: socket.socket, progress: Progress, patience: float) -> None:
        super().__init__()
        self._connection = connection
        self._file = connection.makefile("rb", buffering=0)  # keeps it open as long as this is
        self._progress, self._patience = progress, patience
        connection.settimeout(STEP)

    def readable(self) -> bool:
        """As io asks."""
        return True

    def readinto(self, buffer: Any) -> int:
        """As io calls it."""
        until = time.monotonic() + self._patience
        while True:
            try:
                return self._connection.recv_into(buffer)
            except (TimeoutError, ssl.SSLWantReadError):
                if time.monotonic() > until:
                    raise TimeoutError(
                        _("nothing came for {patience:.0f} s").format(patience=self._patience)
                    ) from None
            self._progress(0, 0, _("waiting for the page"))

    def close(self) -> None:
        """As io calls it."""
        self._file.close()
        super().close()
