"""A sound system of virtual ALSA cards and nothing else, for the programs that are started with its environment.

    with AlsaStage(build_plugin(folder)) as stage:
        card = stage.add("vcard", rate_hz=16_000)
        subprocess.run([...], env={**os.environ, **stage.environment})

The configuration is hermetic: it includes nothing of the machine's, where /etc/alsa/conf.d may say what "default" is.
PortAudio numbers the cards in the order in which they are listed.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from virtual_card.alsa_card import CAPTURE, PLAYBACK, AlsaCard

_HERE = Path(__file__).resolve().parent
_SOURCES = ("pcm_nearfield.c", "stream.c", "room.c")
#: read by the helpers that run in the program under test: where the time lines are
FOLDER_KEY = "VIRTUAL_CARDS"


class CannotBuildError(Exception):
    """Why there is no virtual ALSA card on this machine."""


def build_plugin(folder: Path) -> Path:
    """Compile the plugin into `folder`. Raises CannotBuildError without gcc or ALSA's headers; a mistake in the source
    is a CalledProcessError."""
    if shutil.which("gcc") is None:
        raise CannotBuildError("no gcc to build the virtual ALSA card with (apt-get install gcc)")
    probe = subprocess.run(
        ["gcc", "-fsyntax-only", "-x", "c", "-"],
        input="#include <alsa/asoundlib.h>\n#include <alsa/pcm_external.h>\n",
        text=True,
        capture_output=True,
        check=False,
    )
    if probe.returncode:
        raise CannotBuildError("no headers of libasound to build the virtual ALSA card with (libasound2-dev)")
    plugin = folder / "libasound_module_pcm_nearfield.so"
    # -Bsymbolic: its own functions, whatever else in the program has their names
    flags = ["-std=gnu11", "-O3", "-ffast-math", "-Wall", "-Wextra", "-Werror", "-fPIC", "-DPIC", "-shared"]
    command = ["gcc", *flags, "-Wl,-Bsymbolic", "-o", str(plugin), *_SOURCES, "-lasound", "-lm"]
    subprocess.run(command, cwd=_HERE, check=True)
    return plugin


class AlsaStage:
    """Cards by name, and the ALSA configuration that lists them."""

    def __init__(self, plugin: Path) -> None:
        self._plugin = plugin
        # in memory where there is such a place: a disk that is slow to write must not be the card's fault
        memory = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(prefix="nearfield-cards-", dir=memory if memory.is_dir() else None))
        self._config = self.folder / "asound.conf"
        self.list_cards([])

    @property
    def environment(self) -> dict[str, str]:
        """To be laid over the caller's own."""
        no_servers = {"PULSE_SERVER": f"unix:{self.folder}/none", "JACK_NO_START_SERVER": "1"}
        return {"ALSA_CONFIG_PATH": str(self._config), FOLDER_KEY: str(self.folder), **no_servers}

    def timeline(self, name: str) -> Path:
        """The file of a card, which exists once it has been made."""
        return self.folder / f"{name}.timeline"

    def add(self, name: str, **properties: Any) -> AlsaCard:
        """Make a card (see `AlsaCard.make`) and list it last."""
        card = AlsaCard.make(self.timeline(name), **properties)
        self.list_cards([*self._names, name])
        return card

    def add_pair(self, microphone: str, loudspeaker: str, *, ppm: tuple[float, float], **properties: Any) -> Any:
        """Two cards with clocks of their own, `ppm` fast each: one hears the loudspeaker of the other.

        Returns (microphone, loudspeaker).
        """
        output = self.add(loudspeaker, directions=PLAYBACK, clock_ppm=ppm[1], **properties)
        heard = self.add(microphone, directions=CAPTURE, clock_ppm=ppm[0], hears=output.path, **properties)
        return heard, output

    def list_cards(self, names: Iterable[str], default: str | tuple[str, str] | None = None) -> None:
        """What the system lists from now on, in this order, whether it was made already or not.

        `default`: the card behind "default", or (microphone, loudspeaker); None: the first that is listed. A program
        sees the change when it starts PortAudio (again).
        """
        self._names = list(names)
        lines = [f'pcm_type.nearfield {{ lib "{self._plugin}" }}']
        lines += [f'pcm."{name}" {{ type nearfield timeline "{self.timeline(name)}" }}' for name in self._names]
        chosen = default or (self._names[0] if self._names else None)
        if isinstance(chosen, tuple):
            asym = f'type asym capture.pcm "{chosen[0]}" playback.pcm "{chosen[1]}"'
            lines.append(f"pcm.default {{ type plug slave.pcm {{ {asym} }} }}")
        elif chosen is not None:
            lines.append(f'pcm.default {{ type plug slave.pcm "{chosen}" }}')
        new = self._config.with_suffix(".new")
        new.write_text("\n".join(lines) + "\n", "utf-8")
        new.replace(self._config)

    def rename(self, old: str, new: str) -> None:
        """The card comes back under another name, in the same place; its time line is the same."""
        self.timeline(new).symlink_to(self.timeline(old))
        self.list_cards([new if name == old else name for name in self._names])

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
