"""The sound card as the configuration has it, the same for every command that opens one.

card = open_sound_card(settings)
card = turned_down(open_sound_card(settings, mic_optional=True), settings)     # to play on only
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # --help needs none of these
    from device.audio.portaudio import PortAudioCard
    from device.card import Card
    from device.config import Settings


def open_sound_card(
    settings: "Settings",
    microphone: str | None = None,
    loudspeaker: str | None = None,
    *,
    mic_optional: bool = False,
    loopback: bool = True,
) -> "PortAudioCard":
    """Not started. `microphone`, `loudspeaker`: in place of the configured ones; `mic_optional`: only to play on.

    `loopback` False: the reference is what was handed over, though audio.reference_channel be set.
    Raises NoCardError, AudioError.
    """
    from device.audio.portaudio import PortAudioCard  # noqa: PLC0415 - looks for cards when it is imported

    audio = settings.audio
    return PortAudioCard(
        audio.input if microphone is None else microphone,
        audio.output if loudspeaker is None else loudspeaker,
        rate_hz=audio.rate_hz,
        mic_channel=audio.mic_channel,
        sample_format=audio.format,
        reference_channel=audio.reference_channel if loopback else -1,
        mic_optional=mic_optional,
    )


def turned_down(card: "Card", settings: "Settings") -> "Card":
    """The card as it plays by its calibration, or by audio.playback_gain_db."""
    from device.appliance import playback_gain_db  # noqa: PLC0415
    from device.audio.playback_gain import with_playback_gain  # noqa: PLC0415

    return with_playback_gain(card, playback_gain_db(settings, card.name))
