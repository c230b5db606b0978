"""Every query of eligibility. A unit of work locks its dossiers' rows, so a dossier's assessments come one after the other."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from cir_chassis import driver
from cir_chassis.bulk import given, rows
from cir_chassis.clock import Clock
from cir_chassis.database import Rows, Work
from eligibility.domain.decide import Engine
from eligibility.tables import assessments, households, rulesets


@dataclass(frozen=True)
class Facts:
    """The newest facts consumed of a dossier (see tables.households)."""

    dossier: UUID
    version: int
    facts_version: int
    household: dict[str, Any]
    test: dict[str, Any] | None
    said: int


@dataclass(frozen=True)
class Assessed:
    """One assessment (see tables.assessments)."""

    dossier: UUID
    version: int
    facts_version: int
    test: UUID | None
    rules: str
    outcome: str
    household: dict[str, Any]
    assessment: dict[str, Any]
    assessed_at: datetime


@dataclass(frozen=True)
class RuleSet:
    """One version of the rule files (see tables.rulesets)."""

    hash: str
    texts: dict[str, str]
    first_used_at: datetime


_these = given([households.c.dossier])
_ids = sa.select(_these.c.dossier).order_by(_these.c.place)
_NEW = insert(households).from_select(["dossier"], _ids).on_conflict_do_nothing()
_ASSESSED = sa.select(*(assessments.c[field.name] for field in fields(Assessed)))
_ON_RECORD = sa.select(rulesets.c.hash).where(rulesets.c.hash == sa.bindparam("hash"))


class EligibilityWork(Work):
    """One transaction on facts and assessments."""

    versioned = (households.c.version,)

    def __init__(
        self, connection: AsyncConnection, clock: Clock, engine: Engine, texts: dict[str, str], compare_share: float
    ) -> None:
        """engine: the rules in force; texts: their files, kept with the first assessment they decide."""
        super().__init__(connection, clock)
        self.engine, self._texts, self.compare_share = engine, texts, compare_share
        self.households = Rows(households, Facts, newer="version")
        self.assessments = Rows(assessments, Assessed, insert_only=True)
        self.rulesets = Rows(rulesets, RuleSet, insert_only=True)
        self.erased: set[UUID] = set()
        """Dossiers of which no assessment is kept."""

    @property
    def rows(self) -> Sequence[Rows[Any]]:
        return (self.rulesets, self.households, self.assessments)

    async def load(self, dossiers: Iterable[UUID]) -> None:
        ids = sorted(dossiers)
        # A dossier heard of for the first time has no row to lock: it gets an empty one, which waits for any other that does.
        await driver.run(self.connection, _NEW, rows({"dossier": ids}))
        await self.households.load(self.connection, "dossier", ids, lock=True)
        hash_ = self.engine.rules.hash
        if not await driver.run(self.connection, _ON_RECORD, {"hash": hash_}):
            self.rulesets.put(RuleSet(hash_, self._texts, self.clock.now()))

    async def flush(self) -> None:
        await super().flush()
        if self.erased:
            await self.connection.execute(sa.delete(assessments).where(assessments.c.dossier.in_(self.erased)))
            self.erased.clear()

    async def past(self, rule: str | None, outcome: str | None) -> list[Assessed]:
        """The newest hundred assessments that the rule decided, and that had that outcome."""
        query = _ASSESSED.order_by(assessments.c.version.desc()).limit(100)
        if rule is not None:
            decided = {rule.partition(".")[0]: {"because": [rule]}}
            query = query.where(assessments.c.assessment["conditions"].contains(decided))
        if outcome is not None:
            query = query.where(assessments.c.outcome == outcome)
        return [Assessed(**row._mapping) for row in await self.connection.execute(query)]

    async def find_assessed(self, version: int) -> Assessed | None:
        """The assessment with that version (of two dossiers' in the same microsecond, one)."""
        query = _ASSESSED.where(assessments.c.version == version).limit(1)
        row = (await self.connection.execute(query)).one_or_none()
        return Assessed(**row._mapping) if row else None

    async def texts_of(self, hash_: str) -> dict[str, str]:
        """The rule files that hash stands for."""
        query = sa.select(rulesets.c.texts).where(rulesets.c.hash == hash_)
        return dict((await self.connection.execute(query)).scalar_one())
