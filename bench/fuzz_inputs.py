"""Malformed inputs for `bench/fuzz.py`, and what each of them may do: an oracle that shares no code with what is tried.

    inputs = Inputs(seed=1)
    line = inputs.wish(); is_wish(line)          # b'{"do":"volume","percent":1e400}', False

Half of them are valid ones with something changed, for those come furthest.
"""

import json
import random
import string
from collections.abc import Sequence
from typing import Any

WISHES: tuple[dict[str, Any], ...] = (
    {"do": "mute"}, {"do": "unmute"}, {"do": "say", "text": "Dinner is ready."}, {"do": "stop"},
    {"do": "volume", "percent": 40}, {"do": "louder"}, {"do": "softer"}, {"do": "press"}, {"do": "release"},
    {"do": "reload"}, {"do": "status"},
)  # fmt: skip
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 101, 1e308, -0.0, 2**63, 10**400, "", " ", "mute", "\x00", "\u202e", "\ud800", "é" * 2000,
    "x" * 1001, [], {}, [[[]]], {"do": "mute"}, "40", 40.0, [1], "none", "a\nb", "\x1b[2J", "' OR 1=1 --", "../../x",
)  # fmt: skip
_MOST_CHARS = 1_000  # of an announcement, as docs/control.md has it
MOST_BYTES = 8_000  # of a wish


class Inputs:
    """The same seed, the same inputs."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def noise(self, most: int = 60) -> bytes:
        return self.random.randbytes(self.random.randrange(most))

    def changed(self, raw: bytes) -> bytes:
        """A few bytes flipped, left out, doubled, put in."""
        out = bytearray(raw)
        for _ in range(self.random.randrange(1, 4)):
            at = self.random.randrange(len(out) + 1)
            match self.random.randrange(4):
                case 0 if at < len(out):
                    out[at] ^= 1 << self.random.randrange(8)
                case 1:
                    del out[at : at + self.random.randrange(1, 6)]
                case 2:
                    out[at:at] = out[at : at + self.random.randrange(1, 20)]
                case _:
                    out[at:at] = self.noise(6)
        return bytes(out)

    def odd(self) -> Any:
        return self.random.choice(ODD)

    def object(self, forms: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """One of these with a key or a value that does not belong."""
        out = dict(self.random.choice(forms))
        match self.random.randrange(4):
            case 0:
                out[self.random.choice(list(out))] = self.odd()
            case 1:
                out[self.random.choice(["x", "percent", "text", "levels", "__class__", ""])] = self.odd()
            case 2:
                out.pop(self.random.choice(list(out)))
            case _:
                pass  # as it is
        return out

    def wish(self) -> bytes:
        """One line, without its end."""
        match self.random.randrange(8):
            case 0:
                raw = self.noise(200)
            case 1:
                raw = json.dumps(self.odd()).encode()
            case 2:
                raw = b"[" * self.random.randrange(3000) + self.noise(4)
            case 3 | 4:
                raw = self.changed(json.dumps(self.random.choice(WISHES)).encode())
            case 5 if self.random.random() < 0.02:
                raw = b'{"do": "say", "text": "' + b"x" * self.random.randrange(990, 1010) + b'"}'
            case _:
                raw = json.dumps(self.object(WISHES), ensure_ascii=self.random.random() < 0.5).encode(
                    "utf-8", "surrogatepass"
                )
        return raw.replace(b"\n", b"")

    def toml(self, lines: Sequence[str]) -> bytes:
        """A configuration file: some of these lines, some of them changed."""
        chosen = self.random.sample(lines, self.random.randrange(1, 8))
        if self.random.random() < 0.5:
            chosen[0] = chosen[0].partition("=")[0] + "= " + self.toml_value()
        raw = "\n".join(chosen).encode()
        return self.changed(raw) if self.random.random() < 0.4 else raw

    def toml_value(self) -> str:
        return self.random.choice(
            ["", "{}", "[]", "nan", "-inf", "1e400", "true", '""', '"none"', '"\\u0000"', "[[[]]]", "{a = {b = 1}}",
             "2026-01-01", "'~nobody/x'", "0x7fffffffffffffff", "9" * 400, '"' + "x" * 3000 + '"', "[1, 'a', {}]",
             '"auto"', '"/"', "1", "0.5", '"https://x/"', '"http://nas.local/x"']
        )  # fmt: skip

    def text(self, most: int = 12) -> str:
        return "".join(self.random.choices(string.printable + "é\x00\ud800\U0001f600", k=self.random.randrange(most)))


def is_wish(line: bytes) -> bool:
    """May this line have an effect? By the book (docs/control.md), not by the code."""
    try:
        data = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return False
    if not isinstance(data, dict) or len(line) > MOST_BYTES or not isinstance(data.get("do"), str):
        return False
    do, rest = data["do"], {key: value for key, value in data.items() if key != "do"}
    if do == "say":
        return set(rest) == {"text"} and is_speakable(rest["text"])
    if do == "volume":
        return set(rest) == {"percent"} and type(rest["percent"]) is int and 0 <= rest["percent"] <= 100
    if do == "watch":
        return set(rest) <= {"levels"} and all(type(value) is bool for value in rest.values())
    return not rest and do in {"mute", "unmute", "stop", "louder", "softer", "press", "release", "status"}


def is_speakable(text: object) -> bool:
    if not isinstance(text, str) or not 1 <= len(text) <= _MOST_CHARS:
        return False
    return any(c.isprintable() and not c.isspace() for c in text)
