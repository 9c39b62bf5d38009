"""Which stretch of a long utterance is decoded? Its beginning is frozen at pauses, so that no decode grows for ever.

    window = UtteranceWindow(UtterancePolicy(), start_sample)
    window.level(start, end, rms)               # every block
    window.pause(start, end)                    # every silence that is over: speech goes on at `end`
    stretch = window.stretch(now)               # a decode is due: of this
    window.decoded(transcript.text, stretch)    # what came of it
    window.text                                 # of the whole utterance

The text of an utterance is what is frozen and what the newest decode made of the open stretch behind it. Once the open
stretch is longer than `cut_after_ms` it is cut at the longest of its pauses; when there is none, at `cut_at_latest_ms`,
at the quietest place. Nothing is frozen but text that was decoded up to the cut: of a decode that ended in that pause
anyway (the hypothesis), or else of one that `stretch` asks for (`Stretch.cut`). Each sample is behind or before a cut,
never both, so that no word is heard twice.

Whoever decodes keeps the stretch with the job, cuts its audio out of the memory, and when it comes back asks at once
for the next if it was a cut. `overdue` says when a decode is due without a pause; `last=True` is for the decode that an
answer waits for. `text`, not the newest transcript, is what was said.

Sans-IO; memory is bounded by `cut_at_latest_ms` and the text.
"""

from collections import deque
from dataclasses import dataclass

from models.protocols import SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class UtterancePolicy:
    """When and where a long utterance is cut. Units in the names; figures: `bench/long_utterances.py`."""

    cut_after_ms: float = 12_000.0  #: an open stretch longer than this is cut at a pause
    cut_pause_ms: float = 250.0  #: a pause as long as this offers a cut
    cut_at_latest_ms: float = 24_000.0  #: without such a pause; the encoder's window is 30 s
    shortest_ms: float = 5_000.0  #: no stretch is cut shorter: what is heard out of context is misheard
    lead_ms: float = 300.0  #: silence kept before the first word behind a cut
    dip_ms: float = 100.0  #: the quietest place is looked for in steps of so much


@dataclass(frozen=True, slots=True)
class Stretch:
    """Audio [start_sample, end_sample) to be decoded. `cut`: it ends at a cut, and what is behind is due next."""

    start_sample: int
    end_sample: int
    cut: bool = False


@dataclass(frozen=True, slots=True)
class _Cut:
    """A text of a stretch that ended in [earliest, latest] may be frozen; the next stretch starts at `restart`."""

    earliest: int
    latest: int
    restart: int


_TEXTS_KEPT = 32  # decodes of one open stretch that could be frozen
_PAUSES_KEPT = 64


class UtteranceWindow:
    """One utterance. Not thread-safe."""

    def __init__(self, policy: UtterancePolicy, start_sample: int) -> None:
        """`start_sample`: where decoding starts, the pre-roll included."""
        self._policy = policy
        self._from = start_sample
        self._frozen: list[str] = []
        self._text = ""
        self._covered = start_sample
        self._pending: _Cut | None = None  # asked for, and not yet decoded
        self._texts: deque[tuple[int, str]] = deque(maxlen=_TEXTS_KEPT)  # end of the stretch, what was decoded
        self._pauses: deque[tuple[int, int]] = deque(maxlen=_PAUSES_KEPT)
        bins = round(policy.cut_at_latest_ms / policy.dip_ms)
        self._bins: deque[tuple[int, int, float]] = deque(maxlen=bins)  # start, end, energy in it
        self._bin_samples = _samples(policy.dip_ms)

    @property
    def decode_from(self) -> int:
        """Where the open stretch starts: audio before it is no longer needed."""
        return self._from

    @property
    def covered_sample(self) -> int:
        """How far the text reaches."""
        return self._covered

    @property
    def text(self) -> str:
        """Everything that was understood of the utterance so far."""
        return self._text

    @property
    def frozen(self) -> str:
        """The part of the text that no decode changes any more."""
        return _joined(self._frozen)

    def skip(self, sample: int) -> bool:
        """What lies before `sample` is not decoded any more. False: it is, there are words in it."""
        if self._text or sample <= self._from:
            return False
        self._pending = None
        self._start_at(sample)
        return True

    def level(self, start_sample: int, end_sample: int, rms: float) -> None:
        """How loud [start, end) is, in any linear unit; blocks in order, shorter than `dip_ms`."""
        energy = rms * rms * (end_sample - start_sample)
        if self._bins and end_sample - self._bins[-1][0] <= self._bin_samples:
            first, _, sum_ = self._bins[-1]
            self._bins[-1] = (first, end_sample, sum_ + energy)
        else:
            self._bins.append((start_sample, end_sample, energy))

    def pause(self, start_sample: int, end_sample: int) -> None:
        """The speaker was silent in [start, end) and went on."""
        if start_sample >= self._from:
            self._pauses.append((start_sample, end_sample))

    def stretch(self, now: int, *, last: bool = False) -> Stretch:
        """What is to be decoded now; `now`: the end of the audio. `last`: the utterance is over, somebody waits.

        A cut that is due is made first, where it can be made with what was decoded before. If it needs a decode of
        its own that one comes first (`Stretch.cut`), unless `last` and the encoder's window holds it all.
        """
        while (cut := self._pending or self._due(now)) is not None:
            if self._freeze(cut):
                self._pending = None
                continue
            if last and now - self._from <= _samples(self._policy.cut_at_latest_ms):
                break
            self._pending = cut  # another place may be quieter by then; that text would fit no cut
            return Stretch(self._from, min(cut.latest, max(cut.earliest, cut.restart)), cut=True)
        return Stretch(self._from, now)

    def overdue(self, now: int) -> bool:
        """Has the open stretch come to its greatest length? Then a decode is due, though nobody paused."""
        return now - self._from > _samples(self._policy.cut_at_latest_ms)

    def decoded(self, text: str, stretch: Stretch) -> bool:
        """`stretch` was decoded as `text`. False: too late, a cut was made meanwhile; the text is dropped."""
        if stretch.start_sample != self._from:
            return False
        text = text.strip()
        self._texts.append((stretch.end_sample, text))
        if stretch.end_sample >= self._covered:  # the decode of a cut may know less than one before it
            self._text = _joined([*self._frozen, text])
            self._covered = stretch.end_sample
        return True

    # --- cuts -----------------------------------------------------------------------------------------------------

    def _due(self, now: int) -> _Cut | None:
        """The cut that is to be made of an open stretch that ends at `now`, if it is too long."""
        policy, open_samples = self._policy, now - self._from
        if open_samples <= _samples(policy.cut_after_ms):
            return None
        earliest = self._from + _samples(policy.shortest_ms)
        pauses = [(start, end) for start, end in self._pauses if start >= earliest and end <= now]
        longest = max(pauses, key=lambda pause: pause[1] - pause[0], default=None)
        urgent = open_samples > _samples(policy.cut_at_latest_ms)
        if longest is not None and (urgent or longest[1] - longest[0] >= _samples(policy.cut_pause_ms)):
            start, end = longest
            return _Cut(start, end, max((start + end) // 2, end - _samples(policy.lead_ms)))
        return self._dip(earliest, now) if urgent else None

    def _dip(self, earliest: int, now: int) -> _Cut:
        """The quietest place: the middle of the quietest `dip_ms` that is not among the newest."""
        latest = now - 2 * self._bin_samples
        bins = [(energy / (end - start), start, end) for start, end, energy in self._bins if start >= earliest]
        _, start, end = min((each for each in bins if each[2] <= latest), default=(0.0, latest, latest))
        middle = (start + end) // 2
        return _Cut(middle, middle, middle)

    def _freeze(self, cut: _Cut) -> bool:
        """Make `cut` if a decode ended there."""
        text = next((text for end, text in reversed(self._texts) if cut.earliest <= end <= cut.latest), None)
        if text is None:
            return False
        if text:  # it ends because it was cut there, not because the speaker trailed off
            self._frozen.append(text.rstrip(".…- ") if text.endswith(("..", "…", "-")) else text)
        self._start_at(cut.restart)
        return True

    def _start_at(self, sample: int) -> None:
        """The open stretch begins at `sample`."""
        self._from = sample
        self._texts.clear()
        while self._pauses and self._pauses[0][0] < sample:
            self._pauses.popleft()
        while self._bins and self._bins[0][0] < sample:
            self._bins.popleft()


def _samples(ms: float) -> int:
    return round(ms * SAMPLE_RATE_HZ / 1000)


def _joined(texts: list[str]) -> str:
    return " ".join(text for text in texts if text)
