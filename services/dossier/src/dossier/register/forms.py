"""The forms of a dossier's pages: the requests of the API, field by field."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import model_validator

from cir_schemas.types import Day, Shape
from dossier.register.requests import AppealGround, Contacts, Reasons

Action = Literal["withdraw", "hold", "wake", "leave", "appeal", "undo", "erase"]
"""What a candidate does by a page of its own."""


class ActionForm(Shape):
    """What a candidate gives with an action. sure: he read what it closes."""

    reasons: Reasons = ()
    ground: AppealGround | None = None
    notified_on: Day | None = None
    sure: bool = False


class ContactsForm(Contacts):
    """version: of the facts that were shown. Where no kind of help is ticked nobody helps."""

    version: int

    @model_validator(mode="before")
    @classmethod
    def _nobody_helps(cls, typed: dict[str, Any]) -> dict[str, Any]:
        helper = typed.get("help")
        nobody = isinstance(helper, dict) and "kind" not in helper
        return {name: value for name, value in typed.items() if not (nobody and name == "help")}

    @staticmethod
    def typed(contacts: Mapping[str, Any]) -> dict[str, str]:
        """What is on record, as if it was typed."""
        fields = {name: contacts[name] for name in ("language", "email", "phone")}
        fields |= {f"help.{name}": value for name, value in (contacts["help"] or {}).items()}
        return {name: "true" if value is True else str(value) for name, value in fields.items() if value}
