"""*Would I qualify?*: seven questions for anyone, and what the rules in force would decide. Nothing is stored, and no answer
stands in an address: they come and go in the body of a form."""

import asyncio
import re
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, BeforeValidator, Field

from cir_chassis.clock import Clock
from cir_chassis.forms import Form, read_form
from cir_chassis.login import Caller
from cir_chassis.pages import Pages
from cir_chassis.problems import Problem
from cir_chassis.session import whoever
from cir_schemas.household import HouseholdToAssess, Residence
from cir_schemas.types import Cents, euro
from eligibility.domain.decide import Engine
from eligibility.explain import explain
from eligibility.requests import impossible
from eligibility.texts import TEXTS

Anyone = Annotated[Caller | None, Depends(whoever)]
YEARS = 3  # of the tax assessment that may count: those before the last three never do


def _plain(amount: object) -> object:
    """An amount as people here write it: `€ 21.000,50`, `21 000` or `21000.50`."""
    text = re.sub(r"[€\s]", "", str(amount))
    return re.sub(r"\.(?=\d{3}(\D|$))", "", text).replace(",", ".")


Amount = Annotated[Cents, BeforeValidator(_plain)]
Count = Annotated[int, Field(ge=0, le=20)]


class Person(BaseModel):
    """What is asked of a candidate. Left out: unknown."""

    age: Annotated[int, Field(ge=0, le=120)] | None = None
    residence: Residence | None = None
    handicap: bool | None = None
    income: Amount | None = None
    year: Annotated[int, Field(ge=1990, le=2100)] | None = None
    balances: Amount | None = None


class Asked(BaseModel):
    """The seven questions."""

    household: Literal["alone", "partner"]
    you: Person = Person()
    partner: Person = Person()
    dependants: Count = 0
    with_handicap: Count = 0
    owns: Literal["nothing", "bare_ownership", "full_ownership"] | None = None

    def on(self, day: date) -> HouseholdToAssess:
        """The household of that day."""
        nothing: list[Any] = []
        rights = nothing if self.owns == "nothing" else self.owns and [{"right": self.owns, "object": "dwelling"}]
        members = [_member("applicant", self.you, day) | {"real_rights": rights}]
        if self.household == "partner":  # whose of the two it is makes no difference
            members.append(_member("partner", self.partner, day) | {"real_rights": nothing if self.owns else None})
        members += [
            {"id": f"c{n}", "role": "co_resident", "dependant": True, "recognised_handicap": n < self.with_handicap}
            for n in range(max(self.dependants, self.with_handicap))
        ]
        return HouseholdToAssess.model_validate({"reference_date": day.isoformat(), "members": members})


def _member(role: str, one: Person, day: date) -> dict[str, Any]:
    member: dict[str, Any] = {"id": role, "role": role, "residence": one.residence, "recognised_handicap": one.handicap}
    if one.age is not None:
        member["born_on"] = f"{day.year - one.age}-01-01"
    if one.income is not None:
        member["incomes"] = [{"year": one.year or day.year - 1, "jointly_taxable": euro(one.income)}]
    if one.balances is not None:
        member["balances"] = euro(one.balances)
    return member


def routes(pages: Pages, engine: Engine, clock: Clock, deciding: asyncio.Semaphore) -> APIRouter:
    """deciding: held by who decides."""
    router = pages.router()

    def show_questions(request: Request, form: Form[Asked], status: int = 200) -> Response:
        last = clock.today().year - 1
        return pages.show(request, "check", status, form=form, years=range(last, last - YEARS, -1))

    @router.get("/")
    async def start() -> Response:
        """The start page is dossier's."""
        return RedirectResponse(pages.public["dossier"], 303)

    @router.get("/check")
    async def ask(request: Request, caller: Anyone) -> Response:
        """The questions."""
        return show_questions(request, Form())

    @router.post("/check")
    async def answer(request: Request, caller: Anyone) -> Response:
        """What would be decided today, condition by condition; or the questions again, to answer them otherwise."""
        form = await read_form(request, Asked)
        if form.data is None or "change" in form.typed:
            return show_questions(request, form, 200 if form.data else 422)
        household = form.data.on(clock.today())
        if errors := impossible(household):
            raise Problem(422, "What was declared cannot be true today.", errors)
        async with deciding:
            answer = await asyncio.to_thread(explain, engine, household)
        words = TEXTS[pages.language(request)]
        return pages.show(
            request, "answer", e=answer, today=household.reference_date, facts=engine.rules.facts, w=words, form=form
        )

    return router
