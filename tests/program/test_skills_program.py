"""What it can do, by voice: `nearfield run` on a virtual ALSA card, real models, a room with an echo."""

import signal
import time

import numpy as np
import pytest
from alsa_session import RATE_HZ, Session
from talking import Spoken, Talk

from models.protocols import Int16s

pytestmark = pytest.mark.models

AUDIBLE = 200  # int16: well above the dither of silence, well below speech


def loud_ms(played: Int16s, from_ms: float, until_ms: float) -> int:
    """How much of this time the loudspeaker was audible, in blocks of 10 ms."""
    part = np.abs(played[round(from_ms * RATE_HZ / 1000) : round(until_ms * RATE_HZ / 1000)].astype(int))
    blocks = part[: part.size // 160 * 160].reshape(-1, 160)
    return 10 * int((blocks.max(axis=1) > AUDIBLE).sum())


def test_a_list_is_kept_and_a_question_waits_for_a_clear_yes(session: Session, spoken: Spoken) -> None:
    session.start()
    session.wait_for("state")
    assert Talk(session, spoken).answer_to("Add bread to my shopping list.") == "Added bread to your shopping list."
    assert session.end(signal.SIGTERM) == 0, session.told()

    again = session.again()
    again.start()
    again.wait_for("state")
    talk = Talk(again, spoken)
    listed = talk.answer_to("What's on my shopping list?")
    assert listed == "On your shopping list: bread."
    assert talk.answer_to("Say that again.") == listed

    talk.say("Clear my shopping list.", "playout_start")
    talk.say("Yes.", "asked")  # before the end of the question: it is put once more
    again.wait_for("playout_end", 3)
    assert talk.called("clear_list") == []
    assert talk.say("No, don't.", "settled")["answer"] == "no"
    again.wait_for("playout_end", 4)
    assert talk.called("clear_list") == []

    assert talk.answer_to("Clear my shopping list.") == "Shall I clear your shopping list?"
    assert talk.answer_to("Yes.") == "Your shopping list is empty now."
    assert [event["answer"] for event in again.events("settled")] == ["no", "yes"]
    assert len(talk.called("clear_list")) == 1
    assert again.end(signal.SIGTERM) == 0, again.told()
    assert again.events("error") == []


def test_a_timer_rings_until_somebody_says_stop(session: Session, spoken: Spoken) -> None:
    session.start()
    session.wait_for("state")
    talk = Talk(session, spoken)
    assert talk.answer_to("Set a timer for four seconds.") == "Timer set for 4 seconds."
    ring = session.wait_for("ring_start")
    assert ring["text"] == "Your 4 second timer is done."
    time.sleep(3.0)
    end = talk.say("Stop.", "ring_end")
    assert end["reason"] == "stopped"
    time.sleep(2.0)  # rang it on, it would be heard by now
    assert session.end(signal.SIGTERM) == 0, session.told()
    (called,) = talk.called("set_timer")
    assert 4000 <= ring["t_ms"] - called["t_ms"] <= 6500, "at the end of its clause at the latest"
    played = session.played()
    assert loud_ms(played, ring["t_ms"], ring["t_ms"] + 3000) >= 1000
    assert loud_ms(played, end["t_ms"] + 300, end["t_ms"] + 1900) == 0
    assert session.events("error") == []
