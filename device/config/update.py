"""The section [update]: where releases come from, and when one counts as healthy.

    UpdateSettings(source="https://example.org/nearfield/")

docs/update.md says how an update goes.
"""

from pathlib import Path

from pydantic import Field

from device.config.section import Name, Section, UserPath


class UpdateSettings(Section):
    """Updates: 'nearfield update' (docs/update.md)."""

    source: str = Field(default="", description='where releases are looked for without --from; "" = nowhere')
    root: UserPath = Field(default=Path("/opt/nearfield"), description="folder of the releases")
    public_key: UserPath = Field(
        default=Path("/etc/nearfield/update.pub"), description="minisign public key of whoever makes the releases"
    )
    keep: int = Field(
        default=1, ge=0, le=100, description="old releases that are kept beside the one that runs and the one before"
    )
    service: Name = Field(
        default="nearfield.service", description='unit that is restarted and watched; "none" = nothing is'
    )
    healthy_within_s: float = Field(
        default=120.0, ge=1.0, le=3_600.0, description="a new release must be up within this time, in s"
    )
    healthy_for_s: float = Field(
        default=20.0,
        ge=0.0,
        le=3_600.0,
        description="... and stay up for so long, in s; else the old one is put back",
    )
