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

from device.skills.moments import WEEKDAY_PATTERN
from device.skills.wordings import wordings


class _Order(NamedTuple):
    words: re.Pattern[str]  #: of the whole wording, in lower case
    skill: str = ""  #: that carries out such orders, where there is one
    why_not: str = ""  #: what it would have needed


_UNKNOWN = "I don't know how to do that."
_SET = r"(?:i (?:want|need) to )?(?:set(?: up)?|make|create|start|add|give me|put on|change|move|i need|i want)"
_END = r"(?:cancel|delete|remove|clear|stop|end|turn off|switch off|disable|skip)"
_THE = r"(?:(?:the|my|our|this|that|all(?: of)?(?: the)?|some|a|an|any|me|us) )*"
_NUMBER = (
    r"(?:\d\S*|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|"
    r"half|quarter)"
)
_WORD = r"(?:[ap]\.m\.|\d[\d.:]*|[^\s,.:;!?]+)"  #: with nothing behind it: not the words of several sentences
#: What may be said of one that is to be set or cancelled. Nothing else: "a timer joke", "an alarm clock out of paper".
_RINGS = (
    rf"(?:,? (?:for|at|on|by|as|with|please|from|until|till|every|each|daily|when|whenever|before|after|behind|called|"
    rf"named|so|if|and|but|except|that|which|i|we|you|of|now|again|one|early|earlier|late|later|noon|midnight|"
    rf"today|tonight|tomorrow|next|this|the day|{_NUMBER}|{WEEKDAY_PATTERN}|"
    r"weekdays?|weekends?|to (?:the day|next|(?!(?:the|my|our|this|an?)\b)\S+)|"
    rf"in (?:the (?:morning|afternoon|evening)|{_NUMBER}))\b.*)?"
)
#: Others than ours; and words that make it talk about one.
_OTHER = r"(?!(?:smoke|fire|burglar|car|security|false) )"
_TALK = r"(?!(?:about|word|story|stories|joke|poem|song|tips?|chapter|question|battery|with|from|when|at)\b)"
_HELP = r"(?!(?:on|of|for|in|by|like|help|advice)\b)"
_MEDIA = r"(?:music|songs?|radio|playlists?|albums?|podcasts?|audiobooks?|jazz|rock|pop|classical)"
_ROOMS = (
    r"(?:(?:front|back|main|house|garage|car|balcony|patio|terrace|living room|bedroom|bathroom|kitchen|office|"
    r"left|right|roller) )*"
)
_HEAT = r"(?:heat|heating|thermostat|radiator)"
_DOORS = r"(?:doors?|windows?|garage|gate|blinds?|shutters?|curtains?)"
_SOMEBODY = (
    r"(?:mom|mum|mummy|dad|daddy|mother|father|parents|grandma|grandpa|grandmother|grandfather|wife|husband|partner|"
    r"girlfriend|boyfriend|brother|sister|son|daughter|uncle|aunt|friend|neighbou?r|boss|colleague|office|work|"
    r"doctor|dentist|lawyer|plumber|electrician|police|ambulance|hospital|pharmacy|fire (?:department|brigade)|"
    r"taxi|cab|uber|911|112|999)"
)
_THEN = r"(?:,? (?:and|at|on|that|to|for|now|right|immediately|about|back|quick|quickly|please)\b.*)?"
_GOODS = (
    r"(?:pizzas?|sushi|burgers?|food|groceries|milk|bread|eggs|coffee|tea|water|beer|wine|batteries|diapers|"
    r"toilet paper|taxi|cab|uber)"
)


def _orders(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


_ORDERS = (
    _Order(
        _orders(rf"{_END} (?:{_OTHER}{_TALK}{_WORD} ){{0,6}}alarms?(?: clocks?)?{_RINGS}"),
        "cancel_alarm",
        "I have cancelled no alarm: I did not understand which one. You can ask: which alarms are set?",
    ),
    _Order(
        _orders(
            rf"{_SET} {_THE}(?:{_OTHER}{_TALK}{_HELP}{_WORD} ){{0,2}}alarms?(?: clocks?)?{_RINGS}",
            r"wake (?:me|us)(?: up)?\b(?! (?:a|an|some|the)\b).*",
            r"get (?:me|us) up\b(?! to\b).*",
        ),
        "set_alarm",
        "I have set no alarm: I did not understand when. Say, for example: wake me at seven tomorrow.",
    ),
    _Order(
        _orders(rf"{_END} (?:{_TALK}{_WORD} ){{0,6}}timers?{_RINGS}"),
        "cancel_timer",
        "I have cancelled no timer: I did not understand which one. You can ask: which timers are set?",
    ),
    _Order(
        # "count down from ten" can be done with words
        _orders(
            rf"{_SET} {_THE}(?:{_TALK}{_HELP}{_WORD} ){{0,2}}timers?{_RINGS}",
            r"count ?down\b.* (?:seconds?|minutes?|hours?)\b.*",
        ),
        "set_timer",
        "I have set no timer: I did not understand for how long. Say, for example: set a timer for ten minutes.",
    ),
    _Order(
        # "remind me what that was" is a question, and so is "remind me when that was"
        _orders(
            r"remind (?:me|us)\b(?!,? (?:please )?(?:who|whom|whose|what|why|where|which|how|if|whether|of|again|"
            r"once more|your|the difference|in (?:which|what)|when (?:is|are|was|were|did|does|do|to|we)|"
            r"when .* (?:is|are|was|were|began|started|ended|died|happened)$)\b).*",
            rf"remind (?:me|us) (?:of|again)\b.* (?:tomorrow|tonight|later|at (?:{_NUMBER}|noon|midnight)|"
            rf"every {_WORD}|in {_NUMBER} (?:minutes?|hours?|days?))",
            rf"{_SET} a reminder\b(?! of\b).*",
        ),
        "set_alarm",
        "I will not remind you: I did not understand when. Say, for example: remind me at six to call Anna.",
    ),
    _Order(
        _orders(
            r"(?:turn|switch) (?:on|off) (?!(?:your|the charm)\b).*",
            rf"(?:turn|switch) (?:(?!(?:me|us|your|into|around|over|and|to)\b){_WORD} ){{1,6}}(?:on|off)",
            rf"put (?:on|off) (?:the|some|my|our) {_WORD}.*",
            rf"put (?:the|all|my|our) (?:(?!(?:and|in|on)\b){_WORD} ){{1,3}}(?:on|off)",
            rf"(?:turn|switch) (?:(?!(?:your|into)\b){_WORD} ){{1,5}}(?:on|off) (?:at|in|for|now|every|when)\b.*",
        )
    ),
    _Order(_orders(rf"(?:turn|switch|set) (?:up |down )?{_THE}(?:{_WORD} ){{0,2}}{_HEAT}\b(?!,).*")),
    _Order(_orders(rf"(?:turn|switch|dim|brighten) {_THE}(?:{_WORD} ){{0,2}}(?:lights?|lamps?)\b(?!,).*")),
    _Order(
        _orders(
            rf"(?:open|close|shut|lock|unlock) (?:the|my|our|all)(?: of)?(?: the)? {_ROOMS}{_DOORS}"
            r"(?: (?:in|of|at|on|for|half|a bit|now|all)\b.*)?"
        )
    ),
    _Order(
        _orders(
            rf"play {_THE}(?:{_WORD} ){{0,2}}{_MEDIA}(?: {_MEDIA})?"
            r"(?: (?:by|from|on|for|in|about|called|of|that)\b.*)?"
        )
    ),
    _Order(
        _orders(
            rf"(?:call|phone|ring|text|message) (?:my |the |our |an? )?(?:best |old )?{_SOMEBODY}(?:-in-law)?"
            rf"(?: {_WORD})?{_THEN}",
            r"(?:call|get) (?:me|us) an? (?:taxi|cab|uber|ambulance|doctor)",
        )
    ),
    _Order(_orders(rf"send {_THE}(?:{_WORD} ){{0,2}}(?:message|text|e-?mail|mail|sms|letter)\b.*")),
    _Order(
        _orders(
            rf"(?:order|buy) (?:me|us) (?:some|more|{_NUMBER}) [^,]+",
            r"buy (?:an?|some|more) [^,]+",
            rf"order (?:some|more|{_NUMBER}) (?:{_WORD} ){{0,2}}{_GOODS}"
            r"(?: (?:from|for|online|on|at)\b.*)?",
        )
    ),
)  # fmt: skip
#: In a question they ask for an answer.
_ASKS = re.compile(r"\b(?:what|which|how|who|why|where|should|ideas?|tips?)\b")


def unable(text: str, skills: Container[str]) -> str:
    """What is said of `text`, which no sentence fits, if it is an order; "" it is none. `skills`: those there are."""
    for wording in wordings(text)[:1]:
        plain = wording.lower().replace("’", "'").rstrip(".!? ")
        for order in _ORDERS:
            # "Can you turn off a phone by voice?" is a question, "Can you set an alarm?" an order
            asks = "?" in text and (not order.skill or _ASKS.search(plain))
            if not asks and order.words.fullmatch(plain):
                return order.why_not if order.skill in skills else _UNKNOWN
    return ""
