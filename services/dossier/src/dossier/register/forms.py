"""The forms of a dossier's pages: the requests of the API, field by field."""

from typing import Literal

from cir_schemas.types import Day, Shape
from dossier.register.requests import AppealGround, Reasons

Action = Literal["withdraw", "hold", "wake", "leave", "appeal", "undo", "erase"]
"""What a candidate does by a page of its own."""


class ActionForm(Shape):
    """What a candidate gives with an action. sure: he read what it closes."""

    reasons: Reasons = ()
    ground: AppealGround | None = None
    notified_on: Day | None = None
    sure: bool = False
