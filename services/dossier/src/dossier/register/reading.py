"""What people read of a dossier: as much of it as they may see."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from cir_chassis import audit
from cir_chassis.login import Caller
from cir_chassis.problems import NotAllowed
from cir_schemas.eligibility import Assessment, Say
from cir_schemas.types import DossierRef
from dossier.access import VIEW
from dossier.facts.compose import TIES, declared
from dossier.register.appeals import terms_on
from dossier.register.asks import arrived, papers
from dossier.register.opening import actor_of, available, opened
from dossier.register.register import Register
from dossier.register.requests import (
    AuditItem,
    Contacts,
    DossierHelped,
    DossierListed,
    DossierRead,
    FileRead,
    HistoryItem,
    OnHold,
)
from dossier.register.store import RegisterWork
from dossier.tables import RecordedAct

HELPED_AT_ONCE = 50


async def read(ref: DossierRef, caller: Caller, work: RegisterWork) -> DossierRead:
    """Where the dossier stands, why, and what it waits for: as much of it as the caller may see."""
    register = await opened(ref, caller, work)
    row, sees_asked = register.row, VIEW[register.actor.relation] in ("whole", "asked")
    actions = await available(register, work)
    current = row.assessed_version == row.household_version
    return DossierRead(
        id=row.id,
        number=row.number,
        status=row.status,
        registered_on=register.standing.registered_on,
        facts_version=row.facts_version,
        assessed_version=row.facts_version if current else row.assessed_version,
        pending=register.pending,
        assessment=_assessment(register),
        actions=actions,
        on_hold=await _on_hold(register, work),
        asked=row.asked if sees_asked else [],
        papers=papers(register) if sees_asked else [],
        arrived=arrived(register) if sees_asked else [],
        appeal_by=await _appeal_by(register, work) if "appeal" in actions else None,
    )


async def _appeal_by(register: Register, work: RegisterWork) -> date | None:
    acts = await work.acts_of(register.row.id) if register.standing.closed_by else []
    closed = (one for one in acts if str(one.id) == register.standing.closed_by and one.kind in ("refuse", "strike"))
    days = [one.act.recorded_on for one in closed]
    return terms_on(days[0]).after_notice.after(days[0]) if days else None


async def _on_hold(register: Register, work: RegisterWork) -> OnHold | None:
    standing = register.standing
    if standing.closed or not standing.held:
        return None
    acts = await work.acts_of(register.row.id)
    holds, seen = [one for one in acts if str(one.id) in standing.held.values()], _reasons(register, acts)
    reasons = [reason for one in holds for reason in seen[one.id]]
    return OnHold(since=min(one.on for one in holds), reason="\n".join(reasons) or None)


def _reasons(register: Register, acts: Sequence[RecordedAct]) -> dict[UUID, list[str]]:
    """Act → its reasons, as far as the caller reads them: not why another candidate did it, or why somebody left, and nothing
    from before he confirmed himself as the partner, or in a household that he joined later."""
    actor, number = register.actor, register.actor.caller.relation("number")
    if actor.at_counter:
        return {one.id: one.reasons for one in acts}
    member, since = register.members.get(actor.member or ""), 0
    if member and (member.role == "partner" or number in register.standing.joined):
        since = max((n for n, one in enumerate(acts) if one.kind == "confirm" and one.person == number), default=0)

    def seen(one: RecordedAct) -> bool:
        return (one.kind != "leave" and one.role != "candidate") or one.subject == actor.caller.subject

    whole = VIEW[actor.relation] == "whole"
    return {one.id: one.reasons if whole and n >= since and seen(one) else [] for n, one in enumerate(acts)}


def _assessment(register: Register) -> Assessment | None:
    """As much of it as the caller may see. While a source is awaited, papers are asked of nobody."""
    found, view = register.row.assessment, VIEW[register.actor.relation]
    if found is None or view == "own":
        return None
    assessment, hidden = Assessment.model_validate(found, extra="ignore"), dict[str, Any]()
    if view == "asked":
        hidden = {"conditions": {}, "say": Say()}
    elif view == "outcomes":
        outcomes = {name: one.model_copy(update={"figures": None}) for name, one in assessment.conditions.items()}
        hidden = {"conditions": outcomes, "say": Say()}
    if view == "outcomes" or (register.awaits_sources and not register.actor.at_counter):
        hidden |= {"asks": (), "could_claim": ()}
    return assessment.model_copy(update=hidden)


async def mine(caller: Caller, work: RegisterWork) -> list[DossierListed]:
    """The caller's dossiers, and those where he is asked to confirm."""
    found = []
    for row in await work.dossiers_of(caller.relation("number") or ""):
        register = Register(row, work)
        if (actor := actor_of(register, caller)) and actor.member:
            work.audit(caller, actor.relation, row.id)
            he = {"member": actor.member, "role": register.members[actor.member].role, "pending": register.pending}
            found.append(DossierListed(id=row.id, number=row.number, status=row.status, **he))
    return found


async def helped(page: int, caller: Caller, work: RegisterWork) -> tuple[list[DossierHelped], bool]:
    """A page of the dossiers that the caller's organisation helps with, by consent; and whether there are more."""
    found, most = list[DossierHelped](), HELPED_AT_ONCE
    organisation = work.organisations.organisation(caller.relation("organisation")) or ""
    rows = await work.dossiers_helped(organisation, page, most + 1)
    for row in rows[:most]:
        if actor := actor_of(Register(row, work), caller):
            work.audit(caller, actor.relation, row.id)
            same = {name: getattr(row, name) for name in ("id", "number", "status", "asked")}
            found.append(DossierHelped(**same, by=row.proof_due_on))
    return found, len(rows) > most


async def read_file(ref: DossierRef, caller: Caller, work: RegisterWork) -> FileRead:
    """What is on record of the household. Raises `NotAllowed` where the caller may see only how it stands."""
    register = await opened(ref, caller, work)
    row, view = register.row, VIEW[register.actor.relation]
    if view not in ("whole", "own"):
        raise NotAllowed("what a household declared is for itself and for the company that treats it")

    own, persons, composed = register.actor.member, register.persons, register.composed()

    def seen(member: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
        place = {name: member[name] for name in ("id", "role")}
        if view == "own" and member["id"] != own:
            return place
        shown = {"moves_in": member["moves_in"], **facts}
        return place | {key: value for key, value in shown.items() if value is not None}

    said = {member: declared(row.layers.get(person, {})) for member, person in persons.items()}
    facts = {id_: {key: value for key, value in of.items() if key not in TIES} for id_, of in said.items()}
    people = {id_: {"number": of.number, **of.sheet} for id_, of in register.members.items()}
    ties = {"residence": row.residence, "informal_care_in": row.informal_care_in}
    ties_declared = {
        "residence": [{**stay, "member": member} for member, of in said.items() for stay in of.get("stays", ())],
        "informal_care_in": [place for of in said.values() for place in of.get("informal_care_in", ())],
    }
    whole = view == "whole"
    # to send the wishes back declares them again, or enters them at the counter: there what counts
    wishes = {"wants": row.wants, **(ties if register.actor.at_counter else ties_declared)}
    contacts = {name: getattr(row, name) for name in Contacts.model_fields}
    if row.help:
        contacts["help"] = row.help | {"organisation": work.organisations.called(row.help["organisation"])}
    return FileRead(
        facts_version=row.facts_version,
        declared={
            "members": [seen(one, facts[one["id"]] | people[one["id"]]) for one in row.household],
            **(ties_declared if whole else {}),
        },
        household={"members": [seen(one, one) for one in composed.members]},
        origins={member: found for member, found in composed.origins.items() if whole or member == own},
        contacts=contacts if whole else None,
        wishes=wishes if whole else None,
        ties=ties if whole else None,
    )


async def read_history(ref: DossierRef, caller: Caller, work: RegisterWork) -> list[HistoryItem]:
    """Every act on the dossier, the oldest first, with the reasons that are the caller's to read. Raises `NotAllowed` where he
    does not see the whole dossier."""
    register = await _opened_whole(ref, caller, work, "history")
    acts = await work.acts_of(register.row.id)
    reasons = _reasons(register, acts)
    return [
        HistoryItem(
            id=act.id,
            at=act.at,
            on=act.on,
            kind=act.kind,
            by=act.role,
            reasons=reasons[act.id],
            **{name: act.refers.get(name) for name in ("ground", "late", "upheld")},
        )
        for act in acts
    ]


async def read_audit(
    ref: DossierRef, caller: Caller, work: RegisterWork, before: int | None, most: int
) -> list[AuditItem]:
    """Who read or changed the dossier, the newest first. No login is named: operators find it by the entry's id, for the company
    that a candidate asks. Raises `NotAllowed` as `read_history` does."""
    register = await _opened_whole(ref, caller, work, "audit")
    found = await audit.entries_of(work.connection, register.row.id, before, most)
    same = AuditItem.model_fields.keys() - {"by"}
    return [AuditItem(by=one.role, **{name: getattr(one, name) for name in same}) for one in found]


async def _opened_whole(ref: DossierRef, caller: Caller, work: RegisterWork, what: str) -> Register:
    register = await opened(ref, caller, work)
    if VIEW[register.actor.relation] != "whole":
        raise NotAllowed(f"the {what} of a dossier is for its candidates and for the company that treats it")
    return register
