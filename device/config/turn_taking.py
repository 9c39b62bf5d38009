"""The sections that say when somebody speaks, and when they have finished: [vad], [turn], [barge_in].

How the keys work together: docs/turn-taking.md.
"""

import itertools
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from device.config.section import Name, Probability, Section, contradiction
from device.dialogue.backchannels import BACKCHANNELS


def _modes(value: object) -> object:
    """Several modes in any order, as a list or divided by commas. The button works in all: it is named or not."""
    given = value.split(",") if isinstance(value, str) else value
    if not isinstance(given, list | tuple) or not all(isinstance(each, str) for each in given):
        return value
    modes = {each.strip() for each in given}
    if not modes <= {"open", "wake", "push-to-talk"} or not modes:
        return value
    return ",".join(mode for mode in ("open", "wake") if mode in modes) or "push-to-talk"


Listen = Annotated[Literal["open", "push-to-talk", "wake", "open,wake"], BeforeValidator(_modes)]


class VadSettings(Section):
    """Voice activity: what counts as speech."""

    model: Name = Field(default="silero-vad", description="model id (see 'nearfield models list')")
    start_probability: Probability = Field(default=0.5, description="speech begins at this probability")
    stop_probability: Probability = Field(default=0.35, description="speech ends below this probability")
    min_speech_ms: int = Field(default=64, ge=0, le=2_000, description="shorter sounds are not speech, in ms")
    pre_roll_ms: int = Field(
        default=500, ge=0, le=2_000, description="audio kept from before the speech was noticed, in ms"
    )

    @model_validator(mode="after")
    def _hysteresis(self) -> Self:
        if self.stop_probability > self.start_probability:
            raise contradiction(
                "stop_probability",
                f"vad.stop_probability ({self.stop_probability}) must not be above "
                f"vad.start_probability ({self.start_probability})",
            )
        return self


class TurnSettings(Section):
    """Turn-taking: when the user has finished."""

    listen: Listen = Field(
        default="open",
        description="listen all the time, while a key is held, or behind a wake word; a key works in any case",
    )
    model: Name = Field(
        default="smart-turn-v3.2",
        description='model id of the judge of whether the user has finished, by the sound; "none" goes without',
    )
    end_silence_ms: int = Field(
        default=600,
        ge=100,
        le=10_000,
        description="silence that ends a turn without a turn model, or where it or the words are in doubt, in ms",
    )
    sure_silence_ms: int = Field(
        default=200, ge=50, le=10_000, description="silence that ends a turn when the turn model is sure, in ms"
    )
    likely_silence_ms: int = Field(
        default=320, ge=50, le=10_000, description="... when it takes the end for likely, in ms"
    )
    unready_silence_ms: int = Field(
        default=450,
        ge=50,
        le=10_000,
        description="... in place of these two, at most, while nothing of the answer can sound yet, in ms",
    )
    disputed_silence_ms: int = Field(
        default=950,
        ge=50,
        le=10_000,
        description="... when sound and words disagree, or the words are doubtful and left open, in ms",
    )
    unsure_silence_ms: int = Field(
        default=1_300,
        ge=100,
        le=10_000,
        description="... when the turn model says that it goes on, though the words are a whole sentence, in ms",
    )
    undecided_silence_ms: int = Field(
        default=1_500,
        ge=100,
        le=20_000,
        description="... when nothing says that it is over, or something is being dictated, in ms",
    )
    longest_silence_ms: int = Field(
        default=2_000, ge=100, le=20_000, description="... when the words cannot be all: the longest wait, in ms"
    )
    sure_probability: Probability = Field(
        default=0.9, description="from this probability of its turn model on the turn model is sure"
    )
    likely_probability: Probability = Field(default=0.5, description="... and takes the end for likely")
    trusted_words_probability: Probability = Field(
        default=0.8, description="from this probability of the recogniser on a whole sentence is believed"
    )
    doubtful_words_probability: Probability = Field(
        default=0.25, description="below this one words say nothing about whether the turn is over"
    )
    doubtful_open_probability: Probability = Field(
        default=0.4, description="... and below this one if they end without a mark or a sentence"
    )
    sentence_end_weight: float = Field(
        default=1.5,
        ge=0.0,
        le=10.0,
        description="what the language model thinks of the words counts so much, the turn model 1; 0: nothing",
    )
    neutral_sentence_end_probability: Probability = Field(
        default=0.05, description="so probable an end of a sentence, to the language model, says nothing"
    )
    speculate: bool = Field(
        default=True, description="prepare the answer while it is not yet certain that the turn is over"
    )
    speculate_silence_ms: int = Field(
        default=30, ge=20, le=10_000, description="silence after which an answer is prepared but not yet spoken, in ms"
    )
    partials: bool = Field(default=True, description="recognise while the user is still talking")
    partial_interval_ms: int = Field(
        default=1_000, ge=100, le=60_000, description="... again after so much new speech, in ms"
    )
    longest_pause_ms: int = Field(
        default=1_000,
        ge=200,
        le=10_000,
        description="the waits follow the speaker's own pauses, up to this, in ms; 200 = they do not",
    )
    max_utterance_s: int = Field(
        default=60, ge=1, le=600, description="longest turn, in s; what comes after is the next one"
    )

    @model_validator(mode="after")
    def _prepared_before_the_end(self) -> Self:
        # not unready_silence_ms: it lengthens the two before it or does nothing, so whoever sets one of those to more
        # need not know of it
        waits = (
            "speculate_silence_ms",
            "sure_silence_ms",
            "likely_silence_ms",
            "disputed_silence_ms",
            "unsure_silence_ms",
            "undecided_silence_ms",
            "longest_silence_ms",
        )
        for shorter, longer in itertools.pairwise(waits):
            if getattr(self, shorter) > getattr(self, longer):
                raise contradiction(
                    shorter,
                    f"turn.{shorter} ({getattr(self, shorter)}) must not be above "
                    f"turn.{longer} ({getattr(self, longer)})",
                )
        if not self.speculate_silence_ms <= self.end_silence_ms <= self.longest_silence_ms:
            raise contradiction(
                "end_silence_ms",
                f"turn.end_silence_ms ({self.end_silence_ms}) must lie between turn.speculate_silence_ms "
                f"({self.speculate_silence_ms}) and turn.longest_silence_ms ({self.longest_silence_ms})",
            )
        if self.likely_probability > self.sure_probability:
            raise contradiction(
                "likely_probability",
                f"turn.likely_probability ({self.likely_probability}) must not be above turn.sure_probability "
                f"({self.sure_probability})",
            )
        return self

    @property
    def open_microphone(self) -> bool:
        """May any voice open a turn?"""
        return self.listen.startswith("open")

    @property
    def wake_words(self) -> bool:
        """Are wake words listened for?"""
        return self.listen.endswith("wake")


class BargeInSettings(Section):
    """Interrupting the answer by speaking over it."""

    enabled: bool = Field(default=True, description="stop the answer when the user speaks over it")
    probability: Probability = Field(default=0.6, description="speech probability that counts while the answer sounds")
    min_speech_ms: int = Field(default=64, ge=0, le=5_000, description="speech over the answer that stops it, in ms")
    resume: bool = Field(default=True, description="go on with the answer when nothing intelligible was said over it")
    resume_within_ms: int = Field(
        default=4_000,
        ge=0,
        le=60_000,
        description="... if that is known so soon after it fell silent, in ms; the end of the utterance is part of it",
    )
    backchannels: str = Field(
        default=BACKCHANNELS,
        description="what does not interrupt either when nothing else is said, divided by commas; empty = nothing",
    )
