"""What the words say about whether the speaker has finished.

    wording_of("Get me an espresso with...")  # Wording.UNFINISHED

Evidence for the end-pointer, not its verdict: a small recogniser writes a full stop behind most of what it hears and
loses the word that hung in the air, so `STATEMENT` means little alone, and `UNFINISHED` and `DICTATING` mean much. They
are given only where grammar leaves hardly a choice, because a wrong one makes a person wait who has finished.

English goes by closed word classes (`wording_lists`); French and German by short tables; other languages by their
marks. Pure text in, verdict out.
"""

import re
from enum import StrEnum

from device.dialogue import wording_lists as lists


class Wording(StrEnum):
    """What a transcript says about its own end."""

    QUESTION = "question"  #: a question with nothing missing
    STATEMENT = "statement"  #: closed by a mark, or a command known to be whole
    OPEN = "open"  #: no evidence
    UNFINISHED = "unfinished"  #: grammar demands more
    LONE = "lone"  #: a word alone that is no sentence: a beginning, unless it answers a question
    DICTATING = "dictating"  #: digits, letters, or the name of what is dictated next: more may come


_TRAILING_OFF = re.compile(r"(\.\.+|…|,|;|:|-|–|—)[\"'”’)\]]*$")
_CLOSED = re.compile(r"[.!?。！？؟।][\"'”’)\]]*$")  # with the full stops of other scripts
_ASKED = re.compile(r"[?？؟][\"'”’)\]]*$")
_TOKEN = re.compile(r"[^\W_]+(?:['’\-.:,][^\W_]+)*['’]?|%")
_DIGITS = re.compile(r"[\d]+(?:[-.:,]\d+)*")
_LETTERS = re.compile(r"[a-z](?:-[a-z])+")
_CLAUSE_END = re.compile(r"(?<!\d)[.!?](?!\d)[\"'”’)]*\s+")
_LINKS = {"is", "it's", "number", "of"}  # between what is dictated and its digits: "the code is 4"
_BEFORE_NOUNS = lists.PREPOSITIONS | lists.ARTICLES | lists.POSSESSIVES | {"in"}
_YEAR = re.compile(r"1[5-9]\d\d|20\d\d")
_CLOCK = re.compile(r"\d{1,2}[:.]\d\d")
_ONE_CLAUSE_WORDS = 8  # what is longer may hold the main clause too
_DIGITS_TOLD_APART = 3  # so many figures in a row are read out one by one: a code, not a quantity


def wording_of(text: str, language: str = "en") -> Wording:
    """What `text`, a transcript so far, says about its end. `language`: two letters, as the recogniser is set."""
    text = text.strip()
    if not any(c.isalnum() for c in text):
        return Wording.OPEN
    clauses = [_tokens(clause) for clause in _CLAUSE_END.split(text)]
    tokens = clauses[-1]
    if not tokens:
        return Wording.OPEN
    closed = bool(_CLOSED.search(text)) and not _TRAILING_OFF.search(text)
    verdict = _english(clauses, closed=closed) if language == "en" else _tabled(tokens, language)
    if verdict in (Wording.DICTATING, Wording.LONE):
        return verdict
    if verdict is Wording.UNFINISHED or _TRAILING_OFF.search(text) or _unclosed(text):
        return Wording.UNFINISHED
    if _ASKED.search(text):
        return Wording.QUESTION
    return Wording.STATEMENT if closed else verdict


def _tokens(text: str) -> list[str]:
    return [token.replace("’", "'") for token in _TOKEN.findall(text.lower())]


def _unclosed(text: str) -> bool:
    """A quotation or a bracket is open."""
    return text.count('"') % 2 == 1 or text.count("“") > text.count("”") or text.count("(") > text.count(")")


def _tabled(tokens: list[str], language: str) -> Wording:
    table = lists.TABLES.get(language)
    last = tokens[-1]
    if last.isdigit():
        return Wording.DICTATING if _figures(tokens) >= _DIGITS_TOLD_APART else Wording.OPEN
    if table is None:
        return Wording.OPEN
    if any(_ends(tokens, opening) for opening in table.dictation_openings):
        return Wording.DICTATING
    return Wording.UNFINISHED if last in table.dangling else Wording.OPEN


def _english(clauses: list[list[str]], *, closed: bool) -> Wording:
    """The verdict on the last clause. `closed`: a full stop or its like is behind it."""
    tokens, whole = clauses[-1], [token for clause in clauses for token in clause]
    phrase = " ".join(tokens)
    if phrase in lists.SAYINGS | lists.SHORT_QUESTIONS:
        return Wording.STATEMENT if phrase in lists.SAYINGS else Wording.QUESTION
    if _dictating(tokens, whole):
        return Wording.DICTATING
    if len(tokens) == 1 and tokens[0] in lists.ONE_WORD - lists.OPENERS:
        return Wording.STATEMENT
    if _dangling(tokens, closed=closed) or any(missing(tokens) for missing in _MISSING):
        return Wording.UNFINISHED
    if all(len(clause) < 2 for clause in clauses):
        return Wording.LONE
    return (
        Wording.STATEMENT if _whole_command(tokens) else Wording.QUESTION if _whole_question(tokens) else Wording.OPEN
    )


# --- numbers and letters -----------------------------------------------------------------------------------------


def _is_number(token: str) -> bool:
    return bool(_DIGITS.fullmatch(token)) or token in lists.NUMBER_WORDS or _hyphenated_number(token)


def _hyphenated_number(token: str) -> bool:
    parts = token.split("-")
    return len(parts) > 1 and all(p in lists.NUMBER_WORDS or p.isdigit() for p in parts)


def _is_letter(token: str) -> bool:
    return len(token) == 1 and token.isalpha()


def _figures(tokens: list[str]) -> int:
    """How many figures the text ends with, read out or written: "42 four" has three."""
    figures = 0
    for token in reversed(tokens):
        if not _is_number(token):
            break
        figures += sum(c.isdigit() for c in token) or len(token.split("-"))
    return figures


def _dictating(tokens: list[str], whole: list[str]) -> bool:
    """Does the text end among digits or letters that are being read out, or where that begins?"""
    run = 0  # numbers and letters at the end
    while run < len(whole) and _may_be_dictated(whole[-1 - run], last=run == 0):
        run += 1
    before, ending = whole[: len(whole) - run], whole[len(whole) - run :]
    if not ending:
        openings = [opening for opening in lists.DICTATION_OPENINGS if _ends(tokens, opening)]
        return not _asks(tokens) and any(_opens_dictation(tokens, opening) for opening in openings)
    if not before:  # nothing but numbers, and not a time of day
        return len(ending) > 1 or not _CLOCK.fullmatch(ending[0])
    if lists.DICTATED & set(before[-2:]):
        return before[-1] in lists.DICTATED or before[-1] in _LINKS
    if not any(_is_number(token) for token in ending):  # letters: "A B", "A-B"; not "plan B"
        return len(ending) > 1 or _LETTERS.fullmatch(ending[0]) is not None
    return not _one_quantity(ending)


def _may_be_dictated(token: str, *, last: bool) -> bool:
    if token in {"a", "i"}:
        return not last  # the article, the pronoun; letters only with others behind them
    return (
        _is_number(token)
        or _is_letter(token)
        or bool(_LETTERS.fullmatch(token))
        or (token in lists.REPEATERS and not last)
    )


def _opens_dictation(tokens: list[str], opening: str) -> bool:
    """A lone noun ("cancel my order") opens nothing unless it is all that was said."""
    return " " in opening or opening in {"spelled", "spelt"} or opening.endswith("'s") or len(tokens) == 1


def _one_quantity(numbers: list[str]) -> bool:
    """Are these one number or one time of day ("42", "forty two", "7 30", "1999"), not figures read out?"""
    parts = [part for token in numbers for part in ([token] if _DIGITS.fullmatch(token) else token.split("-"))]
    first, *rest = parts
    if not rest:
        short = len(first) < _DIGITS_TOLD_APART or first.endswith("00") or _YEAR.fullmatch(first) is not None
        return "-" not in first and (short or not first.isdigit())
    if all(part.isdigit() for part in parts):  # 7 30
        return len(parts) == 2 and int(first) < 25 and len(rest[0]) == 2 and int(rest[0]) < 60
    if lists.MAGNITUDES & set(rest):
        return True
    forty_two = len(parts) == 2 and first not in lists.DIGIT_WORDS and rest[0] in lists.DIGIT_WORDS
    seven_thirty = len(parts) < 4 and rest[0] in lists.TENS | lists.TEENS
    return forty_two or seven_thirty


# --- grammar -----------------------------------------------------------------------------------------------------


def _ends(tokens: list[str], phrase: str) -> bool:
    words = phrase.split()
    return tokens[-len(words) :] == words


def _dangling(tokens: list[str], *, closed: bool) -> bool:
    """Is the last word one that cannot be the last?"""
    last, before = tokens[-1], tokens[:-1]
    previous = before[-1] if before else ""
    if last in lists.NEVER_LAST:
        return True
    if last in lists.PREPOSITIONS:
        return not _stranded(tokens, closed=closed)
    if last in lists.PARTICLES:
        if previous in lists.RELATIONAL_NOUNS and _asks(before):
            return True
        return not (closed or lists.PARTICLE_VERBS & set(before) or _stranded(tokens, closed=closed))
    if last in lists.AUXILIARIES and previous not in _BEFORE_NOUNS:  # "the 12th of May"
        return _auxiliary_dangles(before, last, closed=closed)
    return _linking_dangles(before, last) or _subject_dangles(before, last, closed=closed)


def _linking_dangles(before: list[str], last: str) -> bool:
    """ "and then", "well", "or maybe", "something like", "I'd like"."""
    previous = before[-1] if before else ""
    if last == "like":
        wish = previous in {"would", "i'd", "we'd"} and not _asks(before)
        return wish or previous in {"something", "anything"}
    linking = last in {"so", "well", "then", "also", "maybe"}
    return linking and (previous in {"and", "or", "but"} or (not before and last in {"so", "well"}))


def _subject_dangles(before: list[str], last: str, *, closed: bool) -> bool:
    """A subject that waits for its verb: "and I", "when they", "is it"; "you" and "it" can be objects elsewhere."""
    previous = before[-1] if before else ""
    if len(before) == 1 and previous in lists.AUXILIARIES and last in lists.PRONOUNS:
        return not closed  # with its mark it is a tag: "Is it?"
    subordinate = not before or previous in lists.CONJUNCTIONS | {"that", "when", "while", "where"}
    return last in {"i", "we", "they", "he", "she"} and subordinate


def _asks(tokens: list[str]) -> bool:
    return bool(lists.STRANDING_WH & set(tokens)) or ("how" in tokens and bool(lists.MEASURE_WH & set(tokens)))


def _stranded(tokens: list[str], *, closed: bool) -> bool:
    """Does what the last preposition belongs to stand earlier in the clause?

    "What is it for", "who are you talking to"; with a full stop "something to talk about", "I don't want to".
    """
    last, before = tokens[-1], tokens[:-1]
    previous = before[-1] if before else ""
    if _asks(before):
        # "what is the weather in" asks for the weather, and "in" has nothing yet; nor has "what is the"
        return len(before) > 1 and previous not in lists.RELATIONAL_NOUNS | lists.AUXILIARIES
    if last == "to":  # the infinitive left out: "I don't want to", "if you want to", "I'd love to"
        denied = any(token.endswith("n't") or token == "not" for token in before)
        return (
            bool(before)
            and previous in {"want", "have", "like", "love", "need", "going", "able"}
            and (denied or previous == "love" or "if" in before)
        ) or (closed and _has_relative_infinitive(before))
    if closed and lists.ANTECEDENTS & set(before[:-1]):
        return True
    return closed and _has_relative_infinitive(before)


def _has_relative_infinitive(tokens: list[str]) -> bool:
    """An infinitive behind a noun or an adjective: "a place to live in", "easy to work with"; not "I want to go to"."""
    return any(
        token == "to" and i > 0 and tokens[i - 1] not in lists.CONTROL_VERBS | lists.AUXILIARIES
        for i, token in enumerate(tokens[:-1])
    )


def _auxiliary_dangles(before: list[str], last: str, *, closed: bool) -> bool:
    previous = before[-1] if before else ""
    if not before:
        return last not in {"do", "be", "can", "will"}
    if before[0] in lists.STRANDING_WH | {"how", "when"}:  # "what time is"; not "what it is"
        return previous not in lists.PRONOUNS and (not closed or len(before) == 1)
    if _asks(before) or {"how", "when", "than", "as", "if"} & set(before):
        return False
    if last in {"do", "have", "be", "been"}:  # full verbs too
        return not closed and previous in {"can", "will", "would", "could", "should", "must", "may", "to"}
    if closed and previous in lists.PRONOUNS:
        return False  # "Yes, it is."
    return not lists.YES_NO & set(before)


def _wants_object(tokens: list[str]) -> bool:
    """A verb at the end that cannot be without its object: "do you want", "give me", "set", "can I have"."""
    last, before = tokens[-1], tokens[:-1]
    if _asks(before) or {"how", "if", "as", "that", "all", "when"} & set(before):
        return False
    previous, earlier = (["", "", *before])[-1], (["", "", *before])[-2]
    if last in {"think", "mean", "guess"}:  # "I think", and nothing before it that it could be about
        return [token for token in before if token not in lists.CONJUNCTIONS | {"well", "so"}] == ["i"]
    return (
        (last in lists.WANTING and previous in lists.PRONOUNS - {"this", "that"})
        or (last == "me" and previous in lists.GIVING)
        or (last in {"have", "get"} and previous in {"i", "we"} and earlier in {"can", "could", "may"})
        or (not before and last in lists.COMMAND_WITH_OBJECT)
    )


def _set_to_nothing(tokens: list[str]) -> bool:
    """ "set the timer", "set bed light brightness": to what?"""
    return tokens[0] == "set" and not any(token in lists.SET_TO or _is_number(token) for token in tokens[1:])


def _some_of_nothing(tokens: list[str]) -> bool:
    """ "a coffee with some": of what?"""
    return len(tokens) > 2 and tokens[-1] in {"some", "any"} and tokens[-2] in lists.PREPOSITIONS


def _particle_alone(tokens: list[str]) -> bool:
    """ "Turn off", "switch on": what?"""
    return len(tokens) == 2 and tokens[0] in {"turn", "switch"} and tokens[1] in {"on", "off", "up", "down"}


def _measure_without_noun(tokens: list[str]) -> bool:
    """A number above one with its unit in the singular stands before a noun: "a ten minute", "a 12 ounce"."""
    if len(tokens) < 2:
        return False
    number, unit = tokens[-2], tokens[-1]
    if "-" in unit:
        number, unit = unit.split("-")[-2:]
    return unit in lists.SINGULAR_UNITS and _is_number(number) and number not in {"1", "one", "oh"}


def _main_clause_missing(tokens: list[str]) -> bool:
    """A clause that hangs on another, and the other has not come: "when I get home", "if it rains tomorrow"."""
    if len(tokens) < 4 or len(tokens) > _ONE_CLAUSE_WORDS or tokens[0] not in lists.SUBORDINATORS:
        return False
    subject, rest = tokens[1], set(tokens[2:])
    return subject in lists.PRONOUNS and not rest & (lists.PRONOUNS | lists.COMMAND_VERBS)


def _politeness_alone(tokens: list[str]) -> bool:
    """ "Would you please", "could you just": to do what?"""
    return (
        len(tokens) == 3 and tokens[0] in lists.AUXILIARIES and tokens[1] == "you" and tokens[2] in {"please", "just"}
    )


_MISSING = (
    _wants_object,
    _politeness_alone,
    _set_to_nothing,
    _particle_alone,
    _some_of_nothing,
    _measure_without_noun,
    _main_clause_missing,
)


# --- what is whole without a mark --------------------------------------------------------------------------------


def _whole_command(tokens: list[str]) -> bool:
    first, last = tokens[0], tokens[-1]
    if first in {"turn", "switch"}:  # turn it on, turn the lights off
        return len(tokens) > 2 and last in {"on", "off", "up", "down"} and tokens[1] != last
    if first in {"stop", "pause", "resume", "cancel", "mute", "repeat", "lock", "unlock"}:
        return len(tokens) > 1 and last not in {"all", "both"}
    quantity = last in {"percent", "%", "degrees", "minutes", "hours", "seconds", "pm", "am", "p.m", "a.m", "o'clock"}
    return quantity and first in {"set", "turn", "dim", "wake", "increase", "decrease", "start"}


def _whole_question(tokens: list[str]) -> bool:
    """Short questions that are whole: "what time is it", "how are you", "what is it for"."""
    if tokens[0] not in lists.STRANDING_WH | {"how", "when", "why"} or len(tokens) < 3:
        return False
    return (tokens[-1] in lists.PRONOUNS and tokens[-2] in lists.AUXILIARIES) or tokens[-1] in lists.PREPOSITIONS
