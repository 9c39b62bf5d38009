"""What is asked before it is done, told when it is done later, and what rings: one section of the configuration.

settings.acting.question_expires_s
"""

from pydantic import Field

from device.config.section import Section


class ActingSettings(Section):
    """What is asked before it is done, what is told when it is done later, and how timers and alarms ring."""

    question_expires_s: int = Field(
        default=30, ge=5, le=3_600, description="a question that nobody answers for so long is dropped, in s"
    )
    longest_wait_s: float = Field(
        default=10.0, ge=1.0, le=120.0, description="what takes longer than this is told later, in s"
    )
    natural_pause_ms: int = Field(
        default=700, ge=200, le=60_000, description="results are told when it has been quiet for so long, in ms"
    )
    ring_pause_ms: int = Field(
        default=1_500, ge=500, le=60_000, description="of silence between two rounds of what rings, in ms"
    )
    ring_quiet_db: float = Field(
        default=-12.0, ge=-60.0, le=0.0, description="while somebody speaks it rings so much more quietly, in dB"
    )
    ring_longest_min: int = Field(default=30, ge=1, le=1_440, description="it rings no longer than this, in minutes")
