"""Use-cases of vacancies and their offers, from a home that comes free to a signed lease.

What changes an offer holds the lock of its dossier's candidacy; what changes a ledger holds its company's, taken first.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

from cir_chassis.clock import day_of
from cir_chassis.database import Database
from cir_chassis.login import Caller
from cir_chassis.problems import Conflict, NotAllowed, NotFound, Problem
from cir_schemas import LeaseSigned, LeaseUndone, OfferAnswered, OfferEnded, OfferJudged, OfferProposed, OfferReminded
from cir_schemas.household import EARLIEST
from cir_schemas.types import DossierRef
from priority import access, requests, rules
from priority.allocation import AdoptedAgreement, LedgerEntry, Offer, OfferStep, Vacancy
from priority.domain import offers as domain
from priority.domain.ledger import Entry, Ledger, State
from priority.domain.ranking import Regulation, reasons_against
from priority.store import Next, PriorityWork

T = TypeVar("T")
SHOWN = 100  # vacancies that have ended, on one page


@dataclass(frozen=True)
class OfferSeen:
    """An offer, as somebody sees it. concerns: why its home could not be offered to its dossier today, for the company's board:
    an assessment or a pause takes no offer."""

    offer: Offer
    concerns: Sequence[str]


async def announce(asked: requests.Vacancy, actor: Caller, work: PriorityWork) -> str:
    """A dwelling comes free; whose turn it is, is read when somebody asks. The same again changes nothing."""
    if asked.company != access.company_of(actor, "announce"):
        raise NotAllowed(f"case workers of {asked.company} alone announce its vacancies")
    given = asked.model_dump(exclude={"free_on", "otherwise"})
    await work.allocation.hold(asked.company)
    if known := await work.allocation.vacancy(asked.company, id=asked.id):
        if known.ended is not None:
            raise Conflict(f"The vacancy under this id is {known.ended}: give a home that comes free again another id.")
        priced = replace(known, rent=asked.rent) if known.rent is None else known  # announced before it had one
        if any(getattr(priced, name) != value for name, value in given.items()):
            raise Conflict("There is another vacancy under this id: give this one an id of its own.")
        work.allocation.vacancies.put(priced)
        return asked.id
    if await work.allocation.vacancy(asked.company, dwelling=asked.dwelling):
        raise Conflict("This dwelling is vacant already: let that vacancy, or withdraw it.")
    today = work.clock.today()
    vacancy = Vacancy(**given, free_on=asked.free_on or today, otherwise=list(asked.otherwise or ()) or None)
    since = today - rules.days("same_home_days", today)
    before = await work.allocation.withdrawn_before(asked.company, asked.dwelling, since)
    if before and asked.otherwise is None and (changed := ", ".join(vacancy.differs(before))):
        detail = f"This dwelling was withdrawn as vacancy {before.id}, which had another {changed}: give the reasons."
        raise Conflict(detail, [("otherwise", "is needed")])
    if (group := asked.target_group) is not None:
        agreed = await work.allocation.agreement_for(vacancy, today)
        if agreed is None or group not in agreed.agreement.target_groups:
            names = ", ".join(sorted(agreed.agreement.target_groups)) if agreed else ""
            detail = f"No vacancy is kept for this group. The agreement in force names: {names or 'none'}."
            raise Problem(422, detail, [("group", "unknown here")])
        await _below_ceiling(agreed, work, announced=True)
    work.allocation.vacancies.put(vacancy)
    return asked.id


async def next_for(id: str, most: int, actor: Caller, work: PriorityWork) -> tuple[Vacancy, AdoptedAgreement, Next]:
    """Whose turn a vacancy is, and who is first; most: how many of the order."""
    await work.catch_up()
    vacancy = await _free(id, access.company_of(actor, "read_next"), work)
    work.audit(actor, "company", None, detail=id)
    agreed, ledger, _ = await _open_ledger(vacancy, work)
    return vacancy, agreed, await work.next_for(vacancy, agreed, ledger, most)


async def propose(id: str, asked: requests.Proposal, actor: Caller, work: PriorityWork) -> Offer:
    """Propose the vacancy to who is first, and keep the turn for it: dossier tests the conditions."""
    company = access.company_of(actor, "propose_offer")
    since = await work.begin_proposal()
    await work.allocation.hold(company)
    candidacy = await work.find(asked.dossier, lock=True)  # another company may be proposing to it
    if candidacy:
        access.keep_apart(actor, candidacy, work)
    vacancy = await _free(id, company, work)
    if vacancy.rent is None:
        raise Conflict("The rent of this vacancy is not known: announce it again, with its rent.")
    agreed, ledger, entries = await _open_ledger(vacancy, work)
    next_ = await work.next_for(vacancy, agreed, ledger)
    turn = next_.turn
    if asked.turn != turn.turn:
        raise Conflict(
            f"Turn {asked.turn} is not the next one: that is turn {turn.turn}, of {turn.of}. Read again who is next."
        )
    if candidacy is None or [asked.dossier] != [number for number, _ in next_.ranking[:1]]:
        raise Conflict("This dossier is not the first one now: read again who is next.")
    if vacancy.target_group is not None and vacancy.turn is None:
        await _below_ceiling(agreed, work, announced=False)
    if turn != ledger.live(id):
        vacancy = replace(vacancy, agreement=agreed.id, turn=turn.turn)
        work.allocation.vacancies.put(vacancy)
        _book(turn, entries, vacancy, asked.dossier, actor, work)
    offer = _proposed(vacancy, candidacy.dossier, asked.dossier, actor, work)
    work.log_proposal(since, offer, agreed, next_)
    return offer


async def allocate(id: str, asked: requests.Special, actor: Caller, work: PriorityWork) -> Offer:
    """Offer the vacancy to whom the company's board decided, beside the turns: one that was kept for it is given back. Whoever
    could not be offered it in his turn, cannot be so either."""
    company, today = access.company_of(actor, "allocate"), work.clock.today()
    await work.catch_up()
    await work.allocation.hold(company)
    candidacy = await work.find(asked.dossier, lock=True)
    vacancy = await _free(id, company, work)
    wants = {wanted["municipality"]: wanted["company"] for wanted in candidacy.wants} if candidacy else {}
    if candidacy is None or wants.get(vacancy.municipality, "") not in (None, company):
        raise Problem(404, "No such dossier wants a home of your company there.", [("dossier", "unknown")])
    access.keep_apart(actor, candidacy, work)
    if not EARLIEST <= asked.decided_on <= today:
        raise Problem(422, "The board decides first.", [("decided_on", f"is still to come, or lies before {EARLIEST}")])
    told = {"reasons": " ".join(asked.reasons), "decided_by": asked.decided_by}
    if named := [(name, "names the dossier") for name, text in told.items() if asked.dossier in text]:
        raise Problem(422, "The council reads this, and learns no dossier.", named)
    regulation = Regulation(frozen_until=await frozen_until(vacancy, work))
    against = reasons_against(today, vacancy.in_domain(), regulation, candidacy.in_domain())
    before = await work.allocation.offers_of(company=company, vacancy=id)
    if any(one.number == asked.dossier and one.state in domain.NOT_AGAIN for one in before):
        against.append("it was offered this home to no avail")
    if vacancy.rent is None or await work.allocation.is_chosen(candidacy.dossier):
        against.append("a home is offered to it already, or the rent is not known")
    if against:
        raise Conflict(f"This home cannot be offered to this dossier: {', '.join(against)}.")
    if vacancy.turn is not None:
        await _close_turn(vacancy, "returned", None, actor, work)
        vacancy = replace(vacancy, agreement=None, turn=None)
        work.allocation.vacancies.put(vacancy)
    special = asked.model_dump(mode="json", exclude={"dossier"})
    offer = _proposed(vacancy, candidacy.dossier, asked.dossier, actor, work, asked.reasons, special)
    about = {"company": company, "vacancy": id, "number": asked.dossier, "state": offer.state, "holds": offer.holds}
    work.log.add("special", {"id": offer.id, **about, "kind": asked.kind, "decided_on": asked.decided_on})
    return offer


def _proposed(
    vacancy: Vacancy,
    dossier: UUID,
    number: str,
    actor: Caller,
    work: PriorityWork,
    reasons: Sequence[str] = (),
    special: dict[str, Any] | None = None,
) -> Offer:
    """An offer, for which dossier tests the conditions."""
    made = Offer(
        uuid4(), vacancy.company, vacancy.id, dossier, number, "checking", True, work.clock.now(), special=special
    )
    offer = work.note(made, "checking", actor, reasons)
    work.publish(OfferProposed.model_validate(offer.about))
    work.audit(actor, "company", dossier, detail=vacancy.id)
    return offer


async def special(actor: Caller, work: PriorityWork) -> list[Offer]:
    """The homes that the board of the company gave beside the turns, the newest first."""
    company = access.company_of(actor, "read_special")
    work.audit(actor, "company", None, detail="special allocations")
    return await work.allocation.special(company)


async def withdraw_vacancy(id: str, asked: requests.Reasoned, actor: Caller, work: PriorityWork) -> None:
    """The home is not let after all: an offer of it ends, and its turn is given to the next vacancy."""
    company = access.company_of(actor, "withdraw_vacancy")
    await work.allocation.hold(company)
    vacancy = await _vacancy(id, company, work)
    if vacancy.ended is not None:
        raise Conflict(f"This vacancy is {vacancy.ended} already.")
    if offer := await work.allocation.offer_of(vacancy):
        await work.find(offer.dossier, lock=True)
        now = await work.allocation.offer(offer.id)
        if now and now.state in domain.LIVE:
            work.audit(actor, "company", now.dossier, detail=id)
            _withdraw(now, asked.reasons, actor, work)
    if vacancy.turn is not None:
        await _close_turn(vacancy, "returned", None, actor, work)
    ended: dict[str, Any] = {"ended": "withdrawn", "reasons": list(asked.reasons), "agreement": None, "turn": None}
    work.allocation.vacancies.put(replace(vacancy, **ended, **_ended(actor, work)))


async def offer(id: UUID, actor: Caller, work: PriorityWork) -> OfferSeen:
    """One offer."""
    return (await _seen([await access.offer_for(actor, "read_offers", id, work)], work))[0]


async def offers(dossier: DossierRef | None, actor: Caller, work: PriorityWork) -> list[OfferSeen]:
    """Those to a dossier that he may see; without one those of the company. The newest first."""
    if dossier is None:
        if actor.role == "candidate":
            raise Problem(422, "Of which dossier?", [("query.dossier", "is needed")])
        found = await work.allocation.offers_of(company=access.company_of(actor, "read_offers"))
        work.audit(actor, "company", *(one.dossier for one in found))
        return await _seen([(one, "company") for one in found], work)
    known = await work.find(dossier)
    found = await work.allocation.offers_of(dossier=known.dossier) if known else []
    seen = [(one, of[0]) for one in found if known and (of := access.visible(actor, one, known, work))]
    if not known or not seen:
        known = await access.dossier_for(actor, "read_offers", dossier, work)
    for _, relation in seen:
        work.audit(actor, relation, known.dossier)
    return await _seen(seen, work)


@dataclass(frozen=True)
class Board:
    """The vacancies of a company with the offer of each that is under way or signed: those that have not ended, then a page of
    those that have. more: the page after it; judge: refusals and silences that nobody judged."""

    vacancies: list[tuple[Vacancy, list[OfferSeen]]]
    more: int | None
    judge: list[Offer]


async def board(page: int, actor: Caller, work: PriorityWork) -> Board:
    """The vacancies of the company, and what each waits for."""
    company = access.company_of(actor, "read_offers")
    free, ended = await work.allocation.vacancies_of(company, page, SHOWN)
    homes, judge = [*free, *ended[:SHOWN]], await work.allocation.to_judge(company)
    found = await work.allocation.offers_for(homes)
    work.audit(actor, "company", *(one.dossier for one in (*found, *judge)))
    seen = {one.offer.vacancy: [one] for one in await _seen([(one, "company") for one in found], work)}
    more = page + 1 if len(ended) > SHOWN else None
    return Board([(home, seen.get(home.id, [])) for home in homes], more, judge)


async def vacancy(id: str, actor: Caller, work: PriorityWork) -> tuple[Vacancy, list[OfferSeen], list[OfferStep]]:
    """A vacancy, its offers, the newest first, and what happened to them."""
    found = await _vacancy(id, access.company_of(actor, "read_offers"), work)
    its = await work.allocation.offers_of(company=found.company, vacancy=id)
    work.audit(actor, "company", *(one.dossier for one in its), detail=id)
    await work.allocation.steps.load(work.connection, "offer", [one.id for one in its])
    return found, await _seen([(one, "company") for one in its], work), list(work.allocation.steps.all())


async def answer(id: UUID, asked: requests.OfferAnswer, actor: Caller, work: PriorityWork) -> Offer:
    """A candidate answers, or the case worker for him on paper. Past the term it is kept, and a person judges; one on paper that
    came within it counts, where the home was offered to nobody else since."""
    by = "candidate" if actor.role == "candidate" else "case_worker"
    if by == "case_worker":
        await work.allocation.hold(access.company_of(actor, "answer"))
    offer, _ = await access.offer_for(actor, "answer", id, work, lock=True)
    if by == "case_worker":
        await work.allocation.steps.load(work.connection, "offer", [id])
    on, reasons = _came_on(asked, offer, by, work), [asked.reason] if asked.reason else []
    now = _in_time(lambda: domain.answered(offer.state, asked.answer, on, offer.answer_by))
    if now == "accepted" and offer.state == "no_answer" and not await _is_still_his(offer, work):
        now = "no_answer"
        # It was in time, and is to be judged as that.
        offer = replace(offer, late_answer=None, well_founded=None, ground=None)
    if now == "no_answer":
        if offer.late_answer is not None:
            raise Conflict("This offer was answered after its term already.")
        offer = offer if offer.state == now else fall_silent(offer, work)
        return work.note(replace(offer, late_answer=asked.answer), f"late_{asked.answer}", actor, reasons)
    lease_due = work.clock.today() + rules.days("lease_days", work.clock.today())
    refused_on, remind_on = (on, None) if now == "refused" else (None, lease_due)
    changed = {"late_answer": None, "well_founded": None, "ground": None}
    moved = work.move(offer, now, actor, reasons, **changed, refused_on=refused_on, remind_on=remind_on)
    work.publish(OfferAnswered.model_validate({**offer.about, "answer": now, "by": by, "on": on}))
    return moved


def _came_on(asked: requests.OfferAnswer, offer: Offer, by: str, work: PriorityWork) -> date:
    """The day on which an answer came: one on paper while the offer stood, and up to today. Raises `Problem`."""
    today = work.clock.today()
    on, errors = asked.on or today, []
    if by == "candidate" and asked.on:
        errors.append(("on", "is for an answer on paper"))
    if by == "case_worker" and asked.answer == "refuse":
        missing = [name for name in ("reason", "on") if getattr(asked, name) is None]
        errors += [(name, "is needed of a refusal on paper") for name in missing]
    if not (offer.opened_on or on) <= on <= today:
        errors.append(("on", "is still to come, or lies before the offer"))
    if offer.state == "accepted" and (his := _accepted_himself_on(work)) and on < his:
        errors.append(("on", "lies before the day on which the candidate took the home himself"))
    if errors:
        raise Problem(422, "This cannot be the answer: see errors. Nothing was stored.", errors)
    return on


def _accepted_himself_on(work: PriorityWork) -> date | None:
    """The day on which the candidate himself accepted the offer whose steps are loaded: of one on paper it is not kept."""
    his = [day_of(one.at) for one in work.allocation.steps.all() if (one.what, one.role) == ("accepted", "candidate")]
    return min(his[-1], work.clock.today()) if his else None


async def _is_still_his(offer: Offer, work: PriorityWork) -> bool:
    """Whether the home and the dossier are as they were at the silence: nothing was offered since, and neither has ended."""
    vacancy = await _vacancy(offer.vacancy, offer.company, work)
    newest = (await work.allocation.offers_of(company=offer.company, vacancy=offer.vacancy))[0]
    known = await work.find(offer.dossier)
    waits = known is not None and known.status not in domain.CLOSED
    free = vacancy.ended is None and newest.id == offer.id
    return waits and free and not await work.allocation.is_chosen(offer.dossier)


async def undo(id: UUID, asked: requests.Reasoned, actor: Caller, work: PriorityWork) -> Offer:
    """What is on record by mistake is taken back: a refusal or a silence, and with it what was judged; or a lease."""
    await work.allocation.hold(access.company_of(actor, "undo"))
    offer, _ = await access.offer_for(actor, "undo", id, work, lock=True)
    now = _in_time(lambda: domain.undo(offer.state))
    if offer.state == "signed":
        await _undo_lease(offer, actor, work)
        return work.note(replace(offer, state=now, holds=True), "lease_undone", actor, asked.reasons, offer.state)
    undone = replace(offer, state=now, late_answer=None, refused_on=None, well_founded=None, ground=None)
    work.publish(OfferEnded.model_validate({**offer.about, "was": offer.state, "now": now}))
    return work.note(undone, "undone", actor, asked.reasons, offer.state)


async def _undo_lease(offer: Offer, actor: Caller, work: PriorityWork) -> None:
    """The home is the candidate's as before its lease, and its turn kept for it. Raises `Conflict` where the home or one of its
    candidates has gone on since."""
    vacancy, known = await _vacancy(offer.vacancy, offer.company, work), await work.find(offer.dossier)
    others = [one for one in await work.allocation.offers_of(dossier=offer.dossier) if one.id != offer.id]
    elsewhere = [one for person in (known and known.candidates) or () for one in await work.candidacies_of(person)]
    if offer.holds:  # else what dossier records of it arrives after what it records of the next one
        raise Conflict("The dossier has yet to take in this lease: try again in a moment.")
    if known and known.status in domain.CLOSED and known.status != "housed":
        raise Conflict(f"This dossier is {known.status}: it is reinstated first.")
    if any(one.holds or (one.state == "signed" and one.proposed_at > offer.proposed_at) for one in others):
        raise Conflict(
            "Another home was offered to this dossier since: that offer ends first, or its lease is taken back."
        )
    if any(one.dossier != offer.dossier and one.status in access.WAITING for one in elsewhere):
        raise Conflict("A candidate of this dossier takes part in another one since: that is closed first.")
    if since := await work.allocation.home_since(vacancy):
        raise Conflict(
            f"This dwelling came free again as vacancy {since}: that is withdrawn first, or its lease taken back."
        )
    if vacancy.agreement is not None:
        entries = await work.allocation.entries_of(vacancy.agreement)
        final = next(one.in_domain() for one in reversed(entries) if one.turn == vacancy.turn)
        _book(replace(final, state="live"), entries, vacancy, offer.number, actor, work)
    work.allocation.vacancies.put(replace(vacancy, ended=None, ended_by=None, ended_at=None, let_on=None))
    work.publish(LeaseUndone.model_validate(offer.about))


async def judge(id: UUID, asked: requests.Judgement, actor: Caller, work: PriorityWork) -> Offer:
    """Judge a refusal or a silence; again, the newest judgement counts."""
    offer, _ = await access.offer_for(actor, "judge", id, work, lock=True)
    if offer.state not in domain.REFUSALS:
        raise Conflict(f"This offer is {offer.state}: a refusal or a silence alone is judged.")
    found = [one for one in await work.allocation.offers_of(dossier=offer.dossier) if one.well_founded is False]
    others = [one for one in found if one.id != id]
    if not asked.well_founded and await _of_same_home(offer, others, work):
        raise Conflict("A refusal of this same dwelling counts as unfounded already: one home never counts twice.")
    if asked.ground not in (None, *(grounds := rules.refusal_grounds(work.clock.today()))):
        raise Problem(422, f"What was it for? One of: {', '.join(grounds)}.", [("ground", "unknown")])
    what = "well_founded" if asked.well_founded else "unfounded"
    changed = replace(offer, well_founded=asked.well_founded, ground=asked.ground)
    judged = work.note(changed, what, actor, (*asked.reasons, *filter(None, [asked.ground])))
    if asked.well_founded != offer.well_founded:  # else nothing is new: nobody is told, or paused, once more
        about = {"refused_on": offer.refused_on, "unfounded": len(others) + (not asked.well_founded)}
        work.publish(OfferJudged.model_validate({**offer.about, **about, "well_founded": asked.well_founded}))
    return judged


async def _of_same_home(offer: Offer, others: Sequence[Offer], work: PriorityWork) -> bool:
    """Whether one of these was a refusal of the same dwelling, about as long ago."""
    await work.allocation.vacancies.load(work.connection, "id", {one.vacancy for one in (offer, *others)})
    homes = [work.allocation.vacancies.get(one.company, one.vacancy) for one in (offer, *others)]
    assert offer.refused_on
    within = rules.days("same_home_days", offer.refused_on)
    return any(
        (home.company, home.dwelling) == (homes[0].company, homes[0].dwelling)
        and abs(offer.refused_on - (one.refused_on or offer.refused_on)) <= within
        for one, home in zip(others, homes[1:], strict=True)
    )


async def withdraw(id: UUID, asked: requests.Reasoned, actor: Caller, work: PriorityWork) -> Offer:
    """The company takes an offer back; the vacancy keeps its turn."""
    offer, _ = await access.offer_for(actor, "withdraw", id, work, lock=True)
    return _withdraw(offer, asked.reasons, actor, work)


async def sign(id: UUID, asked: requests.Lease, actor: Caller, work: PriorityWork) -> Offer:
    """The home is let: the turn is final."""
    company = access.company_of(actor, "sign")
    await work.allocation.hold(company)
    offer, _ = await access.offer_for(actor, "sign", id, work, lock=True)
    if not asked.statements_seen:
        raise Conflict("The balances are to be proven by statements before the lease is signed.")
    await work.allocation.steps.load(work.connection, "offer", [id])
    first = _accepted_himself_on(work) or offer.opened_on or day_of(offer.proposed_at)
    if not min(first, work.clock.today()) <= asked.signed_on <= work.clock.today():
        detail = f"A lease is recorded once it is signed, and none before its offer was open and accepted: {first}."
        raise Problem(422, detail, [("signed_on", "is still to come, or lies before the acceptance")])
    if offer.state == "accepted" and (known := await work.find(offer.dossier)) and known.status == "housed":
        raise Conflict("The dossier has yet to take in that its lease was taken back: try again in a moment.")
    moved = _in_time(lambda: work.move(offer, "signed", actor))
    vacancy = await _vacancy(offer.vacancy, company, work)
    if vacancy.turn is not None:
        await _close_turn(vacancy, "final", offer.number, actor, work)
    work.allocation.vacancies.put(replace(vacancy, ended="let", let_on=asked.signed_on, **_ended(actor, work)))
    work.publish(LeaseSigned.model_validate({**offer.about, "signed_on": asked.signed_on}))
    return moved


async def keep_terms(database: Database[PriorityWork]) -> None:
    """Offers whose term is over become a silence; of those whose term ends soon the candidate is reminded. What was declined
    long enough ago lapses."""
    more = True
    while more:
        async with database.work() as work:
            due, today = await work.allocation.due(work.clock.today()), work.clock.today()
            await work.load(due)
            for offer in [one for one in work.allocation.offers.all() if one.state in ("open", "declined")]:
                reached = offer.remind_on is not None and today >= offer.remind_on
                if domain.is_over(today, offer.answer_by):
                    fall_silent(offer, work)
                elif reached and offer.state == "declined":
                    work.move(offer, "lapsed", "register", remind_on=None)
                elif reached:
                    work.note(replace(offer, remind_on=None), "reminded", "register")
                    work.publish(OfferReminded.model_validate({**offer.about, "answer_by": offer.answer_by}))
            more = bool(due)


async def not_as_here(
    database: Database[PriorityWork], there: Sequence[requests.OfferAtDossier], *, end: bool
) -> list[tuple[requests.OfferAtDossier, str | None, str]]:
    """Offers that stand otherwise at dossier than here, with their state here (none: forgotten in a restore, as no row of an
    offer is ever deleted, and it is there before dossier is told of it) and what to do about each. end: end at dossier what is
    under way there and forgotten here, and here what is under way here and has ended there."""
    found = list[tuple[requests.OfferAtDossier, str | None, str]]()
    async with database.work() as work:
        await work.allocation.offers.load(work.connection, "id", [one.offer for one in there])
        if end:
            here = {one.id for one in work.allocation.offers.all() if one.state in domain.LIVE}
            await work.load({one.dossier for one in there if one.offer in here})
        for one in there:
            known = work.allocation.offers.find(one.offer)
            state = known.state if known else None
            ends_here = state in domain.LIVE and one.state in ("refused", "no_answer", "withdrawn", "lapsed")
            if state == one.state or (known is None and one.state in ("withdrawn", "lapsed")):
                continue
            if known is None and one.state in domain.LIVE:
                todo = "ended" if end else "--end ends it at dossier"
                if end:
                    about = one.model_dump(include={"dossier", "number", "offer", "company"})
                    work.publish(OfferEnded.model_validate({**about, "was": one.state, "now": "withdrawn"}))
            elif known and ends_here and _follows(known, one.state):
                todo = "ended" if end else "--end ends it here"
                if end:
                    _end_as_there(known, one, work)
            elif one.state == "signed":
                todo = "its home is let: the company withdraws the vacancy"
            elif known is None:
                todo = "its home may be offered to this dossier again: tell the company"
            else:
                todo = "a case worker puts on record once more what dossier knows"
            found.append((one, state, todo))
    return found


def _follows(here: Offer, state: str) -> bool:
    """What is checked here, and was answered, was open in between."""
    return state in domain.NEXT["open" if here.state == "checking" else here.state]


def _end_as_there(here: Offer, there: requests.OfferAtDossier, work: PriorityWork) -> None:
    """By dossier's word, which is told nothing: nor is the candidate, once more."""
    refused_on = there.on if there.state in domain.REFUSALS else None
    if refused_on and here.state == "checking":
        here = work.move(here, "open", "dossier")
    work.move(here, there.state, "dossier", refused_on=refused_on, remind_on=None)


def _in_time(do: Callable[[], T]) -> T:
    try:
        return do()
    except domain.NotTheTime as why:
        raise Conflict(str(why)) from None


def _withdraw(offer: Offer, reasons: Sequence[str], actor: Caller, work: PriorityWork) -> Offer:
    moved = _in_time(lambda: work.move(offer, "withdrawn", actor, reasons))
    work.publish(OfferEnded.model_validate({**offer.about, "was": offer.state, "now": "withdrawn"}))
    return moved


def fall_silent(offer: Offer, work: PriorityWork) -> Offer:
    """Nobody answered: a silence from the day after the term."""
    assert offer.answer_by
    on = offer.answer_by + timedelta(days=1)
    work.publish(OfferAnswered.model_validate({**offer.about, "answer": "no_answer", "by": "register", "on": on}))
    return work.move(offer, "no_answer", "register", refused_on=on)


async def _seen(found: Sequence[tuple[Offer, str]], work: PriorityWork) -> list[OfferSeen]:
    live = {one.id: one for one, relation in found if relation != "own dossier" and one.state in domain.LIVE}
    await work.candidacies.load(work.connection, "dossier", {one.dossier for one in live.values()})
    await work.allocation.vacancies.load(work.connection, "id", {one.vacancy for one in live.values()})
    today, concerns = work.clock.today(), dict[UUID, list[str]]()
    for one in live.values():
        home = work.allocation.vacancies.get(one.company, one.vacancy).in_domain()
        concerns[one.id] = reasons_against(today, home, Regulation(), work.candidacies.get(one.dossier).in_domain())
        if one.state == "accepted" and one.remind_on and today >= one.remind_on:
            concerns[one.id].append("lease_due")
    return [OfferSeen(one, concerns.get(one.id, [])) for one, _ in found]


async def _vacancy(id: str, company: str, work: PriorityWork) -> Vacancy:
    if (vacancy := await work.allocation.vacancy(company, id=id)) is None:
        raise NotFound("Your company has no such vacancy.")
    return vacancy


async def _free(id: str, company: str, work: PriorityWork) -> Vacancy:
    """A vacancy that can be offered now."""
    vacancy = await _vacancy(id, company, work)
    if vacancy.ended is not None:
        raise Conflict(f"This vacancy is {vacancy.ended}: nobody else is first for it.")
    if offer := await work.allocation.offer_of(vacancy):
        raise Conflict(f"An offer of this vacancy is {offer.state}: nobody else is first until that has ended.")
    return vacancy


async def _ledger(vacancy: Vacancy, work: PriorityWork) -> tuple[AdoptedAgreement, Ledger, list[LedgerEntry]]:
    """The agreement that drew its turn, else the one in force today; and its ledger."""
    if vacancy.agreement is not None:
        agreed = await work.allocation.agreement(vacancy.agreement)
    else:
        agreed = await work.allocation.agreement_for(vacancy, work.clock.today())
    if agreed is None:
        raise Conflict("No agreement of the allocation council is in force for this vacancy today: adopt one first.")
    entries = await work.allocation.entries_of(agreed.id)
    return agreed, agreed.ledger(entries), entries


async def frozen_until(vacancy: Vacancy, work: PriorityWork) -> date | None:
    """The day on which it may be offered again, if nothing is offered today."""
    await work.allocation.load_agreements([vacancy.company])
    return work.allocation.frozen_until(vacancy, work.clock.today())


async def _open_ledger(vacancy: Vacancy, work: PriorityWork) -> tuple[AdoptedAgreement, Ledger, list[LedgerEntry]]:
    """As `_ledger`, for a vacancy that may be offered today."""
    if until := await frozen_until(vacancy, work):
        raise Conflict(f"Allocations are frozen: nothing is offered before {until}.")
    return await _ledger(vacancy, work)


async def _below_ceiling(agreed: AdoptedAgreement, work: PriorityWork, *, announced: bool) -> None:
    if await work.allocation.kept(agreed, announced=announced) >= (most := agreed.agreement.kept_at_most()):
        one = agreed.agreement
        raise Conflict(
            f"The ceiling is reached: at most {most} of the {one.planned} planned ({one.target_ceiling}) allocations are "
            "kept for target groups in this period."
        )


async def _close_turn(vacancy: Vacancy, state: State, dossier: str | None, actor: Caller, work: PriorityWork) -> None:
    _, ledger, entries = await _ledger(vacancy, work)
    held = ledger.live(vacancy.id)
    assert held, f"the turn of vacancy {vacancy.id} is not on record"
    _book(replace(held, state=state), entries, vacancy, dossier, actor, work)


def _book(
    entry: Entry, after: Sequence[LedgerEntry], vacancy: Vacancy, dossier: str | None, actor: Caller, work: PriorityWork
) -> None:
    """An entry in the ledger of the vacancy's agreement, which is locked."""
    assert vacancy.agreement
    booked = LedgerEntry(
        agreement=vacancy.agreement,
        nth=len(after) + 1,
        **asdict(entry),
        company=vacancy.company,
        dossier=dossier,
        by=work.subject(actor),
        at=work.clock.now(),
    )
    work.allocation.entries.put(booked)


def _ended(actor: Caller, work: PriorityWork) -> dict[str, Any]:
    return {"ended_by": work.subject(actor), "ended_at": work.clock.now()}
