"""The orders on disk: whole or not at all, once a key, whoever else is at it."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from device.personas.store.orders import OrderBook
from device.skills.skill import SkillError

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new/orders.db"


def test_it_is_made_when_it_is_first_used(path: Path) -> None:
    order = OrderBook(path).find("4219")
    assert order is not None
    assert (order.item, order.price_cents, order.status) == ("a blue kettle", 3400, "placed")
    assert isinstance(order.expected_on, date)
    assert OrderBook(path).find("4218") is None


def test_many_at_once_make_it_once_and_cancel_once(path: Path) -> None:
    def cancel(i: int) -> bool:
        return OrderBook(path).change("4219", "cancelled", key=f"k{i}", at=NOW, allowed="placed")[1]

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(cancel, range(8)))
    assert sum(made) == 1
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM changes").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (8,)


def test_the_same_key_gives_back_the_same(path: Path) -> None:
    book = OrderBook(path)
    first = book.change("4219", "cancelled", key="k", at=NOW, allowed="placed")
    assert first[1]
    assert first[0].expected_on is None
    assert book.change("4219", "cancelled", key="k", at=NOW, allowed="placed") == first
    # a key names one change: it is no leave for another
    assert book.change("4230", "cancelled", key="k", at=NOW, allowed="placed")[1] is False
    other = book.find("4230")
    assert other is not None
    assert other.status == "placed"


def test_what_breaks_off_leaves_nothing(path: Path) -> None:
    book = OrderBook(path)
    book.find("4219")
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TRIGGER no BEFORE UPDATE ON orders BEGIN SELECT RAISE(ABORT, 'power cut'); END")
    with pytest.raises(SkillError, match="can't get at the orders"):
        book.change("4219", "cancelled", key="k", at=NOW, allowed="placed")
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM changes").fetchone() == (0,)


def test_another_program_that_holds_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("device.personas.store.orders.BUSY_S", 0.05)
    book = OrderBook(path)
    book.find("4219")
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(SkillError, match="can't get at the orders"):
        book.change("4219", "cancelled", key="k", at=NOW, allowed="placed")
    holder.execute("ROLLBACK")
    holder.close()
    assert book.change("4219", "cancelled", key="k", at=NOW, allowed="placed")[1]


def test_no_such_order(path: Path) -> None:
    with pytest.raises(SkillError, match="I find no order 4 2 1 8"):
        OrderBook(path).change("4218", "cancelled", key="k", at=NOW, allowed="placed")


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        (["kettle"], ["4219", "4224"]),
        (["blue", "kettle"], ["4219"]),
        (["Kettles"], ["4219", "4224"]),
        (["mug"], ["4198"]),
        (["bicycle"], []),
        ([], []),
        (["%"], []),
    ],
)
def test_by_what_was_ordered(path: Path, words: list[str], numbers: list[str]) -> None:
    assert [order.number for order in OrderBook(path).with_item(words)] == numbers


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SkillError) as caught:
        OrderBook(tmp_path / "file/orders.db").find("4219")
    assert str(tmp_path) in caught.value.hint
