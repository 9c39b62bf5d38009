"""Who holds the card, who may not use it, and what a slip of a name was meant to be."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from device.audio import devices, holders, host
from device.audio.devices import DeviceInfo, choose_input, nearest
from device.audio.holders import Why, no_permission, who_holds
from device.errors import NoCardError


class Machine:
    """A made-up /proc and /dev/snd."""

    def __init__(self, root: Path) -> None:
        self.proc, self.snd = root / "proc", root / "snd"
        self.proc.mkdir()
        (self.proc / "cpuinfo").write_text("no process")

    def process(self, pid: int, name: str, *files: str) -> None:
        folder = self.proc / str(pid) / "fd"
        folder.mkdir(parents=True)
        (folder.parent / "comm").write_text(name + "\n")
        for number, file in enumerate(files):
            (folder / str(number)).symlink_to(file.replace("SND", str(self.snd)))

    def card(self, *nodes: str) -> None:
        self.snd.mkdir()
        for node in nodes:
            (self.snd / node).touch()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_process_is_named(machine: Machine) -> None:
    machine.process(7, "bash", "/dev/null", "/dev/tty1")
    machine.process(512, "aplay", "/dev/null", "SND/pcmC1D0p", "SND/timer")
    assert holders.holders("", machine.proc, machine.snd) == [holders.Holder(512, "aplay", f"{machine.snd}/pcmC1D0p")]
    why = who_holds("", machine.proc, machine.snd)
    assert why is not None
    assert why.message == "aplay (process 512) holds it"


def test_only_the_card_that_is_asked_for(machine: Machine) -> None:
    machine.process(512, "aplay", "SND/pcmC1D0p")
    machine.process(513, "arecord", "SND/pcmC2D0c")
    machine.process(514, "mixer", "SND/controlC2")
    why = who_holds("USB Audio: - (hw:2,0)", machine.proc, machine.snd)
    assert why is not None
    assert "arecord (process 513)" in why.message
    assert "aplay" not in why.message
    assert who_holds("HDMI (hw:0,3)", machine.proc, machine.snd) is None


def test_two_holders_are_both_named(machine: Machine) -> None:
    machine.process(900, "arecord", "SND/pcmC0D0c", "SND/pcmC0D0c")
    machine.process(90, "aplay", "SND/pcmC0D0p")
    why = who_holds("", machine.proc, machine.snd)
    assert why is not None
    assert why.message == "aplay (process 90), arecord (process 900) holds it"


@pytest.mark.parametrize("server", ["pipewire", "pulseaudio"])
def test_a_sound_server_is_called_one(machine: Machine, server: str) -> None:
    machine.process(300, server, "SND/pcmC0D0p")
    why = who_holds("", machine.proc, machine.snd)
    assert why is not None
    assert f"the sound server {server} (process 300)" in why.message
    assert "systemctl --user stop" in why.hint
    assert "'default'" in why.hint


def test_this_process_is_not_the_culprit(machine: Machine) -> None:
    machine.process(os.getpid(), "nearfield", "SND/pcmC0D0p")
    assert who_holds("", machine.proc, machine.snd) is None


def test_a_machine_without_proc_has_no_holders(tmp_path: Path) -> None:
    assert who_holds("", tmp_path / "none", tmp_path) is None


def test_a_real_process_is_found_in_the_real_proc(tmp_path: Path) -> None:
    node = tmp_path / "pcmC0D0p"
    node.touch()
    code = f"import sys; f = open({str(node)!r}); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"open\n"
        found = holders.holders("Card (hw:0,0)", snd=tmp_path)
        assert [h.pid for h in found] == [child.pid]
        assert found[0].name.startswith("python")


def test_permission_is_missed_only_where_there_is_a_card(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert no_permission(machine.snd) is None, "no card at all is another matter"
    machine.card("timer", "controlC0", "pcmC0D0c")
    assert no_permission(machine.snd) is None, "we may"
    monkeypatch.setattr(holders.os, "access", lambda *_: False)
    why = no_permission(machine.snd)
    assert why is not None
    assert "not in the group" in why.message
    assert "usermod -aG" in why.hint


def info(index: int, name: str) -> DeviceInfo:
    return DeviceInfo(index, name, "ALSA", 1, 2, 48_000, default_input=False, default_output=False)


CARDS = [info(0, "HDA Intel PCH: ALC256 (hw:0,0)"), info(1, "Jabra SPEAK 510 USB: Audio (hw:1,0)")]


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [("Jarba", 1), ("speek", 1), ("hda intel pch: alc265 (hw:0,0)", 0), ("ALC-256", 0), ("trumpet", None), ("9", None)],
)
def test_the_nearest_name_is_shown(wanted: str, meant: int | None) -> None:
    assert nearest(wanted, [c.name for c in CARDS]) == ("" if meant is None else CARDS[meant].name)
    with pytest.raises(NoCardError) as caught:
        choose_input(wanted, CARDS)
    assert CARDS[1].name in caught.value.message
    assert ("did you mean" in caught.value.hint) == (meant is not None)


def test_a_card_that_is_not_listed_because_it_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "who_holds", lambda: Why("aplay (process 512) holds it", "stop it"))
    monkeypatch.setattr(devices, "no_permission", lambda: None)
    with pytest.raises(NoCardError, match="no microphone: aplay") as caught:
        choose_input("auto", [])
    assert caught.value.hint == "stop it"
    with pytest.raises(NoCardError) as caught:
        choose_input("USB", CARDS[:1])
    assert "aplay (process 512) holds it" in caught.value.hint


def test_portaudios_busy_names_the_holder(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def who(device: str) -> Why:
        asked.append(device)
        return Why("the {odd} one (process 1) holds it", "stop it")

    monkeypatch.setattr(host, "who_holds", who)
    error = host._explain(host._DEVICE_UNAVAILABLE, "Device unavailable", "USB (hw:1,0)")
    assert error.message == "USB (hw:1,0) is busy: the {odd} one (process 1) holds it"
    assert error.hint == "stop it"
    host._explain(host._INVALID_SAMPLE_RATE, "Invalid sample rate", "USB (hw:1,0)")
    assert asked == ["USB (hw:1,0)"]
