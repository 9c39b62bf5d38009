"""Breaks things in a running assistant, and lets them go again.

    faults = Faults(models, card, database)
    faults.begin("stt_hangs"); ...; faults.end("stt_hangs")

A model is broken where it is called: one of its methods is replaced. The card is a virtual one behind a plug.
"""

import contextlib
import gc
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.soak_server import Away, AwayServer
from device.audio.virtual import VirtualCard
from device.card import Block, CardStats, Span
from device.dialogue.loop import Models
from device.errors import AudioError, NoCardError
from models.errors import ModelRunError
from models.protocols import Int16s

#: Another program, as it would be: what this process has open is its own.
_HOLDS = """
import contextlib, sqlite3, sys
other = sqlite3.connect(sys.argv[1], timeout=10.0, isolation_level=None)
with contextlib.suppress(sqlite3.OperationalError):  # somebody was quicker: it is locked, then
    other.execute("BEGIN IMMEDIATE")
print(flush=True)
sys.stdin.read()
"""
_HANGS_S = 60.0  # at most, whatever happens to who lets it go
PRESSURE_MB = 300


class Trap:
    """Methods of one model, which may go wrong."""

    def __init__(self, model: Any, *methods: str) -> None:
        self._how = ""
        self._let_go = threading.Event()
        self._let_go.set()
        self.sprung = 0  #: calls that went wrong
        for name in methods:
            if hasattr(model, name):
                setattr(model, name, self._around(getattr(model, name)))

    def set(self, how: str) -> None:
        """From here on calls go wrong."""
        self._let_go.clear()
        self._how = how

    def release(self) -> None:
        self._how = ""
        self._let_go.set()

    def _spring(self) -> None:
        how = self._how
        if not how:
            return
        self.sprung += 1
        if how == "raises":
            raise ModelRunError("a fault of the soak")
        if how == "memory":
            raise MemoryError
        if how == "dies":
            raise SystemExit
        self._let_go.wait(_HANGS_S)

    def _around(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **kwargs: Any) -> Any:
            self._spring()
            return method(*args, **kwargs)

        return called


class Plug:
    """The virtual card can be pulled and put back; who opens it meanwhile finds none."""

    def __init__(self, card: VirtualCard) -> None:
        self.card = card
        self.there = True

    def open(self) -> "PluggedCard":
        """Raises NoCardError."""
        if not self.there:
            raise NoCardError("there is no sound card: it was pulled")
        return PluggedCard(self)


class PluggedCard:
    """`device.card.Card` from its start to the next pull: its samples and positions begin at 0."""

    name = "virtual card"
    rate_hz = 16_000

    def __init__(self, plug: Plug) -> None:
        self._plug = plug
        self._card = plug.card
        self._sample = self._position = 0
        self._begun = self._dead = False
        self._first = True  # no block was read yet

    def start(self) -> None:
        """What was heard while nobody read is gone. Raises NoCardError."""
        if not self._plug.there:
            raise NoCardError("there is no sound card: it was pulled")
        self._card.flush()
        self._position = self._card.play(np.zeros(0, np.int16)).end  # what was queued before is no part of it
        while self._card.read(0.0) is not None:  # now: a later block tells what has been played since
            pass
        self._begun = True

    def _here(self) -> None:
        self._dead = self._dead or not self._plug.there
        if self._dead:
            raise AudioError("the sound card is gone: it was pulled")

    def read(self, timeout_s: float) -> Block | None:
        """Raises AudioError once it is pulled."""
        self._here()
        block = self._card.read(timeout_s)
        self._here()
        if block is None:
            return None
        if self._first:
            self._first = False
            self._sample = block.sample
        played = Span(max(0, block.played.start - self._position), max(0, block.played.end - self._position))
        far = None if block.far_sample is None else block.far_sample - self._sample
        return replace(
            block,
            sample=block.sample - self._sample,
            dac_sample=block.dac_sample - self._sample,
            played=played,
            far_sample=far,
        )

    def play(self, pcm: Int16s) -> Span:
        span = self._card.play(pcm)
        return Span(span.start - self._position, span.end - self._position)

    def flush(self) -> None:
        self._card.flush()

    def mute(self, muted: bool) -> None:
        self._card.mute(muted)

    @property
    def muted(self) -> bool:
        return self._card.muted

    def set_volume(self, factor: float) -> None:
        self._card.set_volume(factor)

    def stats(self) -> CardStats:
        return CardStats(0, 0, 0, 0, 0) if not self._begun else self._card.stats()

    def stop(self) -> None:
        """The world behind it goes on."""
        self._dead = True


class Faults:
    """All that can be broken. `begin` and `end` from one thread."""

    def __init__(self, models: Models, plug: Plug, database: Path, server: AwayServer | None = None) -> None:
        self._plug = plug
        self._database = database
        self._server = server
        self._ask: Callable[[str], Any] = lambda _sql: None
        self._traps = {
            "stt": Trap(models.recogniser, "transcribe", "transcribe_expecting"),
            "llm": Trap(models.chat, "reply", "reply_with_tools", "warm"),
            # beneath what keeps phrases: what has been said before can be said without a voice
            "tts": Trap(getattr(models.voice, "_voice", models.voice), "speak", "speak_parts"),
            "vad": Trap(models.vad, "probability"),
        }
        self._open = contextlib.ExitStack()

    def record_is(self, ask: Callable[[str], Any]) -> None:
        """`ask` executes SQL on the connection that writes the session record."""
        self._ask = ask

    @property
    def sprung(self) -> dict[str, int]:
        """Calls of models that went wrong."""
        return {name: trap.sprung for name, trap in self._traps.items()}

    def begin(self, name: str) -> None:
        """Break it."""
        self._open.enter_context(self._fault(name))

    def felt(self, name: str, before: dict[str, int]) -> bool:
        """Has a call gone wrong since `sprung` was `before`? True of what is no model's fault."""
        stage = "stt" if name == "out_of_memory" else name.partition("_")[0]
        return stage not in self._traps or self._traps[stage].sprung > before[stage]

    def end(self) -> None:
        """Let go of all that is broken."""
        self._open.close()

    def _fault(self, name: str) -> contextlib.AbstractContextManager[None]:
        stage, _, how = name.partition("_")
        if stage in self._traps:
            return self._trapped(stage, how)
        special: dict[str, Callable[[], contextlib.AbstractContextManager[None]]] = {
            "out_of_memory": lambda: self._trapped("stt", "memory"),
            "disk_full": self._full,
            "database_locked": lambda: locked(self._database),
            "card_lost": self._pulled,
            "clock_forward": lambda: _clock(3600.0),
            "clock_back": lambda: _clock(-3600.0),
            "memory_pressure": _pressure,
            "server_refuses": lambda: self._away("refuses"),
            "server_silent": lambda: self._away("silent"),
        }
        return special.get(name, contextlib.nullcontext)()  # the others are said

    @contextlib.contextmanager
    def _trapped(self, stage: str, how: str) -> Iterator[None]:
        self._traps[stage].set(how)
        try:
            yield
        finally:
            self._traps[stage].release()

    @contextlib.contextmanager
    def _full(self) -> Iterator[None]:
        self._ask("PRAGMA max_page_count = 1")  # never below what there is: from here on it cannot grow
        try:
            yield
        finally:
            self._ask("PRAGMA max_page_count = 1073741823")

    @contextlib.contextmanager
    def _away(self, how: Away) -> Iterator[None]:
        if self._server is not None:
            self._server.leave(how)
        try:
            yield
        finally:
            if self._server is not None:
                self._server.come_back()

    @contextlib.contextmanager
    def _pulled(self) -> Iterator[None]:
        self._plug.there = False
        try:
            yield
        finally:
            self._plug.there = True


@contextlib.contextmanager
def locked(database: Path) -> Iterator[None]:
    """Another program holds it."""
    held = [sys.executable, "-c", _HOLDS, str(database)]
    with subprocess.Popen(held, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        try:
            other.stdout.readline()
            yield
        finally:
            other.stdin.close()  # which is what it waits for, should we be gone, too


@contextlib.contextmanager
def _clock(by_s: float) -> Iterator[None]:
    """`time.time` of this process, which is what the timers go by."""
    true = time.time
    time.time = lambda: true() + by_s
    try:
        yield
    finally:
        time.time = true


@contextlib.contextmanager
def _pressure() -> Iterator[None]:
    ballast = np.ones(PRESSURE_MB * 2**17)  # touched, every page
    try:
        yield
    finally:
        del ballast
        gc.collect()
