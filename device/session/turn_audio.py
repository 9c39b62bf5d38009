"""The microphone of the last turns, for replay (`retention.audio`; off unless somebody wants it).

    audio = keep_turn_audio(database, session_id, keep=20, pre_roll_ms=500, on_error=print)
    audio.hear(block.mic, block.sample)     # the thread of the ear, every block, before the echo is taken out of it
    audio.on_event(event)                   # the thread of the conversation: a commit writes SESSION-TURN.flac
    audio.close()

Beside the database, in a folder that only its owner can read. A thread writes; when it cannot keep up or the disk is
full a turn is left out and that is told once: no conversation waits for it. Oldest files go first, whatever their
session. What a power cut left half written (SESSION-TURN.part) nobody can play, but words are in it: it goes with the
next session that keeps audio, and with whatever is deleted.
"""

import contextlib
import queue
import re
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from device.dialogue import events as ev
from device.dialogue.audio_memory import AudioMemory
from device.whole_file import sync_folder
from models.protocols import SAMPLE_RATE_HZ, Floats, Int16s

QUEUE_TURNS = 4
_KEPT = ".flac"
_PART = ".part"  # while it is written
_NAME = re.compile(rf"(\d+)-(\d+)({re.escape(_KEPT)}|{re.escape(_PART)})")


def audio_folder(database: Path) -> Path:
    """Where the audio of a session record lies."""
    return database.with_name(database.name + ".audio")


def kept_audio(folder: Path, session: int | None = None) -> list[tuple[int, int, Path]]:
    """(session, turn, file), oldest first; of one session or of all."""
    return [found for found in _files(folder, session) if found[2].suffix == _KEPT]


def _files(folder: Path, session: int | None = None) -> list[tuple[int, int, Path]]:
    """As `kept_audio`, with those that are half written."""
    found = []
    with contextlib.suppress(OSError):  # no folder, no audio
        for path in folder.iterdir():
            match = _NAME.fullmatch(path.name)
            if match and session in (None, int(match[1])):
                found.append((int(match[1]), int(match[2]), path))
    return sorted(found)


def delete_audio(folder: Path, session: int | None = None) -> int:
    """Delete what was kept of a session, or of all, half written or whole; returns how many files."""
    return _delete(folder, [path for _, _, path in _files(folder, session)])


def _delete_parts(folder: Path) -> None:
    """Of all sessions: should another program be writing one, that turn of it is not kept."""
    _delete(folder, [path for _, _, path in _files(folder) if path.suffix == _PART])


def _delete(folder: Path, paths: list[Path]) -> int:
    gone = 0
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink()
            gone += 1
    if gone:
        with contextlib.suppress(OSError):
            sync_folder(folder)  # what is deleted next must not be gone before it
    return gone


def keep_turn_audio(
    database: Path, session_id: int, keep: int, *, pre_roll_ms: float, on_error: Callable[[str], None]
) -> "TurnAudio | None":
    """As `retention.audio` has it. 0: None, and what was kept before is deleted, for nobody wants it any more."""
    folder = audio_folder(database)
    if keep == 0:
        delete_audio(folder)
        return None
    return TurnAudio(folder, session_id, keep, pre_roll_ms=pre_roll_ms, on_error=on_error)


class TurnAudio:
    """Keeps the newest `keep` turns of all sessions in `folder`."""

    def __init__(
        self,
        folder: Path,
        session_id: int,
        keep: int,
        *,
        pre_roll_ms: float = 500.0,
        longest_s: float = 70.0,
        on_error: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`pre_roll_ms`: audio before the onset; `longest_s`: of a longer turn the end is kept. `on_error` is called
        from the thread that writes."""
        self._folder = folder
        self._session = session_id
        self._keep = keep
        self._pre_roll_samples = round(pre_roll_ms * SAMPLE_RATE_HZ / 1000)
        self._on_error = on_error
        self._told = ""
        self._lock = threading.Lock()
        self._memory = AudioMemory(longest_s)  # guarded by _lock
        self._onsets: dict[int, int] = {}  # of the turn in hand, and of one before it that is not committed yet
        self._queue: queue.Queue[tuple[int, Floats] | None] = queue.Queue(QUEUE_TURNS)
        self._thread = threading.Thread(target=self._run, name="nearfield-turn-audio", daemon=True)
        self._thread.start()

    def hear(self, pcm: Int16s, sample: int) -> None:
        """(n,) int16 that begins at capture sample `sample`."""
        with self._lock:
            self._memory.append(sample, pcm)

    def on_event(self, event: ev.Event) -> None:
        """Never waits, never raises."""
        match event:
            case ev.SpeechStart():
                self._onsets = {event.turn: event.onset_sample}
            case ev.Mute(muted=True):  # who mutes does not want to be kept
                with self._lock:
                    self._memory.forget()
            case ev.Commit() if (onset := self._onsets.pop(event.turn, None)) is not None:
                with self._lock:
                    audio = self._memory.cut(onset - self._pre_roll_samples, event.sample)
                try:
                    self._queue.put_nowait((event.turn, audio))
                except queue.Full:
                    self._tell(f"the audio of turn {event.turn} is not kept: the disk is too slow")

    def close(self) -> None:
        """Write what is left."""
        with contextlib.suppress(queue.Full):
            self._queue.put(None, timeout=5.0)
        self._thread.join(5.0)

    def _run(self) -> None:
        _delete_parts(self._folder)
        while (item := self._queue.get()) is not None:
            turn, audio = item
            try:
                self._write(turn, audio)
                for _session, _turn, path in kept_audio(self._folder)[: -self._keep]:
                    path.unlink(missing_ok=True)
            except (OSError, RuntimeError) as error:  # soundfile raises RuntimeErrors
                self._tell(f"the audio of turn {turn} is not kept: {error}")

    def _write(self, turn: int, audio: Floats) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{self._session}-{turn}{_KEPT}"
        part = path.with_suffix(_PART)
        try:
            pcm = np.round(audio * 32768).astype(np.int16)
            soundfile.write(part, pcm, SAMPLE_RATE_HZ, format="FLAC", subtype="PCM_16")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def _tell(self, what: str) -> None:
        """Once in a row, not with each turn."""
        if not self._told:
            self._told = what
            self._on_error(what)
