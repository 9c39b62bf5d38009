"""All checks, in the order in which a sample passes what they look at.

Examination(CHECKS, probe)
"""

from device.diagnostics.doctor import machine_checks as machine
from device.diagnostics.doctor import model_checks as model
from device.diagnostics.doctor import setup_checks as setup
from device.diagnostics.doctor import sound_checks as sound
from device.diagnostics.doctor import upkeep_checks as upkeep
from device.diagnostics.doctor.examination import Check

_CONFIG = ("configuration",)
_UNKEPT = "what is said and done is not written down"
_MUTE = "it hears and says nothing"
_CARD = ("program", "configuration", "groups", "sound server", "card")

CHECKS = (
    Check("program", "version, interpreter, compiled part", machine.program),
    Check("board", "which machine it is", machine.board),
    Check("power", "voltage of a Raspberry Pi, now and since the start", machine.power),
    Check("heat", "temperature, and does the processor slow down", machine.heat),
    Check("memory", "what is free, and were programs ended for want of it", machine.memory),
    Check("disk", "room, and can the state be written", machine.disk),
    Check("clock", "can the time be right, and who sets it", machine.clock),
    Check("real-time", "may the audio callback come before all else", machine.real_time, limit_s=8.0),
    Check("groups", "may this user use the sound card", machine.groups),
    Check("configuration", "is every key right, and the persona there", setup.configuration),
    Check("secrets", "files with passwords: there, and closed to others", setup.secrets, _CONFIG),
    Check("skills", "mistakes in the owner's skills and sentences", setup.skills, _CONFIG, 60.0),
    Check("servers", "do the configured servers take a connection", setup.servers, _CONFIG, 12.0),
    Check("sound server", "does another program hold the card", sound.holders, ("program", "configuration")),
    Check("card", "is it there, and at which rate does it open", sound.card, _CARD[:-1], 8.0, _MUTE),
    Check("mixer", "is anything muted in the card's mixer", sound.mixer, _CARD),
    Check("microphone", "level, offset, clipping", sound.microphone, _CARD, 8.0, "it hears nothing"),
    Check("loudspeaker", "with --listen: is a sweep heard", sound.loudspeaker, _CARD, 10.0, "it says nothing"),
    Check("echo", "was this card calibrated in its room", sound.echo, _CARD),
    Check("controls", "was it muted or turned down, and left so", sound.controls, _CONFIG),
    Check(
        "gpio",
        "can the configured buttons and lights be driven",
        sound.gpio,
        _CONFIG,
        means="buttons and lights do nothing",
    ),
    Check("models", "there, whole (sha256), and of the right kind", model.models, _CONFIG, 60.0),
    Check(
        "speech",
        "a known sentence, spoken and understood",
        model.speech,
        ("configuration", "models"),
        60.0,
        thorough=True,
    ),
    Check("turn", "time to the answer of a test question", model.turn, ("speech",), 60.0, thorough=True),
    Check(
        "database",
        "is the record sound, and of this version",
        upkeep.database,
        ("configuration", "disk"),
        15.0,
        _UNKEPT,
    ),
    Check("service", "the unit of systemd", upkeep.service),
    Check("running", "does an assistant run, and what does it say", upkeep.running),
    Check("ports", "every port that it listens on", upkeep.ports),
    Check("errors", "crashes and failures within a day", upkeep.errors, ("database",), 10.0),
    Check("update", "which version runs, and did the last update end", upkeep.update),
)
