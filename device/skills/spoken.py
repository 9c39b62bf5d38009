"""Numbers, times and lists as people say them.

    duration(5400)                            # "1 hour and 30 minutes"
    clock(time(15, 10))                       # "3:10 PM"
    listed(["milk", "eggs", "bread"])         # "milk, eggs and bread"

Sans-IO; every public function is a filter of the responses' templates. Digits stay digits: captions are short, and the
voice reads them right ("3:10 PM" as "three ten p m"; a whole hour is "3 PM", since it reads "o'clock" badly).
`tests/skills/test_said_and_heard.py` lets the real voice say them and the real recogniser write them down.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import date as Date  # noqa: N812 - there is a filter of that name
from datetime import datetime, time

#: Names of the powers of a thousand (short scale).
_THOUSANDS = ("", "", "million", "billion", "trillion", "quadrillion", "quintillion", "sextillion", "septillion",
              "octillion", "nonillion", "decillion")  # fmt: skip
LARGEST = 1e36  #: what has a name
_IN_DIGITS = 1e9  #: from here on with a word: nobody listens to a row of digits
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def number(value: float, decimals: int = 3) -> str:
    """`value` with at most `decimals` places: "1,234", "2.5", "minus 4", "2.43 quintillion".

    Raises ValueError: not finite, or beyond LARGEST.
    """
    if not abs(value) < LARGEST:
        raise ValueError(f"{value} has no name")
    sign, size = ("minus ", -value) if value < 0 else ("", value)
    if size >= _IN_DIGITS:
        power = min(int(math.log10(size) / 3 + 1e-9), len(_THOUSANDS) - 1)
        short = _plain(round(size / 10 ** (3 * power), 2), 2)
        return f"{sign}{short} {_THOUSANDS[power]}"
    text = _plain(size, decimals)
    return text if text == "0" else sign + text


def about(value: float) -> str:
    """`value` as exactly as one says it: "2.5", "about 1.41", "about 16.1", "about 177".

    Exact with up to three decimals, else three significant digits and all digits before the point. Raises ValueError
    as `number` does.
    """
    if value == 0:
        return "0"
    if abs(value) >= _IN_DIGITS:
        said = number(value)
        power = 10 ** (3 * int(math.log10(abs(value)) / 3 + 1e-9))
        return said if round(value / power, 2) * power == value else f"about {said}"
    clean = float(f"{value:.12g}")  # what binary fractions leave behind
    if clean == round(clean, 3):
        return number(clean)
    decimals = max(0, 2 - math.floor(math.log10(abs(clean))))
    return f"about {number(clean, decimals)}"


def ordinal(value: int) -> str:
    """ "1st", "22nd", "13th"."""
    ending = "th" if value % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")
    return f"{value}{ending}"


def count(value: float, one: str, many: str = "") -> str:
    """ "1 timer", "2 timers"; `many`: the plural, by default with an s."""
    return f"{number(value)} {one if value == 1 else many or one + 's'}"


def duration(seconds: float) -> str:
    """Days, hours, minutes and seconds, without those that are none: "1 hour and 30 minutes"."""
    left = max(0, round(seconds))
    parts = []
    for size, name in _UNITS:
        if amount := left // size:
            parts.append(count(amount, name))
            left %= size
    return listed(parts) or "0 seconds"


def remaining(seconds: float) -> str:
    """How long something still takes, no finer than one wants to know: from 10 minutes on to the minute."""
    if seconds < 600:
        return duration(math.ceil(seconds))
    step = 60 if seconds < 86_400 else 3600
    rounded = round(seconds / step) * step
    return duration(rounded) if abs(rounded - seconds) < 1 else f"about {duration(rounded)}"


def short_duration(seconds: float) -> str:
    """As a name says it: "10 minute", "1 hour 30 minute" ("your 10 minute timer")."""
    return duration(seconds).replace(" and ", " ").replace(",", "").replace("s ", " ").removesuffix("s")


def clock(at: time | datetime, hours: int = 12) -> str:
    """The time of day: "3:10 PM", "3 PM", "noon", "midnight"; `hours` 24: "15:10"."""
    if hours == 24:
        return f"{at.hour}:{at.minute:02}"
    if at.minute == 0 and at.hour in (0, 12):
        return "noon" if at.hour else "midnight"
    half = "AM" if at.hour < 12 else "PM"
    hour = at.hour % 12 or 12
    return f"{hour} {half}" if at.minute == 0 else f"{hour}:{at.minute:02} {half}"


def weekday(day: Date) -> str:
    """ "Monday"."""
    return ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")[day.weekday()]


def month(day: Date) -> str:
    """ "March"."""
    return ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
            "November", "December")[day.month - 1]  # fmt: skip


def date(day: Date, today: Date | None = None) -> str:
    """ "Monday, March 3rd", with the year unless `today` is in the same."""
    text = f"{weekday(day)}, {month(day)} {ordinal(day.day)}"
    return text if today is not None and today.year == day.year else f"{text}, {day.year}"


def day_from(day: Date, today: Date) -> str:
    """ "today", "tomorrow", "on Friday", "on Friday, March 13th"."""
    away = (day - today).days
    if away in (0, 1, -1):
        return ("today", "tomorrow", "yesterday")[away]
    return f"on {weekday(day)}" if 1 < away < 7 else f"on {date(day, today)}"


def listed(items: Iterable[object] | str, word: str = "and") -> str:
    """ "milk, eggs and bread"; `word`: "or"."""
    texts: Sequence[str] = [items] if isinstance(items, str) else [str(item) for item in items]
    if len(texts) < 2:
        return "".join(texts)
    return f"{', '.join(texts[:-1])} {word} {texts[-1]}"


def money(amount: float, one: str = "dollar", hundredth: str = "cent") -> str:
    """ "4 dollars and 50 cents"."""
    sign, cents = ("minus " if amount < 0 else ""), round(abs(amount) * 100)
    whole, rest = divmod(cents, 100)
    parts = ([count(whole, one)] if whole or not rest else []) + ([count(rest, hundredth)] if rest else [])
    return sign + listed(parts)


def sentence(text: str) -> str:
    """With a capital letter at the beginning; the rest as it is."""
    return text[:1].upper() + text[1:]


def clean_name(name: str) -> str:
    """What somebody calls a timer or a list: "the Pasta" as "pasta"."""
    words = name.lower().replace("-", " ").strip(" .,?!").split()
    while words and words[0] in ("a", "an", "the", "my", "our"):
        words = words[1:]
    return " ".join(words)


def _plain(size: float, decimals: int) -> str:
    text = f"{size:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
