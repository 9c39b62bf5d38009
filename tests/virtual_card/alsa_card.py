"""The test's hand on a virtual ALSA card: its clock, its faults, what is said into it and what it played.

    card = AlsaCard.make(folder / "vcard.timeline", rate_hz=16_000)
    card.set_echo(taps); card.say(pcm); card.freeze(); card.unplug(Loss.STUCK_IN_XRUN); card.plug()
    card.played[:card.now()], card.events()

The file and the meaning of every field are described in timeline.h, which this mirrors. Rows (`said`, `played`,
`heard`, `air`) are indexed by card frame: frame 0 is when the card was made, whoever opens it and however often.
"""

import ctypes
import mmap
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Int16s = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float32]

_MAGIC = 0x314C544E
_MAX_TAPS, _MAX_EVENTS, _MAX_PATH, _SAMPLES_OFFSET = 16_384, 4096, 256, 1 << 20
_FORMATS = {"int16": 1, "int32": 2, "float32": 4}
_KINDS = ("", "open", "close", "sizes", "start", "stop", "xrun", "lost")
PLAYBACK, CAPTURE = 1, 2  #: bits of `directions` and `busy`


class Loss(IntEnum):
    """What a program sees of a card that was pulled."""

    DISCONNECTED = 0  #: at once; PortAudio gives no sign at all then, its callbacks just end
    STUCK_IN_XRUN = 1  #: for ever: PortAudio's abort and close hang
    XRUN_THEN_DISCONNECTED = 2  #: an XRUN, and the first attempt to recover finds no card


class _Event(ctypes.Structure):
    _fields_ = (
        ("kind", ctypes.c_uint32),
        ("stream", ctypes.c_uint32),
        ("frame", ctypes.c_int64),
        ("monotonic_ns", ctypes.c_int64),
        ("value", ctypes.c_int64),
    )


class _Header(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_uint32) for name in ("magic", "header_bytes", "rate_hz", "formats")),
        *((name, ctypes.c_uint32) for name in ("channels_in", "channels_out")),
        *((name, ctypes.c_int32) for name in ("mic_channel", "loopback_channel")),
        *((name, ctypes.c_uint32) for name in ("directions", "busy")),
        ("clock_ppm", ctypes.c_double),
        *((name, ctypes.c_int64) for name in ("zero_ns", "length")),
        *((name, ctypes.c_uint32) for name in ("present", "generation", "loss_mode", "gave_up")),
        *((name, ctypes.c_uint32) for name in ("frozen", "n_events")),
        ("frozen_at", ctypes.c_int64),
        *((name, ctypes.c_uint32) for name in ("echo_taps", "mic_is_dead")),
        *((name, ctypes.c_int32) for name in ("mic_limit", "speaker_limit")),
        *((name, ctypes.c_int64) for name in ("heard_to", "played_to", "started_frame", "started_ns")),
        ("started_stream", ctypes.c_uint32),
        ("loudspeaker", ctypes.c_char * _MAX_PATH),
        ("events", _Event * _MAX_EVENTS),
        ("echo", ctypes.c_float * _MAX_TAPS),
    )


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a program did to the card, or the card to a program."""

    kind: str  #: open, close, sizes, start, stop, xrun, lost
    capture: bool  #: which direction
    frame: int  #: of the card; for "start" that of the stream's first sample
    monotonic_ns: int
    value: int  #: start and sizes: frames in the buffer; xrun: frames lost; lost: the mode


class AlsaCard:
    """One card. Any number of processes may hold one of these on the same file."""

    def __init__(self, path: Path) -> None:
        """A card that was made before. Raises FileNotFoundError."""
        self.path = path
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self._header: Any = _Header.from_buffer(self._map)
        length = self._header.length
        rows: Int16s = np.frombuffer(self._map, np.int16, 3 * length, _SAMPLES_OFFSET)
        self.said, self.played, self.heard = rows[:length], rows[length : 2 * length], rows[2 * length :]
        #: (n,) float32: the loudspeaker as it was in the air, on this card's clock
        self.air: Floats = np.frombuffer(self._map, np.float32, length, _SAMPLES_OFFSET + rows.nbytes)
        self._echo: Floats = np.frombuffer(self._map, np.float32, _MAX_TAPS, _Header.echo.offset)

    @classmethod
    def make(
        cls,
        path: Path,
        rate_hz: int = 16_000,
        seconds: float = 120.0,
        *,
        clock_ppm: float = 0.0,
        channels_in: int = 1,
        channels_out: int = 1,
        mic_channel: int | None = None,
        loopback_channel: int | None = None,
        formats: Sequence[str] = ("int16",),
        directions: int = PLAYBACK | CAPTURE,
        present: bool = True,
        busy: bool = False,
        hears: Path | None = None,
    ) -> Self:
        """A new card on a new time line of `seconds`; rows are memory only where they were written.

        `clock_ppm`: how much faster than `rate_hz` it really runs. `mic_channel`: the only one with the microphone
        in it, None: all. `loopback_channel`: carries what is played. `formats`: of int16, int32, float32.
        `directions`: what it can do at all. `present` False: not plugged in yet. `busy`: another program has it.
        `hears`: the file of the card whose loudspeaker this microphone hears, None: its own.
        """
        assert ctypes.sizeof(_Header) <= _SAMPLES_OFFSET
        length = round(rate_hz * seconds)
        new = path.with_name(path.name + ".new")
        with new.open("wb") as file:
            file.truncate(_SAMPLES_OFFSET + length * (3 * 2 + 4))
            header = _Header(
                magic=_MAGIC,
                header_bytes=ctypes.sizeof(_Header),
                rate_hz=rate_hz,
                formats=sum(_FORMATS[name] for name in formats),
                channels_in=channels_in,
                channels_out=channels_out,
                mic_channel=-1 if mic_channel is None else mic_channel,
                loopback_channel=-1 if loopback_channel is None else loopback_channel,
                directions=directions,
                busy=PLAYBACK | CAPTURE if busy else 0,
                clock_ppm=clock_ppm,
                zero_ns=time.monotonic_ns(),
                length=length,
                present=present,
                generation=1,
                mic_limit=32_767,
                speaker_limit=32_767,
                loudspeaker=str(hears).encode() if hears is not None else b"",
            )
            file.write(header)
        new.rename(path)  # whoever finds it finds it whole
        return cls(path)

    # --- the clock

    @property
    def rate_hz(self) -> int:
        return int(self._header.rate_hz)

    @property
    def true_rate_hz(self) -> float:
        return float(self._header.rate_hz * (1 + self._header.clock_ppm * 1e-6))

    def now(self) -> int:
        """The card's frame now."""
        if self._header.frozen:
            return int(self._header.frozen_at)
        return int((time.monotonic_ns() - self._header.zero_ns) * 1e-9 * self.true_rate_hz)

    # --- the room

    def set_echo(self, taps: npt.ArrayLike) -> None:
        """(n,) impulse response from loudspeaker to microphone, n <= 16384, exact to the sample from now on."""
        response = np.asarray(taps, np.float32)
        if len(response) > _MAX_TAPS:
            raise ValueError(f"an echo has at most {_MAX_TAPS} taps, not {len(response)}")
        self._header.echo_taps = 0
        self._echo[: len(response)] = response
        self._header.echo_taps = len(response)

    def say(self, pcm: Int16s, *, at: int | None = None, in_s: float = 0.1) -> int:
        """Into the microphone: (n,) int16 at the card's rate, at a frame or soon. Returns the frame."""
        start = self.now() + round(in_s * self.rate_hz) if at is None else at
        self.said[start : start + len(pcm)] = pcm
        return start

    def clip(self, *, mic: int = 32_767, speaker: int = 32_767) -> None:
        """Levels at which the microphone's converter and the loudspeaker clip from now on."""
        self._header.mic_limit, self._header.speaker_limit = mic, speaker

    def deaden(self, dead: bool = True) -> None:
        """The microphone delivers nothing but zeros from now on."""
        self._header.mic_is_dead = dead

    # --- faults

    def unplug(self, loss: Loss = Loss.DISCONNECTED) -> None:
        """Lost for those who have it open, for good; not there for those who open it, until `plug`."""
        self._header.loss_mode = loss
        self._header.present = 0
        self._header.generation += 1

    def plug(self) -> None:
        self._header.present = 1

    def freeze(self) -> None:
        """The card hangs: its position stands still, and nothing says so."""
        self._header.frozen_at = self.now()
        self._header.frozen = 1

    def thaw(self) -> None:
        """It goes on from where it stood, as if no time had passed."""
        self._header.zero_ns = time.monotonic_ns() - int(self._header.frozen_at * 1e9 / self.true_rate_hz)
        self._header.frozen = 0

    def skip(self, seconds: float = 1.0) -> None:
        """The card runs ahead of its program, as if that had not been scheduled: longer than a buffer is an xrun."""
        self._header.zero_ns -= int(seconds * 1e9)

    def set_busy(self, directions: int = PLAYBACK | CAPTURE) -> None:
        """Another program seems to hold these directions from now on; 0: none."""
        self._header.busy = directions

    # --- what happened

    @property
    def heard_to(self) -> int:
        """End of what the microphone has delivered."""
        return int(self._header.heard_to)

    def events(self, kind: str = "") -> list[Event]:
        """The newest 4096 events, oldest first; of one kind, or all."""
        count = self._header.n_events
        logged = (self._header.events[i % _MAX_EVENTS] for i in range(max(0, count - _MAX_EVENTS), count))
        events = [Event(_KINDS[e.kind], e.stream == 1, e.frame, e.monotonic_ns, e.value) for e in logged]
        return [event for event in events if kind in ("", event.kind)]

    def started_at(self, *, capture: bool = True) -> int | None:
        """The card's frame of the newest stream's first sample, None before the first start."""
        return next((e.frame for e in reversed(self.events("start")) if e.capture == capture), None)
