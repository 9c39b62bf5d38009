"""About the assistant: what it can do, what it heard, how the machine is.

"What can you do?"  "What did you hear?"  "How are you?"  "Is the network there?"
"""

from device.skills import spoken
from device.skills.services import Board, ConversationMemory, DeviceStatus, SkillCatalog, optional
from device.skills.skill import Context, SkillError, skill

#: What each skill is good for, as one says it; in the order in which it is told.
_GOOD_FOR = {
    "set_timer": "set timers", "set_alarm": "wake you", "tell_time": "tell the time and the date",
    "add_to_list": "keep your shopping list", "calculate": "do sums", "convert": "convert units",
    "set_volume": "change my volume", "tell_status": "tell you how I am",
}  # fmt: skip
_AT_ONCE = 5
_SHORT_OF_MEMORY_PERCENT = 10
_SHORT_OF_DISK_BYTES = 500_000_000


@skill(read_only=True)
def what_can_you_do(context: Context) -> str:
    """Tell what the assistant can do."""
    catalog = optional(context.services, SkillCatalog)
    names = set(_GOOD_FOR) if catalog is None else set(catalog.names())
    able = [words for name, words in _GOOD_FOR.items() if name in names]
    if not able:
        return "We can talk, and that is all for now."
    turn = context.now.minute % len(able) if len(able) > _AT_ONCE else 0  # not always the same ones
    some = (able[turn:] + able[:turn])[:_AT_ONCE]
    return f"I can {spoken.listed(some)}, and we can talk. All of it stays on this device."


@skill(read_only=True)
def who_are_you() -> str:
    """Tell who the assistant is."""
    return "I am Nearfield, an assistant that runs on this device alone. What you say stays here."


@skill(read_only=True)
def what_did_you_hear(context: Context) -> str:
    """Tell what the assistant understood last."""
    heard = context.services.get(ConversationMemory).last_heard()
    return f"I heard: {_sentence(heard)}" if heard else "I have heard nothing yet."


@skill(read_only=True)
def what_did_you_say(context: Context) -> str:
    """Say again what the assistant said last."""
    said = context.services.get(ConversationMemory).last_said()
    return f"I said: {_sentence(said)}" if said else "I have said nothing yet."


@skill(read_only=True)
def tell_status(context: Context) -> str:
    """Tell how the machine is: what is wrong with it, if anything."""
    board = context.services.get(DeviceStatus).read()
    troubles = _troubles(board)
    if troubles:
        return f"Not so well: {spoken.listed(troubles)}."
    warm = f" I am {_degrees(board)} warm." if board.temperature_c is not None else ""
    return f"I am well.{warm}"


@skill(read_only=True)
def tell_temperature(context: Context) -> str:
    """Tell how warm the machine itself is (not the room, not the weather)."""
    board = context.services.get(DeviceStatus).read()
    if board.temperature_c is None:
        raise SkillError("This machine does not tell how warm it is.")
    slowed = " That is too warm: I am slowed down." if board.throttled else ""
    return f"My processor is at {_degrees(board)}.{slowed}"


@skill(read_only=True)
def tell_network(context: Context) -> str:
    """Tell whether the machine is connected to a network."""
    board = context.services.get(DeviceStatus).read()
    if board.interface is None:
        raise SkillError("I can't tell whether there is a network.")
    if not board.interface:
        return "There is no network. I don't need one."
    kind = "wireless network" if board.interface.startswith("wl") else "network"
    where = f" My address is {board.address.replace('.', ' dot ')}." if board.address else ""
    return f"I am connected to the {kind}.{where}"


@skill(read_only=True)
def tell_memory(context: Context) -> str:
    """Tell how much memory and disk space is left."""
    board = context.services.get(DeviceStatus).read()
    said = []
    if board.memory_free_percent is not None:
        said.append(f"{board.memory_free_percent:.0f} percent of my memory")
    if board.disk_free_bytes is not None:
        said.append(f"{spoken.number(board.disk_free_bytes / 1e9, 0 if board.disk_free_bytes > 1e10 else 1)} "
                    "gigabytes on my disk")  # fmt: skip
    if not said:
        raise SkillError("This machine does not tell.")
    return f"{spoken.listed(said)} {'is' if len(said) == 1 else 'are'} free."


@skill(read_only=True)
def tell_uptime(context: Context) -> str:
    """Tell how long the machine has been running."""
    uptime_s = context.services.get(DeviceStatus).read().uptime_s
    if uptime_s is None:
        raise SkillError("This machine does not tell.")
    return f"I have been running for {spoken.remaining(uptime_s)}."


@skill(read_only=True)
def tell_version(context: Context) -> str:
    """Tell the version of the program."""
    return f"I am version {context.services.get(DeviceStatus).version.replace('.', ' point ')}."


def _troubles(board: Board) -> list[str]:
    out = []
    if board.throttled:
        out.append("I am slowed down" + (f" at {_degrees(board)}" if board.temperature_c is not None else ""))
    if board.power_low:
        out.append("my power supply is too weak")
    if board.memory_free_percent is not None and board.memory_free_percent < _SHORT_OF_MEMORY_PERCENT:
        out.append(f"only {board.memory_free_percent:.0f} percent of my memory is free")
    if board.disk_free_bytes is not None and board.disk_free_bytes < _SHORT_OF_DISK_BYTES:
        out.append(f"only {spoken.number(board.disk_free_bytes / 1e6, 0)} megabytes are free on my disk")
    return out


def _degrees(board: Board) -> str:
    return f"{spoken.number(board.temperature_c or 0.0, 0)} degrees Celsius"


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text[-1:] in (".", "!", "?") else f"{text}."
