"""The shop: what is said to it, what it asks, and what is in the database after."""

import tomllib
from datetime import timedelta
from pathlib import Path

import pytest
from store_kit import Shop

from device.dialogue.deeds import Call, Meaning
from device.skills.journal import MemoryState
from device.skills.skill import SkillError
from device.skills.tool_calls import meaning_of, tool_specs
from models.protocols import ToolRequest


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def changes(shop: Shop) -> list[tuple[str, str]]:
    return shop.sql("SELECT number, status FROM changes ORDER BY at, key")


def test_its_files_have_nothing_to_complain_of(shop: Shop) -> None:
    assert shop.skills.complaints == ()


def test_only_what_it_is_content_with(shop: Shop) -> None:
    assert {skill.group for skill in shop.skills.registry} == {"store"}


@pytest.mark.parametrize(
    "said",
    [
        "Where is order four two one nine?",
        "Where's my order 4219?",
        "Look up order 4,219, please.",
        "Order number 42 19.",
        "Where is order forty-two nineteen?",
        "Check order four twenty-one nine.",
        "What's the status of order 4-2-1-9?",
        "Where is order for two one nine?",  # as a recogniser may hear "four"
        "Where is order four, two, um, one, nine?",
        "Where is order four thousand two hundred and nineteen?",
        "Four two one nine.",
        "4219.",
        "4-2-1-9.",
        "42-19",
        "Forty-two nineteen.",
        "four twenty-one nine",
        # as whisper-tiny.en has written it
        "4-2-19",
        "4/21/9",
        "42-1-9.",
        "4-21-9",
        "Where's order 4/21/9?",
        "What is the status of order for 219?",
        "No, I meant four two one nine.",
        "Where is my blue kettle?",
    ],
)
def test_the_ways_to_ask_for_an_order(shop: Shop, said: str) -> None:
    assert shop.means(said).read_only
    assert shop.ask(said).startswith("Order 4 2 1 9: a blue kettle for 34 euros. It has not been shipped yet.")


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("Where is order 4 2 1 8?", "I find no order 4 2 1 8."),
        ("Cancel order four two one eight.", "I find no order 4 2 1 8."),
        ("Where is order four two one?", "I can't do that: an order number has 4 digits, and I heard 4 2 1."),
        ("Cancel order 4 2 1 9 9.", "I can't do that: an order number has 4 digits, and I heard 4 2 1 9 9."),
        ("Where is my bicycle?", "I find no order with bicycle. Do you have its number?"),
        ("Where is my kettle?", "There are 2. Is it order 4 2 1 9, the blue kettle, or 4 2 2 4, the red kettle?"),
        ("Cancel it.", "Which order do you mean? Tell me its number."),
        ("Cancel order 4220.", "Order 4 2 2 0 has been shipped already, so I can't cancel it. "
         "You can return it when it has arrived."),
        ("Cancel order 4205.", "Order 4 2 0 5 is cancelled already."),
        ("Return order 4219.", "Order 4 2 1 9 has not been shipped yet. You can cancel it."),
        ("Return order 4220.", "Order 4 2 2 0 has not arrived yet. You can return it then."),
        ("Return order 4198.", "Order 4 1 9 8 was delivered more than 30 days ago, so I can't start a return."),
        ("Return order 4211.", "The return of order 4 2 1 1 has begun already."),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_and_not_asked(shop: Shop, said: str, answer: str) -> None:
    assert shop.ask(said) == answer
    assert shop.asked is None
    assert "changes" not in dict(shop.sql("SELECT name, 1 FROM sqlite_schema")) or changes(shop) == []


@pytest.mark.parametrize(
    "said",
    ["Cancel the timer.", "Where are we?", "What is the capital of France?", "Do not cancel order 4219.", "Yes."],
)
def test_what_it_leaves_alone(shop: Shop, said: str) -> None:
    assert shop.skills.fast_path.interpret(said) is None


def test_the_running_example(shop: Shop) -> None:
    script = tomllib.loads(Path(__file__).with_name("store_dialogue.toml").read_text("utf-8"))
    for turn in script["turn"]:
        answer = shop.yes() if turn["says"].startswith("Yes") else shop.ask(turn["says"])
        for part in turn["answer_has"]:
            assert part in answer
    for number, status in script["after"]["orders"].items():
        assert shop.status(number) == status
    assert [list(change) for change in changes(shop)] == script["after"]["changes"]


def test_nothing_is_cancelled_before_the_yes(shop: Shop) -> None:
    assert shop.ask("Cancel order 4219.") == "Shall I cancel order 4 2 1 9, the blue kettle, for 34 euros?"
    assert shop.status("4219") == "placed"
    assert shop.yes() == "Order 4 2 1 9 is cancelled. You get 34 euros back."
    assert shop.status("4219") == "cancelled"


def test_a_yes_means_the_order_that_was_asked_about(shop: Shop) -> None:
    shop.ask("Where is order 4219?")
    shop.ask("Cancel it.")
    question = shop.asked
    shop.ask("Where is order 4230?")  # "it" is another one by now
    shop.asked = question
    shop.yes()
    assert (shop.status("4219"), shop.status("4230")) == ("cancelled", "placed")


def test_the_same_call_again_changes_nothing(shop: Shop) -> None:
    """A crash before the end of the call is written: the runner is another, its journal is empty, the key the same."""
    shop.ask("Cancel order 4219.")
    shop.yes()
    key = "test.1.0"
    again = Shop(shop.persona.database.parent)  # type: ignore[union-attr]
    outcome = again.runner.carry_out(Call(1, 0, "cancel_order", {"number": "4219"}))
    assert (outcome.status, outcome.say) == ("done", "Order 4 2 1 9 is cancelled. You get 34 euros back.")
    assert shop.sql("SELECT key, number, status, before FROM changes") == [(key, "4219", "cancelled", "placed")]


def test_shipped_between_the_question_and_the_yes(shop: Shop) -> None:
    shop.ask("Cancel order 4219.")
    shop.sql("UPDATE orders SET status = 'shipped' WHERE number = '4219'")
    assert "shipped already" in shop.yes()
    assert changes(shop) == []


def test_a_return(shop: Shop) -> None:
    assert shop.ask("I'd like to return order 4217.") == "Shall I start the return of order 4 2 1 7, the wool blanket?"
    assert shop.yes().startswith("The return of order 4 2 1 7 has begun.")
    assert shop.status("4217") == "returning"
    assert shop.ask("Where is it?").endswith("Its return has begun.")


def test_it_is_what_was_talked_of_last_and_not_for_ever(shop: Shop) -> None:
    shop.ask("Where is order 4219?")
    shop.ask("Cancel order 4220.")  # which cannot be
    assert "reading lamp" in shop.ask("Then where is it?")
    shop.now += timedelta(minutes=11)
    assert shop.ask("Where is it?") == "Which order do you mean? Tell me its number."


def test_a_language_model_is_held_to_the_same(shop: Shop) -> None:
    meanings = shop.skills.meanings
    asked = meaning_of(ToolRequest("cancel_order", {"number": "4219"}), meanings)
    assert isinstance(asked, Meaning)
    assert asked.question == "Shall I cancel order 4 2 1 9, the blue kettle, for 34 euros?"
    refused = meaning_of(ToolRequest("cancel_order", {"number": "4220"}), meanings)
    assert isinstance(refused, Meaning)
    assert refused.read_only
    assert {spec.name for spec in tool_specs(shop.skills.registry)} >= {"order_status", "cancel_order", "start_return"}
    assert "say_why_not" not in {spec.name for spec in tool_specs(shop.skills.registry)}


def test_a_full_disk_does_not_cost_the_answer(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_self: MemoryState, _name: str, _value: object) -> None:
        raise SkillError("I cannot write that down.")

    monkeypatch.setattr(MemoryState, "put", full)
    assert "blue kettle" in shop.ask("Where is order 4219?")
    assert shop.ask("Cancel order 4219.").startswith("Shall I cancel order 4 2 1 9")


def test_what_was_talked_of_is_not_written_at_every_pause(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[object] = []
    put = MemoryState.put
    monkeypatch.setattr(MemoryState, "put", lambda self, name, value: (written.append(value), put(self, name, value)))
    for _ in range(3):
        shop.ask("Where is order 4219?")
        shop.ask("Cancel it.")
    assert len(written) == 1
    shop.ask("Where is order 4220?")
    assert len(written) == 2


def test_a_database_that_cannot_be_used(shop: Shop) -> None:
    assert shop.persona.database is not None
    shop.persona.database.write_bytes(b"this is no database at all, but long enough to look like one" * 20)
    assert shop.ask("Where is order 4219?") == "I can't get at the orders now."
    assert shop.ask("Cancel order 4219.") == "I can't get at the orders now."
    assert shop.asked is None


def test_a_database_of_something_else_is_left_as_it_is(shop: Shop) -> None:
    shop.sql("CREATE TABLE diary (text)")
    assert shop.ask("Where is order 4219?") == "I can't get at the orders now."
    assert shop.sql("SELECT name FROM sqlite_schema") == [("diary",)]
