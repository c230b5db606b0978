"""What changes priority: what it hears of dossiers, and what councils, organisations and case workers order. Read from the
tables at the foot.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from cir_chassis.consumer import Handlers
from cir_schemas import CandidacyRecorded, ReferralAnswered, SituationReviewed
from cir_schemas.priority import Decision
from priority.books import OVER, Agreed, Free, GivenTurn, Referral, Situation
from priority.council import Agreement, Vote, cover_the_same, first_day_in_common, may_not_adopt
from priority.domain.order import number_parts
from priority.store import Candidacy, Next, PriorityWork


class Refused(Exception):
    """Not done, and why: nothing is stored."""


class NotTheirs(Refused):
    """Whoever ordered it may not."""


class NoSuchGroup(Refused):
    """A group that the agreements in force do not name."""


@dataclass(frozen=True)
class ProposeAgreement:
    """Lay an agreement before the council; by: who proposes it."""

    id: UUID
    agreement: Agreement
    by: str


@dataclass(frozen=True)
class AdoptAgreement:
    """Put an agreement in force. others: all of its company; ends: the one whose place it takes; open: referrals that wait, by
    group."""

    agreed: Agreed
    votes: Sequence[Vote]
    others: Sequence[Agreed]
    ends: UUID | None
    open: Mapping[str, int]


@dataclass(frozen=True)
class AskPriority:
    """Ask for a priority because of the housing situation; chosen: for a dwelling; before: the requests of this dossier."""

    id: UUID
    candidacy: Candidacy
    chosen: bool
    text: str
    documents: Sequence[str]
    by: str
    before: Sequence[Situation]


@dataclass(frozen=True)
class ReviewSituation:
    """Decide on a request; agreements: those of the company in force."""

    situation: Situation
    candidacy: Candidacy
    agreements: Sequence[Agreed]
    decision: Decision
    group: str | None
    reasons: Sequence[str]
    company: str
    by: str


@dataclass(frozen=True)
class Refer:
    """Refer a candidate for accelerated allocation. chosen: for a dwelling; room: places left in each group; before: what is
    open of this dossier; refused: whether the same was refused within a day; later: agreements adopted already that come after
    this one."""

    id: UUID
    candidacy: Candidacy
    chosen: bool
    agreed: Agreed
    organisation: str
    group: str
    reasons: Sequence[str]
    guidance_plan: str
    room: Mapping[str, int]
    before: Referral | None
    refused: bool
    later: Sequence[Agreed]


@dataclass(frozen=True)
class Announce:
    """A dwelling came free; agreed: what is in force for it; kept: how many were kept for target groups before."""

    dwelling: Free
    agreed: Agreed | None
    kept: int


@dataclass(frozen=True)
class Choose:
    """Give the turn, and the dwelling to who is first; next: as the register has it now."""

    dwelling: Free
    agreed: Agreed
    next: Next
    turn: int
    number: str
    candidacy: Candidacy | None
    by: str


def record_candidacies(events: Sequence[CandidacyRecorded], work: PriorityWork) -> None:
    """Keep the newest candidacy of each dossier, and its places; an older or repeated one changes nothing."""
    for event in events:
        known = work.candidacies.find(event.dossier)
        if work.is_newer(event, known.version if known else None):
            day, nth = number_parts(event.number) if event.number else (None, None)
            content = event.model_dump(mode="json", include={"wants", "residence", "informal_care_in", "candidates"})
            work.place(
                Candidacy(
                    dossier=event.dossier,
                    version=event.version,
                    status=event.status,
                    number=event.number,
                    number_day=day,
                    number_nth=nth,
                    registered_on=event.registered_on,
                    persons=event.persons,
                    paused_until=event.paused_until,
                    company=event.company,
                    placed=event.version,
                    **content,
                )
            )


def propose_agreement(command: ProposeAgreement, work: PriorityWork) -> None:
    """It is on record, and holds nothing yet."""
    one, now = command.agreement, work.clock.now()
    content = one.model_dump(mode="json", by_alias=True)
    of = (command.id, one.company, one.area, list(one.municipalities))
    work.books.agreements.put(Agreed(*of, content, one.from_, one.through, command.by, now))


def adopt_agreement(command: AdoptAgreement, work: PriorityWork) -> None:
    """It holds from its first day, with turns and debts of its own. Certainty that was given stays: its groups are in it."""
    agreed, one = command.agreed, command.agreed.agreement
    if agreed.adopted_at is not None:
        raise Refused("This agreement is adopted already.")
    if lost := [place for place in agreed.municipalities if work.companies.get(place) != agreed.company]:
        raise Refused(f"{agreed.company} lets no homes any more in {', '.join(lost)}: propose one without.")
    if why := may_not_adopt(one, command.votes):
        raise Refused(f"Not adopted: {why}.")
    adopted = {other.id: other for other in command.others if other.adopted_at is not None}
    if command.ends is not None:
        ended = adopted.get(command.ends)
        if ended is None or ended.through < (first := max(ended.since, work.clock.today())):
            raise Refused(f"ends: {command.ends} is no adopted agreement of this company that is still to end.")
        if not first <= agreed.since <= ended.through:
            raise Refused(f"ends: that one can be ended from {first} through {ended.through}: let this one begin then.")
        if command.open and (lost := sorted(set(ended.municipalities) - set(agreed.municipalities))):
            raise Refused(
                f"Referrals were accepted with certainty and wait where it does not speak of: {', '.join(lost)}."
            )
        adopted[ended.id] = replace(ended, through=agreed.since - timedelta(days=1))
        work.books.agreements.put(adopted[ended.id])
    for other in adopted.values():
        day = first_day_in_common((agreed.since, agreed.through), (other.since, other.through))
        if day and cover_the_same(one, other.agreement):
            raise Refused(
                f"On {day} agreement {other.id} ({other.since} through {other.through}) is in force for the same dwellings: "
                f"choose another period, or begin on {max(other.since, work.clock.today())} or later and name it in `ends`, "
                "so that this one takes its place."
            )
    shares = one.shares()
    if lost := sorted(group for group, many in command.open.items() if many and not shares.get(group)):
        raise Refused(
            f"Referrals were accepted with certainty and wait in groups that it gives no turns: {', '.join(lost)}."
        )
    votes = [vote.model_dump(mode="json") for vote in command.votes]
    work.books.agreements.put(replace(agreed, votes=votes, adopted_at=work.clock.now()))


def ask_priority(command: AskPriority, work: PriorityWork) -> None:
    """A case worker will look at it. One at a time: what is to be added is told to who looks at it."""
    number = _waiting(command.candidacy, command.chosen)
    if any(situation.decision is None for situation in command.before):
        raise Refused(
            "A request of this dossier is being looked at: wait for its review, or bring what is new to the company."
        )
    work.books.situations.put(
        Situation(
            id=command.id,
            dossier=command.candidacy.dossier,
            number=number,
            text=command.text,
            documents=list(command.documents),
            asked_by=command.by,
            asked_at=work.clock.now(),
        )
    )


def review_situation(command: ReviewSituation, work: PriorityWork) -> None:
    """Decided once, with reasons: a priority of pillar 3, forwarded to who may refer for a group, or refused."""
    situation = command.situation
    if situation.decision is not None:
        raise Refused("This request was reviewed already: another situation is another request.")
    wants = {wanted["municipality"] for wanted in command.candidacy.wants}
    there = [
        agreed for agreed in command.agreements if wants & set(agreed.municipalities)
    ]  # elsewhere nobody can refer it
    if command.decision == "priority":
        groups = {group for agreed in command.agreements for group in agreed.agreement.target_groups}
    else:
        groups = {group for agreed in there for group in agreed.agreement.groups}
    if command.decision == "refused":
        if command.group is not None:
            raise NoSuchGroup("A refusal names no group.")
    elif command.group not in groups:
        known = ", ".join(sorted(groups)) or "none, as no agreement of the company in force names one"
        raise NoSuchGroup(f"There is no such group for this decision. There is: {known}.")
    work.books.situations.put(
        replace(
            situation,
            company=command.company,
            decision=command.decision,
            group=command.group,
            reasons=list(command.reasons),
            reviewed_by=command.by,
            reviewed_at=work.clock.now(),
            agreements=[str(agreed.id) for agreed in there if command.group in agreed.agreement.groups],
        )
    )
    told = {"dossier": situation.dossier, "number": situation.number, "situation": situation.id}
    work.publish(SituationReviewed.model_validate({**told, "decision": command.decision}))


def check_referrer(agreed: Agreed, organisation: str, group: str) -> None:
    """Raises `NoSuchGroup`, `NotTheirs`: before anything is told of the dossier."""
    groups = agreed.agreement.groups
    if group not in groups:
        raise NoSuchGroup(f"There is no such group. There is: {', '.join(sorted(groups))}.")
    if organisation not in groups[group].referrers:
        raise NotTheirs(f"for {group} these organisations refer: {', '.join(groups[group].referrers)}")


def refer(command: Refer, work: PriorityWork) -> None:
    """Accepted with certainty while there is room, else refused at once: there is no second list."""
    number, room = _waiting(command.candidacy, command.chosen), command.room[command.group]
    if not {wanted["municipality"] for wanted in command.candidacy.wants} & set(command.agreed.municipalities):
        raise Refused("This dossier wants no home in a municipality that the agreement speaks of.")
    if command.refused and not room:
        raise Refused("This was refused less than a day ago, and there is no room still.")
    if lacks := next((one for one in command.later if not one.agreement.shares().get(command.group)), None):
        raise Refused(
            f"From {lacks.since} on the agreement gives this group no turns, so nobody can be promised one now."
        )
    if command.before is not None:
        raise Refused(
            f"This dossier is referred already, on {command.before.answered_at:%Y-%m-%d}, and will have its turn."
        )
    referral = Referral(
        id=command.id,
        agreement=command.agreed.id,
        organisation=command.organisation,
        dossier=command.candidacy.dossier,
        number=number,
        group=command.group,
        reasons=list(command.reasons),
        guidance_plan=command.guidance_plan,
        answer="accepted" if room else "refused",
        answered_at=work.clock.now(),
    )
    work.books.referrals.put(referral)
    told = {"number": number, "referral": referral.id, "organisation": referral.organisation, "answer": referral.answer}
    work.publish(ReferralAnswered.model_validate({"dossier": referral.dossier, **told}))


def announce(command: Announce, work: PriorityWork) -> None:
    """It is on record; whose turn it is, is read when somebody asks."""
    group = command.dwelling.target_group
    if group is not None:
        agreement = command.agreed.agreement if command.agreed else None
        if agreement is None or group not in agreement.target_groups:
            known = ", ".join(sorted(agreement.target_groups)) if agreement else ""
            raise NoSuchGroup(f"No dwelling is kept for this group. The agreement in force names: {known or 'none'}.")
        if command.kept >= agreement.kept_at_most():
            most = f"{agreement.kept_at_most()} of the {agreement.planned} planned ({agreement.target_ceiling})"
            raise Refused(
                f"The ceiling is reached: at most {most} dwellings are kept for target groups in this period."
            )
    work.books.dwellings.put(command.dwelling)


def choose(command: Choose, work: PriorityWork) -> None:
    """The turn is booked, and the dwelling is to be offered to who is first: nobody else can be chosen (offers come later)."""
    dwelling, turn = command.dwelling, command.next.turn
    if command.candidacy is not None and dwelling.chosen == command.candidacy.dossier:
        return  # said again, as the answer was lost
    if dwelling.chosen is not None:
        raise Refused("Somebody was chosen for this dwelling already.")
    if command.turn != turn.turn:
        raise Refused(
            f"Turn {command.turn} is not the next one: that is turn {turn.turn}, of {turn.of}. Read again who is next."
        )
    first = command.next.order[0][0] if command.next.order else None
    if command.candidacy is None or command.number != first:
        raise Refused("This dossier is not the first one now: read again who is next.")
    work.books.turns.put(
        GivenTurn(
            agreement=command.agreed.id,
            **asdict(turn),
            company=dwelling.company,
            dwelling=dwelling.id,
            dossier=command.number,
            given_by=command.by,
            given_at=work.clock.now(),
        )
    )
    work.books.dwellings.put(replace(dwelling, chosen=command.candidacy.dossier))


def _waiting(candidacy: Candidacy, chosen: bool) -> str:
    """Its number. Raises `Refused` where the dossier waits for nothing."""
    if candidacy.number is None:
        raise Refused("This dossier is a draft still: submit it first.")
    if candidacy.status in OVER:
        raise Refused(f"This dossier is {candidacy.status}: it waits for no dwelling any more.")
    if chosen:
        raise Refused("This dossier was chosen for a dwelling already: no other one can be promised to it.")
    return candidacy.number


COMMANDS: dict[type[Any], Callable[[Any, PriorityWork], None]] = {
    ProposeAgreement: propose_agreement,
    AdoptAgreement: adopt_agreement,
    AskPriority: ask_priority,
    ReviewSituation: review_situation,
    Refer: refer,
    Announce: announce,
    Choose: choose,
}
"""What people may order."""

EVENTS: Handlers = {CandidacyRecorded: record_candidacies}
"""What is heard, and what it does."""
