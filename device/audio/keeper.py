"""A sound card that comes back: lost in any of the ways in which cards get lost, it is closed, looked for, re-opened.

    card = KeptCard(PortAudioCard("USB", "USB"), open_card=lambda: (rescan(), PortAudioCard("USB", "USB"))[1])
    card.watch(on_lost=tell, on_back=tell)
    with card: ...                               # as any other card; `read` never raises because of an unplugged one

What is above it sees one card with one clock. While the card is lost `read` times out and `play` takes and drops what
it is given. The block after that carries a capture sample advanced by the real time that passed; ring positions go on
after those given out. PortAudio cannot be restarted in a process where a stream could not be closed: then `read`
raises CardStuckError, and only a new process hears again.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self, TypeVar

from device.audio.portaudio import abandoned_cards, exit_without_portaudio
from device.card import BLOCK_SAMPLES, Block, Card, CardStats, Span
from device.errors import AudioError, CardStuckError, NoCardError
from models.protocols import SAMPLE_RATE_HZ, Int16s

log = logging.getLogger(__name__)
_Opened = TypeVar("_Opened", bound=Card)
_MOST_REASONS = 10  # that are told in one search: each try may find another process that holds the card


@dataclass(frozen=True, slots=True)
class KeepPolicy:
    """How a lost card is looked for."""

    #: From one try to the next. A try lists the devices anew, which takes some 10 ms: short enough for two seconds from
    #: the plug to hearing, long enough to cost nothing while a card stays away for the night.
    retry_s: float = 0.3
    #: Opening that takes longer hangs. Listing all devices of a desktop takes a second or two.
    open_within_s: float = 10.0
    #: A card that cannot be started at first (busy, just gone) is waited for so long; 0: not at all.
    start_within_s: float = 0.0


class WaitEndedError(AudioError):
    """Nobody wants the card any more that was waited for at the start."""


class KeptCard:
    """`device.card.Card` around the card of the moment. All but `start`, `read` and `stop` from any thread."""

    def __init__(
        self,
        card: Card,
        open_card: Callable[[], Card],
        policy: KeepPolicy = KeepPolicy(),
        *,
        clock_s: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] | None = None,
        stuck: Callable[[], int] = abandoned_cards,
    ) -> None:
        """`card`: the first one, not started. `open_card`: looks for it again; raises AudioError while it is not there.

        `clock_s`, `wait` and `stuck` (how many cards could not be closed so far) are for tests.
        """
        self._open = open_card
        self._policy = policy
        self._clock_s = clock_s
        self._ended = threading.Event()
        self._wait = wait or self._ended.wait
        self._stuck = stuck
        self._on_lost: Callable[[int, str], None] = lambda _sample, _message: None
        self._on_back: Callable[[int, float], None] = lambda _sample, _lost_s: None
        self._unwanted: Callable[[], bool] = lambda: False
        self._lock = threading.Lock()
        # guarded by _lock
        self._card: Card | None = card  # None: lost, or ended
        self._position_base = 0  # position 0 of the present card
        self._written = 0  # ring positions given out
        self._mute, self._volume = False, 1.0  # as asked
        self._stats_before = CardStats(0, 0, 0, 0, 0)  # of the cards before the present one
        # the reader's own
        self._started = False
        self._sample_base = 0  # sample 0 of the present card
        self._end_sample = 0  # after the newest block given out
        self._read_s = 0.0  # when that was
        self._lost_s: float | None = None  # since when nothing is heard; None: it runs
        self._next_try_s = 0.0
        self._reasons = _Reasons()
        self.name = card.name
        self.rate_hz = card.rate_hz

    def watch(
        self,
        on_lost: Callable[[int, str], None],
        on_back: Callable[[int, float], None],
        ended: Callable[[], bool] = lambda: False,
    ) -> None:
        """`on_lost(sample, message)`, `on_back(sample, seconds away)`: from the reader's thread, between two blocks.

        `ended`: is it not to be waited for any more? Asked by `start`, from one try to the next.
        """
        self._on_lost, self._on_back, self._unwanted = on_lost, on_back, ended

    def start(self) -> None:
        """Begin, once; raises NoCardError or AudioError, as the card does: it is kept from here on.

        Raises WaitEndedError when it `ended` (or `stop` was called) while the card was waited for.
        """
        if self._started or self._card is None:
            raise AudioError(f"{self.name} was started before", hint="make a new one for each session")
        first: Card | None = self._card

        def started() -> Card:
            nonlocal first
            card, first = first or self._open(), None
            return _started(self._as_asked(card))

        card = wait_for_card(
            started,
            self._policy.start_within_s,
            self._policy,
            ended=lambda: self._ended.is_set() or self._unwanted(),
            clock_s=self._clock_s,
            wait=self._wait,
        )
        with self._lock:
            self._card = card
        self.name, self.rate_hz = card.name, card.rate_hz
        self._started = True
        self._read_s = self._clock_s()

    def read(self, timeout_s: float) -> Block | None:
        """The next block; None at time-out, while the card is lost, and after the end. Raises CardStuckError."""
        deadline_s = self._clock_s() + timeout_s
        while not self._ended.is_set():
            card = self._card or self._found(deadline_s)
            if card is None:
                return None
            try:
                block = card.read(max(0.0, deadline_s - self._clock_s()))
            except AudioError as error:
                self._lose(card, error)
                continue
            return None if block is None else self._placed(block)
        return None

    def play(self, pcm: Int16s) -> Span:
        """Queue (n,) int16 at 16 kHz; dropped while the card is lost. Raises AudioError when there is no room."""
        with self._lock:
            if self._card is None:
                span = Span(self._written, self._written + len(pcm))
            else:
                inner = self._card.play(pcm)
                span = Span(self._position_base + inner.start, self._position_base + inner.end)
            self._written = span.end
            return span

    def flush(self) -> None:
        """Drop all that is queued."""
        with self._lock:
            if self._card is not None:
                self._card.flush()

    def mute(self, muted: bool) -> None:
        """As the card's own; every card that is opened from here on begins with it."""
        with self._lock:
            self._mute = muted
            if self._card is not None:
                self._card.mute(muted)

    @property
    def muted(self) -> bool:
        """Does the card zero the microphone? A card that is away lets nothing through, but it does not zero either."""
        with self._lock:
            return self._card.muted if self._card is not None else self._mute

    def set_volume(self, factor: float) -> None:
        """As the card's own; every card that is opened from here on begins with it."""
        with self._lock:
            self._volume = factor
            if self._card is not None:
                self._card.set_volume(factor)

    @property
    def lost(self) -> bool:
        """Is it away, and looked for? Any thread."""
        return self._card is None and not self._ended.is_set()

    def stats(self) -> CardStats:
        """Counters since `start`, over all the cards there were."""
        with self._lock:
            return self._total(self._card)

    def stop(self) -> None:
        """End; safe to call twice."""
        self._ended.set()
        card = self._let_go()
        if card is not None:
            card.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.stop()

    # --- losing and finding -----------------------------------------------------------------------------------------

    def _total(self, card: Card | None) -> CardStats:
        before, now = self._stats_before, card.stats() if card is not None else CardStats(0, 0, 0, 0, 0)
        return CardStats(
            before.blocks + now.blocks,
            before.capture_lost_samples + now.capture_lost_samples,
            before.capture_overflows + now.capture_overflows,
            before.playback_underflows + now.playback_underflows,
            before.starved_samples + now.starved_samples,
            max(before.worst_interval_ms, now.worst_interval_ms),
        )

    def _let_go(self) -> Card | None:
        """The present card is the present one no longer; what it counted stays."""
        with self._lock:
            card, self._card = self._card, None
            if card is not None:
                self._stats_before = self._total(card)
            return card

    def _lose(self, card: Card, error: AudioError) -> None:
        """Raises CardStuckError when the card cannot be closed."""
        self._let_go()
        retry_s = 0.0
        if self._lost_s is None:
            # The reader may have been late with the last block; the card knows when its last callback was.
            age_s = getattr(card, "age_s", None)
            now_s = self._clock_s()
            self._lost_s = max(0.0, now_s - age_s()) if age_s is not None else self._read_s
            log.info("%s", error.message)
            self._reasons = _Reasons()
            self._on_lost(self._end_sample, error.message)
        else:  # it opened, and brought nothing (a frozen card): no hurry to do that again
            retry_s = self._policy.retry_s
        stuck_before = self._stuck()
        card.stop()
        if self._stuck() > stuck_before:
            raise CardStuckError(
                f"{self.name} was lost ({error.message}) and its driver does not let go of it",
                hint="only a new process can use it again: start nearfield again (a supervisor does at status 75)",
            ) from error
        self._next_try_s = self._clock_s() + retry_s

    def _found(self, deadline_s: float) -> Card | None:
        """Look for the card until it is there, or the time is up."""
        while not self._ended.is_set():
            now_s = self._clock_s()
            if now_s >= self._next_try_s:
                card = self._try()
                self._next_try_s = self._clock_s() + self._policy.retry_s
                if card is not None:
                    return card
                now_s = self._clock_s()
            if now_s >= deadline_s:
                return None
            self._wait(min(self._next_try_s, deadline_s) - now_s)
        return None

    def _try(self) -> Card | None:
        opened = self._opened()
        if isinstance(opened, Exception):
            if not isinstance(opened, AudioError | OSError):
                raise opened
            # OSError: a full disk must not end the search either. That it is just not there was told as its loss
            self._reasons.tell(f"{self.name} is not back yet", opened, expected=isinstance(opened, NoCardError))
            return None
        card = opened
        assert self._lost_s is not None
        away_blocks = round((self._clock_s() - self._lost_s) * SAMPLE_RATE_HZ / BLOCK_SAMPLES)
        with self._lock:
            if not self._ended.is_set():
                self._sample_base = self._end_sample + max(0, away_blocks) * BLOCK_SAMPLES
                self._position_base = self._written
                self._card = card
                card.mute(self._mute)  # it may have been asked for while the card was opened
                card.set_volume(self._volume)
                self.name, self.rate_hz = card.name, card.rate_hz
                return card
        card.stop()  # the end came while it was opened
        return None

    def _opened(self) -> Card | Exception:
        """A try in a thread of its own: opening can hang in a driver as closing can. Raises CardStuckError then."""
        result: list[Card | Exception] = []

        def work() -> None:
            try:
                result.append(_started(self._as_asked(self._open())))
            except Exception as error:  # noqa: BLE001 - handed over
                result.append(error)

        thread = threading.Thread(target=work, name="nearfield-open-card", daemon=True)
        thread.start()
        thread.join(self._policy.open_within_s)
        if not result:
            exit_without_portaudio()
            raise CardStuckError(
                f"{self.name} was lost, and opening it again hangs in its driver",
                hint="only a new process can use it again: start nearfield again (a supervisor does at status 75)",
            )
        return result[0]

    def _as_asked(self, card: Card) -> Card:
        """Before it runs: not one block of a muted microphone gets through."""
        with self._lock:
            card.mute(self._mute)
            card.set_volume(self._volume)
        return card

    def _placed(self, block: Block) -> Block:
        """A block of the present card on the one clock."""
        sample = self._sample_base + block.sample
        now_s = self._clock_s()
        lost_s, self._lost_s = self._lost_s, None
        if lost_s is not None:
            self._on_back(sample, now_s - lost_s)
        self._end_sample, self._read_s = sample + BLOCK_SAMPLES, now_s
        played = Span(self._position_base + block.played.start, self._position_base + block.played.end)
        far_sample = None if block.far_sample is None else self._sample_base + block.far_sample
        dac_sample = self._sample_base + block.dac_sample
        return replace(block, sample=sample, played=played, dac_sample=dac_sample, far_sample=far_sample)


class _Reasons:
    """Why a card cannot be opened, during one search: a reason is told when it is a new one, not with each try."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def tell(self, what: str, error: Exception, *, expected: bool) -> None:
        """At WARNING, unless it was told before. `expected`: as the first reason it is no news."""
        hint = error.hint if isinstance(error, AudioError) else ""
        reason = f"{error} ({hint})" if hint else str(error)
        level = logging.DEBUG
        if reason not in self._known and len(self._known) < _MOST_REASONS:
            level = logging.DEBUG if expected and not self._known else logging.WARNING
            self._known.add(reason)
        log.log(level, "%s: %s", what, reason)


def _started(card: Card) -> Card:
    try:
        card.start()
    except AudioError:
        card.stop()
        raise
    return card


def wait_for_card(
    open_card: Callable[[], _Opened],
    within_s: float,
    policy: KeepPolicy = KeepPolicy(),
    *,
    ended: Callable[[], bool] = lambda: False,
    clock_s: Callable[[], float] = time.monotonic,
    wait: Callable[[float], object] = time.sleep,
) -> _Opened:
    """The card, as soon as `open_card` finds it. Raises its last AudioError when `within_s` are over.

    `ended`: asked before each try but the first; raises WaitEndedError when it says so.
    The first reason why it is not there is the caller's to tell; another one is logged.
    """
    deadline_s = clock_s() + within_s
    reasons = _Reasons()
    while True:
        try:
            return open_card()
        except AudioError as error:
            if clock_s() >= deadline_s:
                raise
            reasons.tell("the sound card is waited for", error, expected=True)
        wait(min(policy.retry_s, max(0.0, deadline_s - clock_s())))
        if ended():
            raise WaitEndedError("the sound card is not waited for any more")
