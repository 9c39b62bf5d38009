"""Does it stay up? The whole appliance on a virtual card, talked to for hours, with a fault every minute.

    nearfield bench soak --minutes 120 --fault-every-s 60 [--seed 1] [--faults NAME,NAME] [--speed real|fast]
        [--llm-server] [--json]

Real models; a synthesised user with commands, questions, barge-ins, timers, noise and silence; faults from a plan
(`soak_plan`). Told at the end: turns said, answered, with a sign, lost without one; the longest that it was deaf;
memory, descriptors and threads after a warm-up (a tenth of the time, and one round of all faults) and at the end. A
run that ends with an error is started again, as a supervisor would, and counted. "fast": the card's clock runs at
twice real time; the models do not. Ctrl-C ends it early, and tells what there is. Exit status 1: something was lost
without a sign, something was thought about for longer than anybody waits, or something grew.
"""

import contextlib
import itertools
import json
import logging
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from bench.options import Parser, count
from bench.soak_account import THINKS_S, Account
from bench.soak_faults import Faults, Plug
from bench.soak_plan import BY_NAME, KINDS, SERVER_KINDS, Kind, plan, warm_s
from bench.soak_resources import Resources, touch
from bench.soak_server import AwayServer
from bench.soak_talk import BROKEN_FILE, SENTENCES, SKILLS, Sort, Talk, Utterance, repertoire
from device.appliance import Appliance
from device.assembly import load_models
from device.audio.keeper import KeepPolicy, KeptCard
from device.audio.virtual import VirtualCard
from device.cli.boundary import describe, guarded
from device.config import Settings, load_settings
from device.dialogue import events as ev
from device.dialogue.loop import Models
from device.errors import NearfieldError, UsageError
from device.outside import Outside
from device.persona import Persona, load_persona, settings_for
from models.protocols import SAMPLE_RATE_HZ, Int16s

FAST = 2.0
MOST_GROWTH_PERCENT = 2.0
_FELT_WITHIN_S = 15.0  # a fault lasts from when it was felt, but begins no later than this
_EFFECT_S = 4.0  # a fault that is over may still be felt for so long
_SAMPLE_EVERY_S = 5.0
_PROGRESS = ("said", "answered", "with_a_sign", "lost_without_a_sign")
#: What is said first when it is broken, so that it is felt; else a question, which needs all the models.
_SAID: dict[str, Sort] = {"skill_hangs": "slow_skill", "skill_raises": "broken_skill"}
_ECHO_S = 1.0  # of faint noise, repeated: a microphone is never perfectly silent


class NoRecorder:
    """A recording of hours would be what grows."""

    def write(self, mic: Int16s, speaker: Int16s) -> None:
        pass

    def read(self) -> tuple[Int16s, Int16s]:
        return np.zeros(0, np.int16), np.zeros(0, np.int16)

    def close(self) -> None:
        pass


class Soak:
    """One soak. `run` once, in the main thread."""

    def __init__(
        self, settings: Settings, persona: Persona, models: Models, talk: Talk, faults: list[tuple[float, Kind]],
        *, seconds: float, speed: float, server: AwayServer | None = None,
    ) -> None:  # fmt: skip
        self._settings, self._persona, self._models = settings, persona, models
        self._talk = talk
        self._seconds = seconds
        noise = np.random.default_rng(0).normal(0, 4.0, round(_ECHO_S * SAMPLE_RATE_HZ)).astype(np.float32)
        self._world = VirtualCard(noise=noise, recorder=NoRecorder(), speed=speed)
        self._plug = Plug(self._world)
        self._faults = Faults(models, self._plug, settings.session.database, server)
        self._planned = faults
        gaps = [after[0] - each[0] - each[1].length_s for each, after in itertools.pairwise(faults)]
        self._felt_within_s = max(0.0, min([*gaps, _FELT_WITHIN_S + _EFFECT_S]) - _EFFECT_S)
        self.account = Account()
        self.resources = Resources()
        self.restarts: list[str] = []
        self._lock = threading.Lock()  # of the account: the faults have a thread of their own
        self._state: ev.State = "idle"
        self._sounds_since: int | None = None
        self._broken = False
        self._sampled_s = 0.0
        self._over = threading.Event()
        self._hears = threading.Event()  # it has begun: all times count from there

    def run(self) -> None:
        """Blocks for all of its time."""
        self._begun_s = time.monotonic()
        breaking = threading.Thread(target=self._break, name="soak-faults", daemon=True)
        self._world.start()
        breaking.start()
        try:
            while time.monotonic() < self._begun_s + self._seconds:
                self._once()
        finally:
            self._over.set()
            breaking.join(30.0)
            self._faults.end()
            self._world.stop()
            self.account.close()

    def _once(self) -> None:
        """Until its end, or an error that would have a supervisor start it again."""
        card = KeptCard(self._plug.open(), self._plug.open, KeepPolicy(start_within_s=30.0))
        try:
            with Appliance(
                self._settings, self._persona, self._models, card,
                on_event=self._on_event, on_block=self._on_block, with_earcons=True, resume=True,
            ) as appliance:  # fmt: skip
                self._assistant = appliance.assistant
                self._faults.record_is(lambda sql: _executed(appliance, sql))
                with Outside(self._settings, appliance.desk):
                    appliance.run()
        except NearfieldError as error:
            self._restart(error)
        except Exception as error:  # noqa: BLE001 - whatever ends it, the soak goes on and tells of it
            self._restart(error)

    def _restart(self, error: Exception) -> None:
        said = describe(error)
        self.restarts.append(
            f"{self.account.fault or 'none'}: {said[0] if said else f'{type(error).__name__}: {error}'}"
        )
        with self._lock:
            self.account.restarted()
        self._talk.anew()
        self._state, self._sounds_since = "idle", None
        time.sleep(1.0)  # as a supervisor waits

    # --- the thread of the conversation ---------------------------------------------------------------------------

    def _on_event(self, event: ev.Event) -> None:
        with self._lock:
            self.account.on_event(event, time.monotonic())
        match event:
            case ev.StateChange(state=state):
                self._state = state
            case ev.PlayoutStart():
                self._sounds_since = event.sample
            case ev.PlayoutEnd() | ev.Interrupted():
                self._sounds_since = None

    def _on_block(self, now: int) -> None:
        now_s = time.monotonic()
        if not self._hears.is_set():
            self._begun_s = now_s
            self._hears.set()
        with self._lock:
            self.account.heard(now, now_s)
            waits, stuck = self.account.awaited(now), self.account.stuck(now_s)
        if now_s > self._begun_s + self._seconds and not waits:
            self._assistant.stop()
            return
        since = self._sounds_since
        said = self._talk.next(
            now,
            state=self._state,
            speaking_for=0 if since is None else max(0, now - since),
            waits=waits,
            stuck=stuck,
        )
        if said is not None:
            self._say(said, now)
        if self._state == "idle" and not self._broken and now_s - self._sampled_s > _SAMPLE_EVERY_S:
            self._sampled_s = now_s
            self.resources.sample()

    def _say(self, said: Utterance, now: int) -> None:
        self._world.say(said.pcm)
        if said.text:
            with self._lock:
                self.account.said(said.text, now, now + said.end)

    # --- the thread that breaks things ----------------------------------------------------------------------------

    def _break(self) -> None:
        while not self._hears.wait(0.1):
            if self._over.is_set():
                return
        for at_s, kind in self._planned:
            if self._over.wait(max(0.0, self._begun_s + at_s - time.monotonic())):
                return
            with self._lock:
                self.account.begin_fault(kind.name)
            self._broken = True
            self._talk.want(_SAID.get(kind.name, "question"))
            before = self._faults.sprung
            try:
                self._faults.begin(kind.name)
                until_s = time.monotonic() + self._felt_within_s
                while not self._faults.felt(kind.name, before) and time.monotonic() < until_s:
                    if self._over.wait(0.1):
                        return
                self._over.wait(kind.length_s)
            except Exception:
                logging.getLogger("soak").exception("%s could not be made", kind.name)
            finally:
                self._faults.end()
            self._over.wait(_EFFECT_S)
            with self._lock:
                self.account.end_fault()
                total = self.account.totals()
            self._broken = False
            minutes = (time.monotonic() - self._begun_s) / 60
            said = ", ".join(f"{total[key]} {key.replace('_', ' ')}" for key in _PROGRESS)
            print(f"{minutes:.1f} min, {kind.name}: {said}", file=sys.stderr, flush=True)


def _executed(appliance: Appliance, sql: str) -> None:
    with contextlib.suppress(sqlite3.Error):  # closed: the next one begins with a connection of its own
        appliance._recorder._connection.execute(sql).fetchall()


def kinds_of(text: str) -> tuple[Kind, ...]:
    """`text`: names with commas between them. Raises UsageError."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in BY_NAME]
    if unknown or not names:
        raise UsageError(f"there is no fault {', '.join(unknown) or text!r}", hint=f"there is: {', '.join(BY_NAME)}")
    return tuple(BY_NAME[name] for name in names)


@contextlib.contextmanager
def scratch_settings(sets: list[str]) -> Iterator[Settings]:
    """Its record, skills and controls are in a folder that goes away; among the skills there are bad ones."""
    with tempfile.TemporaryDirectory(prefix="nearfield-soak-") as name:
        folder = Path(name)
        skills = folder / "skills.d"
        skills.mkdir()
        (skills / "machines.py").write_text(SKILLS, "utf-8")
        (skills / "machines.yaml").write_text(SENTENCES, "utf-8")
        (skills / "unreadable.py").write_text(BROKEN_FILE, "utf-8")
        own = [f"session.database={folder / 'sessions.db'}", f"skills.folder={skills}"]
        own += [f"controls.file={folder / 'controls.json'}", f"control.socket={folder / 'control.sock'}"]
        own += ["retention.audio=3"]
        yield load_settings(None, [*own, *sets])


def soaked(args: Any) -> tuple[Soak, float]:
    """Run it; what came of it, and the warm-up in s."""
    seconds = args.minutes * 60
    kinds = kinds_of(args.faults) if args.faults else (*KINDS, *(SERVER_KINDS if args.llm_server else ()))
    if args.fault_every_s <= 0:
        planned = []
    else:
        try:
            planned = plan(args.minutes, args.fault_every_s, args.seed, kinds)
        except ValueError as error:
            raise UsageError(str(error), hint="give them more time, or choose others with --faults") from error
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(AwayServer()) if args.llm_server else None
        sets = [*args.set, *([f"llm.server={server.url}"] if server is not None else [])]
        configured = stack.enter_context(scratch_settings(sets))
        persona = load_persona(configured.persona)
        settings = settings_for(persona, configured)
        models = load_models(settings, persona)
        touch(models.recogniser)
        talk = Talk(repertoire(models.voice), args.seed)
        speed = FAST if args.speed == "fast" else 1.0
        faults = [(each.at_s, each.kind) for each in planned]
        soak = Soak(settings, persona, models, talk, faults, seconds=seconds, speed=speed, server=server)
        with contextlib.suppress(KeyboardInterrupt):  # what there is is told
            soak.run()
    return soak, warm_s(planned, len(kinds), seconds)


def report(soak: Soak, warm_s: float) -> dict[str, Any]:
    """A JSON object."""
    total = soak.account.totals()
    by_fault = total.pop("by_fault")
    return {
        **total,
        "restarts": soak.restarts,
        **soak.resources.totals(warm_s),
        "sprung": soak._faults.sprung,
        "by_fault": by_fault,
    }


def failed(total: dict[str, Any]) -> bool:
    """Was anything lost without a sign or thought about for too long, or has anything grown?"""
    grown = (total["memory_growth"] or 0.0) > MOST_GROWTH_PERCENT or (total["descriptors_growth"] or 0.0) > 0
    return bool(total["lost_without_a_sign"]) or total["worst_thinking_s"] > THINKS_S or grown


def main() -> int:
    parser = Parser(__doc__)
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--fault-every-s", type=float, default=60.0, help="0: none")
    parser.add_argument("--faults", default="", metavar="NAME,NAME", help=f"only these of {', '.join(BY_NAME)}")
    parser.add_argument("--seed", type=count, default=1)
    parser.add_argument("--llm-server", action="store_true", help="questions go to a server, which may be away")
    parser.add_argument("--speed", choices=("real", "fast"), default="real")
    parser.common()
    args = parser.parse_args()
    if not 0.2 <= args.minutes <= 10_000:
        raise UsageError(f"{args.minutes} minutes are no soak", hint="0.2 or more")
    logging.getLogger().setLevel(logging.CRITICAL)  # hundreds of lines about what is broken on purpose
    soak, warm_s = soaked(args)
    total = report(soak, warm_s)
    if args.json:
        print(json.dumps(total, ensure_ascii=False))
    else:
        show(total)
    return 1 if failed(total) else 0


def show(total: dict[str, Any]) -> None:
    """For a person."""
    for name, value in total.items():
        if name != "by_fault":
            print(f"{name}: {value}")
    heads = "".join(f"{head:>6}" for head in ("times", "said", "ans.", "sign", "lost"))
    print(f"\n{'fault':<16}{heads}{'wait ms':>9}{'deaf s':>8}{'untold':>8}")
    for name, row in total["by_fault"].items():
        figures = (row[key] for key in ("faults", "said", "answered", "sign", "lost"))
        print(
            f"{name:<16}"
            + "".join(f"{figure:>6}" for figure in figures)
            + f"{row['worst_wait_ms']:>9.0f}{row['worst_deaf_s']:>8.1f}{row['worst_deaf_unsaid_s']:>8.1f}"
        )


if __name__ == "__main__":
    sys.exit(guarded(main))
