"""Every key of the configuration: its type, default, bounds and meaning.

    settings = Settings(turn=TurnSettings(end_silence_ms=800))
    settings.turn.end_silence_ms

Units are in the names. All models are frozen, and a key that is not here is refused. To add a key, add a field
with bounds and a description: file, environment, `--set`, `nearfield config` and its documentation follow.
"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from device.config.acting import ActingSettings
from device.config.control import ControlSettings, WebhookSettings, named_hooks
from device.config.dirs import data_dir, state_dir
from device.config.home import McpSettings, MqttSettings
from device.config.metrics import MetricsSettings, TelemetrySettings
from device.config.section import Name, OptionalPath, Section, Threads, UserPath, contradiction, none_word
from device.config.servers import HttpUrl, ServersSettings, WyomingUri
from device.config.turn_taking import BargeInSettings, TurnSettings, VadSettings
from device.config.update import UpdateSettings
from device.config.wake import WakeSettings
from device.config.web import WebSettings

APA102_PINS = (10, 11)  #: SPI0's data and clock (BCM2835 ARM Peripherals, table 6-31)
WS2812_PINS = (10, 12, 18, 21)  #: SPI0's data, PWM0, PWM0, PCM: what rpi_ws281x drives on its first channel


class AudioSettings(Section):
    """The sound card."""

    input: Name = Field(
        default="auto",
        description='microphone: "auto", its number, part of its name or "usb:0d8c:0014" ("nearfield devices")',
    )
    output: Name = Field(default="auto", description='loudspeaker, as the microphone; "none" goes without')
    rate_hz: int = Field(default=0, ge=0, le=384_000, description="rate to open the card at, in Hz; 0 = the card's own")
    mic_channel: int = Field(
        default=0, ge=0, le=7, description="channel of the input that is the microphone, counted from 0"
    )
    reference_channel: int = Field(
        default=-1, ge=-1, le=7, description="channel of the input that hears the loudspeaker on a wire; -1 = none"
    )
    format: Literal["auto", "int16", "int32", "float32"] = Field(
        default="auto", description="sample format to open the card with; auto = the first that it takes"
    )
    wait_for_card_s: int = Field(
        default=0, ge=0, le=86_400, description="wait so long for a card that is absent or busy at the start, in s"
    )
    playback_gain_db: Annotated[float, Field(ge=-40.0, le=0.0)] | Literal["auto"] = Field(
        default="auto",
        description="how far what is played is turned down, in dB; \"auto\" = as 'nearfield calibrate' found",
    )


class EchoSettings(Section):
    """Echo cancellation: keeps the assistant from hearing itself."""

    enabled: bool = Field(default=True, description="cancel the echo of the loudspeaker; false only with a headset")
    tail_ms: int = Field(
        default=200, ge=20, le=500, description="how long the echo of a sound lasts in the room, in ms"
    )
    residual_suppression_db: int = Field(
        default=-60, ge=-90, le=0, description="how far the echo that is left is turned down, in dB"
    )
    residual_suppression_active_db: int = Field(
        default=-40, ge=-90, le=0, description="the same while somebody speaks over the answer, in dB"
    )


class SttSettings(Section):
    """Speech to text."""

    model: Name = Field(default="whisper-tiny.en", description="model id or path of a whisper.cpp file")
    language: Name = Field(
        default="en", description='language spoken, as its ISO 639-1 code; "auto" with a multilingual model'
    )
    threads: Threads = Field(default=0, description="threads; 0 = as many as suit the machine")
    server: WyomingUri = Field(default="", description='Wyoming server to ask, as "tcp://host:10300"; "" = none')
    server_model: str = Field(default="", description='name of the model on the server; "" = the server\'s choice')
    server_timeout_ms: int = Field(
        default=3_000, ge=100, le=60_000, description="how long a transcript of the server is waited for, in ms"
    )
    fallback: bool = Field(default=True, description="load the local model too, for when the server does not answer")


class LlmSettings(Section):
    """The language model that writes the answer."""

    model: Name = Field(default="smollm2-135m-instruct-q8_0", description="model id or path of a GGUF file")
    context_tokens: int = Field(default=1024, ge=256, le=131_072, description="length of the context, in tokens")
    max_reply_tokens: int = Field(default=160, ge=1, le=4_096, description="longest answer, in tokens")
    max_reply_s: int = Field(default=30, ge=1, le=600, description="longest time that an answer is written for, in s")
    temperature: float = Field(default=0.0, ge=0.0, le=2.0, description="0 = always the most probable word")
    threads: Threads = Field(default=0, description="threads; 0 = as many as suit the machine")
    server: HttpUrl = Field(default="", description='OpenAI-compatible server to ask, as "http://host:8080"; "" = none')
    server_model: str = Field(default="", description='name of the model on the server; "" = the first it lists')
    server_key_file: OptionalPath = Field(
        default=None,
        description='file with the API key, readable by its owner alone; "none" = NEARFIELD_LLM_KEY',
    )
    server_ca_file: OptionalPath = Field(
        default=None, description='PEM file of the authority that signed its certificate; "none" = the usual ones'
    )
    server_context_tokens: int = Field(
        default=4_096, ge=256, le=1_048_576, description="length of the context on the server, in tokens"
    )
    first_token_timeout_ms: int = Field(
        default=1_500, ge=100, le=60_000, description="how long the server may take to begin its answer, in ms"
    )
    token_timeout_ms: int = Field(default=3_000, ge=100, le=60_000, description="... and to go on with it, in ms")
    fallback: bool = Field(default=True, description="load the local model too, for when the server does not answer")

    @model_validator(mode="after")
    def _room_for_the_question(self) -> Self:
        if self.max_reply_tokens > self.context_tokens // 2:
            raise contradiction(
                "max_reply_tokens",
                f"llm.max_reply_tokens ({self.max_reply_tokens}) must not be above half of "
                f"llm.context_tokens ({self.context_tokens})",
            )
        return self


class TtsSettings(Section):
    """Text to speech."""

    voice: Name = Field(default="piper-en_US-joe-medium", description="model id or path of a Piper voice (.onnx)")
    loudness_lufs: float = Field(default=-16.0, ge=-40.0, le=-6.0, description="loudness of the voice, in LUFS")
    speed: float = Field(default=1.0, ge=0.5, le=2.0, description="1 = the voice's own speed, 2 = twice as fast")
    server: WyomingUri = Field(default="", description='Wyoming server to ask, as "tcp://host:10200"; "" = none')
    server_voice: str = Field(default="", description='name of the voice on the server; "" = the server\'s choice')
    server_speaker: str = Field(default="", description="speaker of that voice, if it has several")
    server_timeout_ms: int = Field(
        default=1_500, ge=100, le=60_000, description="how long the first audio of the server is waited for, in ms"
    )
    fallback: bool = Field(default=True, description="load the local voice too, for when the server does not answer")


class ClauseSettings(Section):
    """How the answer is cut into clauses to be spoken."""

    first_min_chars: int = Field(
        default=4, ge=1, le=500, description="shortest first clause, in characters, if the next is there in time"
    )
    min_chars: int = Field(default=24, ge=1, le=500, description="shortest clause after the first, in characters")
    max_chars: int = Field(default=100, ge=20, le=2_000, description="longest clause, in characters")
    first_max_chars: int = Field(
        default=48, ge=10, le=2_000, description="a longer first clause ends where a phrase begins, in characters"
    )
    early_words: bool = Field(
        default=True,
        description="say its first words before the first clause is complete, if the rest will come in time",
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for key in ("first_min_chars", "min_chars"):
            if getattr(self, key) > self.max_chars:
                raise contradiction(
                    key, f"clause.{key} ({getattr(self, key)}) must not be above clause.max_chars ({self.max_chars})"
                )
        return self


class AnswerSettings(Section):
    """What is said while an answer is being made."""

    acknowledge: bool = Field(default=True, description="say a few words when the answer is late")
    acknowledge_after_ms: int = Field(
        default=1_500, ge=300, le=60_000, description="... so long after the end of speech, in ms"
    )
    acknowledgement: Name = Field(default="One moment.", description="... these; they should promise nothing")


class DegradeSettings(Section):
    """What is done without when the machine is behind: partials, speculation, then the recogniser's full effort."""

    enabled: bool = Field(default=True, description="give things up when the machine is behind, and take them back")
    decode_percent: int = Field(
        default=50,
        ge=5,
        le=1_000,
        description="it is when recognising takes so much of the time of the sound, in percent",
    )
    microphone_late_ms: int = Field(
        default=200, ge=50, le=10_000, description="... or the microphone is so far behind, in ms"
    )
    wait_ms: int = Field(default=400, ge=50, le=60_000, description="... or work waits so long for its model, in ms")
    turn_model_ms: int = Field(default=200, ge=20, le=10_000, description="... or the turn model takes so long, in ms")
    temperature_c: int = Field(
        default=80, ge=40, le=120, description="... or the processor is so warm, in degrees Celsius"
    )
    recover_s: int = Field(
        default=10, ge=1, le=3_600, description="when it was calm for so long one thing is taken back, in s"
    )


class SessionSettings(Section):
    """The record of the conversations."""

    database: UserPath = Field(
        default_factory=lambda: state_dir() / "sessions.db", description="SQLite file of the session record"
    )
    continue_within_s: int = Field(
        default=600,
        ge=0,
        le=86_400,
        description="go on with a conversation that broke off no longer ago than this, in s; 0 = never",
    )
    keep_days: int = Field(
        default=90,
        ge=0,
        le=36_500,
        description="older sessions are forgotten at the start, but for the newest twenty; 0 = none are",
    )
    keep_mb: int = Field(
        default=50,
        ge=0,
        le=100_000,
        description="when the record is longer, the oldest sessions are forgotten at the start, likewise; 0 = none are",
    )


class RetentionSettings(Section):
    """What else is kept of a conversation."""

    audio: int = Field(
        default=0,
        ge=0,
        le=10_000,
        description="keep the microphone's sound of so many of the last turns beside the session record; 0 = of none",
    )


class ModelsSettings(Section):
    """Where the models are kept."""

    dir: UserPath = Field(default_factory=lambda: data_dir() / "models", description="folder of the models")


Pin = Annotated[int | None, Field(ge=0, le=53), BeforeValidator(none_word)]


class GpioSettings(Section):
    """Buttons and lights on the header of the board. Pins are BCM numbers; "none" = there is none."""

    push_to_talk_pin: Pin = Field(default=None, description="push-to-talk button")
    talk_mode: Literal["hold", "toggle"] = Field(
        default="hold", description="the button is held while talking, or pushed to begin and again to ask"
    )
    mute_pin: Pin = Field(default=None, description="mutes the microphone")
    mute_kind: Literal["button", "switch"] = Field(
        default="button", description="each push changes it, or muted for as long as the contact is closed"
    )
    volume_up_pin: Pin = Field(default=None, description="button: the voice 3 dB louder")
    volume_down_pin: Pin = Field(default=None, description="button: the voice 3 dB softer, at last silent")
    active_low: bool = Field(default=True, description="buttons and switches pull their pin to ground")
    debounce_ms: int = Field(
        default=30, ge=0, le=500, description="changes shorter than this are contact bounce, in ms"
    )
    led_pin: Pin = Field(default=None, description="one LED that tells the state by how it blinks")
    led_idle_pin: Pin = Field(default=None, description="LED that is lit while nothing goes on")
    led_listening_pin: Pin = Field(default=None, description="LED that is lit while the user has the turn")
    led_thinking_pin: Pin = Field(default=None, description="LED that is lit while an answer is made")
    led_speaking_pin: Pin = Field(default=None, description="LED that is lit while the answer sounds")
    led_muted_pin: Pin = Field(default=None, description="LED that is lit while the microphone is silenced")
    led_error_pin: Pin = Field(default=None, description="LED that is lit for 3 s after a failure")
    led_active_low: bool = Field(default=False, description="LEDs are lit by a low level")
    ring: Literal["none", "apa102", "ws2812"] = Field(default="none", description="ring or strip of coloured LEDs")
    ring_leds: int = Field(default=12, ge=1, le=256, description="how many LEDs it has")
    ring_pin: int = Field(default=18, ge=0, le=53, description="data pin of a ws2812 ring: 10, 12, 18 or 21")
    ring_brightness_percent: int = Field(default=25, ge=0, le=100, description="brightness of the ring, in percent")

    @model_validator(mode="after")
    def _pins_of_their_own(self) -> Self:
        if self.ring == "ws2812" and self.ring_pin not in WS2812_PINS:
            raise contradiction("ring_pin", f"gpio.ring_pin ({self.ring_pin}) must be 10, 12, 18 or 21")
        taken: dict[int, str] = {}
        if self.ring == "apa102":
            taken = dict.fromkeys(APA102_PINS, "gpio.ring (apa102: the SPI bus, pins 10 and 11)")
        elif self.ring == "ws2812":
            taken = {self.ring_pin: "gpio.ring_pin"}
        for key, pin in self.pins().items():
            if pin in taken:
                raise contradiction(key, f"gpio.{key} ({pin}) is the pin of {taken[pin]} too")
            taken[pin] = f"gpio.{key}"
        return self

    def pins(self) -> dict[str, int]:
        """The keys of this section that name a pin, and the pin, as far as there is one; but for the ring's."""
        keys = [key for key in type(self).model_fields if key.endswith("_pin") and key != "ring_pin"]
        return {key: pin for key in keys if (pin := getattr(self, key)) is not None}


class ControlsSettings(Section):
    """Mute and volume, by buttons and keys."""

    keep: bool = Field(default=True, description="after a restart both are as they were left")
    file: UserPath = Field(
        default_factory=lambda: state_dir() / "controls.json", description="file that remembers them"
    )


class SkillSettings(Section):
    """What it can do beside talking."""

    enabled: bool = Field(default=True, description="false: the language model answers everything, and nothing is done")
    folder: OptionalPath = Field(
        default=None, description="the owner's skills and sentences; unset: skills.d beside the configuration"
    )
    second_look: bool = Field(
        default=True, description="words that are nearly a command are recognised once more, and asked about"
    )


class ClockSettings(Section):
    """How times are said."""

    hours: int = Field(default=12, ge=12, le=24, multiple_of=12, description='12: "3:10 PM", 24: "15:10"')


class TimerSettings(Section):
    """Timers and alarms."""

    ring_s: float = Field(
        default=600.0, ge=10.0, le=3600.0, description="so long it rings; then it is told as missed, in seconds"
    )
    late_s: float = Field(
        default=600.0,
        ge=0.0,
        le=86_400.0,
        description="so late it still rings after a power cut, else it is told as missed, in seconds",
    )


class EarconSettings(Section):
    """Short sounds: listening (push-to-talk, wake word), not listening, muted, unmuted, error."""

    enabled: bool = Field(default=True, description="play them")
    level_db: float = Field(default=-18.0, ge=-60.0, le=0.0, description="their peak against full scale, in dB")


class Settings(BaseSettings):
    """The whole configuration. `Settings()` is all defaults; files and environment are read by `load_settings`."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    persona: Name = Field(
        default="assistant", description="who the assistant is: name of a persona or path of its file"
    )
    #: before the sections: it is a key of none
    webhooks: Annotated[dict[str, WebhookSettings], AfterValidator(named_hooks)] = Field(
        default={}, description="a table for each address that is told what happens, [webhooks.NAME]"
    )
    audio: AudioSettings = AudioSettings()
    echo: EchoSettings = EchoSettings()
    vad: VadSettings = VadSettings()
    turn: TurnSettings = TurnSettings()
    wake: WakeSettings = WakeSettings()
    barge_in: BargeInSettings = BargeInSettings()
    stt: SttSettings = SttSettings()
    llm: LlmSettings = LlmSettings()
    tts: TtsSettings = TtsSettings()
    servers: ServersSettings = ServersSettings()
    clause: ClauseSettings = ClauseSettings()
    answer: AnswerSettings = AnswerSettings()
    acting: ActingSettings = ActingSettings()
    degrade: DegradeSettings = DegradeSettings()
    # session, models and controls look at the environment for their defaults: made anew each time
    session: SessionSettings = Field(default_factory=SessionSettings)
    retention: RetentionSettings = RetentionSettings()
    models: ModelsSettings = Field(default_factory=ModelsSettings)
    gpio: GpioSettings = GpioSettings()
    controls: ControlsSettings = Field(default_factory=ControlsSettings)
    earcons: EarconSettings = EarconSettings()
    skills: SkillSettings = SkillSettings()
    clock: ClockSettings = ClockSettings()
    timers: TimerSettings = TimerSettings()
    mcp: McpSettings = McpSettings()
    mqtt: MqttSettings = MqttSettings()
    control: ControlSettings = ControlSettings()
    web: WebSettings = WebSettings()
    metrics: MetricsSettings = MetricsSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    update: UpdateSettings = UpdateSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic-settings' own
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is passed in: `device.config.load` brings its own sources, which know where a value is from."""
        return (init_settings,)
