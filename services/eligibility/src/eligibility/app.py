"""The one place where eligibility's parts meet."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import Field

from cir_chassis.service import Service
from cir_chassis.settings import Settings
from cir_schemas import HouseholdAssessed
from eligibility import handlers, http, pages
from eligibility.domain.decide import Engine
from eligibility.rulefiles import RULES, compile_texts, texts
from eligibility.store import EligibilityWork

HERE = Path(__file__).parents[2]
MIGRATIONS = HERE / "migrations"


class EligibilitySettings(Settings):
    """What eligibility is told beside what every service is."""

    rules: Path = RULES
    compare_share: Annotated[float, Field(ge=0, le=1)] = 0.01
    """The share of households that columns decide as well, to be compared."""


def make(settings: EligibilitySettings) -> Service[EligibilityWork]:
    """The service, ready to run. Raises `WrongRuleFile`."""
    files = texts(settings.rules)
    engine = Engine(compile_texts(files, f"{settings.rules}/"))
    service = Service(
        "eligibility",
        "Whether a household meets the conditions, and why.",
        settings,
        partial(EligibilityWork, engine=engine, texts=files, compare_share=settings.compare_share),
        MIGRATIONS,
        publishes=[HouseholdAssessed],
        consumes=handlers.EVENTS,
        templates=HERE / "templates/pages",
    )
    deciding = asyncio.Semaphore(1)  # a household at a time: the loop competes with one thread, however many ask
    service.app.include_router(http.routes(engine, service.database, deciding))
    if service.pages:
        service.app.include_router(pages.routes(service.pages, engine, service.clock, deciding))
    return service
