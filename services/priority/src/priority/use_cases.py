"""Use-cases of people: each loads its rows, asks `access` for the right, and holds every rule. HTTP is thin above them.

Each takes the request, the caller and a unit of work; it raises a `Problem` where nothing is to be stored.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import NoReturn
from uuid import UUID, uuid4

from cir_chassis.database import Database
from cir_chassis.login import Caller
from cir_chassis.problems import Conflict, NotAllowed, NotFound, Problem, Unavailable
from cir_chassis.pseudonym import pseudonym
from cir_schemas import ReferralAnswered, ReferralHeldUp, ReferralRetracted, SituationReviewed
from cir_schemas.types import DossierRef
from priority import access, requests
from priority.allocation import AdoptedAgreement, LedgerEntry, Referral, Situation
from priority.council import Agreement, Frozen, cover_the_same, first_day_in_common, may_not_adopt
from priority.domain.figures import Figures, of_year
from priority.domain.ledger import Ledger
from priority.domain.ranking import VLABINVEST, Dwelling, Regulation, left_out_because
from priority.store import Candidacy, PriorityWork, Ranking
from priority.texts import TEXTS, Text


@dataclass(frozen=True)
class Position:
    """Where a dossier stands on one list. position: none where it is not on it; because: the criteria it meets, or why not;
    before: how many, by the first criterion that puts them there; day: of the registration, or on which its pause ends.
    agreement, area: by which its homes there are let; none where none is in force."""

    municipality: str
    agreement: UUID | None
    area: str | None
    persons: int
    position: int | None
    because: tuple[str, ...]
    before: Counter[str]
    day: date | None


@dataclass(frozen=True)
class ToReview:
    """A request to decide, and the company that does. there: its agreements in force where the dossier wants to live; groups:
    those that each decision may name, with their titles."""

    situation: Situation
    company: str | None
    there: list[AdoptedAgreement]
    groups: Mapping[str, Mapping[str, Text]]


async def waiting_list(municipality: str, actor: Caller, work: PriorityWork) -> Ranking:
    """Who is registered for a municipality, ranked whatever the size of the household."""
    company = access.company_of(actor, "read_waiting_list")
    if municipality not in (await work.lets_in(company) or ()):
        raise NotFound("Your company has no waiting list for this municipality.")
    await work.catch_up()
    work.audit(actor, "company", None, detail=municipality)
    today = work.clock.today()
    return await work.waiting_list(municipality, today, await work.regulation(today, company, municipality), company)


async def positions(dossier: DossierRef, actor: Caller, work: PriorityWork) -> list[Position]:
    """Where a dossier stands today in each municipality that it wants, among households of as many persons; once for each
    agreement by which homes are let there, which may be one an area."""
    await work.catch_up()
    known = await access.dossier_for(actor, "read_positions", dossier, work)
    found, today = list[Position](), work.clock.today()
    for place, company in ((wanted["municipality"], wanted["company"]) for wanted in known.wants):
        there = await work.allocation.in_force(today, company=company, municipality=place) if company else []
        by_area: list[AdoptedAgreement | None] = [*sorted(there, key=lambda one: one.area or "")]
        found += [await _position(known, place, agreed, work) for agreed in by_area or [None]]
    return found


async def mine(actor: Caller, work: PriorityWork) -> list[Candidacy]:
    """The dossiers with him as applicant or partner, closed ones too, the newest first."""
    if not access.may(actor, "own dossier", "read_positions"):
        raise NotAllowed("this is for: candidate")
    number = actor.relation("number")
    found = await work.candidacies_of(pseudonym(number, work.person_key)) if number else []
    if found:
        work.audit(actor, "own dossier", *(one.dossier for one in found))
    return found


async def _position(
    known: Candidacy, municipality: str, agreed: AdoptedAgreement | None, work: PriorityWork
) -> Position:
    today, one = work.clock.today(), known.in_domain()
    regulation = agreed.agreement.regulation(today) if agreed else Regulation()
    area = agreed.area if agreed else None
    there = (municipality, agreed.id if agreed else None, area, one.persons)
    if found := await work.standing(known, municipality, today, regulation, area):
        because, before = found
        because = ("frozen", *because) if regulation.frozen_until else because
        return Position(*there, 1 + before.total(), because, before, one.registered_on)
    home = Dwelling(municipality, area, one.persons, one.persons)
    chosen = "chosen" if await work.allocation.is_chosen(known.dossier) else "not_registered"
    why = left_out_because(today, home, regulation, one) or chosen
    return Position(*there, None, (why,), Counter(), one.paused_until)


async def request_priority(asked: requests.Situation, actor: Caller, work: PriorityWork) -> UUID:
    """Ask for a priority because of the housing situation, which a case worker reviews. One at a time."""
    candidacy = await access.dossier_for(actor, "request_priority", asked.dossier, work, lock=True)
    number = await _waiting(candidacy, work)
    before = await work.allocation.situations_of(dossier=candidacy.dossier)
    if any(situation.decision is None for situation in before):
        raise Conflict(
            "A request of this dossier is being looked at: wait for its review, or bring what is new to the company."
        )
    by, now = "candidate" if actor.role == "candidate" else actor.subject, work.clock.now()
    made = Situation(uuid4(), candidacy.dossier, number, asked.text, list(asked.documents), by, now)
    work.allocation.situations.put(made)
    return made.id


async def situations(dossier: DossierRef | None, actor: Caller, work: PriorityWork) -> list[Situation]:
    """The requests of a dossier. Without one: for a case worker those that wait for his company's review, for an
    organisation those forwarded to the groups that it refers for."""
    if actor.role == "helper":
        forwarded = await work.allocation.forwarded_to(access.organisation_of(actor, "list_forwarded"))
        work.audit(actor, "organisation", *(one.dossier for one in forwarded))
        return forwarded
    if dossier is not None:
        known = await access.dossier_for(actor, "read_situations", dossier, work)
        return await work.allocation.situations_of(dossier=known.dossier)
    if actor.role == "candidate":
        raise Problem(422, "Of which dossier?", [("query.dossier", "is needed")])
    waiting = await work.allocation.situations_of(company=access.company_of(actor, "list_situations"))
    work.audit(actor, "company", *(one.dossier for one in waiting))
    return waiting


async def to_review(id: UUID, actor: Caller, work: PriorityWork) -> ToReview:
    """A request that waits, for a case worker who may decide it. Raises `NotFound`; `Conflict` where it was decided."""
    situation = await work.allocation.situation(id)
    if situation is None:
        raise NotFound("There is no such request, or it is not yours to see.")
    candidacy = await access.dossier_for(actor, "review", situation.dossier, work)
    agreements = await work.allocation.in_force(work.clock.today(), company=candidacy.company)
    if situation.decision is not None:
        raise Conflict("This request was reviewed already: another situation is another request.")
    wants = {wanted["municipality"] for wanted in candidacy.wants}
    there = [one for one in agreements if wants & set(one.municipalities)]  # elsewhere nobody can refer this dossier
    targets = {name: group.title for one in agreements for name, group in one.agreement.target_groups.items()}
    if any(one.agreement.vlabinvest for one in agreements):
        targets[VLABINVEST] = TEXTS[VLABINVEST]
    accelerated = {name: group.title for one in there for name, group in one.agreement.groups.items()}
    return ToReview(situation, candidacy.company, there, {"priority": targets, "forwarded": accelerated})


async def review(id: UUID, asked: requests.Review, actor: Caller, work: PriorityWork) -> Situation:
    """Decide a request once, with reasons: a priority of pillar 3, forwarded to who may refer for a group, or refused."""
    waits = await to_review(id, actor, work)
    situation, groups = waits.situation, waits.groups.get(asked.decision, {})
    if asked.decision == "refused":
        if asked.group is not None:
            _no_such_group("A refusal names no group.")
    elif asked.group not in groups:
        known = ", ".join(sorted(groups)) or "none, as no agreement of the company in force names one"
        _no_such_group(f"There is no such group for this decision. There is: {known}.")
    reviewed = replace(
        situation,
        company=waits.company,
        decision=asked.decision,
        group=asked.group,
        reasons=list(asked.reasons),
        reviewed_by=actor.subject,
        reviewed_at=work.clock.now(),
        agreements=[str(one.id) for one in waits.there if asked.group in one.agreement.groups],
    )
    work.allocation.situations.put(reviewed)
    about = {"dossier": situation.dossier, "number": situation.number, "situation": id, "decision": asked.decision}
    work.publish(SituationReviewed.model_validate(about))
    return reviewed


async def refer(asked: requests.Referral, actor: Caller, work: PriorityWork) -> Referral:
    """Refer a candidate for accelerated allocation: accepted with certainty while there is room, else refused at once, as
    there is no second list. Nothing of the dossier is shown before it is clear that he may refer."""
    organisation, group, now = access.organisation_of(actor, "refer"), asked.group, work.clock.now()
    await work.allocation.hold(asked.company)
    today = work.clock.today()
    agreed = await work.allocation.applies_to(today, asked.company, asked.municipality, asked.area)
    if agreed is None:
        raise Conflict("No agreement of this company's council is in force there today, so nobody can refer yet.")
    if group not in agreed.agreement.groups:
        _no_such_group(f"There is no such group. There is: {', '.join(sorted(agreed.agreement.groups))}.")
    if organisation not in (referrers := agreed.agreement.groups[group].referrers):
        raise NotAllowed(f"for {group} these organisations refer: {', '.join(referrers)}")
    candidacy = await work.find(asked.dossier, lock=True)  # another company may be choosing it
    if candidacy is None:
        raise Problem(404, "There is no such dossier.", [("dossier", "unknown")])
    access.check_status(actor, "organisation", "refer", candidacy)
    work.audit(actor, "organisation", candidacy.dossier)
    number = await _waiting(candidacy, work)
    if not {wanted["municipality"] for wanted in candidacy.wants} & set(agreed.municipalities):
        raise Conflict("This dossier wants no home in a municipality that the agreement covers.")
    room = (await work.allocation.room(agreed))[group]
    a_day_ago = now - timedelta(days=1)
    if not room and await work.allocation.refused_since(a_day_ago, organisation, group, candidacy.dossier):
        raise Conflict("This was refused less than a day ago, and there is no room still.")
    later = await work.allocation.later(today, agreed)
    if lacks := next((one for one in later if not one.agreement.shares().get(group)), None):
        raise Conflict(
            f"From {lacks.since} on the agreement gives this group no turns, so nobody can be promised one now."
        )
    if before := await work.allocation.referred(agreed, candidacy.dossier):
        raise Conflict(f"This dossier is referred already, on {before.answered_at:%Y-%m-%d}, and will have its turn.")
    answer = "accepted" if room else "refused"
    who = (uuid4(), agreed.id, organisation, candidacy.dossier, number)
    referral = Referral(*who, group, list(asked.reasons), asked.guidance_plan, answer, now)
    work.allocation.referrals.put(referral)
    work.publish(ReferralAnswered.model_validate({**referral.about, "answer": answer}))
    return referral


async def retract(id: UUID, asked: requests.Reasoned, actor: Caller, work: PriorityWork) -> Referral:
    """Take back an accepted referral of one's own: its certainty ends. What is offered already stays offered."""
    organisation = access.organisation_of(actor, "retract")
    found = await work.allocation.referral(id)
    if found is None or found.organisation != organisation:
        raise NotFound("Your organisation made no such referral.")
    if found.answer != "accepted" or found.retracted_at is not None:
        raise Conflict("This referral promises nothing (any more): there is nothing to retract.")
    agreed = await work.allocation.agreement(found.agreement)
    assert agreed
    await work.allocation.hold(agreed.company)  # a lease that is being signed comes first
    known, offers = await work.find(found.dossier), await work.allocation.offers_of(dossier=found.dossier)
    if (known and known.status == "housed") or any(one.state == "signed" and one.holds for one in offers):
        raise Conflict(
            "A lease is signed with this dossier: its referral is fulfilled, and there is nothing to retract."
        )
    retracted = replace(found, retracted_at=work.clock.now(), retracted_because=list(asked.reasons))
    work.allocation.referrals.put(retracted)
    work.publish(ReferralRetracted.model_validate(found.about))
    work.audit(actor, "organisation", found.dossier)
    return retracted


async def referrals(dossier: DossierRef | None, actor: Caller, work: PriorityWork) -> list[Referral]:
    """Those of a dossier, else those of an organisation; the newest first."""
    if dossier is not None:
        known = await access.dossier_for(actor, "read_referrals", dossier, work)
        return await work.allocation.referrals_of(known.dossier)
    referred = await work.allocation.referrals_by(access.organisation_of(actor, "list_referrals"))
    work.audit(actor, "organisation", *(one.dossier for one in referred))
    return referred


async def propose(asked: Agreement, actor: Caller, work: PriorityWork) -> UUID:
    """Lay an agreement before the council: it is on record, and nothing follows from it yet."""
    if asked.company != access.company_of(actor, "propose"):
        raise NotAllowed(f"the council of {asked.company} alone proposes its agreements")
    if (lets_in := await work.lets_in(asked.company)) is None:
        raise Unavailable(
            f"Not known here yet: where {asked.company} lets homes. Try again once dossier has published it."
        )
    for n, place in enumerate(asked.municipalities):
        if place not in lets_in:
            where = [(f"municipalities[{n}]", "not this company's")]
            raise Problem(422, f"{asked.company} lets no homes in {place}.", where)
    of = (uuid4(), asked.company, asked.area, list(asked.municipalities), asked.model_dump(mode="json", by_alias=True))
    made = AdoptedAgreement(*of, asked.from_, asked.through, actor.subject, work.clock.now())
    work.allocation.agreements.put(made)
    return made.id


async def adopt(id: UUID, asked: requests.Adoption, actor: Caller, work: PriorityWork) -> AdoptedAgreement:
    """Put an agreement in force from its first day, with turns and debts of its own. Certainty that was given stays: the
    groups of open referrals must be in it."""
    company = access.company_of(actor, "adopt")
    await work.allocation.hold(company)
    agreed = await _agreement(id, company, work)
    if agreed.adopted_at is not None:
        raise Conflict("This agreement is adopted already.")
    if lost := sorted(set(agreed.municipalities) - set(await work.lets_in(company) or ())):
        raise Conflict(f"{company} lets no homes any more in {', '.join(lost)}: propose one without.")
    if why := may_not_adopt(agreed.agreement, asked.votes):
        raise Conflict(f"Not adopted: {why}.")
    waits = await work.allocation.open(agreed)
    everyone = await work.allocation.agreements_of(company)
    adopted = {other.id: other for other in everyone if other.adopted_at is not None}
    if asked.ends is not None:
        ended = _ended(agreed, asked.ends, adopted.get(asked.ends), work.clock.today())
        adopted[ended.id] = ended
        work.allocation.agreements.put(ended)
    _no_other_in_force(agreed, list(adopted.values()), work.clock.today())
    await _none_left_behind(agreed, adopted, work)
    shares = agreed.agreement.shares()
    if lost := sorted(group for group, many in waits.items() if many and not shares.get(group)):
        raise Conflict(
            f"Referrals were accepted with certainty and wait in groups that it gives no turns: {', '.join(lost)}."
        )
    votes = [vote.model_dump(mode="json") for vote in asked.votes]
    agreed = replace(agreed, votes=votes, adopted_at=work.clock.now())
    work.allocation.agreements.put(agreed)
    return agreed


async def freeze(id: UUID, asked: Frozen, actor: Caller, work: PriorityWork) -> AdoptedAgreement:
    """Offer nothing on some days of an agreement that was adopted: its turns and debts go on as they are. What was offered before
    stands, so it begins today at the earliest."""
    company, today = access.company_of(actor, "adopt"), work.clock.today()
    await work.allocation.hold(company)
    agreed = await _agreement(id, company, work)
    if agreed.adopted_at is None or agreed.through < today:
        raise Conflict("This agreement is not adopted, or has ended: a freeze is one of its keys when it is proposed.")
    if not max(today, agreed.since) <= asked.from_ <= agreed.through:
        detail = f"A freeze of this agreement begins from {max(today, agreed.since)} through {agreed.through}."
        raise Problem(422, detail, [("from", "lies outside")])
    if why := may_not_adopt(agreed.agreement, asked.votes):
        raise Conflict(f"Not decided: {why}.")
    both = [*agreed.content.get("freezes", ()), asked.model_dump(mode="json", by_alias=True)]
    frozen = replace(agreed, content=agreed.content | {"freezes": both})
    work.allocation.agreements.put(frozen)
    return frozen


def _ended(agreed: AdoptedAgreement, ends: UUID, other: AdoptedAgreement | None, today: date) -> AdoptedAgreement:
    """The agreement whose place this one takes, as it ends the day before."""
    if other is None or other.through < (first := max(other.since, today)):
        raise Conflict(f"ends: {ends} is no adopted agreement of this company that is still to end.")
    if not first <= agreed.since <= other.through:
        raise Conflict(f"ends: that one can be ended from {first} through {other.through}: let this one begin then.")
    return replace(other, through=agreed.since - timedelta(days=1))


async def _none_left_behind(
    agreed: AdoptedAgreement, adopted: Mapping[UUID, AdoptedAgreement], work: PriorityWork
) -> None:
    """Where an agreement ended, by itself or by this one, and this one follows it: what waits there is still covered."""
    running = [agreed, *(one for one in adopted.values() if one.through >= agreed.since)]
    lost = set[str]()
    for ended in adopted.values():
        if ended.through < agreed.since and cover_the_same(ended.agreement, agreed.agreement):
            for of in [adopted[id] for id in await work.allocation.waiting_under(ended)]:
                by = [one for one in running if one.area is None or of.area in (None, one.area)]
                covered = {place for one in by for place in one.municipalities}
                lost |= set(of.municipalities) & set(ended.municipalities) - covered
    if lost:
        raise Conflict(
            "Referrals were accepted with certainty and wait in municipalities that it does not cover: "
            f"{', '.join(sorted(lost))}."
        )


def _no_other_in_force(agreed: AdoptedAgreement, others: Sequence[AdoptedAgreement], today: date) -> None:
    for other in others:
        day = first_day_in_common((agreed.since, agreed.through), (other.since, other.through))
        if day and cover_the_same(agreed.agreement, other.agreement):
            raise Conflict(
                f"On {day} agreement {other.id} ({other.since} through {other.through}) is in force for the same dwellings: "
                f"choose another period, or begin on {max(other.since, today)} or later and name it in `ends`, "
                "so that this one takes its place."
            )


async def tell_stranded(database: Database[PriorityWork]) -> None:
    """Referrals whose agreement ended, and which none carries on: each referrer is told, once."""
    async with database.work() as work:
        today = work.clock.today()
        for id in await work.allocation.stranded(today):
            one = await work.allocation.referral(id)  # locked: it may be retracted meanwhile
            if one and one.retracted_at is None and one.stranded_on is None:
                work.allocation.referrals.put(replace(one, stranded_on=today))
                work.publish(ReferralHeldUp.model_validate({**one.about, "why": "agreement"}))


async def agreements(actor: Caller, work: PriorityWork) -> list[AdoptedAgreement]:
    """All of the company, the newest first."""
    return await work.allocation.agreements_of(access.company_of(actor, "read_agreements"))


async def ledger(
    id: UUID, actor: Caller, work: PriorityWork
) -> tuple[Ledger, list[LedgerEntry], dict[str, int], Mapping[str, int], bool]:
    """The ledger of an agreement, every entry of it, how many referrals each group can take, how many of it wait, and whether
    it or another agreement carries them on."""
    agreed = await _agreement(id, access.company_of(actor, "read_ledger"), work)
    work.audit(actor, "company", None, detail=str(id))
    found = work.allocation
    entries = await found.entries_of(agreed.id)
    carried_on = await found.carries_on(work.clock.today(), agreed)
    return agreed.ledger(entries), entries, await found.room(agreed), await found.open(agreed), carried_on


async def figures(company: str, year: int, actor: Caller, work: PriorityWork) -> Figures:
    """The company's year: who was let a home by which pillar and group, what was refused, how long who was let one waited."""
    if company != access.company_of(actor, "read_figures"):
        raise NotFound("There are no figures of this company, or they are not yours to see.")
    work.audit(actor, "company", None, detail=str(year))
    found = work.allocation
    return of_year(company, year, await found.leases(company, year=year), await found.refusals(company, year))


async def priorities(municipality: str, work: PriorityWork) -> list[AdoptedAgreement]:
    """The agreements in force in a municipality, for anyone."""
    return await work.allocation.in_force(work.clock.today(), municipality=municipality)


async def _agreement(id: UUID, company: str, work: PriorityWork) -> AdoptedAgreement:
    agreed = await work.allocation.agreement(id)
    if agreed is None or agreed.company != company:
        raise NotFound("Your company has no such agreement.")
    return agreed


async def _waiting(candidacy: Candidacy, work: PriorityWork) -> str:
    """Its number, where no dwelling was promised to it already."""
    if candidacy.number is None:
        raise Conflict("This dossier is a draft still: submit it first.")
    if await work.allocation.is_chosen(candidacy.dossier):
        raise Conflict("A dwelling is offered or let to this dossier already: no other one can be promised to it.")
    return candidacy.number


def _no_such_group(detail: str) -> NoReturn:
    raise Problem(422, detail, [("group", "unknown here")])
