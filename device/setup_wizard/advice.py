"""Which models suit a machine, and whether a microphone is loud enough.

    advise(memory_mb=8192, cores=4, board="Raspberry Pi 5 Model B Rev 1.0")       # ("tiny", "...why...")

    level_verdict(peak_dbfs=-9.0, clipped_samples=0)                              # "Good: its peak was -9 dBFS."

Sans-IO. The figures are those of the README and of docs/performance.md: a conversation with the embedded default takes
590 MB at its peak, and whisper-base encodes for 2.5 times as long as tiny.en: 0.52 in place of 0.21 s on a Raspberry
Pi 5, estimated, of the 1.5 s that an answer may take.
"""

from device.setup_wizard.answers import ModelSet

#: Below this the embedded default (590 MB) leaves too little for the operating system.
_LEAST_MB = 900
#: whisper-base has 148 MB of weights in place of 78, and needs its buffers: with room for a system beside it.
_BASE_MB = 1_800
_BASE_CORES = 4
#: Boards whose cores are slower than those that the figures are of.
_SLOW = (
    "Raspberry Pi Zero",
    "Raspberry Pi 3",
    "Raspberry Pi 4",
    "Raspberry Pi Compute Module 3",
    "Raspberry Pi Compute Module 4",
    "NVIDIA Jetson Nano",
)
_PI_5 = ("Raspberry Pi 5", "Raspberry Pi Compute Module 5")


def advise(memory_mb: int, cores: int, board: str = "") -> tuple[ModelSet, str]:
    """The set, and why, for a person. 0: not known."""
    if memory_mb and memory_mb < _LEAST_MB:
        return "tiny", f"{memory_mb} MB of memory are less than the {_LEAST_MB} MB that even this set wants"
    if memory_mb and memory_mb < _BASE_MB:
        return "tiny", f"with {memory_mb} MB of memory there is no room for more"
    slow = next((name for name in _SLOW if board.startswith(name)), "")
    if slow:
        return "tiny", f"base would let you wait on a {slow}"
    if cores and cores < _BASE_CORES:
        return "tiny", f"base wants {_BASE_CORES} cores to answer in time, here are {cores}"
    if board.startswith(_PI_5):
        return "tiny", "base answers some 0.3 s later on a Raspberry Pi 5, but hears more rightly, and 99 languages"
    return "base", f"{cores} cores and {memory_mb} MB of memory can do it; tiny answers sooner"


#: A voice at arm's length has peaks of -25 to -6 dBFS at a microphone that is set well; below this it drowns in noise.
_QUIET_DBFS = -40.0
#: The floor of `dsp.levels`: digital silence.
_SILENT_DBFS = -119.0


def level_verdict(peak_dbfs: float, clipped_samples: int) -> str:
    """What to do about a microphone into which somebody has just spoken; for a person."""
    if peak_dbfs <= _SILENT_DBFS:
        return "It delivers nothing but zeros: is it muted or switched off?"
    if clipped_samples:
        return "It clips: turn it down (alsamixer, F4), or go further away."
    if peak_dbfs < _QUIET_DBFS:
        return f"It is very quiet, {peak_dbfs:.0f} dBFS at its peak: turn it up (alsamixer, F4), or go nearer."
    return f"Good: its peak was {peak_dbfs:.0f} dBFS."
