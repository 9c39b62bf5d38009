"""Wake words through the threads of the rim, on the virtual card: detections arrive, a failing model ends nothing."""

import threading
from collections.abc import Callable

from quiet_models import SECOND, Quiet

from device.audio.frontend import PassThrough
from device.audio.virtual import VirtualCard
from device.dialogue import events as ev
from device.dialogue.conversation import Conversation, Policy
from device.dialogue.loop import Assistant, Models
from device.dialogue.wake_gate import WakePolicy
from models.errors import ModelRunError
from models.protocols import Int16s, WakeDetection

WAIT_S = 20.0


class Words:
    """Hears a word once a second; or fails at the first."""

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.asked_after_failure = 0
        self.failed = False

    def feed(self, pcm: Int16s, sample: int) -> list[WakeDetection]:
        self.asked_after_failure += self.failed
        end = sample + pcm.size
        if end % SECOND:
            return []
        if self.fails:
            self.failed = True
            raise ModelRunError("the network is gone")
        return [WakeDetection("okay_nabu", "Okay Nabu", end, end - 3200, 0.9)]

    def reset(self) -> None:
        pass

    def far_end(self) -> "Words":
        return Silent()


class Silent(Words):
    def feed(self, pcm: Int16s, sample: int) -> list[WakeDetection]:  # noqa: ARG002
        return []


def run(words: Words, until: Callable[[list[ev.Event]], bool], greeting: str = "") -> list[ev.Event]:
    """The events of a session that ends when `until` holds."""
    events: list[ev.Event] = []
    enough = threading.Event()

    def on_event(event: ev.Event) -> None:
        events.append(event)
        if until(events):
            enough.set()

    quiet = Quiet()
    policy = Policy(open_microphone=False, wake=WakePolicy(attend_ms=500))
    card = VirtualCard(speed=4)
    assistant = Assistant(
        Conversation(policy, ""),
        card,
        PassThrough(),
        Models(quiet, quiet, quiet, quiet, wake=words),
        on_event=on_event,
        greeting=greeting,
    )
    with card:
        thread = threading.Thread(target=assistant.run)
        thread.start()
        held = enough.wait(WAIT_S)
        assistant.stop()
        thread.join(WAIT_S)
    assert held, events
    return events


def test_a_word_is_told_and_times_out() -> None:
    events = run(Words(), lambda found: any(isinstance(e, ev.WakeTimeout) for e in found))
    wake = next(e for e in events if isinstance(e, ev.Wake))
    assert (wake.word, wake.end_sample) == ("okay_nabu", SECOND)
    assert [e.state for e in events if isinstance(e, ev.StateChange)][:2] == ["idle", "attentive"]


def test_a_word_over_the_greeting_silences_it() -> None:
    events = run(Words(), lambda found: any(isinstance(e, ev.Interrupted) for e in found), greeting="Good morning.")
    assert next(e for e in events if isinstance(e, ev.Interrupted)).heard == ""


def test_a_model_that_fails_is_told_once_and_not_asked_again() -> None:
    words = Words(fails=True)
    # the greeting ends a second after the failure: the conversation goes on
    events = run(words, lambda found: any(isinstance(e, ev.PlayoutEnd) for e in found), greeting="Good morning.")
    failures = [e for e in events if isinstance(e, ev.Failure)]
    assert [(e.stage, e.message) for e in failures] == [("wake", "the network is gone")]
    assert words.asked_after_failure == 0
