"""The models: the right files, working alone and together.

models(probe).level
"""

import re
from typing import Any

from device.assembly import WAKE_MODEL
from device.config.schema import Settings
from device.diagnostics.doctor.finding import Finding, counted, failed, not_tried, ok, warning, worst
from device.diagnostics.doctor.probe import Probe
from device.persona import Persona
from device.telemetry.budgets import BY_KEY
from models.errors import ModelError, ModelMissingError

#: Every recogniser of the catalogue gets it right; in English, as the voice that comes with it.
SENTENCE = "The capital of France is Paris."
#: One that a skill answers, which the first turn of a process finds cold, and one for the language model.
QUESTIONS = ("What time is it?", "What is the capital of France?")
_ENOUGH = 0.6  #: share of the words


def wanted_models(settings: Settings, persona: Persona) -> list[tuple[str, str, str]]:
    """(key, model id, task) of every model that will be loaded."""
    wanted = [("vad.model", settings.vad.model, "vad")]
    if settings.turn.model != "none":
        wanted.append(("turn.model", settings.turn.model, "turn"))
    if not settings.stt.server or settings.stt.fallback:
        wanted.append(("stt.model", settings.stt.model, "stt"))
    if persona.answers == "llm" and (not settings.llm.server or settings.llm.fallback):
        wanted.append(("llm.model", settings.llm.model, "llm"))
    if not settings.tts.server or settings.tts.fallback:
        wanted.append(("tts.voice", settings.tts.voice, "tts"))
    if settings.turn.wake_words and not all(name.endswith(".json") for name, _ in settings.wake.each()):
        wanted.append(("wake.words", WAKE_MODEL, "wake"))
    return wanted


def models(probe: Probe) -> Finding:
    """Is every model there, whole, and of the right kind?"""
    wanted = wanted_models(probe.settings, probe.persona)
    found = [_model(probe, *each) for each in wanted]
    gravest = worst(found)
    if gravest.level != "ok":
        return gravest
    return ok("models", f"{len(found)} whole: {', '.join(model_id for _, model_id, _ in wanted)}")


def _model(probe: Probe, key: str, model_id: str, task: str) -> Finding:
    means = "'nearfield run' does not start"
    try:
        is_for = probe.models.task(probe.settings, model_id)
        if is_for and is_for != task:
            return failed(
                "models",
                f"{key} = '{model_id}' is a model for '{is_for}', not for '{task}'",
                means=means,
                mend=f"set {key} to one for '{task}': nearfield models list",
            )
        probe.models.verify(probe.settings, model_id)
    except ModelError as error:
        mend = error.hint or "nearfield models pull --set tiny"
        if isinstance(error, ModelMissingError) and "/" in model_id:
            mend = f"correct {key} in the configuration"
        return failed("models", error.message, means=means, mend=mend)
    return ok("models", model_id)


def speech(probe: Probe) -> Finding:
    """Does it understand a known sentence, spoken by its own voice?"""
    if probe.running.has_the_card:
        return ok("speech", "not tried again: the assistant that runs has the models, and the processor")
    came = probe.models.say_and_hear(probe.settings, probe.persona, SENTENCE)
    said, understood = _words(SENTENCE), _words(came.text)
    share = len(said & understood) / len(said)
    rtf = (came.speak_s + came.hear_s) / max(came.audio_s, 0.1)
    facts: dict[str, Any] = {"load_s": round(came.load_s, 2), "rtf": round(rtf, 3), "share": round(share, 2)}
    foreign = probe.settings.stt.language not in ("en", "auto")
    if share < _ENOUGH and not foreign:
        return failed(
            "speech",
            f"of '{SENTENCE}' only {share:.0%} of the words were understood",
            means="it does not understand what is said",
            mend="nearfield models verify; are tts.voice, stt.model and stt.language of one language?",
            **facts,
        )
    if rtf > 1.0:
        return warning(
            "speech",
            f"voice and recogniser take {rtf:.1f} times as long as the sentence",
            means="answers come late",
            mend="take smaller models (nearfield models list), or end what else runs: top",
            **facts,
        )
    return ok("speech", f"a known sentence was understood; loaded in {came.load_s:.1f} s, RTF {rtf:.2f}", **facts)


def turn(probe: Probe) -> Finding:
    """How long after a question does the answer begin?"""
    budget_ms = BY_KEY["ttfa"].budget_ms or 600.0
    if probe.running.has_the_card:
        return _turns_of(probe, budget_ms)
    came = probe.models.turns(probe.settings, probe.persona, QUESTIONS)
    if not came.ttfa_ms:
        stages = f" ({', '.join(came.errors)} failed)" if came.errors else ""
        return failed(
            "turn",
            f"{counted(len(QUESTIONS), 'test question')} got no answer{stages}",
            means="it hears and says nothing",
            mend="nearfield demo shows it step by step; nearfield chat leaves out the sound",
        )
    took = " and ".join(f"{ms:.0f}" for ms in came.ttfa_ms)
    what = f"test answers began {took} ms after the questions (budget {budget_ms:.0f})"
    rounded = {name: round(ms) for name, ms in came.stages_ms.items()}
    # the budget is for 95 of 100 turns: of two, the faster one shows what this machine can do
    return _judged(what, min(came.ttfa_ms), budget_ms, ttfa_ms=list(came.ttfa_ms), stages_ms=rounded)


def _turns_of(probe: Probe, budget_ms: float) -> Finding:
    """The assistant's own turns, as it tells them."""
    stages = probe.running.status.get("stages")
    rows = [row for row in stages if isinstance(row, dict)] if isinstance(stages, list) else []
    own = next((row for row in rows if row.get("stage") == "ttfa"), None)
    if own is None or not isinstance(own.get("p95_ms"), int | float):
        return not_tried("turn", "an assistant runs, and nobody has talked to it yet")
    p95_ms = float(own["p95_ms"])
    what = f"of {own.get('count', '?')} turns 95 % began within {p95_ms:.0f} ms (budget {budget_ms:.0f})"
    return _judged(what, p95_ms, budget_ms, p95_ms=p95_ms)


def _judged(what: str, ms: float, budget_ms: float, **facts: Any) -> Finding:
    if ms > budget_ms:
        return warning(
            "turn",
            what,
            means="people talk again before the answer comes",
            mend="see which step is slow: nearfield trace; smaller models: nearfield models list",
            **facts,
        )
    return ok("turn", what, **facts)


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))  # "France's" holds France
