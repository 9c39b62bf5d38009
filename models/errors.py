"""Errors of the model store and the adapters: a message, a hint and an exit status, as in `device.errors`."""


class ModelError(Exception):
    """A model is missing, altered, cannot be fetched or fails. `exit_status` is 1."""

    exit_status = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ModelMissingError(ModelError):
    """A model that the configuration names has not been pulled."""


class ModelDamagedError(ModelError):
    """A file of a model is truncated or altered."""


class ModelFetchError(ModelError):
    """A source could not be reached, or what it sent is not what the catalogue promises."""


class ModelRunError(ModelError):
    """The runtime refused a model file or failed while it worked."""
