"""Has the service come up with a new release, and does it stay up?

    watch = HealthWatch(within_s=120, for_s=20)
    watch.seen(t_s, "active", process=4711, answers=True)       # "waiting", "healthy", or why it is not

Sans-IO: what systemd and the control socket say comes in with the time.
"""

WAITING, HEALTHY = "waiting", "healthy"
_DEAD = {"failed": "it failed", "inactive": "it has ended"}


class HealthWatch:
    """Healthy: one and the same process was active, and answered, for `for_s` on end, within `within_s`."""

    def __init__(self, within_s: float, for_s: float) -> None:
        self._within_s = within_s
        self._for_s = for_s
        self._begun_s: float | None = None
        self._well_since_s: float | None = None
        self._process = 0
        self._restarts = 0

    def seen(self, t_s: float, active: str, process: int, answers: bool) -> str:
        """`active`: what `systemctl is-active` says; `process`: its id; `answers`: does the control socket?"""
        if self._begun_s is None:
            self._begun_s = t_s
        if active in _DEAD:
            return _DEAD[active]
        if process and process != self._process:
            if self._process:
                self._restarts += 1
            self._process = process
            self._well_since_s = None
        if active != "active" or not answers:
            self._well_since_s = None
        elif self._well_since_s is None:
            self._well_since_s = t_s
        if self._well_since_s is not None and t_s - self._well_since_s >= self._for_s:
            return HEALTHY
        if t_s - self._begun_s < self._within_s:
            return WAITING
        if self._restarts:
            return f"it was restarted {self._restarts} times within {self._within_s:g} s"
        if active == "active" and not answers:
            return f"it does not answer at its control socket within {self._within_s:g} s"
        return f"it was not up within {self._within_s:g} s"
