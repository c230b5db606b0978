"""What is asked over HTTP: what would be decided of a household; what was decided of a dossier, and by which rules."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from cir_chassis.database import Database
from cir_chassis.login import anyone, may
from cir_chassis.problems import Problem
from cir_schemas.eligibility import Assessment
from cir_schemas.household import HouseholdToAssess
from eligibility.asked import WrongHousehold, impossible, read
from eligibility.domain.decide import Engine
from eligibility.domain.source import WrongRuleFile
from eligibility.rulefiles import compile_texts
from eligibility.store import Assessed, EligibilityWork

RuleAuthor = Depends(may("rule_author"))


class AssessmentKept(BaseModel):
    """An assessment as it was said. test: that it counts for; none: it was for information. rules: hash of the rule files."""

    version: int
    facts_version: int
    test: UUID | None
    rules: str
    assessed_at: datetime
    assessment: Assessment


class Recomputed(BaseModel):
    """same: the rules of then, on the facts of then, say today what they said then."""

    same: bool
    assessment: Assessment


def routes(engine: Engine, database: Database[EligibilityWork]) -> APIRouter:
    """The endpoints under /v1."""
    router = APIRouter(prefix="/v1", tags=["assessment"])
    engines = {engine.rules.hash: engine}  # of every version asked for: a handful in years

    @router.post("/preview", response_model=Assessment, dependencies=[Depends(anyone)])
    def preview(household: HouseholdToAssess) -> Any:
        """What the rules in force would decide of this household. Nothing is stored, and nobody logs in."""
        if errors := impossible(household):
            day = household.reference_date
            raise Problem(422, f"What was declared cannot be true on {day}: see errors. Nothing was stored.", errors)
        return JSONResponse(engine.decide([household.model_dump()])[0])

    @router.get("/assessments/{dossier}", dependencies=[RuleAuthor])
    async def history(dossier: UUID) -> list[AssessmentKept]:
        """Every assessment of a dossier, the newest first, each with the hash of the rules that decided it."""
        return [
            AssessmentKept.model_validate(one, from_attributes=True, extra="ignore") for one in await found(dossier)
        ]

    @router.get("/assessments/{dossier}/{version}/again", dependencies=[RuleAuthor])
    async def again(dossier: UUID, version: int) -> Recomputed:
        """Decide once more what was decided then, on the facts and by the rules of then: for who checks or appeals it."""
        past = next((one for one in await found(dossier) if one.version == version), None)
        if past is None:
            raise Problem(404, "This dossier has no assessment of that version: read its history first.")
        if past.rules not in engines:
            async with database.work() as work:
                texts = await work.texts_of(past.rules)
            try:
                engines[past.rules] = await asyncio.to_thread(lambda: Engine(compile_texts(texts)))
            except WrongRuleFile as error:
                raise Problem(
                    409, f"This release no longer reads the rules of then ({error}): use one of then."
                ) from None
        try:
            household = read(past.household).model_dump()
        except WrongHousehold as error:
            raise Problem(
                409, f"This release does not read the facts of then ({error}): use the one that kept them."
            ) from None
        [answer] = await asyncio.to_thread(engines[past.rules].decide, [household])
        return Recomputed(same=answer == past.assessment, assessment=Assessment.model_validate(answer))

    async def found(dossier: UUID) -> list[Assessed]:
        async with database.work() as work:
            if not (history := await work.history(dossier)):
                raise Problem(404, "No assessment of this dossier is known here.")
            return history

    return router
