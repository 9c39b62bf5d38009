"""Writes down what a process asks of the network, in the file NETWORK_LOG. Python loads it by its name at every start.

What the C libraries below Python do by themselves is not seen here.
"""

import os
import sys
from typing import Any

_ASKED = {"socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo"}


def _note(line: str) -> None:
    with open(os.environ["NETWORK_LOG"], "a", encoding="utf-8") as file:  # noqa: PTH123 - as little as can be
        file.write(f"{line}\n")


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in _ASKED:
        return
    address = arguments[:2] if event == "socket.getaddrinfo" else arguments[1]
    if isinstance(address, tuple):  # that of a Unix socket is a text
        _note(f"{event} {address}")


if "NETWORK_LOG" in os.environ:
    _note(f"started {' '.join(sys.orig_argv[1:4])}")
    sys.addaudithook(_hook)
