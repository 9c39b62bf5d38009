"""From the configuration to loaded models.

    models = load_models(load_settings(), load_persona("assistant"))
    models.recogniser.transcribe(audio)

Every loader raises ModelError with the command that mends it: a missing or altered file is found before its runtime
sees it. Runtimes are imported inside the loaders: a command that needs one model does not wait for the others.
"""

import json
import logging
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from logging.handlers import BufferingHandler
from pathlib import Path
from typing import TYPE_CHECKING

from device.config.dirs import state_dir
from device.config.schema import Settings
from device.dialogue.acting import ActingPolicy
from device.dialogue.answer import AnswerPolicy
from device.dialogue.clauses import ClausePolicy
from device.dialogue.confirmation import ConfirmationPolicy
from device.dialogue.doing import DoingPolicy, Offer, nothing_offered
from device.dialogue.lateness import SURE_SHARE, LatenessPolicy
from device.dialogue.loop import Models
from device.dialogue.ringing import RingPolicy
from device.persona import Persona
from device.voice_gain import VoiceGains, key_of
from models.errors import ModelDamagedError, ModelMissingError
from models.phrases import PhraseVoice
from models.store import ModelStore
from models.store import open_store as open_store_in

if TYPE_CHECKING:
    from models.llm import LlamaCpp
    from models.protocols import ChatModel, Recogniser, Voice
    from models.stt import WhisperCpp
    from models.tts import PiperVoice
    from models.turn import SmartTurn
    from models.vad import SileroVad
    from models.wake import WakeWords

_MOST_HELD = 10_000  # lines of the log, while models load
WAKE_MODEL = "microwakeword"  #: in the catalogue: all the wake words that we bring


def open_store(settings: Settings) -> ModelStore:
    """The model store that the configuration names, with the owner's own catalogue. Raises ModelError."""
    return open_store_in(settings.models.dir)


def load_vad(settings: Settings) -> "SileroVad":
    """The voice activity detector. Raises ModelError."""
    path = open_store(settings).path(settings.vad.model)
    from models.vad import SileroVad  # noqa: PLC0415 - see above

    return SileroVad(path)


def load_wake(settings: Settings) -> "WakeWords | None":
    """The wake words that the configuration names; None when it is not to wait for any. Raises ModelError."""
    return load_wake_words(settings) if settings.turn.wake_words else None


def load_wake_words(settings: Settings) -> "WakeWords":
    """The wake words that the configuration names, wanted or not. Raises ModelError."""
    from models.wake import WakeWord, WakeWords  # noqa: PLC0415

    return WakeWords([WakeWord.of_file(path, sensitivity=much) for path, much in _wake_configs(settings)])


def _wake_configs(settings: Settings) -> list[tuple[Path, float]]:
    """Of each wake word its file and its sensitivity. Raises ModelError."""
    store = open_store(settings)
    ours = [file.role for file in store.catalog.model(WAKE_MODEL).files if not file.role.endswith("-config")]
    words = []
    for name, sensitivity in settings.wake.each():
        if name.endswith(".json"):
            config = Path(name).expanduser()
        elif name in ours:
            store.path(WAKE_MODEL, name)  # the network that it names: the right one?
            config = store.path(WAKE_MODEL, f"{name}-config")
        else:
            raise ModelMissingError(
                f"there is no wake word {name!r}", hint=f"there is: {', '.join(ours)}, or name a .json of your own"
            )
        words.append((config, sensitivity))
    return words


def load_turn(settings: Settings) -> "SmartTurn | None":
    """The judge of whether the user has finished; None when the configuration goes without. Raises ModelError."""
    if settings.turn.model == "none":
        return None
    path = open_store(settings).path(settings.turn.model)
    from models.process import worker_threads  # noqa: PLC0415
    from models.turn import SmartTurn  # noqa: PLC0415

    return SmartTurn(path, threads=worker_threads(0, most=2))


def load_recogniser(settings: Settings) -> "Recogniser":
    """The speech recogniser: on the board, on a server, or both. Raises ModelError."""
    if settings.stt.server:
        from device import servers  # noqa: PLC0415

        return servers.recogniser(settings, _local_recogniser)
    return _local_recogniser(settings)


def _local_recogniser(settings: Settings) -> "WhisperCpp":
    path = open_store(settings).path(settings.stt.model)
    from models.stt import WhisperCpp  # noqa: PLC0415

    return WhisperCpp(path, language=settings.stt.language, threads=settings.stt.threads)


def load_chat(settings: Settings) -> "ChatModel":
    """The language model: on the board, on a server, or both. Raises ModelError."""
    if settings.llm.server:
        from device import servers  # noqa: PLC0415

        return servers.chat(settings, _local_chat, local_tools=_local_tools(settings))
    return _local_chat(settings)


def _local_chat(settings: Settings) -> "LlamaCpp":
    llm = settings.llm
    path = open_store(settings).path(llm.model)
    from models.llm import LlamaCpp  # noqa: PLC0415

    return LlamaCpp(
        path,
        context_tokens=llm.context_tokens,
        max_reply_tokens=llm.max_reply_tokens,
        max_reply_s=llm.max_reply_s,
        temperature=llm.temperature,
        threads=llm.threads,
    )


def offers_tools(settings: Settings) -> bool:
    """May the language model ask for skills? A server's may; of one on the board its entry in the catalogue says so."""
    return bool(settings.llm.server) or _local_tools(settings)


def _local_tools(settings: Settings) -> bool:
    return open_store(settings).catalog.model(settings.llm.model).tools


def answer_policy(settings: Settings) -> AnswerPolicy:
    """How an answer is cut into clauses, and what is said when it is late."""
    clause, answer = settings.clause, settings.answer
    return AnswerPolicy(
        ClausePolicy(
            clause.first_min_chars, clause.min_chars, clause.max_chars, clause.first_max_chars, clause.early_words
        ),
        lateness=LatenessPolicy(
            answer.acknowledge,
            answer.acknowledgement,
            after_ms=answer.acknowledge_after_ms,
            sure_after_ms=SURE_SHARE * answer.acknowledge_after_ms,
        ),
    )


def acting_policy(settings: Settings, *, interpreter: bool = False, tools: Offer = nothing_offered) -> ActingPolicy:
    """What is asked, done and told. `interpreter`: is there one? `tools`: for a language model that can ask."""
    acting = settings.acting
    return ActingPolicy(
        doing=DoingPolicy(
            interpreter=interpreter,
            second_look=settings.skills.second_look,
            tools=tools,
            longest_wait_ms=acting.longest_wait_s * 1000,
        ),
        confirmation=ConfirmationPolicy(expires_ms=acting.question_expires_s * 1000),
        natural_pause_ms=acting.natural_pause_ms,
    )


def kept_texts(settings: Settings) -> tuple[str, ...]:
    """What is said word for word, and kept as audio."""
    return (*answer_policy(settings).fixed_texts, *acting_policy(settings).doing.fixed_texts)


def ring_policy(settings: Settings) -> RingPolicy:
    """How timers and alarms ring."""
    acting = settings.acting
    return RingPolicy(
        pause_ms=acting.ring_pause_ms,
        quiet_db=acting.ring_quiet_db,
        longest_ms=acting.ring_longest_min * 60_000,
    )


def load_voice(settings: Settings) -> "Voice":
    """The voice: on the board, on a server, or both. Raises ModelError."""
    if settings.tts.server:
        from device import servers  # noqa: PLC0415

        return servers.voice(settings, _local_voice)
    return _local_voice(settings)


def _local_voice(settings: Settings) -> "PiperVoice":
    store = open_store(settings)
    path, config = store.path(settings.tts.voice), store.path(settings.tts.voice, "config")
    from models.tts import PiperVoice  # noqa: PLC0415

    loudness_lufs, speed = settings.tts.loudness_lufs, settings.tts.speed
    gains = VoiceGains(state_dir() / "voice-gain.json")
    key = key_of(path, loudness_lufs=loudness_lufs, speed=speed)
    with ExitStack() as stack:
        if speed != 1.0:  # else no file is written: the disk may be full, or read-only
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="nearfield-"))
            config = _written(Path(folder) / config.name, _at_speed(config, speed))
        voice = PiperVoice(path, loudness_lufs=loudness_lufs, config_path=config, gain_db=gains.get(key))
    gains.keep(key, voice.gain_db)
    return voice


def _written(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def _at_speed(config: Path, speed: float) -> str:
    """A Piper voice's own settings, but `speed` times as fast: `inference.length_scale` stretches every phoneme."""
    try:
        values = json.loads(config.read_text("utf-8"))
        inference = values.setdefault("inference", {})
        inference["length_scale"] = float(inference.get("length_scale", 1.0)) / speed
        return json.dumps(values)
    except (ValueError, TypeError, AttributeError) as error:
        raise ModelDamagedError(
            f"{config} is not the configuration of a Piper voice", hint="pull it again with 'nearfield models pull'"
        ) from error


def load_chat_for(persona: Persona, settings: Settings) -> "ChatModel":
    """Who answers what no skill answers, as `persona` has it: a language model is loaded only if it is needed.

    Raises ModelError, ConfigError.
    """
    from device.persona_chat import chat_for  # noqa: PLC0415

    return chat_for(persona, lambda: load_chat(settings), able=offers_tools(settings))


@contextmanager
def _log_held() -> Iterator[None]:
    """llama-cpp-python points standard error to nowhere while it loads; what others log meanwhile is told behind it."""
    root = logging.getLogger()
    handlers, held = root.handlers[:], BufferingHandler(_MOST_HELD)
    root.handlers = [held]
    try:
        yield
    finally:
        root.handlers = handlers
        for record in held.buffer:
            root.handle(record)


def find_models(settings: Settings, persona: Persona) -> None:
    """Is all there that `load_models` would load? Nothing is loaded. Raises ModelError, ConfigError."""
    from device.persona_chat import needs_llm  # noqa: PLC0415

    store = open_store(settings)
    store.path(settings.vad.model)
    if settings.turn.model != "none":
        store.path(settings.turn.model)
    if settings.turn.wake_words:
        _wake_configs(settings)
    if settings.stt.fallback or not settings.stt.server:
        store.path(settings.stt.model)
    if needs_llm(persona, able=offers_tools(settings)) and (settings.llm.fallback or not settings.llm.server):
        store.path(settings.llm.model)
    if settings.tts.fallback or not settings.tts.server:
        store.path(settings.tts.voice)
        store.path(settings.tts.voice, "config")


def load_models(settings: Settings, persona: Persona) -> Models:
    """All that `persona` needs, loaded side by side: the runtimes release the GIL. Raises the first ModelError.

    To be called once: what there is then is taken to stay (`models.process.settled`).
    """
    from models.process import settled  # noqa: PLC0415 - with the runtimes

    with _log_held(), ThreadPoolExecutor(max_workers=4, thread_name_prefix="load") as pool:
        # the slowest first, so that it does not wait for a free core
        voice = pool.submit(load_voice, settings)
        recogniser = pool.submit(load_recogniser, settings)
        chat = pool.submit(load_chat_for, persona, settings)
        vad = pool.submit(load_vad, settings)
        turn = pool.submit(load_turn, settings)
        wake = pool.submit(load_wake, settings)
        models = Models(
            vad=vad.result(),
            recogniser=recogniser.result(),
            chat=chat.result(),
            voice=PhraseVoice(voice.result(), keep=kept_texts(settings)),
            turn=turn.result(),
            wake=wake.result(),
        )
    settled()
    return models
