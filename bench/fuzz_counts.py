"""What `bench/fuzz.py` counts of one way in, and the assistant behind it, of which nothing is there but the count.

tally, behind = Tally(), Behind(); desk = ControlDesk(behind, behind)
"""

from dataclasses import dataclass, field


@dataclass
class Tally:
    """Of one way in."""

    tried: int = 0
    obeyed: int = 0
    unasked: int = 0  #: done, or not refused, and the oracle says that it may not be
    refused_good: int = 0  #: not done, and the oracle says that it may
    crashes: list[str] = field(default_factory=list)

    def line(self, name: str, seconds: float) -> str:
        return (
            f"{name:9} {self.tried:8,} inputs  {self.obeyed:7,} obeyed  {self.unasked} not asked for  "
            f"{self.refused_good} wrongly refused  {len(self.crashes)} crashes  {seconds:6.1f} s"
        )


class Behind:
    """Assistant and controls in one: counts what is done."""

    muted = False
    volume_percent = 50

    def __init__(self) -> None:
        self.actions = 0
        self.releases = 0

    def _act(self, *_: object) -> None:
        self.actions += 1

    announce = hush = press = mute = louder = softer = set_volume_percent = _act

    def release(self) -> None:
        self.releases += 1  # also when a connection ends
