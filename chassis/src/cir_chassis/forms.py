"""What somebody typed in a form, read by the model that the API reads: the data, or what is wrong, field by field."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from fastapi import Request
from itsdangerous import BadSignature
from pydantic import BaseModel, ValidationError

from cir_chassis.problems import NotAllowed, Problem
from cir_chassis.session import Seal

SEALED = "sealed"  # the field that brings back what was typed when a login had ended
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Form(Generic[M]):
    """typed: as it was typed, to show again; data: None where something is wrong; errors: field → pydantic's type of error."""

    typed: Mapping[str, str] = field(default_factory=dict)
    data: M | None = None
    errors: Mapping[str, str] = field(default_factory=dict)

    def error(self, name: str, words: Mapping[str, str]) -> dict[str, str] | None:
        """`errorMessage` of the macros. words: "field.type" or else "field" → what is wrong and how to mend it; "*" → "Error",
        also of a field that the page has not."""
        if (kind := self.errors.get(name)) is None:
            return None
        return {"text": words.get(f"{name}.{kind}") or words.get(name, words["*"]), "visuallyHiddenText": words["*"]}

    def summary(self, words: Mapping[str, str]) -> list[dict[str, str]]:
        """`errorList` of the macros: the id of a field is its name."""
        return [{"href": f"#{name}", **(self.error(name, words) or {})} for name in self.errors]

    def refused(self, problem: Problem) -> "Form[M]":
        """The same, with what a use-case refuses: field → the status; "" where it names no field."""
        return replace(self, data=None, errors={path: str(problem.status) for path, _ in problem.errors or [("", "")]})


async def read_form(request: Request, model: type[M]) -> Form[M]:
    """A field left empty is left out; `help.kind` is the field `kind` of `help`; boxes that share a name come as one text, with
    commas between."""
    sent = await request.form()
    typed = {name: ",".join(v.strip() for v in sent.getlist(name) if isinstance(v, str)) for name in sent}
    if sealed := typed.pop(SEALED, None):
        typed = opened(sealed, request)
    try:
        return Form(typed, model.model_validate_strings(_nested(typed)))
    except ValidationError as error:
        found = reversed(error.errors(include_url=False))
        wrong = {".".join(one for one in e["loc"] if isinstance(one, str)): e["type"] for e in found}
        return Form(typed, errors=dict(reversed(wrong.items())))


def _nested(typed: Mapping[str, str]) -> dict[str, Any]:
    found = dict[str, Any]()
    for name, value in ((name, value) for name, value in typed.items() if value):
        of, (*outer, last) = found, name.split(".")
        for one in outer:
            of = of.setdefault(one, {}) if isinstance(of.get(one, {}), dict) else of
        of[last] = value
    return found


def sealed(typed: Mapping[str, str], author: str, request: Request) -> str:
    """For this address and this author alone, and not to be read by the next at the same computer."""
    seal: Seal = request.app.state.pages.seal
    return seal.sign(json.dumps([request.url.path, author, dict(typed)]).encode()).decode()


def opened(text: str, request: Request) -> dict[str, str]:
    """What `sealed` closed; nothing where it does not hold, or is of another address. Raises `NotAllowed` to another than its
    author."""
    seal: Seal = request.app.state.pages.seal
    try:
        path, author, typed = json.loads(seal.unsign(text.encode()))
    except (BadSignature, ValueError):
        return {}
    if author != getattr(request.state.caller, "subject", None):
        raise NotAllowed("somebody else typed it, before the login ended")
    return typed if path == request.url.path else {}
