"""Puts the appliance together: the same for the sound card and for the virtual one.

    with Appliance(settings, persona, models, card, on_event=print) as appliance: appliance.run()

From the settings it makes the policy of the conversation, the front end, and the session record; it owns nothing
but their life time.
"""

import contextlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Self

from device.abilities import Abilities, PersonaSkills
from device.assembly import acting_policy, answer_policy, offers_tools, ring_policy
from device.audio.earcons import earcon, earcons
from device.audio.frontend import FrontEnd, PassThrough
from device.audio.keeper import KeptCard, WaitEndedError
from device.audio.mic_health import Cured, MicHealth
from device.audio.playback_gain import with_playback_gain
from device.card import Block, Card
from device.config import Settings
from device.control.desk import ControlDesk
from device.control.levels import Levels
from device.control.machine import MachineStatus
from device.control.status import LiveStatus
from device.controls import Controls
from device.diagnostics.calibration_store import CalibrationStore
from device.diagnostics.health import Health, HealthReader, HealthWatch
from device.dialogue.conversation import Conversation, Policy
from device.dialogue.deeds import Doer
from device.dialogue.degrade import DegradePolicy
from device.dialogue.doing import Offer, nothing_offered
from device.dialogue.endpointer import EndpointPolicy, OnsetRule
from device.dialogue.events import Event, Failure
from device.dialogue.interruption import ResumePolicy
from device.dialogue.listening import ListeningPolicy
from device.dialogue.loop import Assistant, Models
from device.dialogue.speaker_pauses import SpeakerPausePolicy
from device.dialogue.turn_end import TurnEndPolicy
from device.dialogue.wake_gate import WakePolicy
from device.persona import Persona
from device.session.forgetting import prune
from device.session.from_events import Scribe
from device.session.resumption import Unfinished, unfinished
from device.session.store import SessionStore
from device.session.turn_audio import keep_turn_audio
from device.skills.complaints import Complaint
from device.skills.live_skillset import LiveSkillset
from models.protocols import Int16s


def policy_of(settings: Settings, tools: Offer = nothing_offered) -> Policy:
    """The conversation's rules as the configuration has them. `tools`: for a language model that can ask."""
    vad, turn, barge_in = settings.vad, settings.turn, settings.barge_in
    return Policy(
        endpoint=EndpointPolicy(
            onset=OnsetRule(vad.start_probability, vad.min_speech_ms),
            barge_in=OnsetRule(barge_in.probability, barge_in.min_speech_ms),
            stop_probability=vad.stop_probability,
            pause_ms=turn.speculate_silence_ms,
            max_utterance_ms=turn.max_utterance_s * 1000,
        ),
        listening=ListeningPolicy(partials=turn.partials, partial_interval_ms=turn.partial_interval_ms),
        turn_end=TurnEndPolicy(
            sure=turn.sure_probability,
            likely=turn.likely_probability,
            sure_silence_ms=turn.sure_silence_ms,
            likely_silence_ms=turn.likely_silence_ms,
            unready_silence_ms=turn.unready_silence_ms,
            disputed_silence_ms=turn.disputed_silence_ms,
            unsure_silence_ms=turn.unsure_silence_ms,
            undecided_silence_ms=turn.undecided_silence_ms,
            longest_silence_ms=turn.longest_silence_ms,
            plain_silence_ms=turn.end_silence_ms,
            trusted=turn.trusted_words_probability,
            doubtful=turn.doubtful_words_probability,
            doubtful_open=turn.doubtful_open_probability,
            sentence_weight=turn.sentence_end_weight,
            sentence_neutral=turn.neutral_sentence_end_probability,
        ),
        pauses=SpeakerPausePolicy(highest_ms=turn.longest_pause_ms),
        turn_model=turn.model != "none",
        speculate=turn.speculate,
        degrade=degrade_policy(settings),
        language=settings.stt.language,
        answer=answer_policy(settings),
        pre_roll_ms=vad.pre_roll_ms,
        open_microphone=turn.open_microphone,
        wake=wake_policy(settings),
        barge_in=barge_in.enabled,
        acting=acting_policy(settings, interpreter=settings.skills.enabled, tools=tools),
        ringing=ring_policy(settings),
        resume=ResumePolicy(barge_in.resume, barge_in.resume_within_ms, backchannels=barge_in.backchannels),
    )


def wake_policy(settings: Settings) -> WakePolicy | None:
    """Who may speak in wake mode; None: there are no wake words."""
    wake = settings.wake
    if not settings.turn.wake_words:
        return None
    return WakePolicy(wake.listen_ms, wake.follow_up_ms, wake.follow_up_question_ms, wake.barge_in)


def degrade_policy(settings: Settings) -> DegradePolicy:
    """When the machine counts as behind."""
    degrade = settings.degrade
    return DegradePolicy(
        enabled=degrade.enabled,
        decode_share=degrade.decode_percent / 100,
        ear_late_ms=degrade.microphone_late_ms,
        wait_ms=degrade.wait_ms,
        turn_model_ms=degrade.turn_model_ms,
        temperature_c=degrade.temperature_c,
        down_ms=degrade.recover_s * 1000,
        down_longest_ms=degrade.recover_s * 16_000,
    )


def playback_gain_db(settings: Settings, card_name: str) -> float:
    """How far what is played on this card is turned down: as configured, else as it was calibrated, else 0 dB."""
    configured = settings.audio.playback_gain_db
    if configured == "auto":
        return CalibrationStore().playback_gain_db(card_name) or 0.0
    return configured


def _earcons(settings: Settings) -> dict[str, Int16s]:
    """Those of the configuration; whoever wants none still wants to hear an alarm."""
    sounds = earcons(settings.earcons.level_db)
    return sounds if settings.earcons.enabled else {"alarm": sounds["alarm"]}


@dataclass(frozen=True, slots=True)
class Rerun:
    """A turn of an earlier session is run again (`device.converse.replay`): from where, and with whose hands."""

    before: Unfinished
    hands: Callable[[Doer, LiveSkillset], Doer]  #: instead of who carries out: that one may be asked


class Appliance:
    """One session on one card. Use as a context manager: leaving it closes the record, whatever happened."""

    def __init__(
        self,
        settings: Settings,
        persona: Persona,
        models: Models,
        card: Card,
        *,
        on_event: Callable[[Event], None],
        on_block: Callable[[int], None] = lambda _sample: None,
        with_earcons: bool = False,
        resume: bool = False,
        controls: Controls | None = None,
        rerun: Rerun | None = None,
    ) -> None:
        """Raises SessionError when the record cannot be written. `on_event`, `on_block`: see `Assistant`.

        `with_earcons`: as the configuration has it; else none, so that all that sounds is an answer.
        `resume`: this is the device itself: go on with a conversation that broke off a short while ago
        (session.continue_within_s), and with its timers. `controls`: mute and volume (None: of this session alone).
        `rerun`: go on from there instead; the record knows nothing of it.
        """
        self._on_event = on_event
        self._pending_errors: list[str] = []
        self._store = SessionStore.open(settings.session.database, on_error=self._pending_errors.append)
        prune(self._store, settings.session.keep_days, settings.session.keep_mb)
        with contextlib.ExitStack() as parts:  # those that are there are closed when another one cannot be made
            within_s = settings.session.continue_within_s if resume else 0
            broken = unfinished(self._store, persona.name, within_s)
            #: Does this session go on with a conversation that broke off?
            self.resumed = broken is not None and rerun is None
            self._begins_anew = False
            self._has_begun = False  # has it been able to hear?
            self._failed = True  # until `close` says how it ended
            self._recorder = self._store.begin(persona.name, broken.session_id if broken else None)
            parts.callback(self._close_record)
            broken = rerun.before if rerun else broken
            self._scribe = Scribe(self._recorder)
            self._turn_audio = keep_turn_audio(
                settings.session.database,
                self._recorder.session_id,
                settings.retention.audio,
                pre_roll_ms=settings.vad.pre_roll_ms,
                on_error=self._pending_errors.append,
            )
            if self._turn_audio is not None:
                parts.callback(self._turn_audio.close)
            echo = settings.echo
            self._ear = (
                FrontEnd(
                    echo.tail_ms,
                    residual_db=echo.residual_suppression_db,
                    residual_active_db=echo.residual_suppression_active_db,
                )
                if echo.enabled
                else PassThrough()
            )
            parts.callback(self._ear.close)
            kept = card if isinstance(card, KeptCard) else None
            card = with_playback_gain(card, playback_gain_db(settings, card.name))
            self._card = card
            self._earcon_level_db = settings.earcons.level_db
            self._mic_health = MicHealth() if kept is not None else None  # a virtual card may well be perfectly silent
            controls = controls or Controls(card)
            self._able = able = Abilities(
                PersonaSkills(persona, settings), persona, settings, self._recorder, controls, keep=resume
            )
            parts.callback(able.close)
            tools = able.tools if offers_tools(settings) else nothing_offered
            tools()  # made now, and not while somebody waits for an answer
            self.assistant = Assistant(
                Conversation(
                    policy_of(settings, tools),
                    persona.prompt,
                    broken.messages if broken else (),
                    check=able.check,
                    pending=able.pending(broken.question) if broken else None,
                    undelivered=able.undelivered if resume else (),
                ),
                card,
                self._ear,
                models,
                on_event=self._publish,
                on_block=on_block,
                on_mic=self._hear_mic,
                greeting="" if broken else persona.greeting,
                earcons=_earcons(settings) if with_earcons else None,
                interpreter=able.interpreter if settings.skills.enabled else None,
                doer=rerun.hands(able.runner, able.skills) if rerun else able.runner,
                on_snooze=able.on_snooze,
            )
            #: For whoever looks on, or asks for something, from outside.
            self.desk = ControlDesk(self.assistant, controls, status=LiveStatus(self._recorder.session_id))
            controls.watch(self.desk.on_volume)
            self.desk.add_status(
                lambda: {"persona": persona.name, "card": card.name, "card_stats": asdict(card.stats())}
            )
            self.desk.add_status(MachineStatus().to_json)
            self.desk.add_spoken_status(able.status)
            self._levels = Levels()
            self.desk.add_status(lambda: {"resumed": self.resumed})
            if kept is not None:
                kept.watch(self._on_lost, self._on_back, ended=lambda: self._begins_anew)
            self._parts = parts.pop_all()

    def _publish(self, event: Event) -> None:
        self._scribe.on_event(event)
        self._able.on_event(event)
        if self._turn_audio is not None:
            self._turn_audio.on_event(event)
        self._tell(event)
        while self._pending_errors:  # told by the thread that writes, published by this one
            self._tell(Failure(event.sample, event.turn, "session", self._pending_errors.pop(0)))

    def _tell(self, event: Event) -> None:
        self.desk.on_event(event)
        self._on_event(event)

    # these are called from the thread that reads the card

    def _hear_mic(self, block: Block) -> None:
        if self._turn_audio is not None:
            self._turn_audio.hear(block.mic, block.sample)
        if self.desk.feed.wanted("levels") and (levels := self._levels.feed(block)) is not None:
            self.desk.feed.publish(levels)
        if self._mic_health is None or block.muted:  # muted: zeros, as was asked
            return
        for news in self._mic_health.feed(block.mic, block.sample):
            self.assistant.mic_trouble(news.sample, news.kind, news.message, over=isinstance(news, Cured))

    def _on_lost(self, sample: int, message: str) -> None:
        self.assistant.card_lost(sample, message)

    def _on_back(self, sample: int, lost_s: float) -> None:
        self._chime_back()
        self.assistant.card_back(sample, round(lost_s * 1000, 1))

    def _chime_back(self) -> None:
        """It is here again: told even to who wants no other signals, for nothing was heard meanwhile."""
        self._card.play(earcon("card back", self._earcon_level_db))

    @property
    def complaints(self) -> frozenset[Complaint]:
        """What is wrong in files of skills and sentences, and was left out."""
        return frozenset(self._able.skills.complaints)

    def begin_anew(self) -> None:
        """End soon, as one who is back at once: the next session goes on with this conversation. Any thread."""
        self._begins_anew = True
        self.assistant.stop()

    @property
    def begins_anew(self) -> bool:
        """Did it end because `begin_anew` was asked for?"""
        return self._begins_anew

    def run(self) -> None:
        """Converse until `assistant.stop()`. Raises AudioError when the card is lost (a `KeptCard`: CardStuckError)."""
        # WaitEndedError: `begin_anew` came before the card
        with contextlib.suppress(WaitEndedError), self._card, HealthWatch(self._on_health, HealthReader()):
            if self.resumed:  # it was interrupted by more than a person: say that it is here again
                self._chime_back()
            self._able.begin(self.assistant)
            self._has_begun = True
            self.assistant.run()

    def _on_health(self, health: Health) -> None:
        self.assistant.heat(health.temperature_c, throttled=bool(health.throttled))

    def close(self, *, failed: bool = False) -> None:
        """`failed`: it did not end in order. Raises SessionError when something could not be written.

        All parts are closed, whatever one of them raises.
        """
        self._failed = failed
        self._parts.close()

    def _close_record(self) -> None:
        # what has never begun is no conversation that the next session could go on with, unless it has one itself
        goes_on = self._has_begun or self.resumed
        self._recorder.close(failed=self._failed and goes_on, reloads=self._begins_anew and goes_on)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # Ctrl-C is a person's wish
        self.close(failed=kind is not None and issubclass(kind, Exception))
