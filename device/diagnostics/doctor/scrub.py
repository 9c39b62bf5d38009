"""Takes out of a text what nobody else is to read: secrets, and words that were said.

    scrub = Scrub(secrets=["hunter2"], sentences=["what time is it"])
    scrub.text(log)

The last line of defence of a support archive: what goes in is chosen so that it has no such words, and then goes
through here.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

SECRET, WORDS = "[secret]", "[words]"
_SECRET_KEY = re.compile(r"(^|_)(key|token|password|secret|username|passphrase|credential)s?$", re.IGNORECASE)
_ADDRESS = re.compile(r"\b([a-z][a-z0-9+.-]{0,30})://[^\s/@]*@", re.IGNORECASE)
#: In headers and addresses, whoever wrote them into a log.
_INLINE = re.compile(
    r"(?i)(\bauthorization:\s*\w+\s+|\bbearer\s+|"
    r"(?<![\w-])[\w-]*?(?:api[_-]?key|token|password|secret)[\"']?\s*[=:]\s*[\"']?)[^\s\"',;&]+"
)
#: An argument of a program after which, or behind whose "=", a secret stands: --api-key, --token=...
_SECRET_FLAG = re.compile(
    r"(--?(?:[\w-]*[_-])?(?:key|token|password|secret|username|passphrase|credential)s?)(=.*)?",
    re.IGNORECASE | re.DOTALL,
)
#: A quotation, to the end of the line where it was cut off. An apostrophe (didn't) neither begins nor ends one.
_QUOTED = re.compile(
    r"(?<!\w)'(?:[^']|(?<=\w)'(?=\w))*(?:'|$)|(?<!\w)\"[^\"]*(?:\"|$)|“[^”]*(?:”|$)|‘[^’]*(?:’(?:\w[^’]*’)*|$)"
)
_LEAST_SECRET, _LEAST_WORDS = 4, 6  #: characters; shorter ones would cut holes into everything


class Scrub:
    """Any thread."""

    def __init__(self, secrets: Iterable[str] = (), sentences: Iterable[str] = ()) -> None:
        """`sentences`: what was said and answered; found whatever the case and punctuation between the words."""
        self._secrets = sorted({s for s in secrets if len(s) >= _LEAST_SECRET}, key=len, reverse=True)
        patterns = {_pattern(s) for s in sentences if len(s) >= _LEAST_WORDS}
        parts = sorted((p for p in patterns if p), key=len, reverse=True)
        # in pieces: one expression of thousands of sentences takes seconds to compile
        self._words = [re.compile("|".join(parts[n : n + 200]), re.IGNORECASE) for n in range(0, len(parts), 200)]

    def text(self, text: str) -> str:
        """What is left of it."""
        for secret in self._secrets:
            text = text.replace(secret, SECRET)
        text = _INLINE.sub(lambda m: m[1] + SECRET, _ADDRESS.sub(lambda m: f"{m[1]}://{SECRET}@", text))
        for words in self._words:
            text = words.sub(WORDS, text)
        return text

    def value(self, value: Any, key: str = "") -> Any:
        """A JSON value: secret by its key, or by what is in it."""
        if isinstance(value, Mapping):
            hide = key == "env"  # of an MCP server: its tokens are given so
            return {name: SECRET if hide else self.value(each, str(name)) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return self._items(value, key)
        if isinstance(value, str):
            if value and _SECRET_KEY.search(key):
                return SECRET
            return self.text(_without_path(value) if key in ("url", "webhook") else value)
        return value

    def _items(self, values: Sequence[Any], key: str) -> list[Any]:
        """Of a list: it may be a program and its arguments."""
        out: list[Any] = []
        awaited = False  # the argument before said that a secret follows
        for each in values:
            flag = _SECRET_FLAG.fullmatch(each) if isinstance(each, str) else None
            if flag is not None:
                out.append(flag[1] + (f"={SECRET}" if flag[2] else ""))
            else:
                out.append(SECRET if awaited and isinstance(each, str) else self.value(each, key))
            awaited = flag is not None and not flag[2]
        return out


def _pattern(sentence: str) -> str:
    words = re.findall(r"\w+", sentence)
    # one common word alone ("stop") says nothing, and cutting it out would say that it was said
    return r"\b" + r"\W+".join(map(re.escape, words)) + r"\b" if len(words) > 1 else ""


def _without_path(url: str) -> str:
    """Addresses of webhooks are secrets in themselves; which host it is may be known."""
    return re.sub(r"^([a-z][a-z0-9+.-]*://[^/?#]*).*$", r"\1/...", url, flags=re.IGNORECASE)


def quoted_cut(lines: Sequence[str]) -> list[str]:
    """What stands in quotation marks in a log may be somebody's words."""
    return [_QUOTED.sub("'...'", line) for line in lines]
