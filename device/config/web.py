"""The keys of the web page: where it is to be had, and who may see it.

    settings = WebSettings(enabled=True)
    settings.loopback       # True: only this machine reaches it

Beyond this machine it is not to be had without a token and TLS: whoever can reach it can listen and speak.
"""

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from device.config.loopback import is_loopback
from device.config.section import Name, OptionalPath, Section, contradiction


def _origin(text: str) -> str:
    """As a browser writes it: scheme, host, port; in lower case, without the scheme's own port."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise PydanticCustomError("no_address", "{why}", {"why": f"not an address: {error}"}) from error
    more = parts.path.strip("/") or parts.query or parts.fragment or parts.username
    if parts.scheme not in ("http", "https") or not parts.hostname or more:
        why = f"{text[:60]!r} is no origin such as https://kitchen.lan:8765"
        raise PydanticCustomError("no_address", "{why}", {"why": why})
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    usual = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, usual) else "")


def _origins(text: str) -> str:
    return ",".join(_origin(each.strip()) for each in text.split(",") if each.strip())


class WebSettings(Section):
    """The page for a screen beside the device, and its HTTP interface."""

    enabled: bool = Field(default=False, description="serve it (nearfield run --web)")
    host: Name = Field(
        default="127.0.0.1", description='address to listen at; "0.0.0.0" = all, which needs a token and TLS'
    )
    port: int = Field(
        default=8765, ge=0, le=65_535, description="its port; 0 = any that is free, which --verbose tells"
    )
    token_file: OptionalPath = Field(
        default=None, description="file with the token to log in with, 16 characters or more; only its owner may read"
    )
    tls_cert: OptionalPath = Field(default=None, description="PEM file of its certificate, and those it descends from")
    tls_key: OptionalPath = Field(default=None, description="PEM file of the certificate's key")
    origins: Annotated[str, AfterValidator(_origins)] = Field(
        default="", description='further addresses it is reached by, as "https://kitchen.lan:8765", divided by commas'
    )

    @property
    def used_origins(self) -> tuple[str, ...]:
        """`origins`, one by one."""
        return tuple(self.origins.split(",")) if self.origins else ()

    @property
    def loopback(self) -> bool:
        return is_loopback(self.host)

    @property
    def tls(self) -> bool:
        return self.tls_cert is not None

    @model_validator(mode="after")
    def _closed_to_strangers(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise contradiction("tls_cert", "web.tls_cert and web.tls_key are needed together")
        if self.enabled and not self.loopback and (self.token_file is None or not self.tls):
            missing = " and ".join(
                key
                for key, there in (
                    ("web.token_file", self.token_file is not None),
                    ("web.tls_cert with web.tls_key", self.tls),
                )
                if not there
            )
            raise contradiction(
                "host",
                f"web.host ({self.host}) lets other machines in, which needs {missing}; "
                "or keep 127.0.0.1 and come in with 'ssh -L 8765:localhost:8765'",
            )
        return self
