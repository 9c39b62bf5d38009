"""What came of everything that was said in a soak: an answer, a sign that there is none, or nothing. Sans-IO.

    account = Account()
    account.said("What time is it?", start, end, fault="stt_hangs")
    account.on_event(event, now_s); account.heard(now, now_s)
    account.open                    # nothing has come of the newest yet
    account.totals()

An answer: a turn was committed after it was begun and something of the answer sounded, or it was a word that is obeyed
("stop"), or it stopped what rang. A sign: an error, the loss of the card, "one moment", an announcement ("Sorry, I
could not make that out."), or that what was to be stopped rings on: it is said again after `TOLD_S`. Lost: none of
these within `PATIENCE_S` after its end. Counts are kept, not events: what a soak keeps must not be what grows.
"""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, Literal

from device.dialogue import events as ev
from models.protocols import SAMPLE_RATE_HZ

PATIENCE_S = 15.0
#: Who has had a sign tries again so soon, when nothing else goes on.
TOLD_S = 3.0
#: Who waits for an answer for so long speaks again, whatever it is doing. (A language model is given up after 20 s.)
THINKS_S = 25.0
#: Nothing was heard for longer than this: it was deaf. Blocks come each 10 ms; a busy machine hands them out in bursts.
DEAF_S = 1.0

_STORY, _CHARS = 40, 160  # events that are kept for the story of one that is lost, and so much of each

Outcome = Literal["answered", "sign", "lost"]
#: Stages without which a turn cannot be answered; that a record is not written costs no turn.
_STAGES = ("stt", "llm", "tts", "vad")


@dataclass(slots=True)
class Said:
    """The newest utterance. Samples on the capture clock."""

    text: str
    start: int
    end: int
    fault: str  #: that was going on; "": none
    committed: bool = False
    sign: bool = False
    sign_sample: int = 0  #: when
    rings: frozenset[str] = frozenset()  #: what rang when it was said, and is to be stopped by it
    outcome: Outcome | None = None


@dataclass(slots=True)
class Tally:
    """Of one kind of fault, or of the time without."""

    faults: int = 0
    said: int = 0
    answered: int = 0
    sign: int = 0
    lost: int = 0
    worst_wait_ms: float = 0.0  #: from the end of an utterance to the first sound or sign
    worst_thinking_s: float = 0.0  #: it was thinking, and nothing came of it
    worst_deaf_s: float = 0.0  #: nothing was heard
    worst_deaf_unsaid_s: float = 0.0  #: ... before anything told of it

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class Account:
    """One soak."""

    tallies: dict[str, Tally] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)
    lost_texts: list[str] = field(default_factory=list)  #: "stt_hangs: What time is it?", the first hundred
    lost_events: list[list[str]] = field(default_factory=list)  #: ... and what came before and behind each of them
    newest: Said | None = None
    fault: str = ""  #: that is going on now, or whose effects may last
    _ringing: set[str] = field(default_factory=set)  # names
    _recent: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=_STORY))  # sample, event
    _thinks_since_s: float | None = None
    _heard_s: float | None = None  # when the newest block was dealt with
    _told_s: float | None = None  # ... and the first sign after that

    def _tally(self, fault: str) -> Tally:
        return self.tallies.setdefault(fault or "none", Tally())

    def begin_fault(self, name: str) -> None:
        self.fault = name
        self._tally(name).faults += 1

    def end_fault(self) -> None:
        """Its effects are over: what is said from here on is said to a sound assistant."""
        self.fault = ""

    def said(self, text: str, start: int, end: int) -> None:
        """[start, end) is being said. What came before it is closed: by now it has been answered, or never will."""
        self.close()
        self.newest = Said(text, start, end, self.fault, rings=frozenset(self._ringing))

    @property
    def open(self) -> bool:
        """Has nothing come of the newest utterance yet?"""
        return self.newest is not None and self.newest.outcome is None

    def awaited(self, now: int) -> bool:
        """Does whoever said it still wait for something? Who was told that it went wrong, not for long."""
        if not self.open:
            return False
        assert self.newest is not None
        if self._rings_on and not self.newest.sign:
            return now <= self.newest.end + TOLD_S * SAMPLE_RATE_HZ
        told = self.newest.sign and now > max(self.newest.sign_sample, self.newest.end) + TOLD_S * SAMPLE_RATE_HZ
        return not told

    @property
    def _rings_on(self) -> bool:
        """What the newest was to stop is still to be heard: whoever said it knows that it was not."""
        return self.newest is not None and bool(self.newest.rings & self._ringing)

    def on_event(self, event: ev.Event, now_s: float) -> None:
        """`now_s`: of any clock that never goes back."""
        self._recent.append((event.sample, str(event)[:_CHARS]))
        match event:
            case ev.Failure(stage=stage):
                self.errors[f"{self.fault or 'none'}: {stage}"] += 1
                if stage in _STAGES:
                    self._sign(event, now_s)
            case ev.CardLost():
                self._sign(event, now_s)
            case ev.Acknowledged() | ev.NotHeard() | ev.MicTrouble(over=False):
                self._sign(event, now_s)
            case ev.PlayoutStart(turn=0):
                self._sign(event, now_s)
            case ev.Commit() if self.newest is not None and event.sample > self.newest.start:
                self.newest.committed = True
            case ev.PlayoutStart() if self.newest is not None and self.newest.committed:
                self._settle("answered", event.sample)
            case ev.StateChange(state=state):
                self._thinking(state == "thinking", now_s)
            case ev.RingStart(name=name):
                self._ringing.add(name)
            case ev.RingEnd(name=name, reason=reason):
                self._ringing.discard(name)
                if reason in ("stopped", "button", "snoozed"):
                    self._settle("answered", event.sample)
            case ev.Controlled():
                self._settle("answered", event.sample)

    def _thinking(self, thinks: bool, now_s: float) -> None:
        since_s = self._thinks_since_s
        if since_s is not None:
            tally = self._tally(self.newest.fault if self.newest is not None else self.fault)
            tally.worst_thinking_s = round(max(tally.worst_thinking_s, now_s - since_s), 2)
        self._thinks_since_s = (now_s if since_s is None else since_s) if thinks else None

    def stuck(self, now_s: float) -> bool:
        """Has it been thinking for longer than anybody waits?"""
        return self._thinks_since_s is not None and now_s - self._thinks_since_s > THINKS_S

    def _sign(self, event: ev.Event, now_s: float) -> None:
        if self._told_s is None:
            self._told_s = now_s
        said = self.newest
        if said is not None and said.outcome is None and not said.sign and event.sample >= said.start:
            said.sign, said.sign_sample = True, event.sample
            self._waited(said, event.sample)

    def _settle(self, outcome: Outcome, sample: int) -> None:
        said = self.newest
        if said is None or said.outcome is not None or sample < said.start:
            return
        if not said.sign:
            self._waited(said, sample)
        said.outcome = outcome
        tally = self._tally(said.fault)
        tally.said += 1
        setattr(tally, outcome, getattr(tally, outcome) + 1)
        if outcome == "lost" and len(self.lost_texts) < 100:
            self.lost_texts.append(f"{said.fault or 'none'}: {said.text}")
            self.lost_events.append([f"{(at - said.start) / SAMPLE_RATE_HZ:.2f} s {what}" for at, what in self._recent])

    def _waited(self, said: Said, sample: int) -> None:
        tally = self._tally(said.fault)
        waited_ms = (sample - said.end) * 1000 / SAMPLE_RATE_HZ
        tally.worst_wait_ms = round(max(tally.worst_wait_ms, waited_ms), 1)

    def heard(self, now: int, now_s: float) -> None:
        """The microphone up to capture sample `now` was dealt with at `now_s`."""
        if self._heard_s is not None and (deaf_s := now_s - self._heard_s) > DEAF_S:
            told_s = now_s if self._told_s is None else min(self._told_s, now_s)
            tally = self._tally(self.fault)
            tally.worst_deaf_s = round(max(tally.worst_deaf_s, deaf_s), 2)
            unsaid_s = max(0.0, told_s - self._heard_s)
            tally.worst_deaf_unsaid_s = round(max(tally.worst_deaf_unsaid_s, unsaid_s), 2)
        self._heard_s, self._told_s = now_s, None
        said = self.newest
        if said is not None and said.outcome is None and now > said.end + PATIENCE_S * SAMPLE_RATE_HZ:
            self.close()

    def close(self) -> None:
        """Nothing more will come of the newest."""
        if self.newest is not None and self.newest.outcome is None:
            if self._rings_on and not self.newest.sign:
                self.newest.sign, self.newest.sign_sample = True, self.newest.end
            if not self.newest.sign:  # it waited in vain for at least so long
                self._waited(self.newest, self.newest.end + round(PATIENCE_S * SAMPLE_RATE_HZ))
            self._settle("sign" if self.newest.sign else "lost", max(self.newest.start, self.newest.end))

    def restarted(self) -> None:
        """The clock begins anew; that it ended was a sign."""
        if self.newest is not None and self.newest.outcome is None:
            self.newest.sign = True
            self.close()
        self.newest = None
        self._ringing.clear()
        self._thinks_since_s = None
        self._heard_s = self._told_s = None

    def totals(self) -> dict[str, Any]:
        """A JSON object: all, and by fault."""
        each = self.tallies.values()
        return {
            "faults": sum(t.faults for t in each),
            "said": sum(t.said for t in each),
            "answered": sum(t.answered for t in each),
            "with_a_sign": sum(t.sign for t in each),
            "lost_without_a_sign": sum(t.lost for t in each),
            "lost": list(self.lost_texts),
            "lost_events": list(self.lost_events),
            "worst_wait_ms": max((t.worst_wait_ms for t in each), default=0.0),
            "worst_thinking_s": max((t.worst_thinking_s for t in each), default=0.0),
            "worst_deaf_s": max((t.worst_deaf_s for t in each), default=0.0),
            "worst_deaf_unsaid_s": max((t.worst_deaf_unsaid_s for t in each), default=0.0),
            "errors": dict(self.errors),
            "by_fault": {name: tally.to_json() for name, tally in sorted(self.tallies.items())},
        }
