"""What is asked over HTTP: what would be decided of a household; and, by rule authors, what a rule has decided."""

import asyncio
from datetime import date
from typing import Any

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from cir_chassis.clock import day_of
from cir_chassis.database import Database
from cir_chassis.login import anyone, may
from cir_chassis.problems import Problem
from cir_schemas.eligibility import Assessment, Condition
from cir_schemas.household import HouseholdOnDay, HouseholdToAssess
from cir_schemas.types import Outcome
from eligibility.domain.decide import Engine
from eligibility.domain.source import WrongRuleFile
from eligibility.requests import WrongHousehold, impossible, read
from eligibility.rulefiles import compile_texts
from eligibility.store import Assessed, EligibilityWork

RuleAuthor = Depends(may("rule_author"))


class PastAssessment(BaseModel):
    """What was decided, and nothing of whom: no dossier, no person, no amount.

    number: by which it can be decided again; rules: the hash of the rule files it was decided by.
    """

    number: int
    assessed_on: date
    rules: str
    reference_date: date
    outcome: Outcome
    provisional: tuple[str, ...]
    conditions: dict[str, Condition]

    @classmethod
    def of(cls, kept: Assessed) -> "PastAssessment":
        conditions = {name: {**one, "figures": None} for name, one in kept.assessment["conditions"].items()}
        about = {"number": kept.version, "assessed_on": day_of(kept.assessed_at)}
        return cls.model_validate({**kept.assessment, **about, "conditions": conditions}, extra="ignore")


class Recomputed(BaseModel):
    """same: the rules of then, on the facts of then, give today what they gave then."""

    same: bool


def routes(engine: Engine, database: Database[EligibilityWork], deciding: asyncio.Semaphore) -> APIRouter:
    """The endpoints under /v1. deciding: held by who decides."""
    router = APIRouter(prefix="/v1", tags=["assessment"])
    engines = {engine.rules.hash: engine}  # of every version asked for: a handful in years

    @router.post("/preview", response_model=Assessment, dependencies=[Depends(anyone)])
    async def preview(household: HouseholdToAssess) -> Any:
        """What the rules in force would decide of this household. Nothing is stored, and nobody logs in."""
        if errors := impossible(household):
            day = household.reference_date
            raise Problem(422, f"What was declared cannot be true on {day}: see errors. Nothing was stored.", errors)
        async with deciding:
            [answer] = await asyncio.to_thread(lambda: engine.decide([household.model_dump()]))
        return JSONResponse(answer)

    @router.get("/assessments", dependencies=[RuleAuthor])
    async def past(rule: str | None = None, outcome: Outcome | None = None) -> list[PastAssessment]:
        """The newest hundred assessments that the rule decided (its id is in `because`), or that had that outcome."""
        async with database.work() as work:
            return [PastAssessment.of(kept) for kept in await work.past(rule, outcome)]

    @router.get("/assessments/{number}/again", dependencies=[RuleAuthor])
    async def again(number: int) -> Recomputed:
        """Decide once more what was decided then, on the facts and by the rules of then."""
        async with database.work() as work:
            if not (kept := await work.find_assessed(number)):
                raise Problem(404, "No assessment has that number: GET /v1/assessments gives those there are.")
            texts = {} if kept.rules in engines else await work.texts_of(kept.rules)
        async with deciding:
            same = await asyncio.to_thread(_same, kept, texts, engines)
        return Recomputed(same=same)

    return router


def _same(kept: Assessed, texts: dict[str, str], engines: dict[str, Engine]) -> bool:
    """Raises `Problem` where this release cannot read the rules or the facts of then."""
    try:
        if texts:
            engines[kept.rules] = Engine(compile_texts(texts))
        household = read(kept.household, HouseholdOnDay).model_dump()
    except (WrongRuleFile, WrongHousehold) as error:
        what = "rules" if isinstance(error, WrongRuleFile) else "facts"
        raise Problem(409, f"This release does not read the {what} of then ({error}): use one of then.") from None
    return engines[kept.rules].decide([household]) == [kept.assessment]
