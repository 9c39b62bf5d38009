"""From words to what is to be done."""
# ruff: noqa: ARG001 - only the signature of these skills counts

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from skill_kit import loaded

from device.dialogue.deeds import Meaning
from device.skills.fast_path import MOST_CHARS
from device.skills.skill import Result, skill
from device.skills.skillset import Skillset
from device.skills.testing import SkillBench


@skill
def set_timer(
    hours: Annotated[int, Field(ge=0, le=24)] = 0, minutes: int = 0, seconds: int = 0, name: str = ""
) -> Result:
    """Set a timer."""
    return Result()


@skill(confirm="Throw {cups} cups away?")
def waste(cups: int) -> str:
    """Throw coffee away."""
    return f"{cups} gone."


@skill
def add_item(item: Annotated[str, Field(max_length=30)], name: str = "shopping") -> Result:
    """Add to a list."""
    return Result()


@skill(read_only=True)
def weather(day: Literal["today", "tomorrow"] = "today") -> Result:
    """Tell the weather."""
    return Result(data={"degrees": 20})


@skill(aside=True, promise="I will look.", timeout_s=60)
def search(words: str) -> str:
    """Search the web."""
    return words


@skill
def lights_on() -> str:
    """Turn the lights on."""
    return "On."


@skill
def radio_on() -> str:
    """Turn the radio on."""
    return "On."


TEXT = """\
intents:
  set_timer:
    data:
      - sentences:
          - (set|start) [a] timer for <time>
          - (set|start) [a] <time> timer
          - (set|start) [a] {name} timer for <time>
  waste: {data: [{sentences: ["throw away {cups} cups"]}]}
  add_item:
    data:
      - sentences:
          - add {item} to [the|my] list
          - add {item} to [the|my] {list:name} list
  weather:
    data:
      - sentences: ["what's the weather [like] [{day}]"]
      - sentences: ["do i need an umbrella"]
        slots: {day: tomorrow}
  search: {data: [{sentences: ["search for {words}"]}]}
  lights_on: {data: [{sentences: ["turn it on", "lights on"]}]}
  radio_on: {data: [{sentences: ["turn it on", "turn the radio on"]}]}
lists:
  hours: {range: {from: 1, to: 100}}
  minutes: {range: {from: 1, to: 300}}
  seconds: {range: {from: 1, to: 300}}
  cups: {range: {from: 1, to: 20}}
  item: {wildcard: true}
  name: {wildcard: true}
  words: {wildcard: true}
  list: {values: [shopping, chores, {in: "to(-| )do", out: to-do}]}
  day: {values: [today, tomorrow, {in: "on sunday", out: sunday}]}
expansion_rules:
  time: "({hours} hour[s] [[and] <minutes>]|<minutes> [[and] <seconds>]|<seconds>)"
  minutes: "{minutes} minute[s]"
  seconds: "{seconds} second[s]"
responses:
  intents:
    set_timer: {default: "Timer set for {{ slots.minutes | double }} half minutes."}
    weather: {default: "{{ result.degrees }} degrees {{ slots.day }}."}
"""
SKILLS = (set_timer, waste, add_item, weather, search, lights_on, radio_on)


@pytest.fixture(scope="module")
def skills(tmp_path_factory: pytest.TempPathFactory) -> Skillset:
    kit = loaded(tmp_path_factory.mktemp("sentences"), TEXT, *SKILLS)
    assert not kit.complaints
    return kit


def meant(skills: Skillset, text: str) -> tuple[str, dict[str, Any]] | None:
    """The skill, and those of its arguments that are not the default."""
    meaning = skills.fast_path.interpret(text)
    if meaning is None:
        return None
    defaults = {name: f.default for name, f in skills.registry.get(meaning.skill).arguments.model_fields.items()}  # type: ignore[union-attr]
    return meaning.skill, {k: v for k, v in meaning.arguments.items() if v != defaults[k]}


@pytest.mark.parametrize(
    ("text", "skill_name", "arguments"),
    [
        ("Set a timer for five minutes.", "set_timer", {"minutes": 5}),
        ("set a timer for 5 minutes", "set_timer", {"minutes": 5}),
        ("Set a timer for twenty-five minutes.", "set_timer", {"minutes": 25}),
        ("Set a timer for an hour and a half.", "set_timer", {"hours": 1, "minutes": 30}),
        ("Hey, could you please set a timer for half an hour?", "set_timer", {"minutes": 30}),
        ("start a 10-minute timer", "set_timer", {"minutes": 10}),
        ("Set a timer for three hours, ten minutes", "set_timer", {"hours": 3, "minutes": 10}),
        ("SET A TIMER FOR ONE MINUTE", "set_timer", {"minutes": 1}),
        ("Set a pasta timer for a minute", "set_timer", {"minutes": 1, "name": "pasta"}),
        ("Add milk, eggs and bread to my list, please.", "add_item", {"item": "milk, eggs and bread"}),
        ("add Tide to the to do list", "add_item", {"item": "Tide", "name": "to-do"}),
        ("add thank you cards to my chores list", "add_item", {"item": "thank you cards", "name": "chores"}),
        ("What's the weather?", "weather", {}),
        ("What’s the weather like tomorrow?", "weather", {"day": "tomorrow"}),
        ("Do I need an umbrella", "weather", {"day": "tomorrow"}),
        ("Turn the radio on!", "radio_on", {}),
    ],
)
def test_understood(skills: Skillset, text: str, skill_name: str, arguments: dict[str, Any]) -> None:
    assert meant(skills, text) == (skill_name, arguments)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "...",
        "Hello there.",
        "Please.",
        "Don't set a timer for five minutes.",
        "I said set a timer for five minutes",
        "set a timer",
        "set a timer for five",
        "set a timer for five and six minutes",
        "add to my list",
        "What's the weather on Sunday?",  # a value that the skill does not take
        "Turn it on",  # two skills say the same
        "set a timer for 301 seconds",  # not in the list
        "\x00\ud800",
        "set a timer for five minutes " * 20,
    ],
)
def test_not_understood(skills: Skillset, text: str) -> None:
    assert skills.fast_path.interpret(text) is None


def test_what_is_known_beforehand(skills: Skillset) -> None:
    interpret = skills.fast_path.interpret
    assert interpret("Set a timer for five minutes").says == "Timer set for 10 half minutes."  # type: ignore[union-attr]
    assert interpret("What's the weather?") == Meaning("weather", {"day": "today"}, read_only=True)
    assert interpret("throw away three cups") == Meaning("waste", {"cups": 3}, question="Throw 3 cups away?")
    assert interpret("search for tea") == Meaning("search", {"words": "tea"}, aside=True, promise="I will look.")


def test_a_number_that_is_not_allowed_is_understood(skills: Skillset) -> None:
    told = "I can't do that. The hours can be 24 at most."
    assert skills.fast_path.interpret("set a timer for 30 hours") == Meaning("set_timer", {"hours": 30}, says=told)
    assert meant(skills, f"add {'x' * 31} to my list") == ("add_item", {"item": "x" * 31})


def test_a_validator_may_say_that_something_else_was_meant(tmp_path: Path) -> None:

    def known(word: str) -> str:
        if word == "nothing":
            raise PydanticCustomError("not_meant", "is no word")
        if word == "swearing":
            raise ValueError("I do not say that")
        return word

    def spell(word: Annotated[str, AfterValidator(known)]) -> str:
        """Spell a word."""
        return word

    text = "intents: {spell: {data: [{sentences: ['spell {word}']}]}}\nlists: {word: {wildcard: true}}\n"
    skills = loaded(tmp_path, text, skill(spell))
    assert skills.fast_path.interpret("spell nothing") is None
    assert skills.fast_path.interpret("spell cat").arguments == {"word": "cat"}  # type: ignore[union-attr]
    told = "I can't do that: I do not say that."
    assert skills.fast_path.interpret("spell swearing").says == told  # type: ignore[union-attr]


def test_a_persona_that_is_content_with_less(skills: Skillset) -> None:
    registry = skills.registry.only({"weather"})
    assert [s.name for s in registry] == ["weather"]
    assert list(skills.sentences.only(registry).intents.intents) == ["weather"]
    assert len(skills.registry.only({"test_fast_path"})) == len(SKILLS)
    assert len(skills.registry.only(())) == 0


@settings(deadline=None)
@given(
    st.one_of(
        st.text(max_size=MOST_CHARS + 10),
        st.lists(
            st.sampled_from("set a timer for five minutes and 10 seconds add to my list to the please don't".split()),
            max_size=60,
        ).map(" ".join),
    )
)
def test_whatever_is_said(skills: Skillset, text: str) -> None:
    meaning = skills.fast_path.interpret(text)
    assert meaning == skills.fast_path.interpret(text)
    if meaning is not None:
        assert meaning.skill in skills.registry
        json.dumps(dict(meaning.arguments), allow_nan=False)


@given(st.integers(1, 300), st.sampled_from(["minutes", "seconds"]))
def test_every_number(skills: Skillset, number: int, unit: str) -> None:
    assert meant(skills, f"Set a timer for {number} {unit}.") == ("set_timer", {unit: number})


def test_what_the_owner_adds_comes_before_what_is_built_in(tmp_path: Path) -> None:
    (tmp_path / "house.py").write_text(
        "from device.skills.skill import skill\n\n"
        '@skill(read_only=True)\ndef church_clock() -> str:\n    """Tell the time."""\n    return \'Ding.\'\n'
    )
    (tmp_path / "house.yaml").write_text(
        'language: en\nintents:\n  church_clock:\n    data: [{sentences: ["what time is it"]}]\n'
    )
    skills = SkillBench(tmp_path)
    assert skills.complaints == []
    assert skills.say("What time is it?") == "Ding."
    assert SkillBench().understand("What time is it?") is not None
