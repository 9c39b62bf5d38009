"""Orders that mean nothing: what is said of them, for a small language model says that it has carried them out.

    unable("Wake me every weekday except Friday at 7.", {"set_alarm"})
    # "I have set no alarm: I did not understand when. Say, for example: wake me at seven tomorrow."
    unable("Play some jazz.", {"set_alarm"})      # "I don't know how to do that."
    unable("How do I set an alarm?", {"set_alarm"})     # "": that is for the language model

SmolLM2 answers "Set an alarm for the day after tomorrow at 9" with "I'll make sure to adjust the alarm". Only what is
plainly an order to the machine is caught, by how it begins: an order that is not caught is only as bad as before, a
question that is caught gets no answer. English. Pure functions on text.
"""

import re
from collections.abc import Container
from typing import NamedTuple

from device.skills.wordings import wordings


class _Order(NamedTuple):
    words: re.Pattern[str]  #: of the whole wording, in lower case
    skill: str = ""  #: that carries out such orders, where there is one
    why_not: str = ""  #: what it would have needed


_UNKNOWN = "I don't know how to do that."
_SET = r"(?:set(?: up)?|make|create|start|add|give me|put on|change|move|i need|i want)"
_END = r"(?:cancel|delete|remove|clear|stop|end|turn off|switch off|disable|skip)"
_MEDIA = r"(?:music|songs?|radio|playlists?|albums?|podcasts?|audiobooks?|jazz|rock|pop|classical)"
_DOORS = r"(?:doors?|windows?|garage|gate|blinds?|shutters?|curtains?)"
_THE = r"(?:(?:the|my|our|this|that|all(?: of)?(?: the)?|some|a|an|any|me|us) )*"


def _orders(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


_ORDERS = (
    _Order(
        _orders(rf"{_END} .*\balarms?\b.*"),
        "cancel_alarm",
        "I have cancelled no alarm: I did not understand which one. You can ask: which alarms are set?",
    ),
    _Order(
        _orders(
            rf"{_SET} {_THE}(?:\S+ )?alarm\b(?! system).*",
            r"(?:wake|get) (?:me|us)(?: up)?\b(?! (?:a|an|some|the)\b).*",
        ),
        "set_alarm",
        "I have set no alarm: I did not understand when. Say, for example: wake me at seven tomorrow.",
    ),
    _Order(
        _orders(rf"{_END} .*\btimers?\b.*"),
        "cancel_timer",
        "I have cancelled no timer: I did not understand which one. You can ask: which timers are set?",
    ),
    _Order(
        _orders(rf"{_SET} {_THE}(?:\S+ )?timer\b.*", r"count down\b.*"),
        "set_timer",
        "I have set no timer: I did not understand for how long. Say, for example: set a timer for ten minutes.",
    ),
    _Order(
        # "remind me what that was" is a question
        _orders(r"remind (?:me|us)\b(?! (?:who|what|why|where|which|how|if|of|again)\b).*", rf"{_SET} a reminder\b.*"),
        "set_alarm",
        "I will not remind you: I did not understand when. Say, for example: remind me at six to call Anna.",
    ),
    _Order(_orders(r"(?:turn|switch|put) (?:on|off)\b .*", r"(?:turn|switch|put) \S.* (?:on|off)")),
    _Order(_orders(rf"(?:turn|switch|dim|brighten) {_THE}(?:\S+ ){{0,2}}(?:lights?|lamps?)\b.*")),
    _Order(_orders(rf"(?:open|close|shut|lock|unlock) (?:the|my|our|all) (?:\S+ ){{0,2}}{_DOORS}\b.*")),
    _Order(_orders(rf"play {_THE}(?:\S+ ){{0,2}}{_MEDIA}\b.*")),
    _Order(_orders(r"(?:call|phone|ring|text|message) (?:my|the|our) .*", r"(?:call|phone) (?:an|a) \S+")),
    _Order(_orders(r"(?:call|phone) (?:mom|mum|mummy|dad|daddy|mother|father|grandma|grandpa|911|112|999)")),
    _Order(_orders(rf"send {_THE}(?:\S+ ){{0,2}}(?:message|text|e-?mail|mail|sms|letter)\b.*")),
    _Order(_orders(r"(?:order|buy) (?:me|us|some|a|an|more) .*")),
)  # fmt: skip


def unable(text: str, skills: Container[str]) -> str:
    """What is said of `text`, which no sentence fits, if it is an order; "" it is none. `skills`: those there are."""
    for wording in wordings(text)[:1]:
        plain = wording.lower().replace("’", "'").rstrip(".!? ")
        for order in _ORDERS:
            # "Can you turn off a phone by voice?" is a question, "Can you set an alarm?" an order
            if (order.skill or "?" not in text) and order.words.fullmatch(plain):
                return order.why_not if order.skill in skills else _UNKNOWN
    return ""
