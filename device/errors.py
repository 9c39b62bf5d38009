"""What can go wrong, said once and well.

    raise NoCardError("no capture device", hint="plug one in, or see 'nearfield devices'")

Every error that a person can act on is a `NearfieldError`: a message (what happened, to which device or
file), a hint (what to do next) and the exit status that the command line leaves with. The command line
prints both in one line and never a traceback. Errors of the `models` package (`models.errors.ModelError`)
have the same three parts; `models` may not import `device`, hence the second root.
"""


class NearfieldError(Exception):
    """Base of all errors of the appliance. `exit_status` is 1: the work failed."""

    exit_status = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(NearfieldError):
    """The caller asked for something that makes no sense (bad flag, bad combination)."""

    exit_status = 2


class ConfigError(UsageError):
    """The configuration names an unknown key or a value that is not allowed."""


class AudioError(NearfieldError):
    """The sound card failed, or an audio file cannot be used."""


class NoCardError(AudioError):
    """There is no sound card that can do what was asked."""


class CardStuckError(AudioError):
    """A lost card hangs in its driver: only a new process can use it again. A supervisor should start one."""

    exit_status = 75  # EX_TEMPFAIL of sysexits.h: "try again later"


class ModelStuckError(NearfieldError):
    """A model hangs in its runtime: only a new process has it again. A supervisor should start one."""

    exit_status = 75


class AudioFileError(AudioError):
    """A file is not audio, is empty, or is cut short."""


class SessionError(NearfieldError):
    """The session record cannot be read or written."""


class ButtonError(NearfieldError):
    """A button or lamp cannot be driven: no GPIO here, no permission, pin in use."""


class UpdateError(NearfieldError):
    """A release cannot be taken: unsigned, altered, too old, no room, not healthy. The one that ran goes on."""
