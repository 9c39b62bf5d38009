"""The ways to read what was said, best first: without the words that people are polite with, and in plain numbers.

    wordings("Hey, could you set a timer for half an hour, please?")
    # ["set a timer for half an hour", "Hey, could you ...", "set a timer for 30 minutes"]

Pure functions on text. Nothing that could turn a wish into another one is taken away: "don't" stays.
"""

import re

#: Taken away at the beginning, again and again. What follows must be a wish of its own.
_BEFORE = (
    "hey,hi,hello,um,umm,uh,uhm,er,erm,hmm,ah,oh,so,well,now,okay,ok,alright,all right,right,please,yes please,"
    "thank you,thanks,just,listen,excuse me,can you,can you please,could you,would you,will you,can i ask you to,"
    "i want you to,i'd like you to,i would like you to,i need you to,would you mind,do me a favor and,"
    "let's,go ahead and,and,then"
).split(",")
#: Taken away at the end.
_AFTER = "please,thanks,thank you,would you,could you,will you,can you,for me,okay,ok,um,uh,now please".split(",")
#: Taken away wherever they are: no words at all.
_HESITATION = re.compile(r"(?<![\w'-])(?:u+m+|u+h+m?|er+m?|h+m+)(?![\w'-])[,.…]*\s*", re.IGNORECASE)
_EDGE = " \t,.;:!?…-–—"
_INITIALS = re.compile(r"\b(?:\w\.){2,}$")
_JOINT = r"[\s,.!?…]+"

_UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen".split()
_UNITS += "seventeen eighteen nineteen".split()
_SMALL = {word: value for value, word in enumerate(_UNITS)}
_TENS = {w: 10 * i for i, w in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2)}
_TENS["fourty"] = 40
_SCALES = {"hundred": 100, "thousand": 1000}
_NUMBER_WORDS = "|".join([*_SMALL, *_TENS, *_SCALES])
_NUMBER = re.compile(
    rf"\b(?:an?[ ](?=hundred|thousand))?(?:{_NUMBER_WORDS})(?:(?:[ -]|[ ]and[ ])(?:{_NUMBER_WORDS}))*\b", re.I
)

#: A unit of time, and the next smaller one with how many of it make half.
_HALVES = {"day": (12, "hour"), "hour": (30, "minute"), "minute": (30, "second")}
_TIME_UNIT = r"(?P<unit>day|hour|minute)s?"
_SPOKEN_TIMES = (
    (re.compile(rf"\b(?P<n>\d+|an?) {_TIME_UNIT} and an? half\b", re.I), "{n} {unit}s and {half} {small}s"),
    (re.compile(rf"\b(?P<n>\d+|an?) and an? half {_TIME_UNIT}\b", re.I), "{n} {unit}s and {half} {small}s"),
    (re.compile(rf"\b(?P<n>\d+)(?:\.5|½| ½) {_TIME_UNIT}\b", re.I), "{n} {unit}s and {half} {small}s"),
    (re.compile(rf"\b(?:(?:an? )?half(?: of)?|½)(?: an?)? {_TIME_UNIT}\b", re.I), "{half} {small}s"),
    (re.compile(rf"\b(?:three|3) quarters of an? {_TIME_UNIT}\b", re.I), "{three_quarters} {small}s"),
    (re.compile(rf"\b(?:an? )?quarter(?: of)? an? {_TIME_UNIT}\b", re.I), "{quarter} {small}s"),
)
#: "and" is said so short that it is heard as "in"; nobody sets a timer for hours within minutes.
_AND_HEARD_AS_IN = re.compile(r"\b(\d+ (?:hours?|minutes?)) in (?=\d+ (?:minutes?|seconds?)\b)", re.I)
_ONE_UNIT = re.compile(r"\ban? (?=(?:second|minute|hour|day|week|percent|degree)s?\b)", re.I)
_COUPLE = re.compile(r"\ba couple(?: of)? (?=(?:second|minute|hour|day|week)s\b)", re.I)
_GLUED = re.compile(r"\b(\d+)-(?=[a-z])", re.I)
_ONE = re.compile(r"\b1 (day|hour|minute|second)s\b")


def wordings(text: str) -> list[str]:
    """At least one; no two alike. "" and signs alone: none."""
    said = trimmed(" ".join(text.split()))
    bare = stripped(_HESITATION.sub("", said))
    found: list[str] = []
    for wording in (bare, plain_numbers(bare), said, plain_numbers(said)):
        if wording and wording not in found:
            found.append(wording)
    return found


def stripped(text: str) -> str:
    """`text` without what is said before and after a wish; "" when nothing else was said."""
    text = trimmed(text)
    while shorter := trimmed(_AFTER_WORDS.sub("", _BEFORE_WORDS.sub("", text))):
        if shorter == text:
            return text
        text = shorter
    return ""


def trimmed(text: str) -> str:
    """`text` without the signs around it; "at 7 a.m." keeps its last dot."""
    text = text.strip(_EDGE.replace(".", "")).lstrip(".")
    return text if _INITIALS.search(text) else text.strip(_EDGE)


def plain_numbers(text: str) -> str:
    """Numbers in digits, spoken lengths of time in whole units: "an hour and a half" is "1 hour and 30 minutes"."""
    text = _NUMBER.sub(_digits, text)
    for pattern, form in _SPOKEN_TIMES:
        text = pattern.sub(lambda match, form=form: _spelt(match, form), text)  # type: ignore[misc]
    text = _GLUED.sub(r"\1 ", _COUPLE.sub("2 ", _ONE_UNIT.sub("1 ", text)))
    return _AND_HEARD_AS_IN.sub(r"\1 and ", _ONE.sub(r"1 \1", text))


def _spelt(match: re.Match[str], form: str) -> str:
    unit = match["unit"].lower()
    half, small = _HALVES[unit]
    n = match.groupdict().get("n") or ""
    return form.format(
        n="1" if n.lower() in ("a", "an") else n,
        unit=unit,
        small=small,
        half=half,
        quarter=half // 2,
        three_quarters=half * 3 // 2,
    )


def _digits(match: re.Match[str]) -> str:
    """The number in digits; as it was where the words make no single number ("five five", "twenty twelve")."""
    words = [word for word in re.split(r"[ -]+", match[0].lower()) if word not in ("a", "an")]
    if len(words) > 1 and words[0] in ("one", "two", "three") and words[1] == "quarters":
        return match[0]
    total, part, last = 0, 0, 10_000  # `last`: what the word before was worth; words of one number fall
    for word in words:
        if word == "and":
            if last < 100:
                return match[0]
        elif word in _SCALES:
            scale = _SCALES[word]
            if scale == 1000:
                total, part, last = total + (part or 1) * 1000, 0, 1000
            else:
                if part > 99 or (part == 0 and last != 10_000):
                    return match[0]
                part, last = (part or 1) * 100, 100
        else:
            value = _SMALL.get(word, _TENS.get(word, 0))
            size = 1 if value < 10 else 10
            if not (last >= 100 or (last == 10 and 0 < value < 10)):
                return match[0]
            part += value
            last = 10 if word in _TENS else size if size == 1 else 1
    return str(total + part)


def _alternatives(phrases: list[str]) -> str:
    return "|".join(re.escape(p).replace(r"\ ", _JOINT) for p in sorted(phrases, key=len, reverse=True))


_BEFORE_WORDS = re.compile(rf"^(?:{_alternatives(_BEFORE)})(?:{_JOINT}|$)", re.IGNORECASE)
_AFTER_WORDS = re.compile(rf"(?:^|{_JOINT})(?:{_alternatives(_AFTER)})$", re.IGNORECASE)
