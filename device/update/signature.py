"""Is this manifest from the publisher whose key is on this machine?

    verify(raw, signature, read_key(Path("/etc/nearfield/update.pub")))

Signatures are minisign's (https://jedisct1.github.io/minisign): Ed25519 over the file or, prehashed, over its BLAKE2b.
"""

from pathlib import Path

from minisign import Error as MinisignError
from minisign import ParseError, PublicKey, Signature, VerifyError

from device.errors import UpdateError

_MOST_BYTES = 16_384


def read_key(path: Path) -> PublicKey:
    """The publisher's key, as `minisign -G` writes it. Raises UpdateError: absent, not a public key."""
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UpdateError(
            f"{path}: the publisher's key cannot be read ({reason})",
            hint="put the minisign public key of whoever makes your releases there, or set update.public_key",
        ) from error
    try:
        lines = raw.split(b"\n")
        return PublicKey.from_base64(lines[0].strip()) if len(raw.split()) == 1 else PublicKey.from_bytes(raw)
    except MinisignError as error:
        raise UpdateError(
            f"{path}: is not a minisign public key ({error})", hint="it has two lines, the second begins with RW"
        ) from error


def verify(raw: bytes, signature: bytes, key: PublicKey) -> str:
    """Returns the trusted comment. Raises UpdateError: not a signature, of another key, or of other bytes."""
    try:
        parsed = Signature.from_bytes(signature)
    except ParseError as error:
        raise UpdateError(
            f"the release is not signed: its signature cannot be read ({error})", hint="nothing was changed"
        ) from error
    try:
        key.verify(raw, parsed)
    except VerifyError as error:
        if "key identifiers" in str(error):
            what = "the release is signed with another key than the one this machine trusts"
            hint = "nothing was changed; if its publisher has a new key, put it into update.public_key yourself"
        else:
            what = "the manifest of the release was altered: its signature does not fit"
            hint = "nothing was changed; fetch the release anew from its publisher"
        raise UpdateError(what, hint=hint) from error
    return str(parsed.trusted_comment)
