"""What may reach the voice: words, numbers and punctuation; no Markdown, no code, no emoji, no addresses.

    speakable("**Sure!** See [the map](https://example.org) 🙂")  ->  "Sure! See the map"

Works on single clauses cut out of a stream, so it never relies on a pair of marks being complete.
"""

import re
import unicodedata

import emoji

_FENCE = re.compile(r"(```|~~~)")
_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\s]*(?:\s+\"[^\"]*\")?\)")
_LINK_TAIL = re.compile(r"\]\([^)\s]*\)?")
_URL = re.compile(r"<?\b(?:https?|ftp)://\S+?(?=[.,;:!?)>\]]*(?:\s|$))>?")
_TAG = re.compile(r"</?[A-Za-z][^<>\n]*>|<\|[^|>]*\|>")
_LINE_MARK = re.compile(r"^[ \t]*(?:#{1,6}[ \t]+|>+[ \t]?|[-*+•·][ \t]+|\d{1,2}[.)][ \t]+)+", re.MULTILINE)
_RULE = re.compile(r"^[ \t]*(?:[-*_=][ \t]*){3,}$", re.MULTILINE)
_EMPHASIS = re.compile(r"\*+|(?<!\w)_+|_+(?!\w)|~~|`+")
_TIMES = re.compile(r"(?<=\d)\s*[*]\s*(?=\d)")
_TABLE = re.compile(r"\s*\|\s*")
_BRACKET = re.compile(r"[\[\]{}<>\\^]")
_SPACE = re.compile(r"\s+")
_SPACE_BEFORE_MARK = re.compile(r"\s+([,.;:!?…])")
_SYMBOLS_SPOKEN = frozenset("°€£$¥%&+=@#©®™§×÷±½¼¾²³µ/")


class CodeFences:
    """Drops fenced code blocks from a stream, whatever pieces it comes in."""

    def __init__(self) -> None:
        self._open: str | None = None  # the fence that closes the block we are in
        self._held = ""  # an end that may be the beginning of a fence

    def feed(self, piece: str) -> str:
        """Returns the part of the text so far that is surely outside a block."""
        text = self._held + piece
        tail = len(text) - len(text.rstrip("`~"))
        keep = tail if 0 < tail < 3 else 0
        self._held = text[len(text) - keep :] if keep else ""
        return self._outside(text[: len(text) - keep] if keep else text)

    def finish(self) -> str:
        """The stream is over: what was held back is text, unless a block is still open."""
        text, self._held = self._held, ""
        return self._outside(text)

    def _outside(self, text: str) -> str:
        out: list[str] = []
        for part in _FENCE.split(text):
            if part in ("```", "~~~"):
                if self._open is None:
                    self._open = part
                elif self._open == part:
                    self._open = None
                    out.append("\n")
            elif self._open is None:
                out.append(part)
        return "".join(out)


def speakable(text: str) -> str:
    """`text` without what a voice cannot say; "" when nothing of it can be said."""
    text = emoji.replace_emoji(text, replace=" ")
    text = _LINK.sub(r"\1", text)
    text = _LINK_TAIL.sub(" ", text)
    text = _URL.sub(" ", text)
    text = _TAG.sub(" ", text)
    text = _RULE.sub(" ", text)
    text = _LINE_MARK.sub("", text)
    text = _EMPHASIS.sub("", _TIMES.sub(" times ", text))
    text = _TABLE.sub(", ", text)
    text = _BRACKET.sub("", text)
    text = "".join(c for c in text if c.isspace() or c in _SYMBOLS_SPOKEN or unicodedata.category(c)[0] in "LNPM")
    text = _SPACE_BEFORE_MARK.sub(r"\1", _SPACE.sub(" ", text)).strip()
    return text if any(c.isalnum() for c in text) else ""
