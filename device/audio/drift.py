"""How fast one card's clock runs against another's, measured from when their blocks come.

    meter = DriftMeter(); meter.feed(frames_in, frames_out, ns)      # every block; both counted at 16 kHz
    meter.ppm                                                        # above 0: the loudspeaker's clock is the faster

A block comes when the scheduler lets it, up to tens of milliseconds late, and a driver may date it to the millisecond
only. So each card gets a line fitted through its last minute of (frame, time) points, one for every 100 ms, robust
against late ones; the drift is the ratio of the two slopes. Sans-IO.
"""

from collections import deque

import numpy as np

from models.protocols import SAMPLE_RATE_HZ

#: Points older than this are forgotten: long enough for 1 ppm under a millisecond of jitter, short enough to follow a
#: crystal that warms up.
WINDOW_S = 60.0
#: One point of the fit is the middle one of the blocks of so long.
BIN_NS = 100_000_000
#: What two cheap crystals may differ by; a line that says more is no clock.
MAX_PPM = 1000.0
#: What a card's clock is expected to be off by before anything was measured: keeps the first second's slope sane.
PRIOR_PPM = 100.0
#: So many points in a row, all on one side of the line by more than this, are a step of the counter (an underflow, a
#: driver that began anew) and no jitter.
STEP_POINTS = 5
STEP_MS = 2.0
#: Bisquare weights: residuals above this many standard deviations do not count at all (95 % efficient on a normal).
TUKEY = 4.685
#: How often weights and line are computed from one another; each fit begins with the line of 100 ms before.
ROUNDS = 2
#: No driver's times are better than this.
LEAST_JITTER_S = 20e-6


class ClockFit:
    """One card's clock as a straight line. Feed in order of frames; one thread."""

    def __init__(self, rate_hz: int = SAMPLE_RATE_HZ) -> None:
        """`rate_hz`: the nominal rate that frames are counted at."""
        self.rate_hz = rate_hz
        self.steps = 0  #: how often the counter jumped against time
        self._origin: tuple[int, int] | None = None  # (frame, ns), so that floats stay exact
        self._bin: list[tuple[float, float]] = []  # (s since the origin by count, seconds late against that)
        self._points: deque[tuple[float, float, int]] = deque()  # and the number of steps before it
        self._centre_s = self._late_s = self._slope = 0.0

    def feed(self, frame: int, ns: int) -> None:
        """Frame `frame` was at the converter at `ns` (monotonic clock, ns)."""
        if self._origin is None:
            self._origin = (frame, ns)
        by_count_s = (frame - self._origin[0]) / self.rate_hz
        late_s = (ns - self._origin[1]) / 1e9 - by_count_s
        if not self._points:  # the first 100 ms: one point, for want of better
            self._centre_s, self._late_s = by_count_s, late_s
        self._bin.append((by_count_s, late_s))
        if by_count_s - self._bin[0][0] < BIN_NS / 1e9:
            return
        ordered = sorted(self._bin, key=lambda point: point[1])
        self._points.append((*ordered[len(ordered) // 2], self.steps))
        self._bin.clear()
        while self._points[-1][0] - self._points[0][0] > WINDOW_S:
            self._points.popleft()
        self._take_step()
        self._fit()

    def _take_step(self) -> None:
        """When the counter jumped, a new stretch of the line begins: same slope, another height."""
        if len(self._points) < 2 * STEP_POINTS:
            return
        newest = list(self._points)[-STEP_POINTS:]
        off = [late - self._line(at) for at, late, _ in newest]
        if min(off) < STEP_MS / 1000 and max(off) > -STEP_MS / 1000:
            return
        if max(off) - min(off) > max(abs(off[-1]) / 2, STEP_MS / 1000):  # all over the place: an overloaded machine
            return
        self.steps += 1
        for index in range(-STEP_POINTS, 0):
            at, late, _ = self._points[index]
            self._points[index] = (at, late, self.steps)

    def _fit(self) -> None:
        """One slope for all stretches, a height each."""
        points = np.array(self._points)
        stretches = [points[points[:, 2] == stretch] for stretch in np.unique(points[:, 2])]
        slope = self._slope
        for _ in range(ROUNDS):
            residual = np.concatenate(
                [s[:, 1] - slope * s[:, 0] - np.median(s[:, 1] - slope * s[:, 0]) for s in stretches]
            )
            sigma = max(1.4826 * float(np.median(np.abs(residual))), LEAST_JITTER_S)
            far_off = np.minimum(np.abs(residual) / (TUKEY * sigma), 1.0)
            weights = (1 - far_off**2) ** 2
            above = below = 0.0
            done = 0
            for stretch in stretches:
                weight = weights[done : done + len(stretch)]
                done += len(stretch)
                at, late = stretch[:, 0], stretch[:, 1]
                total = weight.sum()
                if total <= 0:  # two points that contradict each other
                    continue
                centre, middle = float(weight @ at / total), float(weight @ late / total)
                above += float((weight * (at - centre)) @ (late - middle))
                below += float((weight * (at - centre)) @ (at - centre))
            self._centre_s, self._late_s = centre, middle  # of the newest stretch
            slope = above / (below + (sigma / (PRIOR_PPM * 1e-6)) ** 2)
            slope = min(max(slope, -MAX_PPM * 1e-6), MAX_PPM * 1e-6)
        self._slope = slope

    def _line(self, at_s: float) -> float:
        return self._late_s + self._slope * (at_s - self._centre_s)

    @property
    def ready(self) -> bool:
        """True once there is a line to go by: after a fifth of a second."""
        return len(self._points) >= 2

    @property
    def span_s(self) -> float:
        """Seconds that the line goes through."""
        return self._points[-1][0] - self._points[0][0] if self._points else 0.0

    @property
    def seconds_a_second(self) -> float:
        """Real seconds that one nominal second of the card takes: below 1 when its clock is fast."""
        return 1.0 + self._slope

    def ns_at(self, frame: float) -> float:
        """When `frame` is at the converter, in ns since the first `feed` of this clock's origin (`origin_ns`)."""
        assert self._origin is not None
        at_s = (frame - self._origin[0]) / self.rate_hz
        return (at_s + self._line(at_s)) * 1e9

    def frame_at(self, ns: float) -> float:
        """The frame at the converter `ns` after `origin_ns`; the inverse of `ns_at`."""
        assert self._origin is not None
        at_s = (ns / 1e9 - self._late_s + self._slope * self._centre_s) / (1.0 + self._slope)
        return self._origin[0] + at_s * self.rate_hz

    @property
    def origin_ns(self) -> int:
        """Monotonic time of the first `feed`. ValueError before it."""
        if self._origin is None:
            raise ValueError("no block has come yet")
        return self._origin[1]


class DriftMeter:
    """Two clocks: `feed` both at once, or each when its block comes."""

    def __init__(self, rate_in_hz: int = SAMPLE_RATE_HZ, rate_out_hz: int = SAMPLE_RATE_HZ) -> None:
        """Nominal rates that the microphone's and the loudspeaker's frames are counted at."""
        self.microphone, self.loudspeaker = ClockFit(rate_in_hz), ClockFit(rate_out_hz)

    def feed(self, frames_in: int, frames_out: int, ns: int) -> float:
        """So many frames had each card counted at `ns` (monotonic clock). Returns `ppm`."""
        self.microphone.feed(frames_in, ns)
        self.loudspeaker.feed(frames_out, ns)
        return self.ppm

    @property
    def ready(self) -> bool:
        """True once both clocks have a line."""
        return self.microphone.ready and self.loudspeaker.ready

    @property
    def ppm(self) -> float:
        """By how much the loudspeaker's clock is faster than the microphone's, in parts per million; 0 at first."""
        return (self.microphone.seconds_a_second / self.loudspeaker.seconds_a_second - 1.0) * 1e6

    @property
    def sure(self) -> bool:
        """True once the figure rests on half a minute of both clocks."""
        return min(self.microphone.span_s, self.loudspeaker.span_s) >= WINDOW_S / 2

    def frame_out_at(self, frame_in: float) -> float:
        """The loudspeaker's frame that sounds while the microphone takes `frame_in`. Needs `ready`."""
        ns = self.microphone.ns_at(frame_in) + (self.microphone.origin_ns - self.loudspeaker.origin_ns)
        return self.loudspeaker.frame_at(ns)
