"""The configuration: `nearfield.toml`, environment and flags as one frozen object.

    settings = load_settings(None, ["turn.end_silence_ms=800"])
    settings.turn.end_silence_ms

`schema` says which keys there are, `load` puts the layers together, `describe` puts them into words.
"""

from device.config.load import InvalidConfigError, LoadedConfig, load_config, load_settings
from device.config.schema import Settings

__all__ = ["InvalidConfigError", "LoadedConfig", "Settings", "load_config", "load_settings"]
