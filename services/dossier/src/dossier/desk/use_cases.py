"""What a case worker does at his desk, with dossiers that his company treats; of any other he sees nothing."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
from pydantic import Field, StringConstraints

from cir_chassis.login import Caller
from cir_chassis.problems import Conflict, NotAllowed, NotFound, Problem
from cir_schemas.types import DossierRef, NotBlank, Shape
from dossier.desk import store
from dossier.facts.compose import contradicts
from dossier.facts.statements import interpret
from dossier.register.opening import actor_of, opened
from dossier.register.register import Register
from dossier.register.requests import DossierListed, Reasons
from dossier.register.store import RegisterWork

_DOSSIER_NUMBER = re.compile(r"\d{4}\.\d{2}\.\d{2}\.\d{4,}")
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[ .\-/](?=\d)")


class QueueItem(Shape):
    """Something that waits for a human eye. kind: document · appeal · contradiction (a source, of an interpretation) · term (to
    bring what is asked, passed) · unconfirmed (for 30 days) · refusals (a second, unfounded one) · struck (for
    a second one, and one counts no more); since: from when on; claimed_by: the subject of who has it."""

    item: str
    dossier: UUID
    kind: str
    since: datetime
    claimed_by: str | None
    number: str | None = None
    name: str | None = None


class Dismissal(Shape):
    """Why the interpretation, or the striking, stands."""

    reasons: Annotated[Reasons, Field(min_length=1)]


class NoteWritten(Shape):
    """A note among case workers."""

    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000), NotBlank]


class Note(NoteWritten):
    """The same on record. by: the subject of who wrote it."""

    id: UUID
    at: datetime
    by: str


def _item(one: store.Waiting, by: str | None) -> QueueItem:
    dossier, name, since = one
    kind = name.partition(".")[0]
    return QueueItem(item=f"{dossier}.{name}", dossier=dossier, kind=kind, since=since, claimed_by=by)


def _name(sheet: Mapping[str, Any]) -> str | None:
    return " ".join(filter(None, (sheet.get("first_name"), sheet.get("last_name")))) or None


def _note(row: sa.Row[Any]) -> Note:
    return Note(id=row.id, at=row.at, by=row.subject, text=row.text)


async def queue(cursor: str | None, caller: Caller, work: RegisterWork) -> tuple[list[QueueItem], str | None]:
    """A page of what waits for the caller's company, by dossier, the one first in which something waits longest; and the cursor
    of the next."""
    after = _place(cursor, datetime.fromisoformat)
    found, end = await store.queue(work, caller.relation("company") or "", caller.relation("number"), after)
    claims = await store.claimed(work, dossiers := [dossier for dossier, _, _ in found])
    applicants = await store.applicants(work, dossiers)
    work.audit(caller, "treating", *dossiers)
    named = {id_: {"number": number, "name": _name(sheet)} for id_, (number, sheet) in applicants.items()}
    return [_item(one, claims.get(one[:2])).model_copy(update=named.get(one[0], {})) for one in found], _cursor(end)


async def claim(item: str, caller: Caller, work: RegisterWork) -> QueueItem:
    """Take what waits: nobody else has it for a day. Twice is once. Raises `NotFound`, `Conflict` with who has it."""
    dossier, name, _ = found = await _waiting(item, caller, work)
    await store.claim(work, dossier, name, caller.subject)
    return _item(found, await _holder(found, caller, work, "claim"))


async def give_back(item: str, caller: Caller, work: RegisterWork) -> None:
    """Leave it to colleagues before the day is over. Twice is once. Raises as `claim` does."""
    dossier, name, _ = found = await _waiting(item, caller, work)
    await store.give_back(work, dossier, name, caller.subject)
    await _holder(found, caller, work, "give back")


async def dismiss(item: str, body: Dismissal, caller: Caller, work: RegisterWork) -> None:
    """The interpretation stands: it is stated anew, so that it waits no more until a source answers differently from now on.
    Or the striking does, until still fewer refusals count.

    Raises `NotFound`, `Conflict` where it is neither.
    """
    dossier, name, _ = await _waiting(item, caller, work)
    kind, _, member = name.partition(".")
    if kind not in ("contradiction", "struck"):
        what = "Only a contradiction or a striking is dismissed: judge the document, answer the appeal, or act on the dossier."
        raise Conflict(what)
    register = await _at_counter(dossier, caller, work, lock=True)
    if kind == "struck":
        register.record("keep_struck", reasons=body.reasons)
        register.settle()
        return
    of = register.row.layers[person := register.persons[member]]
    stands = {key: said["interpretation"]["value"] for key, said in of.items() if contradicts(said)}
    interpret(register, person, stands)
    register.record("uphold", person=person, reasons=body.reasons, facts=list(stands))
    register.settle()


async def _waiting(item: str, caller: Caller, work: RegisterWork) -> store.Waiting:
    """What waits by this name in a dossier of the company, which is locked."""
    id_, _, name = item.partition(".")
    with suppress(ValueError):
        row = await work.find(UUID(id_), lock=True)
        at = row.waits.get(name) if row and _treats(Register(row, work), caller) else None
        if row and at and (since := datetime.fromisoformat(at)) <= work.now:
            return row.id, name, since
    raise NotFound("Nothing waits by this name, or not for your company: it may be done already.")


async def _holder(one: store.Waiting, caller: Caller, work: RegisterWork, detail: str) -> str | None:
    """Who has it: he, or nobody. Raises `Conflict`."""
    by = (await store.claimed(work, [one[0]])).get(one[:2])
    work.audit(caller, "treating", one[0], detail=detail)
    if by not in (None, caller.subject):
        raise Conflict("Somebody else has it, until a day after he took it.", claimed_by=by)
    return by


async def search(
    q: str, cursor: str | None, caller: Caller, work: RegisterWork, status: str | None = None
) -> tuple[list[DossierListed], str | None]:
    """A page of the company's dossiers by their number, or by a member's name, birth date or national number, or all in a status;
    and the cursor of the next. By name also those with one alike, where there is none."""
    if len(q := q.strip()) < 2 and not status:
        where = [("query.q", "a number, a name or its beginning, a birth date, or a national number")]
        raise Problem(422, "Say what to look for, in two characters or more.", where)
    company, after, digits = caller.relation("company") or "", _place(cursor, int), _BETWEEN_DIGITS.sub("", q)
    day = _day(q)
    await work.see_one_moment()
    query, asked = store.NAMED, {"name": q}
    if status:
        query, asked, day = store.IN_STATUS, {"status": status}, None
    elif _DOSSIER_NUMBER.fullmatch(q):
        query, asked = store.OF_NUMBER, {"number": q}
    elif day:
        query, asked = store.BORN_ON, store.born_on(day)
    elif len(digits) == 11 and digits.isdecimal():
        query, asked = store.OF_PERSON, {"number": digits}
    found, end = list[tuple[UUID, str]](), None
    if after is None or after[0] >= 0:
        found, end = await store.page(work, query, company, after, asked)
    if query is store.NAMED and not found and (after is None or after[0] < 0):
        found, end = await store.page(work, store.ALIKE, company, after, await store.alike(work, company, q))
    await work.load([dossier for dossier, _ in found], lock=False)
    listed = []
    for dossier, id_ in found:
        register = Register(work.dossiers.get(dossier), work)
        member, row = register.members[id_], register.row
        born_on = next(one["born_on"] for one in register.people if one["id"] == id_)
        if not _treats(register, caller) or day not in (None, born_on and date.fromisoformat(born_on)):
            continue  # his own, or of another century
        work.audit(caller, "treating", row.id)
        of = {"member": id_, "role": member.role, "name": _name(member.sheet), "pending": register.pending}
        listed.append(DossierListed(id=row.id, number=row.number, status=row.status, **of))
    if not listed:  # that somebody is not in the register is told of him as well
        work.audit(caller, "treating", None, detail="found nothing")
    return listed, _cursor(end)


async def add_note(ref: DossierRef, body: NoteWritten, caller: Caller, work: RegisterWork) -> Note:
    """Write down what colleagues are to know."""
    register = await _at_counter(ref, caller, work, lock=True)
    return _note(await store.add_note(work, register.row.id, caller.subject, body.text))


async def read_notes(ref: DossierRef, caller: Caller, work: RegisterWork) -> list[Note]:
    """Every note, the oldest first."""
    register = await _at_counter(ref, caller, work)
    return [_note(one) for one in await store.notes_of(work, register.row.id)]


async def _at_counter(ref: DossierRef, caller: Caller, work: RegisterWork, *, lock: bool = False) -> Register:
    register = await opened(ref, caller, work, lock=lock)
    if not register.actor.at_counter:
        raise NotAllowed("this is for a case worker of the company that treats the dossier, and not in his own")
    return register


def _treats(register: Register, caller: Caller) -> bool:
    """Does he treat it, as a case worker who is no candidate in it?"""
    actor = actor_of(register, caller)
    return actor is not None and actor.at_counter


def _day(text: str) -> date | None:
    for form in ("%Y-%m-%d", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y"):
        with suppress(ValueError):
            return datetime.strptime(text, form).date()  # noqa: DTZ007
    return None


def _place(cursor: str | None, read: Callable[[str], Any]) -> store.Place | None:
    """Where the page before ended. Raises a 422 problem."""
    if cursor is None:
        return None
    order, _, dossier = cursor.rpartition("~")
    try:
        return read(order), UUID(dossier)
    except ValueError:
        raise Problem(422, "A page is reached by the link of the one before.", [("query.cursor", "none")]) from None


def _cursor(end: store.Place | None) -> str | None:
    return end and f"{end[0]}~{end[1]}"
