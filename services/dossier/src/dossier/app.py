"""The one place where the register's parts meet."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated
from uuid import UUID

import structlog
from pydantic import Field, model_validator

from cir_chassis import idempotency
from cir_chassis.clock import hourly
from cir_chassis.database import Database, is_outage
from cir_chassis.driver import forget
from cir_chassis.pseudonym import KeyedSettings
from cir_chassis.service import Service
from cir_schemas import EVENTS
from dossier import handlers, pages
from dossier.application import pages as application
from dossier.certificates import http as certificates_http
from dossier.certificates.pdf import Certificates
from dossier.desk import http as desk
from dossier.desk import pages as desk_pages
from dossier.desk.store import NOT_WORKED_OUT, OLD_CLAIMS
from dossier.directory import http as directory_http
from dossier.directory import pages as directory_pages
from dossier.directory.files import Directory, load_directory
from dossier.directory.publishing import publish
from dossier.documents import http as documents_http
from dossier.documents import pages as documents_pages
from dossier.documents.files import Files
from dossier.documents.scanner import clamd_at
from dossier.documents.use_cases import sweep
from dossier.facts.questions import work_off
from dossier.facts.sources import Sources
from dossier.register import http
from dossier.register import pages as register_pages
from dossier.register.register import Register
from dossier.register.store import RegisterWork
from dossier.register.use_cases import erase_untouched_drafts

log = structlog.get_logger()
HERE = Path(__file__).parents[2]
MIGRATIONS = HERE / "migrations"


class DossierSettings(KeyedSettings):
    """What the register is told beside what every service is."""

    companies: Path = HERE / "companies.yaml"
    organisations: Path = HERE / "organisations.yaml"
    documents: Annotated[str, Field(pattern=r"^[a-z0-9]+://")] = (HERE / "documents").as_uri()
    """The object store of the documents: `file:///folder`, `s3://bucket/prefix` or another that obstore knows."""
    clamd: Annotated[str, Field(pattern=r"^[^:/\s]+:\d{1,5}$")] | None = None
    """The virus scanner, `host:port` of a clamd. Without it no document is scanned."""
    draft_days: Annotated[int, Field(ge=1)] = 90
    """A draft on which nobody acted for so many days is erased (K)."""
    sources: Annotated[str, Field(pattern=r"^https?://")] | None = None
    """Where the authentic sources are asked. Without it nothing is asked, and nothing awaited."""
    proof_days: Annotated[int, Field(ge=1)] = 30
    """By when a proof is due, in days after it was first asked (K). Nothing happens by itself when that passes."""
    people: Path | None = None
    """Whom a demo's start page offers to look as: a file as deploy/embedded/people.json."""
    sources_patience: Annotated[timedelta, Field(gt=timedelta())] = timedelta(hours=24)
    """How long their answers are awaited before a dossier goes on without (seconds, or ISO 8601; K)."""

    @model_validator(mode="after")
    def _production_knows_its_people(self) -> "DossierSettings":
        if self.people and self.environment == "production":
            raise ValueError("CIR_PEOPLE is for CIR_ENVIRONMENT=demo alone: there nobody is asked who he is")
        return self


def make(settings: DossierSettings) -> Service[RegisterWork]:
    """The service, ready to run. Raises `WrongSettings` of its files."""
    directory = load_directory(settings.companies, settings.organisations)
    work = partial(
        RegisterWork,
        organisations=directory,
        person_key=settings.person_key,
        sources_patience=settings.sources_patience if settings.sources else None,
        proof_term=timedelta(days=settings.proof_days),
    )
    service = Service(
        "dossier",
        "The central registration register: one dossier per household.",
        settings,
        work,
        MIGRATIONS,
        publishes=[event for event in EVENTS if event.source == "/dossier"],
        consumes=handlers.EVENTS,
        templates=HERE / "templates/pages",
    )
    service.jobs.append(partial(publish_directory, service.background, directory))
    service.jobs += [partial(forget, service.background.engine, old) for old in (idempotency.OLD, OLD_CLAIMS)]
    erase = partial(erase_drafts, service.background, timedelta(days=settings.draft_days))
    service.jobs.append(partial(hourly, "old drafts are erased", erase))
    service.jobs.append(partial(hourly, "what waits is worked out", partial(fill_queue, service.background)))
    files = service.app.state.files = Files(settings.documents)
    service.jobs.append(partial(hourly, "files without a row are swept", partial(sweep, service.background, files)))
    service.app.state.clamd = clamd_at(settings.clamd) if settings.clamd else None
    if not settings.clamd:
        log.warning("documents are not scanned for viruses: CIR_CLAMD is not set")
    if not settings.sources:
        log.warning("the authentic sources are not asked: CIR_SOURCES is not set")
    else:
        service.jobs.append(partial(work_off, service.background, Sources(settings.sources)))
    service.app.state.certificates = Certificates()
    for edge in (http, documents_http, desk, certificates_http):
        service.app.include_router(edge.router)
    service.app.include_router(directory_http.routes(directory))
    if service.pages:
        service.app.include_router(pages.routes(service.pages, service.clock, settings.people))
        service.app.include_router(application.routes(service.pages, service.clock, service.database, directory))
        service.app.include_router(documents_pages.routes(service.pages))
        names = {id_: entry.name for id_, entry in directory.companies.items()}
        for shown in (desk_pages, register_pages):
            service.app.include_router(shown.routes(service.pages, names))
        service.app.include_router(directory_pages.routes(service.pages, directory))
    return service


async def publish_directory(database: Database[RegisterWork], directory: Directory, stopping: asyncio.Event) -> None:
    """Publish what changed of companies and organisations, once the database answers. Raises `WrongSettings`."""
    while not stopping.is_set():
        try:
            async with database.work() as work:
                published = await publish(directory, work)
            log.info("companies and organisations published", changed=published)
            return
        except Exception as error:
            if not is_outage(error):
                raise
            log.warning("companies and organisations are not published yet", exc_info=True)
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), 1)


async def erase_drafts(database: Database[RegisterWork], age: timedelta) -> None:
    """Erase drafts on which nobody acted for so long: some at a time, so that the register goes on meanwhile."""
    erased = 1
    while erased:
        async with database.work() as work:
            erased = await erase_untouched_drafts(age, work)


async def fill_queue(database: Database[RegisterWork]) -> None:
    """Work out what waits in dossiers from before there was a queue: some at a time, so that the register goes on meanwhile."""
    dossiers = [UUID(int=0)]
    while dossiers:
        async with database.work() as work:
            dossiers = list(await work.connection.scalars(NOT_WORKED_OUT))
            await work.load(dossiers)
            for id_ in dossiers:
                register = Register(work.dossiers.get(id_), work)
                register.wait()
                work.dossiers.put(register.row)
