"""What a calibration found, and what a person should do about it.

    result.playback_gain_db, result.echo_db
    for advice in result.advice: print(advice.text)

Definitions. **Echo level**: gain of the path from what is handed to the loudspeaker to what the microphone records, for
white noise of 60 to 7800 Hz, both digital: at 0 dB the echo is recorded as loud as it was played (the virtual card's
`--echo-db` means the same). **Echo delay**: from the moment at which the driver says a sample sounds to the direct
sound in the recording; the **round trip** begins when the callback hands the sample over. **Head-room**: how far the
peak of a voice that is played at full scale, the room's noise added, stays below full scale at the microphone.
**Drift**: how much faster the microphone's clock runs than the loudspeaker's.
"""

from dataclasses import asdict, dataclass
from typing import Any

from models.protocols import SAMPLE_RATE_HZ

MARGIN_DB = 6.0  #: what playback leaves at the microphone below clipping: for a person who speaks over it
MIN_GAIN_DB = -40.0  #: softer is no voice any more

#: A living room is at -60 to -70 dBFS with a usual microphone gain; at -45 the voice of somebody 2 m away is hardly
#: 15 dB louder than the noise.
LOUD_ROOM_DBFS = -45.0
#: Crystals of one card are the same crystal; what remains are tenths of a ppm of measuring error.
ONE_CLOCK_PPM = 10.0
FAINT_ECHO_DB = -50.0
#: What a front end that works reaches at least; under it, it will answer itself now and then.
GOOD_ERLE_DB = 15.0
#: Measured on the virtual card: from 9 dB (one reflection) or 15 dB (a small room) on the canceller finds no filter.
LOUD_PATH_DB = 6.0
_GUARD_SAMPLES = 64  # the front end copes with a driver whose times are late by so much


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing that is not as it should be."""

    code: str  #: "mic-clips", "no-echo", "mic-silent", "room-loud", "two-clocks", ...: for programs
    text: str  #: for a person: what is wrong and what to do


@dataclass(frozen=True, slots=True)
class CalibrationResult:
    """The figures; None where one could not be measured."""

    card: str
    round_trip_samples: int | None
    echo_delay_samples: int | None
    echo_db: float | None
    mic_peak_dbfs: float | None  #: foretold, of a voice at full scale and a playback gain of 0 dB; above 0 it clips
    playback_gain_db: float | None  #: <= 0: keeps that peak below -6 dBFS
    clipped_samples: int  #: at the microphone while a voice was played at that gain
    played_peak_dbfs: float | None  #: measured meanwhile
    noise_floor_dbfs: float
    silent: bool  #: the microphone delivered nothing but zeros
    drift_ppm: float | None
    erle_db: float | None
    lost_samples: int
    tail_ms: float = 200.0  #: of the canceller, as configured: the longest echo that it can follow

    @property
    def heard(self) -> bool:
        """False: the microphone did not hear the loudspeaker."""
        return self.echo_db is not None

    @property
    def headroom_db(self) -> float | None:
        """At a playback gain of 0 dB; below 0 it clips."""
        return None if self.mic_peak_dbfs is None else 0.0 - self.mic_peak_dbfs

    @property
    def advice(self) -> tuple[Advice, ...]:
        """What is wrong, the worst first; empty when all is well."""
        found = (self._sound(), self._level(), self._times(), self._room())
        return tuple(advice for group in found for advice in group)

    def _sound(self) -> list[Advice]:
        if self.silent:
            return [Advice("mic-silent", "the microphone delivers nothing but zeros: is it muted or switched off?")]
        if not self.heard:
            return [
                Advice(
                    "no-echo",
                    "no echo was heard: is the loudspeaker on and turned up, and is it the right one "
                    "('nearfield devices')? With a headset all is well",
                )
            ]
        return []

    def _level(self) -> list[Advice]:
        if self.headroom_db is None or self.playback_gain_db is None or self.echo_db is None:
            return []
        down_db = max(1, round(MARGIN_DB - self.headroom_db))
        if self.clipped_samples:
            return [
                Advice(
                    "mic-clips",
                    "the microphone clips even with playback turned down: turn the loudspeaker or the microphone "
                    f"down by {down_db} dB, or move them apart",
                )
            ]
        if self.headroom_db < 0:
            return [
                Advice(
                    "mic-clips",
                    f"the microphone clips: turn the loudspeaker down by {down_db} dB or move it away; until then "
                    f"playback is turned down by {-self.playback_gain_db:.1f} dB",
                )
            ]
        if self.playback_gain_db < 0:
            text = (
                f"the loudspeaker is loud at the microphone: playback is turned down by {-self.playback_gain_db:.1f} dB"
            )
            return [Advice("mic-near-clipping", text)]
        if self.echo_db < FAINT_ECHO_DB:
            return [Advice("echo-faint", "the loudspeaker is hardly heard: turn it up, if this is no headset")]
        return []

    def _times(self) -> list[Advice]:
        found = []
        if self.lost_samples:
            lost_ms = self.lost_samples * 1000 / SAMPLE_RATE_HZ
            text = f"{lost_ms:.0f} ms of sound were lost while measuring: stop other programs and measure again"
            found.append(Advice("samples-lost", text))
        if self.drift_ppm is not None and abs(self.drift_ppm) > ONE_CLOCK_PPM:
            text = (
                f"microphone and loudspeaker run on two clocks, drift {abs(self.drift_ppm):.0f} ppm: echo cancellation "
                "suffers; use one card for both"
            )
            found.append(Advice("two-clocks", text))
        if self.echo_delay_samples is not None:
            delay_ms = self.echo_delay_samples * 1000 / SAMPLE_RATE_HZ
            if delay_ms > self.tail_ms / 2:  # the room goes on after the direct sound
                text = (
                    f"the echo comes {delay_ms:.0f} ms after the driver says it sounds (Bluetooth?): use a loudspeaker "
                    f"on a wire, or set echo.tail_ms to {min(500, round(delay_ms + 150))}"
                )
                found.append(Advice("echo-late", text))
            elif self.echo_delay_samples < -_GUARD_SAMPLES:
                text = (
                    f"the echo is heard {-delay_ms:.0f} ms before the driver says it sounds: its times are wrong, and "
                    "echo cancellation suffers; try another audio.rate_hz"
                )
                found.append(Advice("echo-early", text))
        return found

    def _room(self) -> list[Advice]:
        found = []
        if self.noise_floor_dbfs > LOUD_ROOM_DBFS:
            text = (
                f"the room is loud (noise at {self.noise_floor_dbfs:.0f} dBFS): turn off what hums, or turn the "
                "microphone down or towards the speaker"
            )
            found.append(Advice("room-loud", text))
        # what noise leaves of the echo cannot be judged
        audible = self.played_peak_dbfs is not None and self.played_peak_dbfs > self.noise_floor_dbfs + 40
        if self.erle_db is not None and self.erle_db < GOOD_ERLE_DB and audible:
            # playing softer does not change this ratio; only the knobs of the card and the distance do
            loud = self.echo_db is not None and self.echo_db > LOUD_PATH_DB
            text = f"only {self.erle_db:.0f} dB of the echo are taken away: " + (
                f"it is recorded {self.echo_db:.0f} dB louder than played, turn down the loudspeaker's own volume "
                "or the microphone's gain"
                if loud
                else "the loudspeaker may distort (turn it down), or something moved meanwhile (measure again)"
            )
            found.append(Advice("echo-stays", text))
        return found

    def to_json(self) -> dict[str, Any]:
        """All figures, those in ms and the advice with them."""

        def ms(samples: int | None) -> float | None:
            return None if samples is None else round(samples * 1000 / SAMPLE_RATE_HZ, 3)

        return {
            **asdict(self),
            "heard": self.heard,
            "headroom_db": self.headroom_db,
            "round_trip_ms": ms(self.round_trip_samples),
            "echo_delay_ms": ms(self.echo_delay_samples),
            "advice": [asdict(advice) for advice in self.advice],
        }
