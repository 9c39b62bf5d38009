"""The event loop beside the threads: results, cancelling, and that it never holds a program up."""

import asyncio
import gc
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator

import pytest

from models.errors import ModelRunError
from models.portal import Portal

FORGETFUL = """
import asyncio
from models.portal import Portal
portal = Portal("forgotten")
async def count():
    for number in range(9):
        yield number
numbers = portal.stream(count)
print(next(numbers))
async def wait():
    await asyncio.sleep(60)
portal.call(wait, cancelled=lambda: True)
"""


def threads(name: str) -> int:
    return sum(t.name == name for t in threading.enumerate())


def test_a_program_that_forgets_to_close_it_ends() -> None:
    done = subprocess.run([sys.executable, "-c", FORGETFUL], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"0\n", b"")


def test_a_portal_that_nobody_has_any_more_ends_its_thread() -> None:
    portal = Portal("left alone")

    async def nothing() -> int:
        return 5

    assert portal.call(nothing) == 5
    assert threads("left alone") == 1
    del portal
    gc.collect()
    assert threads("left alone") == 0


def test_errors_come_through() -> None:
    portal = Portal("errors")

    async def fails() -> None:
        raise TimeoutError("as it is")

    async def fails_later() -> AsyncGenerator[int, None]:
        yield 1
        raise ZeroDivisionError

    with pytest.raises(TimeoutError, match="as it is"):
        portal.call(fails)
    numbers = portal.stream(fails_later)
    assert next(numbers) == 1
    with pytest.raises(ZeroDivisionError):
        next(numbers)
    portal.close()


def test_what_is_cancelled_cleans_up() -> None:
    portal = Portal("cleaning")
    ended = threading.Event()
    begun = threading.Event()

    async def waits() -> AsyncGenerator[int, None]:
        try:
            yield 1
            begun.set()
            await asyncio.sleep(60)
        finally:
            ended.set()

    numbers = portal.stream(waits, cancelled=begun.is_set)
    assert list(numbers) == [1]
    assert ended.wait(5)
    ended.clear()
    numbers = portal.stream(waits)
    next(numbers)
    numbers.close()
    assert ended.is_set()
    portal.close()


def test_closing_ends_a_call() -> None:
    portal = Portal("closing")
    begun = threading.Event()
    told: list[str] = []

    async def waits() -> None:
        begun.set()
        await asyncio.sleep(60)

    def call() -> None:
        try:
            portal.call(waits)
        except ModelRunError as error:
            told.append(error.message)

    caller = threading.Thread(target=call)
    caller.start()
    assert begun.wait(5)
    portal.close()
    caller.join(5)
    assert told == ["closing was closed during a call"]
    with pytest.raises(ModelRunError, match="is closed"):
        portal.call(waits)
