"""What people do with documents. Every rule stands here; HTTP is thin above it."""

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import PurePath
from typing import Any, NamedTuple
from uuid import UUID

import structlog

from cir_chassis.database import Database
from cir_chassis.login import Caller
from cir_chassis.problems import NotAllowed, NotFound, Problem
from cir_schemas import DocumentInterpreted
from cir_schemas.types import DossierRef
from dossier.access import VIEW
from dossier.documents import store
from dossier.documents.files import AGE, Files
from dossier.documents.requests import DocumentListed
from dossier.domain.household import is_nameless, moving_in
from dossier.facts.compose import RIGHT, TIES, key_of
from dossier.facts.origins import ORIGINS
from dossier.facts.statements import compose_anew, seen
from dossier.register.asks import asks
from dossier.register.opening import opened, refuse_unavailable, works_for
from dossier.register.register import Register
from dossier.register.store import RegisterWork
from dossier.tables import Document, RecordedAct, Upload

log = structlog.get_logger()
LARGEST, LARGEST_DOSSIER, MOST = 10_000_000, 50_000_000, 200  # bytes of a file, of a dossier's files, and how many
MANY = 10  # files without a row that are left alone, where they are most of the files
SITUATION = "situation"
"""What a document of a housing situation is brought for: priority judges it, with the request that names it."""
SUFFIXES = {
    "application/pdf": (".pdf",),
    "image/jpeg": (".jpg", ".jpeg"),
    "image/png": (".png",),
    "image/gif": (".gif",),
    "image/tiff": (".tif", ".tiff"),
}
"""Media type, by the content → how its files are called."""


class Waiting(NamedTuple):
    """What a document waits on. claim: as it was when the document was brought; None: the fact is none, or nobody claimed it."""

    person: str
    key: str
    claim: Mapping[str, Any] | None


async def refuse_uploader(ref: DossierRef, caller: Caller, work: RegisterWork) -> None:
    """Before his file is read. Raises `NotFound`, `NotAllowed`, `Conflict`."""
    register = await opened(ref, caller, work)
    await refuse_unavailable("upload", register, work)
    work.forget_audited(register.row.id)  # it shows nothing: the upload is put on record, if it comes to one


async def upload(ref: DossierRef, brought: Upload, caller: Caller, work: RegisterWork) -> None:
    """Put a document on record, whose file is kept already; its fact waits for a case worker."""
    register = await opened(ref, caller, work, to="upload")
    key = _key(brought, register)
    there = await _of_persons_here(register, work)
    waiting = waiting_in(register)
    counted = [one.size for one in there if one.state in ("accepted", "filed") or str(one.id) in waiting]
    size = sum(counted) + brought.size
    if not register.actor.at_counter and (len(there) >= MOST or size > LARGEST_DOSSIER):
        most = f"{LARGEST_DOSSIER // 10**6} MB or {MOST} documents"
        what = f"A dossier has at most {most}. Nothing was stored: hand this one in at the housing company."
        raise Problem(413, what, [("dossier", "is full")])
    row = Document(
        **asdict(replace(brought, name=cleaned(brought.name, brought.type))),
        dossier=register.row.id,
        subject=caller.subject,
        role=caller.role,
        organisation=caller.relation("organisation") if caller.role == "helper" else None,
        at=work.now,
        state="filed" if key == SITUATION else "uploaded",
    )
    await store.add(work, row)
    person = register.persons[brought.member]
    register.record("upload", person=person, document=str(brought.id), fact=brought.fact)
    if key != SITUATION:
        if before := register.row.uploaded.get(person, {}).get(key):
            await store.decide(work, UUID(before["document"]), "replaced")
            if any(str(one.id) == before["document"] and one.subject != caller.subject for one in there):
                tell("replaced", person, key, register)
        wait_on(brought.id, person, key, claim_of(person, key, register), register)
    register.settle()


def tell(decision: str, person: str, key: str, register: Register) -> None:
    """The household is told what became of a document; not of a draft, nor where its person is no longer there."""
    role = next((one["role"] for one in register.row.household if register.persons[one["id"]] == person), None)
    if role and register.standing.submitted_on:
        about = {"number": register.row.number, "role": role, "fact": key.split(".")[0], "decision": decision}
        register.happenings.append((DocumentInterpreted, about))


def wait_on(document: UUID, person: str, key: str, claim: Mapping[str, Any] | None, register: Register) -> None:
    """A fact waits for a document to be judged, for the claim as it was when that was brought. The family is asked for it no
    more, and needs no letter to know; who changes the facts that he read before is in no conflict with it."""
    one = {"document": str(document), "claim": claim}
    declared_version, waiting = register.row.declared_version, register.row.uploaded.get(person, {})
    register.change(uploaded=register.row.uploaded | {person: {**waiting, key: one}})
    register.row = replace(register.row, declared_version=declared_version)
    register.before = replace(register.before, asked=asks(register))
    compose_anew(register)


def is_claim(key: str) -> bool:
    """Is it a claim with a proof? Else it is a fact that its document shows."""
    return ORIGINS[key.split(".")[0]].is_claim or key.startswith(RIGHT)


def claim_of(person: str, key: str, register: Register) -> dict[str, Any] | None:
    """The claim as the rules see it now, without its proof; None where it is not made, or the fact is no claim."""
    if not is_claim(key):
        return None
    claim = seen(register).get(person, {}).get(key)
    return claim and {name: value for name, value in claim.items() if name != "proof"}


def _key(brought: Upload, register: Register) -> str:
    """The key of the fact that a document proves. Raises a 422 problem where nobody could ask it of this member."""
    member = next((one for one in register.row.household if one["id"] == brought.member and one["moves_in"]), None)
    if member is None:
        who = "nobody in the household, or somebody who left it or does not move in"
        raise Problem(422, "A document is that of somebody who takes part.", [("member", who)])
    key = key_of(brought.fact, register.composed().rights.get(brought.member, ()))
    if key == SITUATION:
        return key
    origin = ORIGINS.get(key.split(".")[0]) if key and key not in TIES else None
    if not (key and origin) or is_claim(key) != brought.fact.endswith(".proof"):
        what = 'is a fact as in `asks`, such as "residence", "recent_income.proof" or "real_rights[0].proof", or "situation"'
        raise Problem(422, "A document proves a fact that is asked, or shows a housing situation.", [("fact", what)])
    if not origin.is_of(member["role"]):
        raise Problem(422, f"This is not asked of a {member['role']}.", [("fact", f"is that of {origin.about}")])
    return key


def cleaned(name: str, type_: str) -> str:
    """A name without folders and characters that are not shown, that ends as its content does."""
    base = unicodedata.normalize("NFC", re.split(r"[/\\]", name)[-1])
    shown = "".join(one for one in base if unicodedata.category(one)[0] not in "CZ" or one == " ").strip(" .")[-120:]
    suffixes = SUFFIXES[type_]
    return shown if shown.lower().endswith(suffixes) and PurePath(shown).stem else (shown or "document") + suffixes[0]


async def list_documents(ref: DossierRef, caller: Caller, work: RegisterWork) -> list[DocumentListed]:
    """What was brought, and what became of it. A helper sees what his organisation brought, candidates what is of who is here."""
    register, found = await _listed(ref, caller, work)
    waiting = waiting_in(register)
    acts: dict[UUID | None, RecordedAct] = {act.id: act for act in await work.acts_of(register.row.id)}
    whole = VIEW[register.actor.relation] == "whole"
    return [
        DocumentListed(
            **{name: getattr(one, name) for name in ("id", "member", "at", "type", "size", "sha256")},
            **(_shown_waiting(on, one, register) if (on := waiting.get(str(one.id))) else {"fact": one.fact}),
            state="lapsed" if one.state == "uploaded" and not on else one.state,
            by=one.role,
            name=one.name if whole else None,
            reasons=judged and judged.reasons,
            judged_at=judged and judged.at,
            judged_by=judged.subject if judged and register.actor.at_counter else None,
        )
        for one in found
        for judged in [acts.get(one.decided) if whole else None]
    ]


def waiting_in(register: Register) -> dict[str, Waiting]:
    """Document → what it waits on."""
    of_all = register.row.uploaded.items()
    return {one["document"]: Waiting(person, key, one["claim"]) for person, of in of_all for key, one in of.items()}


def _shown_waiting(on: Waiting, document: Document, register: Register) -> dict[str, Any]:
    """The fact, for a right at the place where that stands now; at the counter the claim, where it was changed since."""
    rights = next(
        (of for member, of in register.composed().rights.items() if register.persons[member] == on.person), []
    )
    is_right = on.key.startswith(RIGHT)
    fact = f"real_rights[{rights.index(on.key.removeprefix(RIGHT))}].proof" if is_right else document.fact
    claims = {"brought_for": on.claim, "now": claim_of(on.person, on.key, register)}
    changed = register.actor.at_counter and claims["brought_for"] != claims["now"]
    return {"fact": fact, "claim_changed": claims if changed else None}


async def read_document(ref: DossierRef, document: UUID, caller: Caller, work: RegisterWork) -> Document:
    """One of those that the caller sees; its bytes are his to read."""
    _, found = await _listed(ref, caller, work)
    return document_of(document, found)


def document_of(document: UUID, found: Collection[Document]) -> Document:
    """That one of them. Raises `NotFound`."""
    if one := next((one for one in found if one.id == document), None):
        return one
    raise NotFound("There is no such document in this dossier, or it is not yours to see.")


async def _listed(ref: DossierRef, caller: Caller, work: RegisterWork) -> tuple[Register, list[Document]]:
    register = await opened(ref, caller, work)
    view = VIEW[register.actor.relation]
    if view not in ("whole", "asked"):
        raise NotAllowed("documents are for the candidates and for the company that treats their dossier")
    if view == "asked":
        found = await store.of_dossier(work, register.row.id)
        return register, [one for one in found if one.role == "helper" and works_for(one.organisation, caller, work)]
    if register.actor.at_counter:
        return register, await store.of_dossier(work, register.row.id)
    return register, await _of_persons_here(register, work)  # the papers of who left tell where he is now


async def _of_persons_here(register: Register, work: RegisterWork) -> list[Document]:
    """The documents of persons who take part now, by the acts on record. Who leaves without a number is known no more: the next
    with his member id is another."""
    acts, persons = await work.acts_of(register.row.id), dict[UUID, str | None]()
    undone = {act.refers["act"] for act in acts if act.kind == "undo"}
    for act in acts:
        if act.kind == "upload":
            persons[UUID(act.refers["document"])] = act.person
        if "left" in act.refers and str(act.id) not in undone:
            gone = {person: "" for person in act.refers["left"] if is_nameless(person)} | act.refers.get("renamed", {})
            persons = {document: gone.get(person, person) for document, person in persons.items()}
    here = moving_in(register.row.household, register.persons)
    return [one for one in await store.of_dossier(work, register.row.id) if persons.get(one.id) in here]


async def sweep(database: Database[RegisterWork], files: Files, age: timedelta = AGE) -> None:
    """Delete the files that have no row: of uploads that a crash ended, and of drafts that were erased. So many that the database
    must be another one, or an older one, stay."""
    orphans, found = list[UUID](), 0
    async for some in files.older(age):
        async with database.work() as work:
            kept = await store.on_record(work, some)
        orphans += [one for one in some if one not in kept]
        found += len(some)
    if len(orphans) >= MANY and len(orphans) > found / 2:
        what = "most files have no row, and none is deleted: restore the database and the files of one time together"
        log.error(what, files=found, without_row=len(orphans))
    else:
        await files.delete(orphans)
