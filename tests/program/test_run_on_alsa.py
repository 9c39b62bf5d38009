"""`nearfield run` itself: PortAudio on a virtual ALSA card, real models, a room with an echo.

What was said and played is read from the card's own time line (tests/virtual_card).
"""

import os
import pty
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import pytest
import soundfile
from alsa_session import QUESTION, RATE_HZ, STORY, WAIT_S, Session
from virtual_card.alsa_card import Loss

from models.protocols import Int16s

AUDIBLE = 200  # int16: well above the dither of silence, well below speech


def words(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum() or c == " ").strip()


def sound_between(played: Int16s) -> tuple[float, float]:
    """When the loudspeaker was first and last audible, in ms."""
    audible = np.flatnonzero(np.abs(played.astype(int)) > AUDIBLE)
    assert audible.size, "nothing was played"
    return float(audible[0]) * 1000 / RATE_HZ, float(audible[-1]) * 1000 / RATE_HZ


@pytest.mark.models
def test_a_question_is_answered_and_its_own_voice_is_not(
    session: Session, spoken: Callable[[str], Path], recogniser: Any
) -> None:
    """The microphone hears the answer 15 dB below what is played."""
    question = spoken(QUESTION)
    session.start()
    session.wait_for("state")  # the first line: the card runs
    session.say(question)
    end = session.wait_for("playout_end")
    time.sleep(1.0)  # were the answer taken for a voice, it would be by now
    assert session.end(signal.SIGINT) == 130
    assert session.told() == "nearfield: interrupted\n"
    assert session.events("error") == []
    assert session.events("interrupted") == []
    assert len(session.events("speech_start")) == 1

    (commit,) = session.events("commit")
    assert words(commit["text"]) == words(QUESTION)
    assert "paris" in end["heard"].lower()
    assert end["heard"] == end["generated"]

    (start,) = session.events("playout_start")
    played = session.played()
    first_ms, last_ms = sound_between(played)
    assert first_ms == pytest.approx(start["t_ms"], abs=150)
    assert last_ms < end["t_ms"] + 150  # and before it by what the voice leaves silent at its end
    said = recogniser.transcribe(played.astype(np.float32) / 32768).text
    assert jiwer.wer(words(end["heard"]), words(said)) <= 0.34, (end["heard"], said)

    for line in ("vcard", f"You        {commit['text']}", f"Nearfield  {end['heard']}"):
        assert line in session.out()
    (turn,), row = session.record()
    assert turn["user_text"] == commit["text"]
    assert turn["reply_heard"] == end["heard"]
    assert row["ended_at"] is not None


@pytest.mark.models
def test_sigterm_in_the_middle_of_an_answer_is_an_orderly_end(session: Session, spoken: Callable[[str], Path]) -> None:
    """As a supervisor ends it, here without any standard input."""
    story = spoken(STORY)
    session.start(shell_suffix="<&-")
    session.wait_for("state")
    session.say(story)
    session.wait_for("playout_start")
    time.sleep(1.0)
    assert session.end(signal.SIGTERM) == 0, session.told()
    assert session.told() == ""
    (cut,) = session.events("interrupted")
    assert cut["heard"]
    assert cut["generated"].startswith(cut["heard"])
    (turn,), row = session.record()
    assert (turn["interrupted"], turn["reply_heard"]) == (1, cut["heard"])
    assert row["ended_at"] is not None


@pytest.mark.models
def test_sigterm_while_the_models_load_is_an_orderly_end(session: Session) -> None:
    session.start()
    deadline = time.monotonic() + WAIT_S
    while not session.log.exists():  # made before the models are loaded
        assert time.monotonic() < deadline
        time.sleep(0.002)
    assert session.end(signal.SIGTERM) == 0, session.told()
    assert session.told() == "nearfield: ended by SIGTERM before it listened\n"
    assert "is listening" not in session.out()
    assert not session.database.exists(), "no conversation took place"


@pytest.mark.models
def test_sigterm_while_a_busy_card_is_waited_for_is_an_orderly_end(session: Session) -> None:
    """It was free when it was looked at, and another program has it when it is to be started."""
    session.start("audio.wait_for_card_s=600")
    deadline = time.monotonic() + WAIT_S
    while not session.log.exists():
        assert time.monotonic() < deadline
        time.sleep(0.002)
    session.card.set_busy()
    while not session.database.exists():  # opened before the card is started
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.5)
    assert session.end(signal.SIGTERM) == 0, session.told()
    assert session.told() == "nearfield: ended by SIGTERM before it listened\n"
    _, row = session.record()
    assert row["ending"] == "done"


@pytest.mark.models
def test_a_terminal_that_hangs_up_is_an_orderly_end(session: Session) -> None:
    """An ssh connection that breaks."""
    session.log.write_text('{"type": "of another conversation"}\n')
    session.start()
    session.wait_for("state")
    assert session.end(signal.SIGHUP) == 0, session.told()
    assert session.events("of another conversation") == [], "a new conversation, a new file"
    turns, row = session.record()
    assert turns == []
    assert row["ended_at"] is not None


@pytest.mark.models
def test_sound_that_was_lost_is_said_at_the_end(session: Session) -> None:
    session.start()
    session.wait_for("state")
    session.card.skip(0.5)
    deadline = time.monotonic() + WAIT_S
    while len(session.card.events("start")) < 4:  # both directions, once more: PortAudio has recovered
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.2)
    assert session.end(signal.SIGTERM) == 0, session.told()
    assert "The sound was not whole: " in session.out()
    assert "flows of the " in session.out()


@pytest.mark.models
def test_a_card_that_is_busy_by_now_is_said_in_one_line(session: Session) -> None:
    """Another program took it while the models were loaded."""
    session.start()
    deadline = time.monotonic() + WAIT_S
    while not session.log.exists():  # made once the card has been looked at, before the models are loaded
        assert time.monotonic() < deadline
        time.sleep(0.002)
    session.card.set_busy()
    assert session.end(None) == 1
    (line,) = session.told().splitlines()
    assert "vcard is busy" in line
    assert "is listening" not in session.out()


@pytest.mark.models
def test_a_card_that_hangs_in_its_driver_ends_it_in_one_line(session: Session, spoken: Callable[[str], Path]) -> None:
    """In the middle of an answer; PortAudio cannot close such a card. A supervisor starts the program again."""
    story = spoken(STORY)
    session.start()
    session.wait_for("state")
    session.say(story)
    session.wait_for("playout_start")
    time.sleep(1.0)
    session.card.unplug(Loss.STUCK_IN_XRUN)
    assert session.end(None) == 75, session.told()
    line, *more = session.told().splitlines()
    assert not more, more[:5]
    assert "vcard has delivered nothing for" in line
    assert "start nearfield again" in line
    (cut,) = session.events("interrupted")
    (turn,), row = session.record()
    assert turn["user_text"]
    assert (turn["interrupted"], turn["reply_heard"]) == (1, cut["heard"])
    assert row["ended_at"] is not None
    assert row["ending"] == "failed"


@pytest.mark.models
def test_the_space_bar_works_in_its_terminal(session: Session, spoken: Callable[[str], Path]) -> None:
    question = spoken(QUESTION)
    ours, theirs = pty.openpty()
    session.start("turn.listen=push-to-talk", stdin=theirs)
    os.close(theirs)
    session.wait_for("state")
    os.write(ours, b" ")
    session.wait_for("speech_start")
    session.say(question)
    until = time.monotonic() + soundfile.info(question).duration + 0.2
    while time.monotonic() < until:
        os.write(ours, b" ")  # as a held key repeats
        time.sleep(0.03)
    end = session.wait_for("playout_end")
    os.write(ours, b"\x03")  # Ctrl-C
    assert session.end(signal.SIGINT) == 130
    os.close(ours)
    (commit,) = session.events("commit")
    assert commit["reason"] == "release"
    assert words(commit["text"]) == words(QUESTION)
    assert end["heard"]
    assert "Hold the space bar to talk." in session.out()


def test_a_card_that_is_not_there_is_said_in_one_line(session: Session) -> None:
    session.start("audio.input=nonsense")
    assert session.end(None) == 1
    (line,) = session.told().splitlines()
    assert "no microphone is called 'nonsense'" in line
    assert "vcard" in line, "what there is is said too"
    assert session.out() == ""
    assert not session.database.exists(), "no conversation took place"
