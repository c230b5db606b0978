"""What somebody typed in a form, read by the model that the API reads: the data, or what is wrong, field by field."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Generic, TypeVar
from uuid import uuid4

from fastapi import Request
from itsdangerous import BadSignature
from pydantic import BaseModel, ValidationError

from cir_chassis.idempotency import idempotent
from cir_chassis.problems import NotAllowed, Problem, path_of
from cir_chassis.session import Seal, typed_in

SEALED = "sealed"  # the field that brings back what was typed when a login had ended
KEY = "key"  # the field of a form that counts once
AT_THE_FORM = (404, 409, 412, 422)  # of other problems there is a page
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Form(Generic[M]):
    """typed: as it was typed, to show again; data: None where something is wrong; errors: field → pydantic's type of error, or
    what a use-case says; problem: the use-case's; done: what came of it, once it is done."""

    typed: Mapping[str, str] = field(default_factory=dict)
    data: M | None = None
    errors: Mapping[str, str] = field(default_factory=dict)
    problem: Problem | None = None
    done: Mapping[str, Any] | None = None

    @property
    def key(self) -> str:
        """Of this form, in its hidden field `key`: it is shown once, and counts once."""
        return self.typed.get(KEY) or uuid4().hex

    @property
    def status(self) -> int:
        """Of the page that shows it again."""
        return self.problem.status if self.problem else 422 if self.errors else 200

    def error(self, name: str, words: Mapping[str, str]) -> dict[str, str] | None:
        """`errorMessage` of the macros. words: "field.type" or else "field" → what is wrong and how to mend it; "*" → "Error",
        also of a field that the page has not."""
        if (kind := self.errors.get(name)) is None:
            return None
        refused = words.get(f"{name}.{self.problem.status}") if self.problem else None
        text = words.get(f"{name}.{kind}") or refused or words.get(name, words["*"])
        return {"text": text, "visuallyHiddenText": words["*"]}

    def summary(self, words: Mapping[str, str]) -> list[dict[str, str]]:
        """`errorList` of the macros: the id of a field is its name."""
        return [{"href": f"#{name}", **(self.error(name, words) or {})} for name in self.errors]

    def refused(self, problem: Problem) -> "Form[M]":
        """The same, with what a use-case refuses: field → what it says; "" where it names no field."""
        return replace(self, data=None, problem=problem, errors=dict(problem.errors or [("", "")]))


async def read_form(request: Request, model: type[M]) -> Form[M]:
    """A field left empty is left out; `help.kind` is the field `kind` of `help`."""
    typed = typed_in(await request.form())
    if sealed := typed.pop(SEALED, None):
        typed = opened(sealed, request)
    try:
        return Form(typed, model.model_validate_strings(_nested({k: v for k, v in typed.items() if k != KEY})))
    except ValidationError as error:
        found = reversed(error.errors(include_url=False))
        wrong = {".".join(one for one in e["loc"] if isinstance(one, str)): e["type"] for e in found}
        return Form(typed, errors=dict(reversed(wrong.items())))


async def send(request: Request, form: Form[M], do: Callable[[M, Any], Awaitable[object]]) -> Form[M]:
    """Do what a form asks, given its data and a unit of work of its own; `done` is then set. A form with a `key` that is sent
    once more counts once. Where it is refused nothing is stored, and the form has what is wrong."""
    if form.data is None:
        return form
    data, same = form.data, json.dumps([request.url.path, sorted(form.typed.items())]).encode()
    try:
        async with request.app.state.database.work() as work:

            async def effect() -> Mapping[str, Any]:
                done = await do(data, work)
                return done if isinstance(done, Mapping) else {}

            key = sha256(same).hexdigest() if KEY in form.typed else None
            subject = request.state.caller.subject
            done = await (idempotent(work.connection, subject, key, same, effect) if key else effect())
    except ValidationError as error:
        return form.refused(Problem(422, "This cannot be so.", [(path_of(e["loc"]), _why(e)) for e in error.errors()]))
    except Problem as problem:
        if problem.status not in AT_THE_FORM:
            raise
        return form.refused(problem)
    return replace(form, done=done)


def _why(error: Mapping[str, Any]) -> str:
    return str(error["msg"]).removeprefix("Value error, ") if error["type"] == "value_error" else str(error["type"])


def _nested(typed: Mapping[str, str]) -> dict[str, Any]:
    found = dict[str, Any]()
    for name, value in ((name, value) for name, value in typed.items() if value):
        of, (*outer, last) = found, name.split(".")
        for one in outer:
            of = of.setdefault(one, {}) if isinstance(of.get(one, {}), dict) else of
        of[last] = value
    return found


def sealed(typed: Mapping[str, str], author: str, request: Request) -> str:
    """For this address and this author (his mark) alone, and not to be read by the next at the same computer."""
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
    if not (request.state.caller and author == seal.mark(request.state.caller.subject)):
        raise NotAllowed("somebody else typed it, before the login ended")
    return typed if path == request.url.path else {}
