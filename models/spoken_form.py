"""English as it is written into English as it is read out, one word at a time.

    spoken_form("$5.20")        # "5 dollars 20"

Only what espeak-ng reads wrongly: it takes the point of "Dr." for the end of the sentence and pauses there, and says
"dollar five point two zero". Each word of the text is replaced for itself, so that it still can be marked. Pure logic.
"""

import re

_TITLES = re.compile(r"^(\W*)(Dr|Mr|Mrs|Ms|Prof|St|Mt|Jr|Sr|Gen|Sen|Rep|Lt|Col|Capt|vs|approx|Ave|Blvd)\.$")
_NUMBER_SIGN = re.compile(r"^(\W*No)\.$")
_COUNTED = re.compile(r"^#?\d")
_MONEY = re.compile(r"^(\W*?)([$€£])(\d[\d,]*)(?:\.(\d\d))?(\D*)$")
_CURRENCIES = {"$": ("dollar", "dollars"), "€": ("euro", "euros"), "£": ("pound", "pounds")}
_DEGREES = re.compile(r"°\s?([CF])\b")
_SCALES = {"C": "Celsius", "F": "Fahrenheit"}
_TIME = re.compile(r"^(\W*)(\d{1,2}):(\d\d)(\D*)$")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def spoken_form(word: str, *, last: bool, following: str = "") -> str:
    """`word` as it should be read. `last`: nothing follows, so that a final point does end the sentence.

    `following`: the next word, "" if it is not known. Before a number "No." is one; else it is an answer.
    """
    word = _CONTROL.sub("", word)
    if _COUNTED.match(following) and (number := _NUMBER_SIGN.match(word)):
        return number[1]
    if not last and (title := _TITLES.match(word)):
        return title[1] + title[2]
    if money := _MONEY.match(word):
        return _money(*money.groups())
    if time := _TIME.match(word):
        return time[1] + _time(int(time[2]), time[3]) + time[4]
    return _DEGREES.sub(lambda m: f" degrees {_SCALES[m[1]]}", word)


def _money(before: str, sign: str, whole: str, cents: str | None, after: str) -> str:
    one, many = _CURRENCIES[sign]
    amount = f"{whole} {one if whole == '1' else many}"
    if cents and cents != "00":
        amount += f" {int(cents)}" if cents[0] != "0" else f" and {int(cents)} cents"
    return before + amount + after


def _time(hour: int, minutes: str) -> str:
    if minutes == "00":
        return f"{hour} o'clock" if 1 <= hour <= 12 else f"{hour} hundred"
    return f"{hour} {minutes}" if minutes[0] != "0" else f"{hour} oh {minutes[1]}"
