"""Does the fast path understand what is said to it, through the real recogniser, and how long does it take?

    python bench/intents.py [--model whisper-tiny.en] [--data ../shared/data] [--again] [--cut] [--json]

The recordings of commands (ha_commands_en, assistant_misc, barista_commands) are decoded and interpreted with the
sentences of bench/house. "right": skill and arguments as they were meant; "asked": the same behind a question, because
a word was put right; "missed": not understood; "wrong": understood, and something else was meant. Recordings that
hold no command ("-") must not be understood. With `--again` what means nothing but is near to a sentence
(`FastPath.near`) is decoded once more, as in a conversation, by a recogniser that expects the sentences
(`FastPath.guess`). With `--cut` each is cut as a conversation hears it first: from half a second before the voice to
60 ms behind it. Behind that a hundred made-up intents are timed: load, a
sentence that fits, one that does not.
"""

import argparse
import csv
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from bench.options import DATA
from device.assembly import load_vad
from device.audio.files import load_audio
from device.config import load_settings
from device.dialogue.deeds import Meaning
from device.skills.registry import Registry
from device.skills.sentences import load_sentences
from device.skills.skill import Skill, skill
from device.skills.skillset import assemble
from device.skills.templates import Templates
from device.skills.testing import SkillBench
from models.protocols import SAMPLE_RATE_HZ, Floats, VadModel
from models.store import open_store

HOUSE = Path(__file__).with_name("house")
_AMOUNTS = ("a lot of ", "lots of ", "a little bit of ", "a bit of ", "some ")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="whisper-tiny.en")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--again", action="store_true", help="a second look at what means nothing")
    parser.add_argument("--cut", action="store_true", help="what is before and behind the voice is left out")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    house = SkillBench(HOUSE, builtin=False)
    from models.stt import WhisperCpp  # noqa: PLC0415 - the runtime is loaded once the arguments are right

    vad = load_vad(load_settings(None, []))
    model = WhisperCpp(open_store(load_settings(None, []).models.dir).path(args.model))
    rows = []
    for file, name, arguments in expected(args.data):
        audio = load_audio(args.data / file).astype(np.float32) / 32768
        if args.cut:
            audio = voiced(vad, audio)
        text = model.transcribe(audio).text
        begun = time.perf_counter()
        meaning = house.understand(text)
        took_ms = (time.perf_counter() - begun) * 1000
        again = ""
        path = house.skills.fast_path
        if meaning is None and args.again and path.near(text):
            again = model.transcribe_expecting(audio, path.hints).text
            meaning = path.guess(text, again)
        found = verdict(house, meaning, name, arguments)
        rows.append({"file": file, "text": text, "again": again, "ms": took_ms, "verdict": found})
    model.close()
    speed = made_up()
    if args.json:
        print(json.dumps({"recordings": rows, "speed": speed}, indent=2))
        return 0
    for row in rows:
        if row["verdict"] not in ("right", "left alone"):
            print(f"{row['verdict']:<7} {row['text']}  {row['again']}  ({row['file']})")
    counts = Counter(str(row["verdict"]) for row in rows)
    commands = len(rows) - counts["left alone"]
    good = counts["right"] + counts["asked"]
    print(f"\n{len(rows)} recordings: {dict(counts)}; of {commands} commands {100 * good / commands:.0f} % understood")
    times = [float(str(row["ms"])) for row in rows]
    print(
        f"interpreting: p50 {np.median(times):.1f} ms, p95 {np.percentile(times, 95):.1f} ms, most {max(times):.1f} ms"
    )
    print(", ".join(f"{name} {value:.1f}" for name, value in speed.items()))
    return 0


def voiced(vad: VadModel, audio: Floats) -> Floats:
    """`audio`, (n,) float32 16 kHz, from half a second before the first voiced frame to 60 ms behind the last one."""
    vad.reset()
    size = vad.frame_samples
    frames = [at for at in range(0, len(audio) - size + 1, size) if vad.probability(audio[at : at + size]) >= 0.5]
    half, tail = SAMPLE_RATE_HZ // 2, 60 * SAMPLE_RATE_HZ // 1000
    return audio[max(0, frames[0] - half) : frames[-1] + size + tail] if frames else audio


def expected(data: Path) -> list[tuple[str, str, dict[str, Any]]]:
    """File, skill ("-": none), and those arguments that are not empty."""
    with (HOUSE / "recordings.tsv").open(encoding="utf-8", newline="") as file:
        rows = [
            (row["file"], row["skill"], json.loads(row["arguments"]))
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        ]
    manifest = data / "barista_commands" / "manifest.tsv"
    with manifest.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            rows.append((f"barista_commands/{row['file']}", "order_drink", drink(json.loads(row["label"])["slots"])))
    return rows


def drink(slots: dict[str, str]) -> dict[str, str]:
    """What the label of an order means as arguments; how much milk or sugar is not asked for."""
    names = {"coffeeDrink": "drink", "numberOfShots": "shots", "milkAmount": "milk", "sugarAmount": "sugar"}
    out = {names.get(name, name): value for name, value in slots.items()}
    for name in ("milk", "sugar"):
        for amount in _AMOUNTS:
            if name in out:
                out[name] = out[name].removeprefix(amount)
    return out


def verdict(house: SkillBench, meaning: Meaning | None, name: str, arguments: dict[str, Any]) -> str:
    if name == "-":
        return "left alone" if meaning is None else "wrong"
    if meaning is None:
        return "missed"
    meant = house.skills.meanings.of(name, arguments)
    assert isinstance(meant, Meaning)
    guessed = meaning.question.startswith("Did you mean")
    if (meaning.skill, lower(meaning.arguments)) != (meant.skill, lower(meant.arguments)):
        return "asked wrongly" if guessed else "wrong"
    return "asked" if guessed else "right"


def lower(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.lower() if isinstance(value, str) else value for name, value in arguments.items()}


def made_up(intents: int = 100) -> dict[str, float]:
    """Times (ms) of as many made-up skills, three sentences each."""
    words = "kettle heater curtain window garden pump filter boiler camera speaker".split()
    skills: list[Skill] = []
    lines = ["language: en", "lists: {n: {range: {from: 0, to: 100}}, what: {wildcard: true}}", "intents:"]
    for i in range(intents):

        def act(n: int = 0, what: str = "") -> str:
            """Act."""
            return f"{n}{what}"

        skills.append(skill(name=f"act{i}")(act))
        thing = f"{words[i % 10]} {words[i // 10 % 10]}"
        lines.append(
            f"  act{i}: {{data: [{{sentences: ['(set|put) [the] {thing} to {{n}} [percent]', "
            f"'[please] tell [me] [the] {thing} about {{what}}', '(start|open) [the] {thing} [now]']}}]}}"
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made-up.yaml"
        path.write_text("\n".join(lines), encoding="utf-8")
        begun = time.perf_counter()
        sentences = load_sentences([path], Registry(skills), Templates({}), "en")
        kit = assemble(Registry(skills), sentences, sentences.complaints)
    assert not kit.complaints
    out = {"100 intents: load, ms": (time.perf_counter() - begun) * 1000}
    for name, text in {
        "fits": "Could you set the camera garden to twenty-five percent?",
        "fits with a wildcard": "Tell the pump filter about the weather in Paris.",
        "does not fit": "What is the weather like in Paris in the spring when the trees are green?",
    }.items():
        times = []
        for _ in range(50):
            begun = time.perf_counter()
            meaning = kit.fast_path.interpret(text)
            times.append((time.perf_counter() - begun) * 1000)
        assert (meaning is not None) == name.startswith("fits")
        out[f"{name}: p50"], out["p95"] = np.percentile(times, [50, 95])
        out[f"{name}: p95"] = out.pop("p95")
    return out


if __name__ == "__main__":
    sys.exit(main())
