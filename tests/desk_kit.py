"""A desk with nobody behind it but a list of what was asked."""

from device.control.desk import ControlDesk


class FakeAssistant:
    def __init__(self) -> None:
        self.calls: list[object] = []

    def announce(self, text: str) -> None:
        self.calls.append(("announce", text))

    def hush(self) -> None:
        self.calls.append("hush")

    def press(self) -> None:
        self.calls.append("press")

    def release(self) -> None:
        self.calls.append("release")


class FakeControls:
    def __init__(self, volume_percent: int = 50) -> None:
        self.muted = False
        self.volume_percent = volume_percent

    def mute(self, muted: bool) -> None:
        self.muted = muted

    def louder(self) -> None:
        self.volume_percent += 10

    def softer(self) -> None:
        self.volume_percent -= 10

    def set_volume_percent(self, percent: int) -> None:
        self.volume_percent = percent


class FakeDesk(ControlDesk):
    def __init__(self) -> None:
        self.assistant, self.controls = FakeAssistant(), FakeControls()
        super().__init__(self.assistant, self.controls)

    @property
    def calls(self) -> list[object]:
        return self.assistant.calls
