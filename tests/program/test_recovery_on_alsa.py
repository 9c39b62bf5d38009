"""`nearfield run` loses its sound card and gets it back: PortAudio on a virtual ALSA card, real models."""

import os
import pty
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from alsa_session import QUESTION, RATE_HZ, STORY, WAIT_S, Session
from virtual_card.alsa_card import Loss

from device.audio.earcons import earcon
from models.protocols import Int16s


def earcons_in(played: Int16s) -> int:
    """How often the signal "back again" is in it, to the sample as it was made."""
    signal_ = earcon("card back").astype(float)
    size = 1 << int(np.ceil(np.log2(played.size + signal_.size)))
    spectrum = np.fft.rfft(played.astype(float), size) * np.conj(np.fft.rfft(signal_, size))
    match = np.fft.irfft(spectrum)[: played.size] / (signal_**2).sum()
    peaks = np.flatnonzero(match > 0.98)
    return int(np.count_nonzero(np.diff(peaks, prepend=-RATE_HZ) > RATE_HZ // 2))


@pytest.mark.models
def test_a_card_that_is_plugged_in_again_hears_again(session: Session, spoken: Callable[[str], Path]) -> None:
    """Lost in the middle of an answer, then frozen, then lost behind overruns: one process, one clock."""
    story, question = spoken(STORY), spoken(QUESTION)
    session.start()
    session.wait_for("state")
    zero = session.started_at()
    session.say(story)
    session.wait_for("playout_start")
    time.sleep(1.0)
    session.card.unplug(Loss.DISCONNECTED)
    session.wait_for("card_lost")
    cut = session.wait_for("interrupted")
    assert cut["heard"]
    assert cut["generated"].startswith(cut["heard"])
    assert len(cut["heard"]) < len(cut["generated"])
    time.sleep(0.5)
    session.card.plug()
    back = session.wait_for("card_back")
    assert back["t_ms"] == pytest.approx((session.started_at() - zero) * 1000 / RATE_HZ, abs=100), "one clock"
    # the count of its own frozen clock does not tell the time from here on
    time.sleep(0.5)  # the signal that it is back sounds to its end

    session.card.freeze()
    session.wait_for("card_lost", 2)
    session.card.thaw()
    session.wait_for("card_back", 2)
    time.sleep(0.5)

    session.card.unplug(Loss.XRUN_THEN_DISCONNECTED)
    session.wait_for("card_lost", 3)
    session.card.plug()
    session.wait_for("card_back", 3)
    time.sleep(0.5)

    session.say(question)
    end = session.wait_for("playout_end")
    assert "paris" in end["heard"].lower()
    assert session.end(signal.SIGINT) == 130
    assert session.told() == "nearfield: interrupted\n"
    assert [e["type"] for e in session.events() if e["type"].startswith("card_")] == ["card_lost", "card_back"] * 3
    times = [e["t_ms"] for e in session.events() if e["type"] in ("commit", "card_lost", "card_back")]
    assert times == sorted(times)
    assert earcons_in(session.card.played[zero : session.card.now()]) == 3
    assert "The sound card is back" in session.out()
    turns, row = session.record()
    assert [turn["interrupted"] for turn in turns] == [1, 0]
    assert row["ending"] == "done"


@pytest.mark.models
def test_a_new_process_goes_on_with_the_conversation(session: Session, spoken: Callable[[str], Path]) -> None:
    """The card hangs in its driver: the program leaves with 75, and what is started then knows what was said."""
    question = spoken(QUESTION)
    session.start()
    session.wait_for("state")
    session.say(question)
    session.wait_for("playout_end")
    session.card.unplug(Loss.STUCK_IN_XRUN)
    assert session.end(None) == 75, session.told()
    session.start("audio.wait_for_card_s=60")
    deadline = time.monotonic() + WAIT_S
    while "waiting for the sound card" not in session.told():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    before = session.log.read_text()
    session.card.plug()
    deadline = time.monotonic() + WAIT_S
    while "is listening" not in session.out():
        assert session.program is not None
        assert session.program.poll() is None, session.told()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.5)
    assert session.end(signal.SIGTERM) == 0, session.told()
    assert earcons_in(session.played()) == 1
    assert session.log.read_text().startswith(before), "one conversation, one file"
    assert [e["t_ms"] for e in session.events("state") if e["state"] == "idle"].count(0.0) == 2
    with sqlite3.connect(session.database) as db:
        rows = db.execute("SELECT id, ending, continues FROM session ORDER BY id").fetchall()
    assert rows == [(1, "failed", None), (2, "done", 1)]


@pytest.mark.models
def test_sigterm_while_the_card_is_away_is_an_orderly_end(session: Session) -> None:
    keys, theirs = pty.openpty()
    session.start(stdin=theirs)
    os.close(theirs)
    session.wait_for("state")
    session.card.unplug(Loss.DISCONNECTED)
    session.wait_for("card_lost")
    os.write(keys, b" ")  # nobody hears, and that is told
    session.wait_for("not_heard")
    assert session.end(signal.SIGTERM) == 0, session.told()
    os.close(keys)
    assert session.told() == ""
    assert "nobody hears you" in session.out()
    _, row = session.record()
    assert row["ending"] == "done"
