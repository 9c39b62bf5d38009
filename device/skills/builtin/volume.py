"""How loud the voice is, and whether the microphone listens.

"Louder."  "Set the volume to 40 percent."  "Mute."  "Turn off the microphone."
"""

from typing import Annotated

from pydantic import Field

from device.skills import spoken
from device.skills.services import DeviceControls, customs
from device.skills.skill import Context, SkillError, skill

#: "Unmute" comes back to this if it is not known how loud it was.
_USUAL_PERCENT = 60
_LOUD = "loud"  #: in the state: how loud it was when it was muted


@skill
def set_volume(context: Context, percent: Annotated[int, Field(ge=0, le=100)]) -> str:
    """Set the volume of the voice in percent."""
    controls = context.services.get(DeviceControls)
    if percent == 0:
        _remember(context, controls)
    controls.set_volume_percent(percent)
    return f"Volume at {percent} percent."


@skill
def set_volume_level(context: Context, level: Annotated[int, Field(ge=0, le=10)]) -> str:
    """Set the volume of the voice on a scale from 0 to 10."""
    controls = context.services.get(DeviceControls)
    if level == 0:
        _remember(context, controls)
    controls.set_volume_percent(level * 10)
    return f"Volume at {level}."


@skill
def louder(context: Context) -> str:
    """Make the voice louder by a step."""
    controls = context.services.get(DeviceControls)
    before = controls.volume_percent
    controls.louder()
    if controls.volume_percent == before:
        raise SkillError("I am as loud as I can be.")
    return "Louder."


@skill
def quieter(context: Context) -> str:
    """Make the voice quieter by a step."""
    controls = context.services.get(DeviceControls)
    before = controls.volume_percent
    if before == 0:
        raise SkillError("I am silent already.")
    _remember(context, controls)
    controls.softer()
    return "Quieter."


@skill(read_only=True)
def tell_volume(context: Context) -> str:
    """Tell how loud the voice is."""
    return f"The volume is at {context.services.get(DeviceControls).volume_percent} percent."


@skill
def mute_voice(context: Context) -> str:
    """Make the voice silent; the microphone goes on listening."""
    controls = context.services.get(DeviceControls)
    _remember(context, controls)
    controls.set_volume_percent(0)
    return ""


@skill
def unmute_voice(context: Context) -> str:
    """Make the voice as loud again as it was before it was made silent."""
    controls = context.services.get(DeviceControls)
    if controls.volume_percent:
        raise SkillError("I am not muted.")
    kept = context.state.get(_LOUD)
    percent = kept if isinstance(kept, int) and 1 <= kept <= 100 else _USUAL_PERCENT
    controls.set_volume_percent(percent)
    return f"Volume at {spoken.number(percent)} percent."


@skill(confirm="I would not hear you any more. Shall I turn the microphone off?")
def mute_microphone(context: Context) -> str:
    """Turn the microphone off. It cannot be turned on again by voice."""
    context.services.get(DeviceControls).mute(True)
    return f"The microphone is off. {customs(context.services).unmute}"


def _remember(context: Context, controls: DeviceControls) -> None:
    if controls.volume_percent:
        context.state.put(_LOUD, controls.volume_percent)
