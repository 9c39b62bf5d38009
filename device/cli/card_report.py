"""What went wrong with the sound while a card ran, in one line.

if text := trouble(card.stats()): print(text)
"""

from device.card import CardStats
from models.protocols import SAMPLE_RATE_HZ


def trouble(stats: CardStats) -> str:
    """One sentence that names every counter that is not zero; "" when all are."""
    lost_ms, silent_ms = (n * 1000 / SAMPLE_RATE_HZ for n in (stats.capture_lost_samples, stats.starved_samples))
    parts = [
        (stats.capture_overflows, f"{stats.capture_overflows} overflows of the microphone"),
        (stats.playback_underflows, f"{stats.playback_underflows} underflows of the loudspeaker"),
        (lost_ms, f"{lost_ms:.0f} ms of the microphone lost"),
        (silent_ms, f"{silent_ms:.0f} ms of silence within speech"),
    ]
    told = [text for count, text in parts if count]
    if not told:
        return ""
    return f"The sound was not whole: {', '.join(told)} (longest wait for the card {stats.worst_interval_ms:.0f} ms)."
