"""How loud a voice is by itself, remembered: measuring it is half a second of every start.

    gains = VoiceGains(state_dir() / "voice-gain.json")
    voice = PiperVoice(path, gain_db=gains.get(key)); gains.keep(key, voice.gain_db)

A file that cannot be read counts as none, one that cannot be written is logged: it is measured again then.
"""

import json
import logging
import math
from pathlib import Path
from typing import Any

from device.whole_file import write_whole
from models.clause_audio import MAX_GAIN_DB

_log = logging.getLogger(__name__)

_MOST = 20  #: voices that are remembered


def key_of(voice: Path, *, loudness_lufs: float, speed: float) -> str:
    """Changes with the file of the voice, and with how it is to speak."""
    stat = voice.stat()
    return f"{voice} {stat.st_size} {stat.st_mtime_ns} {loudness_lufs:g} {speed:g}"


class VoiceGains:
    """The file. Not for two threads at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, key: str) -> float | None:
        """None: not known, or nothing that could be meant."""
        gain_db = self._read().get(key)
        if not isinstance(gain_db, float) or not math.isfinite(gain_db) or abs(gain_db) > MAX_GAIN_DB:
            return None
        return gain_db

    def keep(self, key: str, gain_db: float) -> None:
        """From now on `get` has it; the oldest is forgotten."""
        if self.get(key) == gain_db:
            return
        known = self._read()
        known.pop(key, None)
        newest = list(known.items())[-(_MOST - 1) :]
        try:
            write_whole(self._path, json.dumps(dict([*newest, (key, gain_db)]), indent=1))
        except OSError as error:
            _log.info("how loud the voice is cannot be kept in %s: %s", self._path, error)

    def _read(self) -> dict[str, Any]:
        try:
            known = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return known if isinstance(known, dict) else {}
