"""What the measuring programs of turn-taking are asked, in one form: utterances, settings, output.

parser = Parser(__doc__)                     # a wrong flag is one line, not a page
parser.utterances()                          # MANIFEST|DIR and --only
parser.common()                              # --set and --json
args = parser.parse_args()
utterances = load_utterances(args.source, args.only)
"""

import argparse
import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from device.audio.files import load_audio
from device.audio.measure import speech_end_sample
from device.errors import UsageError
from models.protocols import SAMPLE_RATE_HZ, Int16s

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif"})
#: The talk button goes down so long before a recording begins, as people press before they speak.
PRESS_SAMPLES = SAMPLE_RATE_HZ * 3 // 10
_HINT = "columns: file, seconds, speech_end, text, divided by tabs"


@dataclass(frozen=True, slots=True)
class Utterance:
    """What a person says: `pcm` (n,) int16 at 16 kHz, of which the speech ends at sample `speech_end`."""

    name: str
    text: str
    pcm: Int16s
    speech_end: int


class Parser(argparse.ArgumentParser):
    """An argument parser that says what is wrong in one line (UsageError, exit status 2)."""

    def __init__(self, description: str | None) -> None:
        super().__init__(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint=f"'{self.prog} --help' shows how it is used")

    def utterances(self) -> None:
        self.add_argument(
            "source",
            nargs="?",
            type=Path,
            default=DATA / "turns.tsv",
            metavar="MANIFEST|DIR",
            help="manifest (file, seconds, speech_end, text) or a folder of recordings",
        )
        self.add_argument("--only", type=count, metavar="N", help="the first N of them")

    def data(self) -> None:
        self.add_argument("--data", type=Path, default=DATA, help="folder of the recordings")

    def common(self) -> None:
        self.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as for 'nearfield run'")
        self.add_argument("--json", action="store_true", help="one JSON object on standard output")


def count(text: str) -> int:
    """argparse type: a whole number from 1 up."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 up")
    return value


def count_or_none(text: str) -> int:
    """argparse type: a whole number from 0 up."""
    return 0 if text.strip() == "0" else count(text)


def seconds(text: str) -> float:
    """argparse type: a time from 0 to 60 s."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 <= value <= 60.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time of 0 to 60 s")
    return value


def load_utterances(source: Path, only: int | None = None) -> list[Utterance]:
    """Those that a manifest lists, or all recordings of a folder, with the end of speech by the rule of `measure`.

    Raises UsageError: nothing there, not such a manifest, no speech in a recording; AudioFileError.
    """
    if source.is_dir():
        return _of_folder(source, only)
    rows = read_manifest(source, ("file", "speech_end", "text"))[:only]
    return [_of_row(source, row) for row in rows]


def read_manifest(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """The rows of a table with tabs that has at least these columns. Raises UsageError, also when it has no rows."""
    if not path.is_file():
        raise UsageError(f"there is no manifest {path}", hint="name one, or a folder of recordings")
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} is not a manifest: {error}", hint=_HINT) from error
    if not rows:
        raise UsageError(f"{path} lists nothing", hint=_HINT)
    for number, row in enumerate(rows, start=2):
        missing = [c for c in columns if row.get(c) is None]
        if missing:
            raise UsageError(f"{path}, line {number}: no {', '.join(missing)}", hint=_HINT)
    return rows


def _of_row(manifest: Path, row: dict[str, str]) -> Utterance:
    pcm = load_audio(manifest.parent / row["file"])
    try:
        end = round(float(row["speech_end"]) * SAMPLE_RATE_HZ)
    except (ValueError, OverflowError):
        end = 0
    if not 0 < end <= pcm.size:
        raise UsageError(
            f"{manifest}: speech_end of {row['file']} is {row['speech_end']!r}",
            hint=f"a time in s, up to the length of the file, {pcm.size / SAMPLE_RATE_HZ:.2f}",
        )
    return Utterance(row["file"], row["text"], pcm, end)


def _of_folder(folder: Path, only: int | None) -> list[Utterance]:
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in AUDIO_SUFFIXES)[:only]
    if not files:
        raise UsageError(f"no recordings in {folder}", hint=f"files named *{', *'.join(sorted(AUDIO_SUFFIXES))}")
    return [utterance(path) for path in files]


def utterance(path: Path, text: str = "") -> Utterance:
    """A recording, its speech ending where the rule says. Raises UsageError when it finds none; AudioFileError."""
    pcm = load_audio(path)
    end = speech_end_sample(pcm)
    if end is None:
        raise UsageError(f"no speech stands out in {path}", hint="leave it out, or give its end in a manifest")
    return Utterance(path.name, text, pcm, end)
