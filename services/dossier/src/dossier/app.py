"""The one place where the register's parts meet."""

from functools import partial
from pathlib import Path

from cir_chassis import idempotency
from cir_chassis.clock import Clock
from cir_chassis.driver import forget
from cir_chassis.pseudonym import KeyedSettings
from cir_chassis.service import Service
from cir_schemas import CandidacyRecorded, ContactsRecorded, HouseholdRecorded, ProofAsked, StatusChanged
from dossier import handlers, http
from dossier.companies import load_companies
from dossier.store import RegisterWork

HERE = Path(__file__).parents[2]
MIGRATIONS = HERE / "migrations"


class DossierSettings(KeyedSettings):
    """What the register is told beside what every service is."""

    companies: Path = HERE / "companies.yaml"


def make(settings: DossierSettings) -> Service[RegisterWork]:
    """The service, ready to run. Raises `WrongCompanies`."""
    companies = load_companies(settings.companies)
    work = partial(RegisterWork, clock=Clock(settings.today), companies=companies, person_key=settings.person_key)
    service = Service(
        "dossier",
        "The central registration register: one dossier per household.",
        settings,
        work,
        MIGRATIONS,
        publishes=[HouseholdRecorded, CandidacyRecorded, ContactsRecorded, StatusChanged, ProofAsked],
        consumes=handlers.EVENTS,
    )
    service.jobs.append(partial(forget, service.background.engine, idempotency.OLD))
    service.app.include_router(http.routes(service.database))
    return service
