"""Mute and volume of one card: what was asked last, and the same after a restart.

    controls = Controls(card, kept=state_dir() / "controls.json")
    controls.watch(on_volume=print)
    controls.toggle_mute(); controls.louder()

The one owner of what was *asked*. What *is* (are the microphone's blocks zeros?) only the card knows: `card.muted`.
"""

import json
import logging
import math
import threading
from collections.abc import Callable
from pathlib import Path

from device.audio.volume import HIGHEST_DB, LOWEST_DB, Volume
from device.card import Card
from device.whole_file import write_whole

_log = logging.getLogger(__name__)


class Controls:
    """Any method from any thread. Never raises for a file that cannot be read or written: it is logged."""

    def __init__(self, card: Card, kept: Path | None = None) -> None:
        """Sets the card to what `kept` remembers; None: nothing is remembered. A damaged file counts as none."""
        self._card = card
        self._kept = kept
        self._lock = threading.Lock()
        self._muted, level_db = _read(kept) if kept is not None else (False, HIGHEST_DB)
        self._switched_off = False  # by the contact of a switch: nothing else opens the microphone then
        self._volume = Volume(level_db)
        self._on_volume: Callable[[int], None] = lambda _percent: None
        card.mute(self._muted)
        card.set_volume(self._volume.factor)

    def watch(self, on_volume: Callable[[int], None]) -> None:
        """`on_volume` gets the new `volume_percent`, whoever changed it; in their thread, so it must neither block
        nor raise, nor call this object. One listener: the newest counts. (Mute is the card's to tell: events.Mute.)
        """
        with self._lock:
            self._on_volume = on_volume

    @property
    def muted(self) -> bool:
        """What was asked last."""
        return self._muted

    @property
    def volume_db(self) -> float | None:
        """None: silent."""
        return self._volume.level_db

    @property
    def volume_percent(self) -> int:
        """0 (silent) to 100, in even steps for the ear."""
        return self._volume.percent

    def set_volume_percent(self, percent: int) -> None:
        """The voice so loud; 0 is silent. Raises ValueError outside 0 to 100."""
        with self._lock:
            if self._volume.set_percent(percent):
                self._volume_changed()

    def mute(self, muted: bool) -> None:
        """Mute the microphone, or open it. While a switch keeps it muted it stays so, whoever asks."""
        with self._lock:
            if self._refuses(muted):
                return
            self._set(muted)

    def switch(self, muted: bool) -> None:
        """The contact of the mute switch closes or opens: it has the last word."""
        with self._lock:
            self._switched_off = muted
            self._set(muted)

    def toggle_mute(self) -> None:
        """The other of the two."""
        with self._lock:
            if self._refuses(not self._muted):
                return
            self._set(not self._muted)

    def louder(self) -> None:
        """The voice a step up."""
        with self._lock:
            if self._volume.up():
                self._volume_changed()

    def softer(self) -> None:
        """The voice a step down."""
        with self._lock:
            if self._volume.down():
                self._volume_changed()

    def _refuses(self, muted: bool) -> bool:
        if muted or not self._switched_off:
            return False
        _log.warning("the microphone stays muted: its switch is closed")
        return True

    def _set(self, muted: bool) -> None:
        self._muted = muted
        self._card.mute(muted)  # before anything that takes time
        self._keep()

    def _volume_changed(self) -> None:
        self._card.set_volume(self._volume.factor)
        self._on_volume(self._volume.percent)  # under the lock: the last that is told is the last that was set
        self._keep()

    def _keep(self) -> None:
        if self._kept is None:
            return
        text = json.dumps({"muted": self._muted, "volume_db": self._volume.level_db}) + "\n"
        try:
            write_whole(self._kept, text)
        except OSError as error:
            _log.warning("mute and volume will not survive a restart: %s: %s", self._kept, error.strerror)


def _read(path: Path) -> tuple[bool, float | None]:
    """(muted, volume in dB) of a file that `_keep` wrote, else what holds without one."""
    try:
        state = json.loads(path.read_text("utf-8"))
        muted, level_db = state["muted"], state["volume_db"]
    except FileNotFoundError:
        return False, HIGHEST_DB
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        _log.warning("mute and volume are not as they were left: %s cannot be read (%s)", path, error)
        return False, HIGHEST_DB
    is_level = isinstance(level_db, int | float) and not isinstance(level_db, bool) and math.isfinite(level_db)
    if level_db is not None and not (is_level and LOWEST_DB <= level_db <= HIGHEST_DB):
        level_db = HIGHEST_DB
    return muted is True, level_db
