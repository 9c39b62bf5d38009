"""Both sides of a session, sample-aligned: in a stereo file, or in memory.

    recorder = StereoWriter(Path("OUT.wav"))   # left = microphone, right = loudspeaker, 16 kHz, 16 bit
    recorder.write(mic_block, speaker_block)   # from the card's thread: never waits, never raises
    mic, speaker = recorder.read()             # what there is so far
    recorder.close()                           # OUT.wav appears, whole; AudioError if the disk was full

A recording must not cost the conversation its life: what goes wrong while it runs is kept and said at the end.
"""

import contextlib
import errno
import os
import queue
import struct
import threading
from pathlib import Path
from typing import Protocol

import numpy as np

from device.errors import AudioError
from models.protocols import SAMPLE_RATE_HZ, Int16s

MEMORY_SECONDS = 20 * 60  #: 77 MB
QUEUE_BLOCKS = 6_000  #: one minute: longer than any disk stalls that is not broken
MAX_FRAMES = (2**32 - 1 - 2 * 44) // 4  #: what a WAV header can count: 18.6 h
_HEADER_BYTES = 44
_FRAME_BYTES = 4
_UNKNOWN = 0xFFFFFFFF - _HEADER_BYTES  #: size while recording: readers then take what is there


class Recorder(Protocol):
    """Where the virtual card puts both sides of each block."""

    def write(self, mic: Int16s, speaker: Int16s) -> None:
        """(n,) int16 each. Never waits, never raises."""
        ...

    def read(self) -> tuple[Int16s, Int16s]:
        """(mic, speaker), (n,) int16 each, of the same length: all that was kept from sample 0 on."""
        ...

    def close(self) -> None:
        """No more is written; safe to call twice. Raises AudioError when something was not kept."""
        ...


class MemoryRecorder:
    """Keeps the first `limit_s` seconds in memory."""

    def __init__(self, limit_s: float = MEMORY_SECONDS) -> None:
        self._limit = int(limit_s * SAMPLE_RATE_HZ)
        self._kept = 0
        self._blocks: list[Int16s] = []  # (n, 2) each
        self._lock = threading.Lock()
        self._full = False

    def write(self, mic: Int16s, speaker: Int16s) -> None:
        with self._lock:
            room = self._limit - self._kept
            if len(mic) > room:
                self._full = True
            if room <= 0:
                return
            frames = np.stack((mic[:room], speaker[:room]), axis=1)
            self._blocks.append(frames)
            self._kept += len(frames)

    def read(self) -> tuple[Int16s, Int16s]:
        with self._lock:
            frames = np.concatenate(self._blocks) if self._blocks else np.zeros((0, 2), np.int16)
            self._blocks = [frames]  # one piece costs less to read again
        return frames[:, 0].copy(), frames[:, 1].copy()

    def close(self) -> None:
        if self._full:
            self._full = False  # said once
            raise AudioError(
                f"only the first {self._limit / SAMPLE_RATE_HZ:.0f} s of the session were kept in memory",
                hint="record to a file with --output",
            )


class StereoWriter:
    """Streams to `PATH.part` in a thread of its own; `close` completes the header and renames.

    Memory stays below the queue's minute (4 MB) however long the session. When the disk is full or fails, what was
    written until then stays in the `.part` file, a valid recording, and `close` says so. The same after a power cut.
    """

    def __init__(self, path: Path | str) -> None:
        """Raises AudioError when the file cannot be created."""
        self.path = Path(path)
        self._part = self.path.with_name(self.path.name + ".part")
        self._error: OSError | None = None
        self._closed = False
        self._frames = 0
        if self.path.is_dir():
            raise AudioError(f"cannot record to {self.path}: it is a directory", hint="name a file in it")
        try:
            self._file = self._part.open("w+b", buffering=0)
            try:
                self._write_all(_header(_UNKNOWN))
            except OSError:
                self._file.close()
                self._part.unlink()
                raise
        except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
            reason = getattr(error, "strerror", None) or str(error)
            full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
            hint = "free some space, or name a file on another disk" if full else "name a place you may write to"
            raise AudioError(f"cannot record to {self.path}: {reason}", hint=hint) from error
        self._queue: queue.Queue[Int16s | None] = queue.Queue(QUEUE_BLOCKS)
        self._thread = threading.Thread(target=self._run, name="nearfield-recorder", daemon=True)
        self._thread.start()

    def write(self, mic: Int16s, speaker: Int16s) -> None:
        if self._closed or self._error is not None:
            return
        try:
            self._queue.put_nowait(np.stack((mic, speaker), axis=1))
        except queue.Full:
            self._error = OSError(errno.EIO, f"the disk took nothing for {QUEUE_BLOCKS // 100} s")

    def read(self) -> tuple[Int16s, Int16s]:
        self._queue.join()
        if not self._frames:  # nor may there be a file
            return np.zeros(0, np.int16), np.zeros(0, np.int16)
        path = self.path if self._closed and self._error is None else self._part
        flat = np.fromfile(path, "<i2", count=2 * self._frames, offset=_HEADER_BYTES)
        frames = flat[: len(flat) // 2 * 2].reshape(-1, 2).astype(np.int16, copy=False)
        return frames[:, 0].copy(), frames[:, 1].copy()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._thread.join()
        try:
            self._finish()
        except OSError as error:
            self._error = self._error or error
        finally:
            with contextlib.suppress(OSError):
                self._file.close()
        if self._error is not None:
            where = f"its first {self._frames / SAMPLE_RATE_HZ:.1f} s are in {self._part}"
            if not self._frames:
                where = "nothing of it was kept"
                with contextlib.suppress(OSError):
                    self._part.unlink()
            raise AudioError(
                f"the recording {self.path} is incomplete: {self._error.strerror}", hint=where
            ) from self._error

    def _finish(self) -> None:
        """State the true sizes (which needs no room on the disk); give a whole recording its name."""
        data = self._frames * _FRAME_BYTES
        self._file.truncate(_HEADER_BYTES + data)
        self._file.seek(0)
        self._write_all(_header(data))
        os.fsync(self._file.fileno())
        if self._error is None:
            self._part.replace(self.path)

    def _run(self) -> None:
        while True:
            frames = self._queue.get()
            try:
                if frames is None:
                    return
                if self._error is None:
                    self._store(frames)
            finally:
                self._queue.task_done()

    def _store(self, frames: Int16s) -> None:
        if self._frames + len(frames) > MAX_FRAMES:
            self._error = OSError(errno.EFBIG, "a WAV file ends after 18.6 h")
            return
        try:
            self._write_all(frames.astype("<i2", copy=False).tobytes())
        except OSError as error:
            self._error = error
        else:
            self._frames += len(frames)

    def _write_all(self, data: bytes) -> None:
        """An unbuffered write may take a part, on a disk that is about to be full."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]


def _header(data_bytes: int) -> bytes:
    """A WAV header: PCM, 2 channels, 16 kHz, 16 bit; 44 bytes."""
    form = struct.pack("<HHIIHH", 1, 2, SAMPLE_RATE_HZ, SAMPLE_RATE_HZ * _FRAME_BYTES, _FRAME_BYTES, 16)
    riff = struct.pack("<4sI4s4sI", b"RIFF", _HEADER_BYTES - 8 + data_bytes, b"WAVE", b"fmt ", len(form))
    return riff + form + struct.pack("<4sI", b"data", data_bytes)
