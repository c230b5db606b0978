"""What was sent, read in a browser; and the pages that links in mails lead to. Mail scanners follow links: only a button changes
anything, and the link itself shows that its reader got the mail."""

from collections.abc import Iterable, Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from jinja2 import TemplateError

from cir_chassis.clock import day_of
from cir_chassis.database import Database
from cir_chassis.http import IN_WORK
from cir_chassis.login import Caller
from cir_chassis.pages import Pages
from cir_chassis.problems import NotFound
from cir_chassis.session import logged_in, whoever
from cir_schemas.types import DossierRef
from notifications.letters import Letter, Letters
from notifications.links import Links, Reader, Use, WrongLink
from notifications.store import Contacts, Entry, Message, NotificationsWork, company_of
from notifications.use_cases import confirm_address, end_mails, messages_of, mine

Anyone = Annotated[Caller | None, Depends(whoever)]
Work = Annotated[NotificationsWork, IN_WORK]
Token = Annotated[str, Query(max_length=2000)]


def from_mails(
    pages: Pages, database: Database[NotificationsWork], links: Links, register_url: str | None
) -> APIRouter:
    """The pages that links lead to: whoever got the mail, and nobody has to log in. register_url: where the register is."""
    router = pages.router()

    def show(
        request: Request, name: str, use: Use, token: str, caller: Caller | None = None
    ) -> tuple[Response, Reader | None]:
        """One page, in the mail's language, and who reads it; of a wrong link it says so."""
        try:
            reader = links.read(use, token)
        except WrongLink:
            return pages.show(request, "wrong", 400), None
        may = caller is not None and caller.role in ("candidate", "helper")
        page = pages.show(request, name, written_in=reader.language, token=token, register_url=register_url, may=may)
        return page, reader

    @router.get("/not-mine")
    async def ask(request: Request, token: Token, caller: Anyone) -> Response:
        """Asks whether the mails to this address are to end."""
        return show(request, "not_mine", "not-mine", token)[0]

    @router.post("/not-mine")
    async def end(request: Request, token: Token, caller: Anyone) -> Response:
        """Ends the mails to this address."""
        page, reader = show(request, "ended", "not-mine", token)
        if reader:
            async with database.work() as work:
                await end_mails(reader, work)
        return page

    @router.get("/confirm")
    async def explain(request: Request, token: Token, caller: Anyone) -> Response:
        """Tells how to confirm the address, and has the button for who is logged in; changes nothing."""
        return show(request, "confirm", "confirm", token, caller)[0]

    return router


def routes(pages: Pages, database: Database[NotificationsWork], links: Links, letters: Letters) -> APIRouter:
    """The pages for who is logged in."""
    router = pages.router()

    @router.get("/")
    async def start() -> Response:
        """The start page is dossier's."""
        return RedirectResponse(pages.public["dossier"], 303)

    @router.post("/confirm")
    async def confirm(
        request: Request, token: Token, caller: Annotated[Caller, Depends(logged_in("candidate", "helper"))]
    ) -> Response:
        """Confirms the address: its reader logged in."""
        try:
            reader = links.read("confirm", token)
        except WrongLink:
            return pages.show(request, "wrong", 400)
        async with database.work() as work:
            await confirm_address(reader, caller, work)
        return pages.show(request, "confirmed", written_in=reader.language)

    @router.get("/messages")
    async def messages(
        request: Request,
        caller: Annotated[Caller, Depends(logged_in("candidate", "case_worker"))],
        work: Work,
        dossier: DossierRef | None = None,
    ) -> Response:
        """A candidate's: all that was for him. A case worker's: all of a dossier, and what became of each."""
        if caller.role == "candidate":
            found = [
                (contacts, written(contacts, await work.companies_of(contacts, his), his[::-1], letters))
                for contacts, his in await mine(caller, work)
            ]
            return pages.show(request, "messages", dossiers=found)
        if dossier is None:
            return pages.show(request, "fates", ref="", messages=None, contacts=None)
        id_ = await work.dossier_of(dossier) if isinstance(dossier, str) else dossier
        if id_ is None or (contacts := await work.contacts_of(id_)) is None:
            raise NotFound("There is no such dossier, or it is not yours to see.")
        told = await messages_of(id_, caller, work)
        shown = written(contacts, await work.companies_of(contacts, told), told[::-1], letters)
        return pages.show(request, "fates", ref=dossier, messages=shown, contacts=contacts)

    return router


def written(
    contacts: Contacts, companies: Mapping[str, Entry], messages: Iterable[Message], letters: Letters
) -> list[tuple[Message, Letter | None]]:
    """Each message with its letter, written as it is for a mail; None where no letter can be written."""
    return [(message, _letter(contacts, companies, message, letters)) for message in messages]


def _letter(contacts: Contacts, companies: Mapping[str, Entry], message: Message, letters: Letters) -> Letter | None:
    company = companies.get(id_ := company_of(contacts, message))
    try:
        return letters.write(
            message.kind,
            contacts.language,
            audience=message.audience,
            number=message.number,
            company=company.name if company else id_,
            phone=company.phone if company else None,
            organisation=message.organisation,
            by=message.by,
            role=message.role,
            fact=message.fact,
            offer=message.offer,
            asks=message.asks,
            on=day_of(message.happened_at),
        )
    except (KeyError, TemplateError):  # its mail `failed`, as the log has it
        return None
