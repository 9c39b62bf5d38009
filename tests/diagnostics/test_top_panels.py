"""What top knows and shows, without a screen: whatever arrives, every line has exactly its width."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from top_scene import ANSWER, ASKED, desk_of_an_evening, turn_events

from device.diagnostics.top import panels
from device.diagnostics.top.overview import MOST_TURNS, Overview
from device.diagnostics.top.process import ProcessReader, Usage
from device.telemetry.bars import Scale, axis_cells


def after(*turns: int) -> Overview:
    """As it stands when these turns were looked on at."""
    desk, overview = desk_of_an_evening(), Overview()
    overview.on_connected()
    overview.on_item({"ok": True, **desk.status()})
    with desk.feed.subscribe() as feed:
        for turn in turns:
            for event in turn_events(turn):
                desk.on_event(event)
        for item in feed.take():
            overview.on_item(json.loads(json.dumps(item)))
    return overview


def whole(overview: Overview, width: int = 80, turn: int = 16, words: int = 2, usage: Usage | None = None) -> list[str]:
    lines = [
        panels.header(overview, width),
        *panels.levels(overview, width),
        *panels.captions(overview, width, words),
        *panels.machine(overview, usage or Usage(), width),
        *panels.turn_lines(overview, width, turn),
        panels.footer(width),
    ]
    return [line.plain for line in lines]


def test_the_news_of_a_turn_are_followed_word_by_word() -> None:
    overview = Overview()
    overview.on_item({"type": "state", "state": "listening"})
    overview.on_item({"type": "partial", "text": "set a timer for", "stable": "set a"})
    assert (overview.state, overview.hearing) == ("listening", ("set a", "timer for"))
    assert "set a [timer for]" in panels.captions(overview, 80, 2)[0].plain
    overview.on_item({"type": "commit", "text": "Set a timer for tea."})
    overview.on_item({"type": "clause", "text": "For how long?"})
    overview.on_item({"type": "spoken", "heard": "For how"})
    assert (overview.hearing, overview.saying) == (("Set a timer for tea.", ""), ("For how long?", "For how"))
    said = panels.captions(overview, 80, 2)[1]
    assert said.plain.split() == ["it", "For", "how", "long?"]
    assert any(span.style == "bold" and said.plain[span.start : span.end] == "For how" for span in said.spans)
    overview.on_item({"type": "mute", "muted": True})
    assert "MUTED" in panels.header(overview, 80).plain


def test_an_answer_that_is_only_prepared_is_not_shown_and_is_there_when_it_is_said() -> None:
    overview = Overview()
    overview.on_item({"type": "commit", "turn": 1, "text": "Are you there?"})
    overview.on_item({"type": "clause", "turn": 1, "index": 0, "text": "Yes."})
    overview.on_item({"type": "clause", "turn": 1, "index": 1, "text": "I am."})
    overview.on_item({"type": "playout_end", "turn": 1, "heard": "Yes. I am."})
    overview.on_item({"type": "clause", "turn": 2, "index": 0, "text": "Never said."})  # it is thrown away
    assert overview.saying == ("Yes. I am.", "Yes. I am.")
    overview.on_item({"type": "clause", "turn": 2, "index": 0, "text": "Two."})
    overview.on_item({"type": "clause", "turn": 2, "index": 1, "text": "Or three."})
    overview.on_item({"type": "commit", "turn": 2, "text": "How many?"})
    assert overview.saying == ("Two. Or three.", "")
    overview.on_item({"type": "clause", "turn": 0, "index": 0, "text": "Your tea."})  # a timer, without a commit
    assert overview.saying == ("Two. Or three.", "")
    overview.on_item({"type": "playout_start", "turn": 0})
    assert overview.saying == ("Your tea.", "")


def test_the_last_turn_stands_beside_the_percentiles_of_all() -> None:
    overview = after(24)
    lines = whole(overview)
    shown = "\n".join(lines)
    assert "Turn 24  complete  TTFA 306 ms" in shown
    assert "of the last 23 turns" in shown
    ttfa = next(line for line in lines if line.strip().startswith("TTFA"))
    assert ttfa.split()[-5:] == ["306", "380", "453", "455", "600"]
    speech = next(line for line in lines if line.strip().startswith("speech"))
    assert speech.split()[-1] == "1900"
    assert ASKED in shown
    assert ANSWER in shown


def test_what_is_over_its_budget_has_a_mark_of_its_own() -> None:
    overview = Overview()
    desk = desk_of_an_evening(0)
    with desk.feed.subscribe() as feed:
        for event in turn_events(1, late_ms=400.0):
            desk.on_event(event)
        for item in feed.take():
            overview.on_item(item)
    lines = whole(overview)
    assert next(line for line in lines if line.strip().startswith("TTFA")).rstrip().endswith("706!")
    assert "! 2 over budget" in "\n".join(lines)


def test_a_taller_terminal_lists_the_turns_before() -> None:
    lines = whole(after(24, 25, 26), width=120, turn=30)
    assert "earlier" in [line.strip() for line in lines]
    assert [line.split()[0] for line in lines if line.strip().endswith("! first clause")] == []
    assert [line.split()[0] for line in lines if "complete" in line and "Turn" not in line and "(" not in line] == [
        "25",
        "24",
    ]


@pytest.mark.parametrize("stage", [[], {}, ["ttfa"]])
def test_a_stage_without_a_name_has_no_figures(stage: object) -> None:
    overview = after(24)
    overview.on_item({"ok": True, "stages": [{"stage": stage, "p50_ms": 1.0}]})
    assert {len(line) for line in whole(overview)} == {80}


@pytest.mark.parametrize("columns", [22, 28, 42])
@pytest.mark.parametrize("right_ms", [500, 1_000, 3_000, 5_000, 20_000, 60_000, 120_000])
def test_the_figures_of_a_time_line_do_not_run_into_each_other(columns: int, right_ms: int) -> None:
    axis = axis_cells(Scale(-0.3 * right_ms, right_ms, columns))
    assert len(axis) == columns
    assert set(axis.split()) <= {f"{-0.3 * right_ms:g}", "0", f"{right_ms / 2:g}", f"{right_ms:g}"}
    assert axis.split()[-1] == f"{right_ms:g}"
    assert "0" in axis.split()


def test_turns_are_bounded() -> None:
    assert len(after(*range(24, 24 + MOST_TURNS + 3)).traces) <= MOST_TURNS


def test_trouble_is_told_and_silence_is_not_a_level() -> None:
    overview = after()
    overview.on_item({"ok": True, "trouble": {"card": "USB Audio is gone"}, "outside": {"metrics": "port taken"}})
    shown = "\n".join(whole(overview))
    assert "card: USB Audio is gone; metrics is closed: port taken" in shown
    assert "silence" in shown
    overview.on_item({"ok": False, "error": "this one cannot begin anew"})
    assert "this one cannot begin anew" in "\n".join(whole(overview))


def test_a_session_that_was_started_anew_is_told_and_its_turns_are_not_mixed() -> None:
    overview = after(24)
    overview.on_gone("12:00:00")
    assert "it ended at 12:00:00" in "\n".join(whole(overview))
    assert "NOT RUNNING" in panels.header(overview, 80).plain
    overview.on_connected()
    overview.on_item({"ok": True, "session": 8, "state": "idle", "turns": 0})
    assert overview.trace is None
    assert "started anew: session 8" in "\n".join(whole(overview))


def test_turns_from_before_it_looked_are_there_once() -> None:
    desk, overview = desk_of_an_evening(3), Overview()
    reply = {"ok": True, **desk.status(), "last_turns": [trace.to_json() for trace in desk.traces()]}
    for _ in range(2):  # it comes back to the same session
        overview.on_item(json.loads(json.dumps(reply)))
    assert [trace.turn for trace in overview.traces] == [1, 2, 3]
    overview.on_item({"ok": False, "error": "no"})
    overview.on_item({"type": "trace", **desk.traces()[-1].to_json()})
    assert overview.notice == ""
    assert len(overview.traces) == 4


def test_what_an_assistant_says_cannot_command_the_terminal() -> None:
    overview = Overview()
    overview.on_item({"type": "commit", "text": "a\x1b[2Jb\x9b31mc\nd\u202e"})
    overview.on_item({"type": "clause", "text": "[bold]not markup[/bold] [/]"})
    shown = "".join(whole(overview))
    assert shown.isprintable()
    assert "[bold]not markup[/bold] [/]" in shown


def _told_of_a_turn() -> list[dict[str, Any]]:
    desk = desk_of_an_evening(3)
    with desk.feed.subscribe() as feed:
        for event in turn_events(4):
            desk.on_event(event)
        return [{"ok": True, **desk.status()}, *map(dict, feed.take())]


_A_TURN = _told_of_a_turn()
_ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["stage", "p50_ms", "x"]), inner),
    max_leaves=6,
)
_KEYS = (
    "ok last_turns type state muted session turns failures trouble outside last stages card card_stats health uptime_s "
    "persona volume_percent hearing saying text stable heard mic_db far_db error spans marks hypotheses zero zero_ms"
).split()
_TYPES = st.sampled_from(["levels", "state", "partial", "clause", "trace", "volume", "error", "spoken", "mute"])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.dictionaries(st.sampled_from(_KEYS), _ODD | _TYPES, max_size=8), max_size=6),
    st.integers(80, 200),
    st.integers(16, 50),
    st.integers(2, 8),
)
def test_whatever_arrives_every_line_has_its_width(
    items: list[dict[str, Any]], width: int, turn: int, words: int
) -> None:
    overview = Overview()
    for item in [*_A_TURN, *items]:
        overview.on_item(item)
    lines = whole(overview, width, turn, words, Usage(123.4, 5_000_000_000, 12.34))
    assert {cell_len(line) for line in lines} == {width}
    assert len(lines) == 1 + 2 + words + 2 + turn + 1


def test_a_process_is_measured_between_two_looks(tmp_path: Any) -> None:
    stat = tmp_path / "proc" / "42" / "stat"
    stat.parent.mkdir(parents=True)

    def write(ticks: int, pages: int) -> None:
        fields = ["S", *["0"] * 10, str(ticks), "0", *["0"] * 8, str(pages), "0"]
        stat.write_text(f"42 (near) field) {' '.join(fields)}\n")

    reader = ProcessReader(42, tmp_path)
    write(100, 1000)
    first = reader.read(10.0)
    assert (first.cpu_percent, first.grown_percent) == (None, 0.0)
    write(150, 1100)
    second = reader.read(12.0)
    assert second.cpu_percent == pytest.approx(25.0)  # 50 ticks of 10 ms in 2 s
    assert second.grown_percent == pytest.approx(10.0)
    stat.unlink()
    assert reader.read(13.0) == Usage()
