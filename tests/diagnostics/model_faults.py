"""Faults of the models: missing, damaged, another, late.

for fault in MODEL_FAULTS: fault.plant(device)
"""

from device_fault import Fault

WAITS = "[turn]\nend_silence_ms = 2500\n" + "".join(
    f"{name}_silence_ms = 2500\n" for name in ("sure", "likely", "disputed", "unsure", "undecided", "longest")
)

MODEL_FAULTS = (
    Fault("model missing", lambda d: d.without_model("whisper-tiny.en"), "models", "failed",
          "nearfield models pull whisper-tiny.en"),
    Fault("model damaged", lambda d: d.damage_model("whisper-tiny.en"), "models", "failed",
          "nearfield models pull whisper-tiny.en", "altered"),
    Fault("model of another kind", lambda d: d.configure('[tts]\nvoice = "whisper-tiny.en"\n'), "models", "failed",
          "tts.voice", "'stt'"),
    Fault("late answers", lambda d: d.configure(WAITS), "turn", "warning", "nearfield trace", "budget"),
)  # fmt: skip
