"""What was measured of each card, in a file that a person can read and edit.

    CalibrationStore().save(result)              # ~/.local/state/nearfield/calibration.toml
    gain_db = CalibrationStore().playback_gain_db(card.name)      # None: that card was never calibrated

Cards are known by their names without the number that ALSA gave them ("(hw:1,0)"): it changes when they are plugged in
in another order. Two cards of one make share an entry.
"""

import logging
import math
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from device.config.describe import toml_value
from device.config.dirs import state_dir
from device.config.tomlfile import read_toml
from device.diagnostics.calibration_result import MIN_GAIN_DB, CalibrationResult
from device.errors import ConfigError, NearfieldError
from device.whole_file import write_whole

log = logging.getLogger(__name__)

FILE_NAME = "calibration.toml"
_MAX_CARDS = 200  # the file of an appliance must not grow for ever; the oldest go
_KEPT = (
    "playback_gain_db",
    "echo_db",
    "echo_delay_samples",
    "round_trip_samples",
    "mic_peak_dbfs",
    "noise_floor_dbfs",
    "drift_ppm",
    "erle_db",
)
_HEAD = "# Written by 'nearfield calibrate': one table a card. playback_gain_db is applied when the card is opened.\n"


def card_key(name: str) -> str:
    """A card's name without its number: "USB Audio: - (hw:1,0)" -> "USB Audio: -"."""
    return re.sub(r"\s*\((?:plug)?hw:\d+(?:,\d+)*\)", "", name).strip() or name


class CalibrationStore:
    """The file. Reading never fails: without a readable entry a card is as if it was never calibrated."""

    def __init__(self, path: Path | None = None) -> None:
        """`path`: calibration.toml in the state folder unless given."""
        self.path = state_dir() / FILE_NAME if path is None else path

    def entry(self, card: str) -> dict[str, Any]:
        """What is known of a card, by the names of `CalibrationResult`, and `measured` (UTC); empty: nothing."""
        found = self._cards().get(card_key(card))
        return dict(found) if isinstance(found, dict) else {}

    def playback_gain_db(self, card: str) -> float | None:
        """The gain to play at, -40..0 dB; None: not calibrated, or the entry makes no sense (which is logged)."""
        gain = self.entry(card).get("playback_gain_db")
        if gain is None:
            return None
        if isinstance(gain, bool) or not isinstance(gain, int | float) or not MIN_GAIN_DB <= gain <= 0.0:
            log.warning(
                "%s: playback_gain_db = %s is not in %s..0; it is left out, 'nearfield calibrate' writes a new one",
                self.path, gain, f"{MIN_GAIN_DB:.0f}",
            )  # fmt: skip
            return None
        return float(gain)

    def save(self, result: CalibrationResult) -> None:
        """Keep a result in place of the card's last one. A damaged file is set aside, not overwritten.

        Raises NearfieldError when the file cannot be written; what was there is then unchanged.
        """
        values = {key: value for key in _KEPT if (value := getattr(result, key)) is not None}
        try:
            try:
                cards = self._read()
            except ConfigError as damage:
                cards = {}
                if self.path.exists():
                    self._set_aside(damage)
            cards.pop(card_key(result.card), None)
            cards[card_key(result.card)] = {"measured": datetime.now(UTC).isoformat(timespec="seconds"), **values}
            self._write(dict(list(cards.items())[-_MAX_CARDS:]))
        except OSError as error:
            raise NearfieldError(
                f"the calibration cannot be kept in {self.path}: {(error.strerror or str(error)).lower()}",
                hint="check the permissions and the room on the disk",
            ) from error

    def _cards(self) -> dict[str, Any]:
        if not self.path.exists():
            return {}
        try:
            return self._read()
        except ConfigError as damage:
            log.warning("%s; every card counts as not calibrated, run 'nearfield calibrate'", damage.message)
            return {}

    def _read(self) -> dict[str, Any]:
        """Raises ConfigError when the file is there and damaged."""
        if not self.path.exists():
            return {}
        cards = read_toml(self.path).values.get("card", {})
        return cards if isinstance(cards, dict) else {}

    def _set_aside(self, damage: ConfigError) -> None:
        aside = self.path.with_name(f"{self.path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S}")
        self.path.replace(aside)
        log.warning("%s; it is kept as %s", damage.message, aside.name)

    def _write(self, cards: dict[str, Any]) -> None:
        tables = [_table(name, values) for name, values in cards.items() if isinstance(values, dict)]
        text = _HEAD + "".join(tables)
        tomllib.loads(text)  # never leave a file that cannot be read
        write_whole(self.path, text)


def _table(name: str, values: dict[str, Any]) -> str:
    """Flat tables only, and no numbers that TOML cannot write: whatever else somebody put there is left out."""
    lines = [
        f"{key if re.fullmatch(r'[A-Za-z0-9_-]+', key) else toml_value(key)} = {toml_value(value)}\n"
        for key, value in values.items()
        if isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value))
    ]
    return f"\n[card.{toml_value(name)}]\n{''.join(lines)}"
