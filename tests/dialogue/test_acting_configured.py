"""The configuration says how long questions wait and how timers ring; its defaults are those of the policies."""

from device.appliance import policy_of
from device.assembly import acting_policy, kept_texts, ring_policy
from device.config import Settings
from device.config.acting import ActingSettings
from device.config.schema import SkillSettings
from device.dialogue.acting import ActingPolicy
from device.dialogue.doing import DoingPolicy
from device.dialogue.ringing import RingPolicy
from models.protocols import ToolSpec


def test_one_default_in_two_places() -> None:
    assert policy_of(Settings()).acting == ActingPolicy(doing=DoingPolicy(interpreter=True))
    assert policy_of(Settings()).ringing == RingPolicy()


def test_what_is_configured_holds() -> None:
    settings = Settings(
        acting=ActingSettings(
            question_expires_s=5,
            longest_wait_s=2,
            natural_pause_ms=900,
            ring_pause_ms=3000,
            ring_quiet_db=-20,
            ring_longest_min=2,
        )
    )
    policy = acting_policy(settings, interpreter=True, tools=lambda: (ToolSpec("buy", "Buy it.", {}),))
    assert (policy.confirmation.expires_ms, policy.doing.longest_wait_ms, policy.natural_pause_ms) == (5000, 2000, 900)
    assert policy.doing.interpreter
    assert [tool.name for tool in policy.doing.tools()] == ["buy"]
    assert ring_policy(settings) == RingPolicy(pause_ms=3000, quiet_db=-20, longest_ms=120_000)


def test_the_second_look_can_be_switched_off() -> None:
    assert policy_of(Settings()).acting.doing.second_look
    assert not policy_of(Settings(skills=SkillSettings(second_look=False))).acting.doing.second_look


def test_what_is_said_word_for_word_is_kept_as_audio() -> None:
    kept = kept_texts(Settings())
    assert ActingPolicy().doing.done_text in kept
    assert policy_of(Settings()).answer.failed_text in kept
