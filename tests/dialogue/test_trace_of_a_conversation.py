"""Turns of a conversation on virtual time, as a trace has them: the rim knows what each took."""

from virtual_rim import VirtualRim

from device.dialogue import events as ev
from device.telemetry.tracer import Tracer
from device.telemetry.turn_trace import TurnTrace


def test_a_conversation_on_virtual_time_has_the_latencies_of_its_models() -> None:
    """Each model of the virtual rim takes a fixed time: the trace finds just these."""
    rim = VirtualRim(answers=["Paris.", "Jupiter."], stt_ms=150, first_token_ms=40, tts_ms=50)
    rim.say(1000, 2000, "What is the capital of France?")
    rim.say(7000, 8000, "What is the largest planet?")
    rim.run(12_000)
    tracer = Tracer()
    traced = [turn for event in rim.events for turn in tracer.on_event(event)]
    assert [each.number for each in traced] == [1, 2]
    for each in traced:
        trace = TurnTrace.of(1, each.number, each.marks)
        length = {span.stage: span.length_ms for span in trace.spans}
        block_ms = 10
        assert abs(length["final"] - 150) <= block_ms
        assert abs(length["llm_first_token"] - 40) <= block_ms
        assert abs(length["tts_first_audio"] - 50) <= block_ms
        assert length["playout"] <= 2 * block_ms
        assert trace.ttfa_ms is not None
        (end,) = (e for e in rim.events if isinstance(e, ev.SpeechEnd) and e.turn == each.number)
        (start,) = (e for e in rim.events if isinstance(e, ev.PlayoutStart) and e.turn == each.number)
        assert trace.ttfa_ms == (start.sample - end.offset_sample) / 16
        assert trace.guesses[-1].committed


def test_an_answer_that_is_spoken_over_has_a_trace_and_so_has_the_turn_that_did_it() -> None:
    rim = VirtualRim(answers=["It is a very long story about a dog that went out alone.", "Yes."])
    rim.say(1000, 2000, "Tell me a story.")
    rim.say(4500, 5500, "Leave that now, please do.")
    rim.run(10_000)
    tracer = Tracer()
    first, second = (turn for event in rim.events for turn in tracer.on_event(event))
    traces = [TurnTrace.of(1, each.number, each.marks) for each in (first, second)]
    assert [trace.interrupted for trace in traces] == [True, False]
    assert [trace.ttfa_ms is not None for trace in traces] == [True, True]


def test_a_cough_leaves_no_trace() -> None:
    rim = VirtualRim(answers=["Paris."])
    rim.noise(1000, 1500)
    rim.say(4000, 5000, "What is the capital of France?")
    rim.run(9_000)
    tracer = Tracer()
    (traced,) = (turn for event in rim.events for turn in tracer.on_event(event))
    starts = [mark for mark in traced.marks if mark.name == "speech_start"]
    assert len(starts) == 1
    assert abs((starts[0].number("onset") or 0) - 4000 * 16) <= 64 * 16
