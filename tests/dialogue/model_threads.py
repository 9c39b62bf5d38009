"""The threads of the models without a conversation, for tests of the rim."""

from collections.abc import Callable
from typing import Any

from loud_vad import Loud

from device.dialogue.degrade import Degrade, DegradePolicy
from device.dialogue.model_workers import Models, ModelWorkers
from device.dialogue.patience import Patience
from device.dialogue.work_meter import WorkMeter
from models.protocols import TurnModel


def workers_of(
    ends: Any,
    told: Any,
    post: Callable[[Callable[[], list[Any]]], None],
    *,
    turn: TurnModel | None = None,
    alive: Callable[[int], bool] = lambda _job: True,
    patience: Patience | None = None,
) -> ModelWorkers:
    """`ends` recognises, writes and speaks; `told` is in the place of the conversation. Time stands still."""
    return ModelWorkers(
        Models(Loud(), ends, ends, ends, turn=turn),
        told,
        post,
        lambda: 0,
        alive=alive,
        work=WorkMeter(Degrade(DegradePolicy())),
        stopping=lambda: False,
        patience=patience,
    )
