"""From the sound server to the echo: what a sample passes on its way.

microphone(probe).level

While an assistant runs the card is its: its own figures are told then.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from device.audio.holders import SOUND_SERVERS
from device.diagnostics.calibration_store import CalibrationStore
from device.diagnostics.doctor.finding import Finding, failed, not_tried, ok, warning
from device.diagnostics.doctor.probe import SETTLE_SAMPLES, Probe
from device.errors import AudioError
from dsp.levels import peak_dbfs, rms_dbfs
from dsp.measurement import deconvolve, exponential_sweep
from models.protocols import SAMPLE_RATE_HZ, Int16s

#: Share of full scale by which the middle of the signal is off: 2 % is a bad design, a quarter is a broken wire.
OFFSET_SHARE, STUCK_SHARE = 0.02, 0.25
FULL_SCALE = 32_700
CLIPPING_SHARE = 0.01
#: A quiet room is -70 to -50 dBFS; below -85 a real converter delivers hardly more than its own last bits.
LOUD_DBFS, FAINT_DBFS = -25.0, -85.0
_SWEEP_S = 1.0
_LISTEN_S = 2.2  #: to the sweep, and the room after it


def holders(probe: Probe) -> Finding:
    """Does another program hold the card?"""
    if probe.running.has_the_card:
        return ok("sound server", "the assistant that runs has the card")
    found = probe.holders()
    if not found:
        return ok("sound server", "nobody else holds a sound device")
    try:
        chosen = probe.sound.chosen(probe.settings)
    except AudioError:
        chosen = (None, None)
    held = {f"pcmC{each.card}D" for each in chosen if each is not None and each.card is not None}
    names = ", ".join(sorted({f"{each.name} (process {each.pid})" for each in found}))
    if any(chosen) and not any(mark in each.device for each in found for mark in held):
        return ok("sound server", f"{names} holds another card than ours")
    server = next((each.name for each in found if each.name in SOUND_SERVERS), None)
    means = "a card has one user at a time: the assistant cannot open it"
    if server is None:
        mend = "stop that program, or choose another device in [audio]"
        return failed("sound server", f"{names} holds the card", means=means, mend=mend)
    mend = f"{SOUND_SERVERS[server]}; or let it do the sound: set audio.input and audio.output to 'pulse' or 'default'"
    return failed("sound server", f"the sound server {names} holds the card", means=means, mend=mend)


def card(probe: Probe) -> Finding:
    """Is the configured card there, and does it open at a rate and format that suit?"""
    running = probe.running
    if running.has_the_card:
        name = running.status.get("card", "the card")
        stats = running.status.get("card_stats")
        lost = _lost(stats) if isinstance(stats, dict) else ""
        if trouble := _trouble(running.status, "card"):
            mend = "plug it in again; nearfield devices shows what there is"
            return failed("card", trouble, means="it hears and says nothing", mend=mend)
        if lost:
            return _lossy(f"{name}, in use by the assistant, which has lost sound: {lost}")
        return ok("card", f"{name}, in use by the assistant that runs")
    opened = probe.opened
    facts: dict[str, Any] = {"name": opened.name, "rate_hz": opened.rate_hz, "one_clock": opened.one_clock}
    what = f"{opened.name} at {opened.rate_hz} Hz"
    if opened.missing:
        return warning(
            "card",
            f"{what}; {opened.missing}",
            means="one direction alone is no conversation",
            mend="nearfield devices, then set audio.input and audio.output",
            **facts,
        )
    if not opened.one_clock:
        return ok("card", f"{what}: two cards, whose clocks drift apart; that is measured and made up for", **facts)
    return ok("card", what, **facts)


def _lost(stats: Mapping[str, Any]) -> str:
    """In words, of the counters of `device.card.CardStats`; "": nothing was."""
    samples = stats.get("capture_lost_samples", 0)
    xruns = stats.get("capture_overflows", 0) + stats.get("playback_underflows", 0)
    told = [f"{1000 * samples / SAMPLE_RATE_HZ:.0f} ms of the microphone"] if samples else []
    return ", ".join([*told, *([f"{xruns} over- and underflows"] if xruns else [])])


def _lossy(what: str) -> Finding:
    return warning(
        "card",
        what,
        means="words are missed, answers stutter",
        mend="give it real-time priority (nearfield doctor --only real-time), or end what else runs: top",
    )


def _trouble(status: object, key: str) -> str:
    found = status.get("trouble") if hasattr(status, "get") else None
    return str(found.get(key, "")) if isinstance(found, dict) else ""


def mixer(probe: Probe) -> Finding:
    """Is anything muted in the card's own mixer?"""
    number = None
    if not probe.running.has_the_card:
        microphone, loudspeaker = probe.sound.chosen(probe.settings)
        number = next((each.card for each in (microphone, loudspeaker) if each and each.card is not None), None)
    shown = probe.run(("amixer", *(("-c", str(number)) if number is not None else ())))
    if shown is None or shown.status:
        return ok("mixer", "no mixer that amixer can show")
    silent = _silenced(shown.out)
    card = f" -c {number}" if number is not None else ""
    if silent:
        name, direction = silent[0]
        hears = direction == "Capture"
        return failed(
            "mixer",
            f"'{name}' is {'muted or at 0' if hears else 'muted or at 0 for the loudspeaker'}",
            means="it hears nothing" if hears else "it says nothing that can be heard",
            mend=f"amixer{card} sset '{name}' {'cap' if hears else 'unmute'} 80%; keep it: sudo alsactl store",
            more=[f"'{n}' ({d.lower()}) as well" for n, d in silent[1:]],
        )
    return ok("mixer", "nothing that counts is muted")


#: Names that sit in the way of every sample, each direction; others (side tone, boost, monitor) may well be at 0.
_IN_THE_WAY = {
    "Capture": re.compile(r"^(capture|mic|adc|digital)\b", re.IGNORECASE),
    "Playback": re.compile(r"^(master|pcm|speaker|headphone|digital)\b", re.IGNORECASE),
}
_DIRECTION = re.compile(r"(Capture|Playback)((?:(?!Capture|Playback).)*)")


def _silenced(shown: str) -> list[tuple[str, str]]:
    """(control, "Capture" or "Playback") of what is off or at 0 on all its channels, in the words of amixer(1)."""
    found: dict[tuple[str, str], bool] = {}
    for block in re.split(r"^Simple mixer control ", shown, flags=re.MULTILINE)[1:]:
        name = block.partition("',")[0].lstrip("'")
        for line in block.splitlines():
            # "Mono: Playback 0 [0%] [-23.00dB] [off] Capture 28 [80%] [18.00dB] [on]"
            for direction, values in _DIRECTION.findall(line) if "[" in line else ():
                if _IN_THE_WAY[direction].match(name):
                    off = "[off]" in values or "[0%]" in values
                    found[name, direction] = found.get((name, direction), True) and off
    return [key for key, off in found.items() if off]


def microphone(probe: Probe) -> Finding:  # noqa: PLR0911 - one return a finding
    """Level, offset, clipping: is what comes in what a microphone hears?"""
    running = probe.running
    if running.has_the_card:
        if trouble := _trouble(running.status, "microphone"):
            mend = "nearfield meter, after the assistant has been stopped, shows its level"
            return failed("microphone", trouble, means="it hears nothing, or nonsense", mend=mend)
        return ok("microphone", "in use by the assistant, which sees nothing wrong with it")
    if "no microphone" in probe.opened.missing:
        return not_tried("microphone", "there is none")
    heard = probe.heard
    pcm = heard.mic[SETTLE_SAMPLES:]
    if pcm.size < SAMPLE_RATE_HZ // 2:
        return failed(
            "microphone",
            f"{heard.mic.size / SAMPLE_RATE_HZ:.1f} s of sound came in {heard.asked_s:.1f} s",
            means="the card stands still: it hears nothing",
            mend="unplug the card and plug it in again; then: nearfield devices",
        )
    if finding := judge_microphone(pcm):
        return finding
    level = rms_dbfs((pcm - np.mean(pcm)).astype(np.int16))
    stats = heard.stats
    if stats.capture_lost_samples or stats.capture_overflows:
        lost = _lossy(f"samples of the microphone were lost within {heard.asked_s:.1f} s")
        return warning("microphone", lost.what, means=lost.means, mend=lost.mend)
    return ok("microphone", f"level {level:.0f} dBFS, peak {peak_dbfs(pcm):.0f} dBFS", rms_dbfs=round(level, 1))


def judge_microphone(pcm: Int16s) -> Finding | None:  # noqa: PLR0911 - likewise
    """What is wrong with (n,) int16; None: nothing."""
    mean = float(np.mean(pcm)) / 32768
    deaf = "it hears nothing"
    if not pcm.any():
        mend = "unmute it: alsamixer (F4, space), or set audio.input to the right one: nearfield devices"
        return failed("microphone", "nothing but zeros: muted, or the wrong input", means=deaf, mend=mend)
    if int(pcm.min()) == int(pcm.max()) or abs(mean) >= STUCK_SHARE:
        mend = "check its cable and its plug; then: nearfield meter"
        return failed("microphone", f"stuck at {mean:+.0%} of full scale", means=deaf, mend=mend, dc=mean)
    clipped = float(np.mean(np.abs(pcm.astype(np.int32)) >= FULL_SCALE))
    if clipped >= CLIPPING_SHARE:
        return failed(
            "microphone",
            f"it clips: {clipped:.0%} of the samples are at full scale",
            means="words are not understood, and the echo cannot be cancelled",
            mend="turn it down: alsamixer (F4), boost off; then: nearfield calibrate",
        )
    if abs(mean) >= OFFSET_SHARE:
        return warning(
            "microphone",
            f"an offset of {mean:+.1%} of full scale",
            means="it has less room before it clips; a wire may be loose, or it gets power that it does not want",
            mend="check its plug and its supply of power (bias); then: nearfield meter",
            dc=mean,
        )
    level = rms_dbfs((pcm - np.mean(pcm)).astype(np.int16))
    if level >= LOUD_DBFS:
        return warning(
            "microphone",
            f"{level:.0f} dBFS while nobody was asked to speak",
            means="noise hides the words, or somebody talked: try again when it is quiet",
            mend="turn it down: alsamixer (F4), or move it; see: nearfield meter",
            rms_dbfs=level,
        )
    if level <= FAINT_DBFS:
        return warning(
            "microphone",
            f"{level:.0f} dBFS: fainter than any room",
            means="its level is turned down: words are not heard",
            mend="turn it up: alsamixer (F4); see: nearfield meter",
            rms_dbfs=level,
        )
    return None


def loudspeaker(probe: Probe) -> Finding:
    """Does what is played come out? Only with --listen is anything played."""
    if probe.running.has_the_card:
        return ok("loudspeaker", "in use by the assistant; try: nearfield ctl say hello")
    if "no loudspeaker" in probe.opened.missing:
        return not_tried("loudspeaker", "there is none")
    if not probe.listen:
        return ok("loudspeaker", "it opens; nothing was played (--listen plays a short sweep)")
    return judge_sweep(lambda sweep: _play(probe, sweep))


def _play(probe: Probe, sweep: Int16s) -> tuple[Int16s, Int16s]:
    heard = probe.sound.record(probe.settings, _LISTEN_S, sweep)
    return heard.far, heard.mic


def judge_sweep(play: Callable[[Int16s], tuple[Int16s, Int16s]]) -> Finding:
    """`play` gives what was handed to the card and what the microphone heard meanwhile, both (n,) int16."""
    far, mic = play(exponential_sweep(_SWEEP_S, peak_dbfs=-18.0))
    response = deconvolve(far, mic, min(SAMPLE_RATE_HZ // 2, far.size))
    if not response.heard:
        return failed(
            "loudspeaker",
            "a sweep was played, and the microphone did not hear it",
            means="what it says cannot be heard, or microphone and loudspeaker are not in one room",
            mend="turn it up: alsamixer (F3); check plug and amplifier; then: nearfield calibrate",
        )
    delay_ms = 1000 * response.delay_samples / SAMPLE_RATE_HZ
    what = f"heard after {delay_ms:.0f} ms at {response.gain_db:+.0f} dB"
    return ok("loudspeaker", what, delay_ms=round(delay_ms, 1), gain_db=round(response.gain_db, 1))


def echo(probe: Probe) -> Finding:
    """Was this card measured in its room?"""
    settings = probe.settings
    if not settings.echo.enabled:
        return ok("echo", "cancellation is switched off (echo.enabled = false): right with a headset only")
    name = str(probe.running.status.get("card", "")) if probe.running.has_the_card else probe.opened.name
    if not name:
        return not_tried("echo", "the assistant that runs has the card, and does not say which one it is")
    entry = CalibrationStore().entry(name)
    if not entry:
        return warning(
            "echo",
            "this card was never calibrated",
            means="it may play so loud that the microphone clips, and then hears itself",
            mend="nearfield calibrate",
        )
    erle = entry.get("erle_db")
    told = f"calibrated {str(entry.get('measured', ''))[:10]}"
    if isinstance(erle, int | float) and erle < 6:
        return warning(
            "echo",
            f"{told}: only {erle:.0f} dB of the echo are cancelled",
            means="it may take its own voice for yours",
            mend="move microphone and loudspeaker apart, then: nearfield calibrate",
        )
    return ok("echo", told + (f", {erle:.0f} dB of echo cancelled" if isinstance(erle, int | float) else ""))


def controls(probe: Probe) -> Finding:
    """Was it muted, or turned down, and left so?"""
    path = probe.settings.controls.file
    try:
        kept = json.loads(path.read_text("utf-8")) if probe.settings.controls.keep and path.exists() else {}
    except PermissionError:  # it is another user's, and may be as it should be
        raise
    except (OSError, ValueError):
        return warning(
            "controls",
            f"{path} is damaged",
            means="mute and volume are not as they were left",
            mend=f"rm {path}",
        )
    kept = kept if isinstance(kept, dict) else {}
    status = probe.running.status
    muted = bool(status.get("muted", kept.get("muted", False)))
    volume = status.get("volume_percent")
    if volume is None and "volume_db" in kept:
        volume = 0 if kept["volume_db"] is None else 100
    if muted:
        return warning(
            "controls",
            "the microphone is muted, as somebody asked",
            means="it hears nothing",
            mend="nearfield ctl unmute, the key m, or the button",
        )
    if volume == 0:
        return warning(
            "controls", "the volume is 0", means="it says nothing that can be heard", mend="nearfield ctl volume 70"
        )
    return ok("controls", "the microphone is open, the volume is up")


def gpio(probe: Probe) -> Finding:
    """Can the buttons and lights that are configured be driven?"""
    pins = probe.settings.gpio.pins()
    if probe.settings.gpio.ring != "none":
        pins = {**pins, "ring": probe.settings.gpio.ring_pin}
    if not pins:
        return ok("gpio", "no button and no light is configured")
    if probe.running.has_the_card:
        return ok("gpio", f"{len(pins)} pin(s), in use by the assistant")
    probe.gpio(f"gpio.{min(pins)}")  # a ButtonError says it all
    return ok("gpio", f"the driver works; {len(pins)} pin(s) are configured")
