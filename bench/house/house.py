"""Skills that do nothing: for the recordings of commands, and an example of a folder skills.d.

nearfield skills list --folder bench/house
"""
# ruff: noqa: ARG001 - they do nothing

from typing import Literal

from device.skills.skill import Result, skill


@skill
def switch(device: str, on: bool) -> Result:
    """Turn a device on or off."""
    return Result()


@skill(confirm="Lock the {door}?")
def lock(door: str) -> str:
    """Lock a door."""
    return f"The {door} is locked."


@skill(read_only=True)
def is_locked(door: str) -> str:
    """Tell whether a door is locked."""
    return f"The {door} is locked."


@skill(read_only=True)
def temperature(sensor: str) -> Result:
    """Tell what a sensor measures."""
    return Result(data={"degrees": 20})


@skill
def dim(lamp: str, percent: int) -> Result:
    """Set how bright a lamp is."""
    return Result()


@skill
def scene(name: str) -> Result:
    """Set a scene or run a script."""
    return Result()


@skill
def media(control: Literal["next", "pause", "resume"]) -> Result:
    """Control what is playing."""
    return Result()


@skill
def house_timer(hours: int = 0, minutes: int = 0) -> Result:
    """Set a timer."""
    return Result()


@skill
def house_timers(action: Literal["cancel all", "resume"]) -> Result:
    """Cancel or resume timers."""
    return Result()


@skill
def house_list(item: str, name: str) -> Result:
    """Put something on a list."""
    return Result()


@skill(read_only=True)
def calendar() -> str:
    """Tell the date."""
    return "It is Monday."


@skill(read_only=True)
def weather(place: str = "here") -> Result:
    """Tell the weather."""
    return Result()


@skill
def launch(program: str) -> Result:
    """Start a program."""
    return Result()


@skill
def order_drink(
    drink: str, size: str = "", shots: str = "", roast: str = "", milk: str = "", sugar: str = ""
) -> Result:
    """Order a drink."""
    return Result()
