"""The course of the wizard: which question comes next, and what its answer means.

    interview = Interview(facts, present)
    while (step := interview.step) is not None:
        if isinstance(step, Question): complaint = interview.answer(input())
        else: try_it(step, interview.answers); interview.done()      # a Trial: a tone, a measurement

Sans-IO. An empty answer takes the default, which is what is configured now; "back" goes to the question before.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from device.config.wake import WakeSettings
from device.setup_wizard.advice import advise
from device.setup_wizard.answers import PINS, Answers, check_answer

BACK = "back"
_YES, _NO = ("y", "yes"), ("n", "no")
Trial = Literal["tone", "level", "calibrate"]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several: what it stands for, and how it is shown."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What this machine has. Empty: it could not be told."""

    microphones: tuple[Choice, ...] = ()
    loudspeakers: tuple[Choice, ...] = ()
    no_card: str = ""  #: why there is no sound card
    voices: tuple[Choice, ...] = ()
    personas: tuple[str, ...] = ()
    wake_words: tuple[str, ...] = ("okay_nabu", "hey_jarvis", "alexa", "hey_mycroft")
    memory_mb: int = 0
    cores: int = 0
    board: str = ""
    header: bool = False  #: has the board pins for buttons?
    page: bool = False  #: can this build serve a web page?


@dataclass(frozen=True, slots=True)
class Question:
    """`choices`: answered by number or by what stands there; `free`: anything else is an answer as well."""

    name: str
    text: str
    default: str = ""
    choices: tuple[Choice, ...] = ()
    free: bool = False
    yes_no: bool = False
    note: str = ""


_MODES = (
    Choice("open", "it listens all the time, to whoever speaks"),
    Choice("wake", "it listens behind a wake word"),
    Choice("push-to-talk", "it listens while a button or a key is held"),
)
_SETS = (
    Choice("tiny", "the embedded default: English, answers soonest"),
    Choice("base", "hears more rightly, 99 languages; 148 MB more, and slower"),
)
_HOURS = (Choice("12", '"3:10 PM"'), Choice("24", '"15:10"'))
_PIN_TEXTS = {
    "push_to_talk_pin": "Push-to-talk button: BCM number of its pin?",
    "mute_pin": "Mute button?",
    "volume_up_pin": "Button for louder?",
    "volume_down_pin": "Button for softer?",
    "led_pin": "LED that shows the state?",
}


@dataclass
class Interview:
    """`answers` has what was said so far, over what is configured; `given` only what was said."""

    facts: Facts
    present: Answers
    fresh: bool = False  #: there is no configuration yet: what is advised is the default, not what would be in force
    _given: dict[str, Any] = field(default_factory=dict)  #: by the names of Answers, as they are there
    _local: dict[str, bool] = field(default_factory=dict)  #: yes and no to what is no setting
    _past: list[str] = field(default_factory=list)  #: names of the questions that were answered, in order
    _trial: Trial | None = None

    @property
    def answers(self) -> Answers:
        """Strictly checked, each when it was given."""
        return Answers.model_validate({**self.present.model_dump(), **self._given})

    @property
    def given(self) -> Answers:
        """The questions that were answered, be it by taking the default."""
        return Answers.model_validate(self._given)

    @property
    def number(self) -> int:
        """Of the question of `step`, from 1."""
        return len(self._past) + 1

    @property
    def step(self) -> "Question | Trial | None":
        """What is next; None at the end."""
        if self._trial is not None:
            return self._trial
        name = self._next()
        return None if name is None else self._question(name)

    def answer(self, said: str) -> str:
        """To the question of `step`. Returns what is wrong with it ("": nothing, the next one is up)."""
        question = self.step
        assert isinstance(question, Question)
        said = said.strip()
        if said.lower() == BACK:
            self._go_back()
            return ""
        text = said or question.default
        if question.yes_no:
            return self._decide(question.name, text)
        value, complaint = _meant(question, text)
        complaint = complaint or check_answer(question.name, value)
        if not complaint and question.name in PINS:
            complaint = self._pin_taken(question.name, value)
        if not complaint and question.name == "wake_words":
            complaint = unknown_word(text if value is None else str(value), self.facts.wake_words)
        if complaint:
            return complaint
        self._given[question.name] = value
        self._past.append(question.name)
        return ""

    def done(self) -> None:
        """The trial of `step` has been made."""
        assert self._trial is not None
        self._trial = None

    # --- the order

    def _names(self) -> list[str]:
        """Of all questions that come up with the answers so far, in order."""
        facts, answers = self.facts, self.answers
        names: list[str] = []
        if facts.microphones or facts.loudspeakers:
            names += ["microphone", "loudspeaker"]
            if answers.loudspeaker != "none":
                names += ["tone"]
                if self._local.get("tone"):
                    names += ["tone heard"]
            if answers.microphone != "none":
                names += ["level"]
                if answers.loudspeaker != "none":
                    names += ["calibrate"]
        names += ["mode"]
        if answers.mode and "wake" in answers.mode:
            names += ["wake_words"]
        if self.present.models is not None:  # else there is a recogniser of the owner's, which is left alone
            names += ["models"]
        if len(facts.voices) > 1:
            names += ["voice"]
        if len(facts.personas) > 1:
            names += ["persona"]
        names += ["clock_hours", "time_zone"]
        if facts.header or self._has_pins():
            names += ["buttons"]
            if self._local.get("buttons"):
                names += list(PINS)
        return [*names, "page"] if facts.page else names

    def _next(self) -> str | None:
        return next((name for name in self._names() if name not in self._past), None)

    def _go_back(self) -> None:
        if self._past:
            name = self._past.pop()
            self._given.pop(name, None)
            self._local.pop(name, None)

    def _has_pins(self) -> bool:
        return any(getattr(self.present, name) not in (None, "none") for name in PINS)

    # --- the questions

    def _question(self, name: str) -> Question:
        facts, present = self.facts, self.present
        if name in PINS:
            return Question(
                name, _PIN_TEXTS[name], str(getattr(present, name)), free=True, note='"none": there is none'
            )
        if name in ("microphone", "loudspeaker"):
            choices = facts.microphones if name == "microphone" else facts.loudspeakers
            text = "Which microphone?" if name == "microphone" else "Which loudspeaker?"
            return Question(name, text, str(getattr(present, name)), choices, free=True)
        if name == "models":
            best, why = advise(facts.memory_mb, facts.cores, facts.board)
            return Question(
                name,
                "Which models?",
                best if self.fresh else str(present.models),
                _SETS,
                note=f"For this machine: {best} ({why}).",
            )
        table: Mapping[str, Callable[[], Question]] = {
            "tone": lambda: _asked("tone", "Play a tone on it?", True),
            "tone heard": lambda: _asked("tone heard", "Did you hear it?", True),
            "level": lambda: _asked("level", "Check the microphone? You speak for 4 s.", True),
            "calibrate": lambda: _asked(
                "calibrate",
                "Measure level and echo? It plays for 8 s, in which nobody should talk.",
                True,
            ),
            "mode": lambda: Question("mode", "When does it listen?", present.mode or "open", _MODES, free=True),
            "wake_words": lambda: Question(
                "wake_words",
                "Which wake word?",
                present.wake_words or facts.wake_words[0],
                tuple(Choice(word, word.replace("_", " ")) for word in facts.wake_words),
                free=True,
            ),
            "voice": lambda: Question("voice", "Which voice?", str(present.voice), facts.voices, free=True),
            "persona": lambda: Question(
                "persona",
                "Who is it?",
                str(present.persona),
                tuple(Choice(each, "") for each in facts.personas),
                free=True,
            ),
            "clock_hours": lambda: Question(
                "clock_hours", "How does it say the time?", str(present.clock_hours or 12), _HOURS
            ),
            "time_zone": lambda: Question(
                "time_zone", "In which time zone is it?", present.time_zone or "Etc/UTC", free=True
            ),
            "buttons": lambda: _asked("buttons", "Are there buttons or an LED on the header?", self._has_pins()),
            "page": lambda: Question(
                "page",
                "Shall it serve its page to a browser on this machine?",
                "yes" if present.page else "no",
                yes_no=True,
            ),
        }
        return table[name]()

    def _decide(self, name: str, said: str) -> str:
        if said.lower() not in (*_YES, *_NO):
            return "please answer yes or no"
        yes = said.lower() in _YES
        if name == "tone heard" and not yes:
            # another loudspeaker, then; what was answered behind it is asked again
            for each in ("tone", "loudspeaker"):
                self._past.remove(each)
                self._given.pop(each, None)
                self._local.pop(each, None)
            return ""
        if name == "page":
            self._given[name] = yes
        else:
            self._local[name] = yes
        self._past.append(name)
        if yes and name == "tone":
            self._trial = "tone"
        elif yes and name == "level":
            self._trial = "level"
        elif yes and name == "calibrate":
            self._trial = "calibrate"
        if not yes and name == "buttons":
            self._given |= {pin: "none" for pin in PINS if getattr(self.present, pin) not in (None, "none")}
        return ""

    def _pin_taken(self, name: str, pin: object) -> str:
        others = {each: self._given.get(each) for each in PINS if each != name}
        taken = next((each for each, other in others.items() if other == pin and pin != "none"), "")
        return f"pin {pin} is that of {taken} already" if taken else ""


def unknown_word(words: str, known: tuple[str, ...]) -> str:
    """What is wrong with a value of wake.words that is right by its form; "": nothing."""
    names = [name for name, _ in WakeSettings(words=words).each()]
    absent = next((name for name in names if name not in known and not name.endswith(".json")), "")
    return f"there is no wake word '{absent}'; there is: {', '.join(known)}, or the path of a .json" if absent else ""


def _asked(name: str, text: str, default: bool) -> Question:
    return Question(name, text, "yes" if default else "no", yes_no=True)


def _meant(question: Question, said: str) -> tuple[object, str]:
    """The value as `Answers` takes it, and a complaint ("": none)."""
    if question.choices and said.isdecimal() and said not in {choice.value for choice in question.choices}:
        number = int(said)
        if not 1 <= number <= len(question.choices):
            return None, f"there are numbers from 1 to {len(question.choices)}"
        said = question.choices[number - 1].value
    chosen = next((choice.value for choice in question.choices if choice.value.lower() == said.lower()), None)
    if chosen is None and not question.free:
        return None, "please answer " + " or ".join(choice.value for choice in question.choices)
    value = said if chosen is None else chosen
    if question.name == "clock_hours" or (question.name in PINS and value.isdecimal()):
        return int(value), ""
    return value, ""
