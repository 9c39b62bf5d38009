"""What `nearfield setup` tries on the sound card: a tone, a measurement.

trials = Trials(settings)
trials.run("tone", answers)          # what to tell of it
trials.store()                       # keeps the measurement, once the configuration is written
"""

from typing import TYPE_CHECKING

from device.config import Settings
from device.errors import NearfieldError
from device.setup_wizard.answers import Answers
from device.setup_wizard.interview import Trial

if TYPE_CHECKING:
    from device.diagnostics.calibration_result import CalibrationResult

_TONE_DB = -12.0
_LEVEL_BLOCKS = 400  #: of 10 ms


class Trials:
    """Nothing is kept until `store`: whoever gives up has changed nothing."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._result: CalibrationResult | None = None

    def run(self, trial: Trial, answers: Answers) -> str:
        """What came of it, in a line or a few. Raises nothing that has to do with the card."""
        chosen = {"input": answers.microphone, "output": answers.loudspeaker}
        given = {key: value for key, value in chosen.items() if value is not None}
        audio = self._settings.audio.model_copy(update=given)
        settings = self._settings.model_copy(update={"audio": audio})
        try:
            return {"tone": self._tone, "level": self._level, "calibrate": self._calibrate}[trial](settings)
        except NearfieldError as error:
            return f"It did not work: {error.message}. {error.hint}".strip()

    def store(self) -> str:
        """Keep the measurement, if there is one; returns the file, or "". Raises NearfieldError."""
        from device.diagnostics.calibration_store import CalibrationStore  # noqa: PLC0415

        if self._result is None or not self._result.heard:
            return ""
        calibrations = CalibrationStore()
        calibrations.save(self._result)
        return str(calibrations.path)

    def _tone(self, settings: Settings) -> str:
        import numpy as np  # noqa: PLC0415

        from device.audio.chatter import without_chatter  # noqa: PLC0415
        from device.audio.earcons import earcon  # noqa: PLC0415
        from device.cli.sound_card import open_sound_card, turned_down  # noqa: PLC0415
        from device.cli.stages import play_on  # noqa: PLC0415

        pause = np.zeros(4_800, np.int16)
        sound = np.concatenate([earcon("card back", _TONE_DB), pause] * 3)
        with without_chatter():
            card = open_sound_card(settings, mic_optional=True, loopback=False)
            play_on(turned_down(card, settings), sound)
        return f"Played on {card.name}."

    def _level(self, settings: Settings) -> str:
        from device.audio.chatter import without_chatter  # noqa: PLC0415
        from device.cli.sound_card import open_sound_card  # noqa: PLC0415
        from device.errors import AudioError  # noqa: PLC0415
        from device.setup_wizard.advice import level_verdict  # noqa: PLC0415
        from dsp.levels import LevelMeter  # noqa: PLC0415

        meter, peak_dbfs, clipped = LevelMeter(), -120.0, 0
        with without_chatter(), open_sound_card(settings, loopback=False) as card:
            for _ in range(_LEVEL_BLOCKS):
                block = card.read(5.0)
                if block is None:
                    raise AudioError(f"{card.name} has delivered nothing for 5 s", hint="'nearfield devices'")
                reading = meter.update(block.mic)
                peak_dbfs, clipped = max(peak_dbfs, reading.peak_dbfs), reading.clipped_samples
        return level_verdict(peak_dbfs, clipped)

    def _calibrate(self, settings: Settings) -> str:
        from device.audio.chatter import without_chatter  # noqa: PLC0415
        from device.cli.calibrate_command import front_end, measure  # noqa: PLC0415
        from device.cli.sound_card import open_sound_card  # noqa: PLC0415
        from device.diagnostics.calibration import Calibration  # noqa: PLC0415

        with without_chatter():
            card = open_sound_card(settings, loopback=False)
            with front_end(settings) as ear:
                calibration = Calibration(card.name, ear, tail_ms=settings.echo.tail_ms)
                measure(card, calibration)
        self._result = result = calibration.result()
        lines = [f"Noise floor {result.noise_floor_dbfs:.0f} dBFS."]
        if result.echo_db is not None and result.playback_gain_db is not None:
            lines.append(f"Echo {result.echo_db:.0f} dB; it will play at {result.playback_gain_db:.1f} dB.")
        lines += [advice.text[:1].upper() + advice.text[1:] for advice in result.advice]
        lines.append('When that is mended, "back" measures again.' if result.advice else "All is well.")
        return "\n".join(lines)
