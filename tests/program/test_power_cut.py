"""The plug is pulled in the middle of an answer: `nearfield run` on a virtual ALSA card, then again on its record."""

import signal
import time
from collections import Counter

import pytest
from alsa_session import Session
from nearfield_command import Command
from talking import Spoken, Talk

pytestmark = pytest.mark.models


def test_all_that_was_going_on_goes_on(session: Session, spoken: Spoken, nearfield: Command) -> None:
    """A timer runs, a list has been written, a question is being put: killed, and started again."""
    session.start()
    session.wait_for("state")
    talk = Talk(session, spoken)
    assert talk.answer_to("Set a timer for thirty seconds.") == "Timer set for 30 seconds."
    assert talk.answer_to("Add bread to my shopping list.") == "Added bread to your shopping list."
    talk.say("Clear my shopping list.", "playout_start")
    time.sleep(0.8)
    session.kill()
    assert [event["skill"] for event in session.events("asked")] == ["clear_list"]
    assert len(session.events("playout_end")) == 2, "it was killed before the end of the question"

    again = session.again()
    again.start()
    question = again.wait_for("playout_end")
    assert question["heard"] == "Shall I clear your shopping list?"
    again_talk = Talk(again, spoken)
    assert again_talk.answer_to("Yes.") == "Your shopping list is empty now."
    ring = again.wait_for("ring_start")
    assert ring["text"] == "Your 30 second timer is done."
    assert again_talk.say("Stop.", "ring_end")["reason"] == "stopped"
    assert again.end(signal.SIGTERM) == 0, again.told()
    assert again.events("error") == []
    assert len(again.events("ring_start")) == 1

    record = ("--set", f"session.database={session.database}")
    first, second = (nearfield("sessions", "export", number, *record).json() for number in (1, 2))
    assert second["session"]["continues"] == 1
    assert (first["session"]["ending"], second["session"]["ending"]) == ("broke off", "done")
    said = [turn["user_text"] for part in (first, second) for turn in part["turns"]]
    assert len(said) == 4, said
    assert first["turns"][2]["reply_heard"] is None, "nobody knows how much of the question was heard"
    calls = [(call["skill"], call["status"]) for part in (first, second) for call in part["calls"]]
    assert Counter(calls) == Counter({(skill, "done"): 1 for skill in ("set_timer", "add_to_list", "clear_list")})
    shown = nearfield("sessions", "show", 2, *record)
    assert "goes on with session 1" in shown.out
