"""Recogniser and voice on Wyoming servers: what is sent, formats, and every way in which servers misbehave."""

import contextlib
import itertools
import json
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rude_server import Peer, RudeServer, free_port

from models.clause_audio import PAUSES_MS
from models.errors import ModelRunError
from models.loudness import loudness_lufs
from models.protocols import Recogniser, Voice
from models.wyoming_link import Server
from models.wyoming_stt import WyomingRecogniser
from models.wyoming_tts import WyomingVoice, shared_marks

RATE_HZ = 16_000
rng = np.random.default_rng(1)
NOISE = (0.1 * rng.standard_normal(RATE_HZ)).astype(np.float32)
WORDS = "the key of the cellar"
ATTRIBUTION = {"name": "x", "url": "x"}


def event(kind: str, data: dict[str, Any] | None = None, payload: bytes = b"") -> bytes:
    """As the protocol has it, in its older form: the data within the line."""
    head: dict[str, Any] = {"type": kind, "data": data or {}}
    if payload:
        head["payload_length"] = len(payload)
    return json.dumps(head).encode() + b"\n" + payload


def take(peer: Peer, until: str) -> list[dict[str, Any]]:
    """The events of the client, up to one of a kind."""
    taken: list[dict[str, Any]] = []
    while line := peer.read_line():
        head = json.loads(line)
        head["data"] = json.loads(peer.read(head["data_length"])) if head.get("data_length") else head.get("data", {})
        head["payload"] = peer.read(head.get("payload_length") or 0)
        taken.append(head)
        if head["type"] == until:
            break
    return taken


def info(peer: Peer, *, stt: str = "", tts: str = "") -> None:
    """Describes a server with such a model or voice."""

    def program(kind: str, name: str) -> list[dict[str, Any]]:
        each = {"attribution": ATTRIBUTION, "installed": True, "description": "", "version": "1"}
        return [{"name": "p", **each, kind: [{"name": name, "languages": ["en"], **each}]}] if name else []

    peer.send(event("info", {"asr": program("models", stt), "tts": program("voices", tts)}))


@contextlib.contextmanager
def ears(answer: Callable[[Peer], None], **options: Any) -> Iterator[tuple[WyomingRecogniser, RudeServer]]:
    """A recogniser on a server that takes the audio and then does this."""

    def handle(peer: Peer) -> None:
        taken = take(peer, "audio-stop" if options.pop("takes", True) else "describe")
        peer.server.requests.append(("", "", taken))
        answer(peer)

    with RudeServer(handle) as server:
        uri = Server(server.tcp, connect_s=5, reply_s=options.pop("reply_s", 5))
        with contextlib.closing(WyomingRecogniser(uri, **options)) as recogniser:
            yield recogniser, server


@contextlib.contextmanager
def mouth(answer: Callable[[Peer], None], **options: Any) -> Iterator[tuple[WyomingVoice, RudeServer]]:
    """A voice on a server that takes a text and then does this."""

    def handle(peer: Peer) -> None:
        peer.server.requests.append(("", "", take(peer, "synthesize")))
        answer(peer)

    with RudeServer(handle) as server:
        uri = Server(server.tcp, connect_s=5, reply_s=options.pop("reply_s", 5))
        with contextlib.closing(WyomingVoice(uri, **{"begin_s": 5, **options})) as voice:
            yield voice, server


def test_they_are_what_the_dialogue_needs() -> None:
    recogniser: Recogniser = WyomingRecogniser(Server("tcp://127.0.0.1:1"))
    voice: Voice = WyomingVoice(Server("tcp://127.0.0.1:1"))
    assert recogniser is not None
    assert voice is not None


# --- recogniser ---------------------------------------------------------------------------------------------------


def transcript(text: Any) -> Callable[[Peer], None]:
    return lambda peer: peer.send(event("transcript", {"text": text}))


def test_the_audio_that_is_sent_is_the_audio() -> None:
    with ears(transcript(" Hello there. [laughs]"), model="tiny", language="de") as (recogniser, server):
        heard = recogniser.transcribe(NOISE)
    assert heard.text == "Hello there."
    assert heard.complete
    assert 0.6 < heard.probability < 1
    assert heard.audio_ms == 1000
    events = server.requests[0][2]
    assert events[0] == {"type": "transcribe", "data": {"name": "tiny", "language": "de"}, "payload": b""} | events[0]
    assert events[1]["data"]["rate"] == RATE_HZ
    sent = np.frombuffer(b"".join(e["payload"] for e in events if e["type"] == "audio-chunk"), dtype="<i2")
    assert np.abs(sent / 32767 - NOISE).max() < 1e-4


def test_a_transcript_that_comes_in_chunks() -> None:
    def chunks(peer: Peer) -> None:
        peer.send(event("transcript-start", {"language": "en"}))
        for text in ("Hello", " the", "re."):
            peer.send(event("transcript-chunk", {"text": text}))
        peer.send(event("transcript-stop"))

    def and_whole(peer: Peer) -> None:
        peer.send(event("transcript-start") + event("transcript-chunk", {"text": "Hell"}))
        peer.send(event("voice-stopped") + event("transcript", {"text": "Hello there."}) + event("transcript-stop"))

    for answer in (chunks, and_whole):
        with ears(answer) as (recogniser, _):
            assert recogniser.transcribe(NOISE).text == "Hello there."


def test_nothing_to_ask_for() -> None:
    recogniser = WyomingRecogniser(Server(f"tcp://127.0.0.1:{free_port()}"))
    with contextlib.closing(recogniser):
        assert recogniser.transcribe(NOISE[:100]).complete
        assert not recogniser.transcribe(NOISE, cancelled=lambda: True).complete


def test_words_heard_in_silence_are_not_believed() -> None:
    with ears(transcript("Thank you.")) as (recogniser, _):
        assert recogniser.transcribe(NOISE * 1e-4).text == ""


def test_a_cancelled_decode_closes_the_connection() -> None:
    with ears(lambda peer: peer.hang()) as (recogniser, server):
        heard = recogniser.transcribe(NOISE, cancelled=lambda: bool(server.requests))
        assert not heard.complete
        assert server.hung_up.wait(5)


BAD: dict[str, tuple[Callable[[Peer], None], str]] = {
    "hangs up": (lambda _: None, "broke"),
    "fails": (lambda p: p.send(event("error", {"text": f"cannot: {WORDS}", "code": "oom"})), "failed: oom"),
    "speaks HTTP": (lambda p: p.send(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "Wyoming"),
    "sends garbage": (lambda p: p.send(b"{nonsense\n"), "Wyoming"),
    "sends a list": (lambda p: p.send(b"[1]\n"), "Wyoming"),
    "sends no type": (lambda p: p.send(b"{}\n"), "Wyoming"),
    "sends a type that is none": (lambda p: p.send(b'{"type": 5}\n'), "Wyoming"),
    "sends data that is none": (lambda p: p.send(b'{"type": "transcript", "data": 5}\n'), "Wyoming"),
    "sends a length that is none": (lambda p: p.send(b'{"type": "x", "payload_length": "many"}\n'), "Wyoming"),
    "breaks off within a payload": (lambda p: p.send(b'{"type": "x", "payload_length": 99}\nabc'), "broke"),
    "announces a payload of 1 GB": (lambda p: p.send(b'{"type": "x", "payload_length": 1073741824}\n'), "too large"),
    "announces data of 1 GB": (lambda p: p.send(b'{"type": "x", "data_length": 1073741824}\n'), "too large"),
    "sends an endless line": (lambda p: p.send(b"x" * 1_000_000), "Wyoming|broke"),
}
BAD_EARS = BAD | {
    "hears a number": (transcript(5), "no transcript"),
    "hears nothing at all": (transcript(None), "no transcript"),
    "hears a book": (transcript("word " * 5_000), "no transcript"),
}
GOOD_FORM = {"rate": 22_050, "width": 2, "channels": 1}


def spoken(form: dict[str, Any], audio: bytes = b"\1\0" * 4000) -> Callable[[Peer], None]:
    """Audio in such a format, or what is said to be one."""
    stop = event("audio-stop")
    return lambda peer: peer.send(event("audio-start", form) + event("audio-chunk", form, audio) + stop)


BAD_MOUTHS = BAD | {
    "says no format": (spoken({}), "which format"),
    "says a rate that is none": (spoken({**GOOD_FORM, "rate": 0}), "makes no sense"),
    "says a width that is none": (spoken({**GOOD_FORM, "width": 7}), "makes no sense"),
    "says a rate in words": (spoken({**GOOD_FORM, "rate": "high"}), "makes no sense|format"),
    "has very many channels": (spoken({**GOOD_FORM, "channels": 1000}), "makes no sense"),
    "changes its rate": (
        lambda p: p.send(event("audio-start", GOOD_FORM) + event("audio-chunk", {**GOOD_FORM, "rate": 8000}, b"\0\0")),
        "makes no sense",
    ),
    "is silent": (spoken(GOOD_FORM, b"\0\0" * 20_000), "cannot be heard"),
    "says nothing": (lambda p: p.send(event("audio-start", GOOD_FORM) + event("audio-stop")), "cannot be heard"),
}


def one_line(error: ModelRunError, log: str) -> None:
    told = f"{error.message} {error.hint} {log}"
    assert "\n" not in error.message
    assert len(error.message) < 400
    assert "tcp://127.0.0.1" in error.message
    assert "cellar" not in told


@pytest.mark.parametrize("name", BAD_EARS)
def test_a_recogniser_that_misbehaves_is_one_clear_line(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answer, expected = BAD_EARS[name]
    with ears(answer) as (recogniser, _), pytest.raises(ModelRunError, match=expected) as caught:
        recogniser.transcribe(NOISE)
    one_line(caught.value, caplog.text)


@pytest.mark.parametrize("name", BAD_MOUTHS)
def test_a_voice_that_misbehaves_is_one_clear_line(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answer, expected = BAD_MOUTHS[name]
    with mouth(answer) as (voice, _), pytest.raises(ModelRunError, match=expected) as caught:
        voice.speak(WORDS)
    one_line(caught.value, caplog.text)


def test_servers_that_hang() -> None:
    with ears(lambda peer: peer.hang(), reply_s=0.3) as (recogniser, server):
        with pytest.raises(ModelRunError, match="in time"):
            recogniser.transcribe(NOISE)
        assert server.hung_up.wait(5)
    with mouth(lambda peer: peer.hang(), begin_s=0.3) as (voice, server):
        with pytest.raises(ModelRunError, match="in time"):
            voice.speak("Hello.")
        assert server.hung_up.wait(5)


def test_a_server_that_takes_nothing() -> None:
    with RudeServer(lambda _: time.sleep(5)) as server:
        recogniser = WyomingRecogniser(Server(server.tcp, connect_s=5, reply_s=0.3))
        with contextlib.closing(recogniser), pytest.raises(ModelRunError, match=r"in time|does not take"):
            recogniser.transcribe(np.tile(NOISE, 300))


def test_nobody_there() -> None:
    server = Server(f"tcp://127.0.0.1:{free_port()}", connect_s=5)
    with (
        contextlib.closing(WyomingRecogniser(server)) as recogniser,
        pytest.raises(ModelRunError, match="cannot be reached: connection refused"),
    ):
        recogniser.check()
    gone = Server("unix:///nowhere/at/all.sock")
    with (
        contextlib.closing(WyomingVoice(gone)) as voice,
        pytest.raises(ModelRunError, match="cannot be reached: no such file"),
    ):
        voice.speak("Hello.")


# --- voice --------------------------------------------------------------------------------------------------------

WAVE = np.concatenate(
    [np.zeros(4000), 0.05 * np.sin(np.arange(24_000) * 0.3) * np.hanning(24_000).clip(0.1), np.zeros(9000)]
)


def as_pcm(wave: Any, rate_hz: int, width: int, channels: int) -> bytes:
    """`wave` of 16 kHz in another format."""
    at = np.arange(0, len(wave), RATE_HZ / rate_hz)
    values = np.repeat(np.interp(at, np.arange(len(wave)), wave), channels)
    if width == 1:
        return np.rint(values * 127 + 128).astype(np.uint8).tobytes()
    if width == 3:
        return np.rint(values * (2**31 - 1)).astype("<i4").reshape(-1, 1).view(np.uint8)[:, 1:].tobytes()
    return np.rint(values * (2 ** (8 * width - 1) - 1)).astype(f"<i{width}").tobytes()


def speaks(rate_hz: int = 22_050, width: int = 2, channels: int = 1, wave: Any = WAVE) -> Callable[[Peer], None]:
    form = {"rate": rate_hz, "width": width, "channels": channels}
    raw = as_pcm(wave, rate_hz, width, channels)

    def answer(peer: Peer) -> None:
        peer.send(event("audio-start", form))
        step = 1000 * width * channels
        for at in range(0, len(raw), step):
            peer.send(event("audio-chunk", form, raw[at : at + step]))
        peer.send(event("audio-stop"))

    return answer


@pytest.mark.parametrize(
    ("rate_hz", "width", "channels"), [(22_050, 2, 1), (16_000, 2, 1), (48_000, 4, 2), (24_000, 3, 1), (44_100, 1, 2)]
)
def test_any_format_becomes_a_clause(rate_hz: int, width: int, channels: int) -> None:
    with mouth(speaks(rate_hz, width, channels), loudness_lufs=-16.0) as (voice, _):
        speech = voice.speak("The lamp is on.")
    assert speech is not None
    assert speech.text == "The lamp is on."
    pause = PAUSES_MS["."] * RATE_HZ // 1000
    voiced = speech.pcm[:-pause].astype(np.float32) / 32767
    assert 23_000 < len(voiced) < 25_500  # trimmed: 24,000 samples of it can be heard
    assert not speech.pcm[-pause:].any()
    assert loudness_lufs(voiced, rate_hz=RATE_HZ) == pytest.approx(-16.0, abs=1.0)
    assert speech.marks[-1].samples == len(speech.pcm)
    assert len(speech.marks) == 4


def test_the_gain_is_found_once() -> None:
    with mouth(speaks()) as (voice, server):
        voice.speak("One.")
        voice.speak("Two.")
    texts = [taken[-1]["data"]["text"] for _, _, taken in server.requests]
    assert texts[1:] == ["One.", "Two."]
    assert "lamp" in texts[0]


def test_the_voice_that_is_asked_for() -> None:
    with mouth(speaks(), voice="en_GB-alan", speaker="7") as (voice, server):
        voice.speak("Hello.")
    assert server.requests[-1][2][-1]["data"]["voice"] == {"name": "en_GB-alan", "speaker": "7"}


@pytest.mark.parametrize("text", ["", " ", "...", "—"])
def test_nothing_to_say(text: str) -> None:
    with mouth(speaks()) as (voice, server):
        assert voice.speak(text) is None
    assert server.connections == 0


def test_a_cancelled_clause_closes_the_connection() -> None:
    def begins(peer: Peer) -> None:
        if len(peer.server.requests) == 1:
            speaks()(peer)
        else:
            peer.send(event("audio-start", GOOD_FORM) + event("audio-chunk", GOOD_FORM, b"\1\0" * 999))
            peer.hang()

    with mouth(begins) as (voice, server):
        assert voice.speak("Hello.", cancelled=lambda: len(server.requests) > 1) is None
        assert server.hung_up.wait(5)


def test_a_voice_that_does_not_stop_is_stopped() -> None:
    def drones(peer: Peer) -> None:
        form = {"rate": 8000, "width": 2, "channels": 1}
        piece = event("audio-chunk", form, b"\1\2" * 50_000)
        with contextlib.suppress(OSError):
            while True:
                peer.connection.sendall(piece)

    with mouth(drones) as (voice, _), pytest.raises(ModelRunError, match="does not stop"):
        voice.speak("Hello.")


@given(
    st.text(min_size=1, max_size=80).filter(lambda t: bool(t.split())), st.integers(0, 100_000), st.integers(0, 9000)
)
def test_marks_are_marks_whatever_the_text(text: str, voiced: int, pause: int) -> None:
    marks = shared_marks(text, voiced_samples=voiced, samples=voiced + pause)
    assert (marks[-1].chars, marks[-1].samples) == (len(text), voiced + pause)
    assert all(a.chars < b.chars and a.samples <= b.samples for a, b in itertools.pairwise(marks))
    assert len(marks) == len(text.split())


def test_long_words_take_longer() -> None:
    marks = shared_marks("I unquestionably agree.", voiced_samples=1000, samples=1000)
    assert marks[1].samples - marks[0].samples > 3 * marks[0].samples


# --- looking whether it is there ----------------------------------------------------------------------------------


def described(**what: str) -> Callable[[Peer], None]:
    def handle(peer: Peer) -> None:
        while line := peer.read_line():
            head = json.loads(line)
            peer.read((head.get("data_length") or 0) + (head.get("payload_length") or 0))
            if head["type"] == "describe":
                info(peer, **what)
            elif head["type"] == "synthesize":
                speaks()(peer)

    return handle


@pytest.mark.parametrize(
    ("what", "model", "expected"),
    [
        ({"stt": "tiny"}, "", ""),
        ({"stt": "tiny"}, "tiny", ""),
        ({"stt": "tiny"}, "large", "no model 'large'"),
        ({"tts": "joe"}, "", "no speech recogniser"),
    ],
)
def test_a_recogniser_is_looked_at(what: dict[str, str], model: str, expected: str) -> None:
    with (
        RudeServer(described(**what)) as server,
        contextlib.closing(WyomingRecogniser(Server(server.tcp, 5, 5), model=model)) as recogniser,
        pytest.raises(ModelRunError, match=expected) if expected else contextlib.nullcontext(),
    ):
        recogniser.check()


@pytest.mark.parametrize(
    ("what", "name", "expected"),
    [
        ({"tts": "joe"}, "", ""),
        ({"tts": "joe"}, "joe", ""),
        ({"tts": "joe"}, "amy", "no voice 'amy'"),
        ({"stt": "tiny"}, "", "is no voice"),
    ],
)
def test_a_voice_is_looked_at(what: dict[str, str], name: str, expected: str) -> None:
    with (
        RudeServer(described(**what)) as server,
        contextlib.closing(WyomingVoice(Server(server.tcp, 5, 5), voice=name)) as voice,
        pytest.raises(ModelRunError, match=expected) if expected else contextlib.nullcontext(),
    ):
        voice.check()


NAMELESS = {"attribution": ATTRIBUTION, "installed": True, "description": "", "version": "1", "languages": ["en"]}


@pytest.mark.parametrize(
    "listed",
    [None, [None], [{"name": None, **NAMELESS}, {"name": "tiny", **NAMELESS}], [{"name": ["tiny"], **NAMELESS}]],
)
def test_a_server_that_lists_what_has_no_name(listed: Any) -> None:
    def handle(peer: Peer) -> None:
        peer.read_line()
        program = {"name": "p", **NAMELESS}
        peer.send(event("info", {"asr": [{**program, "models": listed}], "tts": [{**program, "voices": listed}]}))

    with RudeServer(handle) as server:
        where = Server(server.tcp, 5, 5)
        for model in (WyomingRecogniser(where, model="large"), WyomingVoice(where, voice="large")):
            with contextlib.closing(model), pytest.raises(ModelRunError, match=r"has no (model|voice)") as caught:
                model.check()
            assert caught.value.hint
            assert "None" not in caught.value.hint


def test_a_server_that_loads_its_voice_for_the_first_clause() -> None:
    def describes_or_speaks(peer: Peer) -> None:
        head = json.loads(peer.read_line())
        peer.read(head.get("data_length") or 0)  # what is not read by the end resets the connection, and its answer
        if head["type"] == "describe":
            info(peer, tts="joe")
        else:
            time.sleep(0.6)
            speaks()(peer)

    with (
        RudeServer(describes_or_speaks) as server,
        contextlib.closing(WyomingVoice(Server(server.tcp, 5, 5), begin_s=0.2)) as voice,
    ):
        voice.check()  # takes its time: nobody waits
        with pytest.raises(ModelRunError, match="in time"):
            voice.speak("Hello.")


@pytest.mark.parametrize(
    "answer", [b'{"type": "info", "data": {"asr": [5]}}\n', b'{"type": "info", "data": {"asr": 5}}\n']
)
def test_a_description_that_makes_no_sense(answer: bytes) -> None:
    def handle(peer: Peer) -> None:
        peer.read_line()
        peer.send(answer)

    with (
        RudeServer(handle) as server,
        contextlib.closing(WyomingRecogniser(Server(server.tcp, 5, 5))) as recogniser,
        pytest.raises(ModelRunError, match=r"makes no sense|no speech recogniser"),
    ):
        recogniser.check()
