"""The orders of the shop: a SQLite file that is made with some orders in it when it is first used.

    book = OrderBook(path)
    book.find("4219").item                                # "a blue kettle"
    book.change("4219", "cancelled", key="s1.3.0", at=now, allowed="placed")

Each change is a transaction of its own and has a key: the same key again changes nothing and gives back the same. The
file is opened for each use, so that any thread may, and another program may read it meanwhile.
"""

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from importlib.resources import files
from pathlib import Path
from typing import Literal

from device.skills.skill import SkillError

Status = Literal["placed", "shipped", "delivered", "cancelled", "returning"]

#: Another program may write for so long.
BUSY_S = 2.0
#: "schema 1 of the orders", for SQLite's own field of that purpose.
_USER_VERSION = 1
_COLUMNS = "number, item, price_cents, status, ordered_on, expected_on, delivered_on"


@dataclass(frozen=True, slots=True)
class Order:
    """One row. `item` has its article: "a blue kettle"."""

    number: str
    item: str
    price_cents: int
    status: Status
    ordered_on: date
    expected_on: date | None
    delivered_on: date | None


class OrderBook:
    """Every method raises SkillError when the file cannot be used."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def find(self, number: str) -> Order | None:
        """None: there is no such order."""
        with self._open() as connection:
            return _one(connection, number)

    def with_item(self, words: Collection[str]) -> list[Order]:
        """The orders whose item has all of `words` in it (or their singular), the newest first."""
        with self._open() as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM orders ORDER BY ordered_on DESC, number DESC").fetchall()
        wanted = {_singular(word.casefold()) for word in words}
        orders = [_order(row) for row in rows]
        return [o for o in orders if wanted and wanted <= {_singular(word) for word in o.item.casefold().split()}]

    def change(self, number: str, status: Status, *, key: str, at: datetime, allowed: Status) -> tuple[Order, bool]:
        """Give the order another status. The order as it is now, and whether this call (`key`) made it so.

        False: it was in another status than `allowed`, and is as it was. Raises SkillError: no such order.
        """
        with self._open() as connection, _transaction(connection):
            order = _one(connection, number)
            if order is None:
                raise SkillError(f"I find no order {' '.join(number)}.")
            done = connection.execute("SELECT number, status FROM changes WHERE key = ?", (key,)).fetchone()
            if done is not None:
                return order, done == (number, status)
            if order.status != allowed:
                return order, False
            connection.execute(
                "INSERT INTO changes VALUES (?, ?, ?, ?, ?)", (key, number, status, order.status, at.isoformat())
            )
            # what is cancelled or comes back is not on its way to anybody
            connection.execute("UPDATE orders SET status = ?, expected_on = NULL WHERE number = ?", (status, number))
            changed = _one(connection, number)
            assert changed is not None
            return changed, True

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise _unusable(self._path, error) from error
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            if connection.execute("PRAGMA user_version").fetchone() != (_USER_VERSION,):
                _make(connection)
            yield connection
        except sqlite3.Error as error:
            raise _unusable(self._path, error) from error
        finally:
            connection.close()


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Written whole or not at all; waits for another writer before it reads, so that what it read still holds."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _make(connection: sqlite3.Connection) -> None:
    """Another process may be about it too: whoever comes second finds it made."""
    script = files(__package__).joinpath("orders.sql").read_text("utf-8")
    with _transaction(connection):
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == _USER_VERSION:
            return
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if version or tables:
            raise sqlite3.DatabaseError("it is a database of something else")
        for statement in _statements(script):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {_USER_VERSION}")


def _statements(script: str) -> Iterator[str]:
    """executescript would end the transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _one(connection: sqlite3.Connection, number: str) -> Order | None:
    row = connection.execute(f"SELECT {_COLUMNS} FROM orders WHERE number = ?", (number,)).fetchone()
    return _order(row) if row is not None else None


def _order(row: tuple[str, str, int, Status, str, str | None, str | None]) -> Order:
    number, item, price_cents, status, ordered_on, expected_on, delivered_on = row
    return Order(
        number, item, price_cents, status, date.fromisoformat(ordered_on), _day(expected_on), _day(delivered_on)
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _unusable(path: Path, error: Exception) -> SkillError:
    return SkillError("I can't get at the orders now.", hint=f"{path}: {error}")
