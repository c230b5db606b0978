"""Priority's API, thin above the use-cases: shapes of answers, and who may ask at all."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self, TypeVar, cast
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from cir_chassis.http import IN_WORK
from cir_chassis.idempotency import idempotent
from cir_chassis.login import Caller, anyone, may
from cir_schemas.priority import Answer, Decision, OfferState
from cir_schemas.types import Company, DossierNumber, DossierRef, Municipality, Shape
from priority import access, offers, requests, texts, use_cases
from priority.allocation import AdoptedAgreement, Offer, Referral, Situation
from priority.council import Agreement, Frozen
from priority.domain.figures import Figures
from priority.domain.ledger import State
from priority.domain.turns import decimal
from priority.store import PriorityWork
from priority.texts import Text


class Made(Shape):
    """The id of the new one."""

    id: UUID


class Announced(Shape):
    """The vacancy."""

    id: str


class Place(Shape):
    """A place on the waiting list: the dossier's number, where it stands, and the criteria that put it there."""

    dossier: DossierNumber
    position: int
    because: tuple[str, ...]


class Position(Shape):
    """Where one dossier stands for a home of its size in a municipality, and why."""

    municipality: Municipality
    agreement: UUID | None
    """By which homes are let there; null: none is in force."""
    area: str | None
    """The area that the agreement is of; null: the whole company."""
    persons: int
    position: int | None
    """Null: not on the list today; `because` says why."""
    because: tuple[str, ...]
    before: dict[str, int]
    """How many are before it, by the first criterion that puts them there."""
    text: Text

    @classmethod
    def of(cls, one: use_cases.Position) -> Self:
        text = texts.position(one.municipality, one.because, one.day, one.before if one.position else None)
        return _same(cls, one, text=text)


class SituationRead(Shape):
    """A request about a housing situation and its review."""

    id: UUID
    dossier: str
    text: str
    documents: tuple[str, ...]
    asked_at: datetime
    decision: Decision | None
    group: str | None
    reasons: tuple[str, ...]
    reviewed_at: datetime | None

    @classmethod
    def of(cls, one: Situation) -> Self:
        return _same(cls, one, dossier=one.number, reasons=one.reasons or ())


class ReferralRead(Shape):
    """A referral and its answer."""

    id: UUID
    dossier: str
    organisation: str
    group: str
    answer: Answer
    text: Text
    answered_at: datetime
    retracted_at: datetime | None

    @classmethod
    def of(cls, one: Referral) -> Self:
        return _same(cls, one, dossier=one.number, text=texts.TEXTS[one.answer])


class AgreementRead(Shape):
    """An agreement, and where it stands."""

    id: UUID
    status: Literal["proposed", "adopted"]
    through: date
    """Its last day: earlier than agreed where another took its place."""
    agreement: Agreement
    votes: tuple[requests.Vote, ...]
    adopted_at: datetime | None

    @classmethod
    def of(cls, one: AdoptedAgreement) -> Self:
        votes = [requests.Vote.model_validate(vote, extra="ignore") for vote in one.votes or ()]
        return _same(cls, one, status="adopted" if one.adopted_at else "proposed", votes=votes)


class Turn(Shape):
    """One turn: whose it was, who was given it, and why."""

    turn: int
    of: str
    to: str
    how: str


class TurnGiven(Turn):
    """An entry of the ledger: a turn as it stood from then on."""

    state: State
    """`live` again for the same turn and vacancy: it passed on, as nobody of its group was left."""
    vacancy: str | None
    dossier: str | None
    """Both to the case workers, whose dossiers they are: who moves into a home is known to others."""
    at: datetime


class TurnNext(Turn):
    """A turn to be given."""

    text: Text


class Debt(Shape):
    """A turn that one owes another."""

    owes: str
    to: str


class LedgerRead(Shape):
    """Every entry and every debt; balances: turns owed to each, less what it owes, together nothing; room: per group; waiting:
    referrals accepted with certainty, per group: after the agreement's last day they wait for the one that follows it."""

    turns: list[TurnGiven]
    next_turn: int
    next_of: str
    debts: list[Debt]
    balances: dict[str, int]
    room: dict[str, int]
    waiting: dict[str, int]
    carried_on: bool
    """False: the agreement has ended, and no other one gives those that wait a turn."""


class Accelerated(Shape):
    """A group of accelerated allocation: reached by a referral of these organisations alone."""

    group: str
    title: Text
    share: str
    """Of all allocations, exactly."""
    referrers: tuple[str, ...]


class Targeted(Shape):
    """A target group: reached by a request about the housing situation."""

    group: str
    title: Text


class Priorities(Shape):
    """Which priorities there are for the homes of one company in a municipality, or in an area of it."""

    company: Company
    area: str | None
    through: date
    accelerated: list[Accelerated]
    target_groups: list[Targeted]
    stricter_tie_years: int | None
    area_tie: bool
    vlabinvest: bool

    @classmethod
    def of(cls, agreed: AdoptedAgreement) -> Self:
        one, shares = agreed.agreement, agreed.agreement.shares()
        return _same(
            cls,
            one,
            through=agreed.through,
            accelerated=[
                Accelerated(group=name, title=group.title, share=decimal(shares[name]), referrers=group.referrers)
                for name, group in one.groups.items()
            ],
            target_groups=[Targeted(group=name, title=group.title) for name, group in one.target_groups.items()],
        )


class OfferMoved(Shape):
    """An offer, and where it stands now."""

    id: UUID
    state: OfferState

    @classmethod
    def of(cls, one: Offer) -> Self:
        return _same(cls, one)


class OfferRead(OfferMoved):
    """An offer of a vacancy to a dossier."""

    company: Company
    vacancy: str
    dossier: DossierNumber
    answer_by: date | None
    """The last day; null: it has not opened."""
    late_answer: Literal["accept", "refuse"] | None
    well_founded: bool | None
    """Whether the refusal or silence had a good reason; null: nobody judged it."""
    concerns: tuple[str, ...]
    """Why this home could not be offered to the dossier today: for the company's board."""

    @classmethod
    def seen(cls, one: offers.OfferSeen) -> Self:
        return _same(cls, one.offer, dossier=one.offer.number, concerns=one.concerns)


class SpecialRead(Shape):
    """A home that was given beside the turns (pillar 4): who decided, when, why, and what became of it."""

    kind: str
    decided_on: date
    decided_by: str
    reasons: tuple[str, ...]
    state: OfferState
    dossier: DossierNumber | None
    """To the case workers, whose dossiers they are."""
    vacancy: str | None


class First(Shape):
    """A dossier in the ranking, and what put it there."""

    dossier: DossierNumber
    because: tuple[str, ...]
    text: Text


class Next(Shape):
    """The turn and the ranking for a vacancy today; waiting: how many it could be offered to, `order` the first of them."""

    vacancy: str
    on: date
    agreement: UUID
    turn: TurnNext
    waiting: int
    order: list[First]


S = TypeVar("S", bound=Shape)
T = TypeVar("T")
R = TypeVar("R")


def _same(shape: type[S], row: object, **others: object) -> S:
    """A shape whose fields are attributes of the row, but for these others."""
    return shape.model_validate({name: getattr(row, name) for name in shape.model_fields.keys() - others} | others)


class Once:
    """The identity of a request that may be repeated: its `Idempotency-Key`, if it has one, its path and its body."""

    def __init__(
        self, request: Request, idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None
    ) -> None:
        self.key, self._request = idempotency_key, request

    async def asked(self) -> bytes:
        return self._request.url.path.encode() + b"\n" + await self._request.body()


def _who(*actions: str) -> Any:
    """A dependency: who asks, of a role that may do one of these at all."""
    return Depends(may(*access.roles(*actions)))


Key = Annotated[Once, Depends()]
Reader = Annotated[Caller, _who("read_agreements")]
CaseWorker = Annotated[Caller, _who("announce")]
Work = Annotated[PriorityWork, IN_WORK]


router = APIRouter(prefix="/v1")


@router.get("/waiting-list", tags=["waiting list"])
async def waiting_list(
    municipality: Annotated[Municipality, Query()], caller: Annotated[Caller, _who("read_waiting_list")], work: Work
) -> list[Place]:
    """Who is registered for a municipality, in order: for the case workers of the company that lets homes there."""
    ranked = await use_cases.waiting_list(municipality, caller, work)
    return [Place(dossier=number, position=n, because=why) for n, (number, why) in enumerate(ranked, start=1)]


@router.get("/dossiers/{dossier}/positions", tags=["waiting list"])
async def positions(
    dossier: DossierRef, caller: Annotated[Caller, _who("read_positions")], work: Work
) -> list[Position]:
    """Where a dossier stands today in each municipality that it wants, among households of as many persons, and the reason
    in words to read out: for the candidate, and the case workers of the company that treats it. Nobody else is named."""
    return [Position.of(one) for one in await use_cases.positions(dossier, caller, work)]


@router.post("/situations", status_code=201, tags=["housing situations"])
async def request_priority(
    body: requests.Situation, caller: Annotated[Caller, _who("request_priority")], once: Key, work: Work
) -> Made:
    """Ask for a priority: the candidate himself, or a case worker of the company that treats the dossier."""
    return await _post(once, caller, work, lambda: use_cases.request_priority(body, caller, work), _made)


@router.get("/situations", tags=["housing situations"])
async def situations(
    caller: Annotated[Caller, _who("read_situations", "list_forwarded")], work: Work, dossier: DossierRef | None = None
) -> list[SituationRead]:
    """The requests of a dossier with their reviews. Without `dossier`: for a case worker, those that wait for his company;
    for an organisation, those forwarded to the groups that it refers for, until somebody refers them."""
    return [SituationRead.of(one) for one in await use_cases.situations(dossier, caller, work)]


@router.post("/situations/{id}/review", tags=["housing situations"])
async def review(
    id: UUID, body: requests.Review, caller: Annotated[Caller, _who("review")], once: Key, work: Work
) -> SituationRead:
    """A priority of pillar 3, forwarded to who may refer for an accelerated group, or refused; the candidate is mailed."""
    return await _post(once, caller, work, lambda: use_cases.review(id, body, caller, work), SituationRead.of)


@router.post("/referrals", status_code=201, tags=["referrals"])
async def refer(
    body: requests.Referral, caller: Annotated[Caller, _who("refer")], once: Key, work: Work
) -> ReferralRead:
    """Refer a candidate. Accepted: a home is certain, though not when. Refused: no room, and on no other list."""
    return await _post(once, caller, work, lambda: use_cases.refer(body, caller, work), ReferralRead.of)


@router.post("/referrals/{id}/retraction", tags=["referrals"])
async def retract(
    id: UUID, body: requests.Reasoned, caller: Annotated[Caller, _who("retract")], once: Key, work: Work
) -> ReferralRead:
    """Take back a referral that was accepted: its certainty ends."""
    return await _post(once, caller, work, lambda: use_cases.retract(id, body, caller, work), ReferralRead.of)


@router.get("/referrals", tags=["referrals"])
async def referrals(
    caller: Annotated[Caller, _who("list_referrals", "read_referrals")], work: Work, dossier: DossierRef | None = None
) -> list[ReferralRead]:
    """The referrals of the organisation, the newest first. With `dossier`, for its candidate and the company that treats it:
    who referred it, and the answers."""
    return [ReferralRead.of(one) for one in await use_cases.referrals(dossier, caller, work)]


@router.post("/agreements", status_code=201, tags=["allocation council"])
async def propose(body: Agreement, caller: Annotated[Caller, _who("propose")], once: Key, work: Work) -> Made:
    """Lay an agreement before the council of its company."""
    return await _post(once, caller, work, lambda: use_cases.propose(body, caller, work), _made)


@router.post("/agreements/{id}/adoption", tags=["allocation council"])
async def adopt(
    id: UUID, body: requests.Adoption, caller: Annotated[Caller, _who("adopt")], once: Key, work: Work
) -> AgreementRead:
    """Record the votes, and put it in force from its first day: its turns begin at the first one, without debts."""
    return await _post(once, caller, work, lambda: use_cases.adopt(id, body, caller, work), AgreementRead.of)


@router.post("/agreements/{id}/freezes", status_code=201, tags=["allocation council"])
async def freeze(
    id: UUID, body: Frozen, caller: Annotated[Caller, _who("adopt")], once: Key, work: Work
) -> AgreementRead:
    """Offer nothing on some days of an agreement in force: its turns and debts go on as they are."""
    return await _post(once, caller, work, lambda: use_cases.freeze(id, body, caller, work), AgreementRead.of)


@router.get("/agreements", tags=["allocation council"])
async def agreements(caller: Reader, work: Work) -> list[AgreementRead]:
    """All agreements of the company, the newest first."""
    return [AgreementRead.of(one) for one in await use_cases.agreements(caller, work)]


@router.get("/agreements/{id}/ledger", tags=["allocation council"])
async def ledger(id: UUID, caller: Reader, work: Work) -> LedgerRead:
    """Every turn given under an agreement, who owes whom, and how many referrals each group can take."""
    folded, entries, room, waiting, carried_on = await use_cases.ledger(id, caller, work)
    names = access.may(caller, "company", "read_ledger_numbers")  # a council learns nobody's group
    untold = {} if names else {"dossier": None, "vacancy": None}
    return LedgerRead(
        turns=[_same(TurnGiven, one, **untold) for one in entries],
        next_turn=folded.turn,
        next_of=folded.of,
        debts=[Debt(owes=owes, to=to) for owes, to in folded.debts],
        balances=folded.balances(),
        room=room,
        waiting=waiting,
        carried_on=carried_on,
    )


@router.get(
    "/figures", response_model=Figures, responses={200: {"content": {"text/csv": {}}}}, tags=["allocation council"]
)
async def figures(
    company: Company,
    year: Annotated[int, Query(ge=2000, le=9999)],
    caller: Annotated[Caller, _who("read_figures")],
    work: Work,
    request: Request,
) -> Figures | Response:
    """A company's year, for its council and its case workers: homes let per pillar and group, refusals by how they were judged,
    waiting time by size. As CSV to who accepts `text/csv`."""
    found = await use_cases.figures(company, year, caller, work)
    if "text/csv" in request.headers.get("accept", ""):
        return Response(found.as_csv(), media_type="text/csv")
    return found


@router.get("/priorities", dependencies=[Depends(anyone)], tags=["allocation council"])
async def priorities(municipality: Annotated[Municipality, Query()], work: Work) -> list[Priorities]:
    """Which priorities there are in a municipality, and of which company: for anyone."""
    return [Priorities.of(agreed) for agreed in await use_cases.priorities(municipality, work)]


@router.post("/vacancies", status_code=201, tags=["vacancies"])
async def announce(body: requests.Vacancy, caller: CaseWorker, once: Key, work: Work) -> Announced:
    """A dwelling comes free. The same again changes nothing."""
    return await _post(once, caller, work, lambda: offers.announce(body, caller, work), lambda id: Announced(id=id))


@router.get("/vacancies/{id}/next", tags=["vacancies"])
async def next_(id: str, caller: CaseWorker, work: Work, most: Annotated[int, Query(ge=1, le=1000)] = 20) -> Next:
    """Whose turn this vacancy is, and who is first, with the reasons; most: how many of the order to tell. 409 while an offer of
    it is being checked, open or accepted."""
    vacancy, agreed, one = await offers.next_for(id, most, caller, work)
    text = texts.turn(one.turn, agreed.agreement.titles())
    return Next(
        vacancy=id,
        on=work.clock.today(),
        agreement=agreed.id,
        turn=_same(TurnNext, one.turn, text=text),
        waiting=one.waiting,
        order=[
            First(dossier=number, because=because, text=texts.reasons(vacancy.municipality, because))
            for number, because in one.ranking
        ],
    )


@router.post("/vacancies/{id}/offers", status_code=201, tags=["offers"])
async def propose_offer(id: str, body: requests.Proposal, caller: CaseWorker, once: Key, work: Work) -> OfferMoved:
    """Propose the vacancy to who is first, and keep the turn for it; the candidate is told once the conditions are met. 409
    where the turn or the first one is another by now."""
    return await _post(once, caller, work, lambda: offers.propose(id, body, caller, work), OfferMoved.of)


@router.post("/vacancies/{id}/special", status_code=201, tags=["offers"])
async def allocate(id: str, body: requests.Special, caller: CaseWorker, once: Key, work: Work) -> OfferMoved:
    """Offer the vacancy to whom the company's board decided, beside the turns, with reasons that the council reads."""
    return await _post(once, caller, work, lambda: offers.allocate(id, body, caller, work), OfferMoved.of)


@router.get("/special-allocations", tags=["allocation council"])
async def special(caller: Annotated[Caller, _who("read_special")], work: Work) -> list[SpecialRead]:
    """The homes of the company that were given beside the turns, the newest first."""
    names = access.may(caller, "company", "read_ledger_numbers")
    return [
        SpecialRead(
            **one.special or {},
            state=one.state,
            dossier=one.number if names else None,
            vacancy=one.vacancy if names else None,
        )
        for one in await offers.special(caller, work)
    ]


@router.post("/vacancies/{id}/withdrawal", status_code=204, tags=["vacancies"])
async def withdraw_vacancy(id: str, body: requests.Reasoned, caller: CaseWorker, once: Key, work: Work) -> None:
    """The home is not let after all: its offer ends, and its turn is the next one given."""
    await _post(once, caller, work, lambda: offers.withdraw_vacancy(id, body, caller, work), lambda none: none)


@router.get("/offers", tags=["offers"])
async def list_offers(
    caller: Annotated[Caller, _who("read_offers")], work: Work, dossier: DossierRef | None = None
) -> list[OfferRead]:
    """The offers to a dossier, the newest first: for its candidates once they opened, for the case workers of the company that
    treats it or offers. Without `dossier`: the newest 500 of the company; a dossier has them all."""
    return [OfferRead.seen(one) for one in await offers.offers(dossier, caller, work)]


@router.get("/offers/{id}", tags=["offers"])
async def read_offer(id: UUID, caller: Annotated[Caller, _who("read_offers")], work: Work) -> OfferRead:
    """One offer."""
    return OfferRead.seen(await offers.offer(id, caller, work))


@router.post("/offers/{id}/answer", tags=["offers"])
async def answer(
    id: UUID, body: requests.OfferAnswer, caller: Annotated[Caller, _who("answer")], once: Key, work: Work
) -> OfferMoved:
    """Accept or refuse: applicant or partner, or a case worker of the company for them on paper. An accepted one may be refused
    until the lease. After the term the answer is kept, the offer stays `no_answer`, and a person judges; but one on paper
    that came in time (`on`) counts, as long as the home was offered to nobody else since."""
    return await _post(once, caller, work, lambda: offers.answer(id, body, caller, work), OfferMoved.of)


@router.post("/offers/{id}/judgement", tags=["offers"])
async def judge(id: UUID, body: requests.Judgement, caller: CaseWorker, once: Key, work: Work) -> OfferMoved:
    """Whether a refusal or silence had a good reason; the newest judgement counts."""
    return await _post(once, caller, work, lambda: offers.judge(id, body, caller, work), OfferMoved.of)


@router.post("/offers/{id}/undo", tags=["offers"])
async def undo(id: UUID, body: requests.Reasoned, caller: CaseWorker, once: Key, work: Work) -> OfferMoved:
    """Take back a refusal or a silence that is on record by mistake: it never counted, whatever was judged. As long as the home
    is free, it can be offered to the same dossier again."""
    return await _post(once, caller, work, lambda: offers.undo(id, body, caller, work), OfferMoved.of)


@router.post("/offers/{id}/withdrawal", tags=["offers"])
async def withdraw(id: UUID, body: requests.Reasoned, caller: CaseWorker, once: Key, work: Work) -> OfferMoved:
    """Take an offer back."""
    return await _post(once, caller, work, lambda: offers.withdraw(id, body, caller, work), OfferMoved.of)


@router.post("/offers/{id}/lease", tags=["offers"])
async def sign(id: UUID, body: requests.Lease, caller: CaseWorker, once: Key, work: Work) -> OfferMoved:
    """The lease of an accepted offer is signed, the balances proven: the turn is final, and the dossier housed."""
    return await _post(once, caller, work, lambda: offers.sign(id, body, caller, work), OfferMoved.of)


async def _post(
    once: Once, caller: Caller, work: PriorityWork, do: Callable[[], Awaitable[T]], read: Callable[[T], R]
) -> R:
    """Do it, and read what came of it; a key that was used already has the answer of then."""
    if once.key is None:
        return read(await do())

    async def effect() -> Mapping[str, Any]:
        answer = read(await do())
        return answer.model_dump(mode="json", by_alias=True) if isinstance(answer, Shape) else {}

    return cast(R, await idempotent(work.connection, caller.subject, once.key, await once.asked(), effect))


def _made(id: UUID) -> Made:
    return Made(id=id)
