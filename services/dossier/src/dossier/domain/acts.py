"""The acts on record of a dossier, and what they add up to: status, dates and open test follow from one pure fold.

An act is never changed: a mistake is followed by an `undo` that refers to it. Only a person refuses or strikes.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import reduce
from typing import Any, Literal

CLOSING = ("withdrawn", "refused", "struck", "housed")
OPEN = ("submitted", "under_investigation", "registered")
CLOSES = {"withdraw": "withdrawn", "refuse": "refused", "strike": "struck", "lease": "housed"}
"""Act → the status it gives, until somebody reinstates the dossier."""
UNDONE_THE_SAME_DAY = ("refuse", "strike", "hold", "wake", "answer_appeal", "interpret")
"""Acts that who took them may take back on that day, until the next of `DECISIONS`."""
DECISIONS = (*UNDONE_THE_SAME_DAY, "withdraw", "reinstate", "deceased", "uphold", "keep_struck")
Side = Literal["company", "candidate"]
"""Whose hold it is: who set it ends it, and both may hold at once."""
Part = Literal["candidate", "co_resident"]
"""What somebody confirmed to take part as: a candidate (applicant or partner), or one who moves along."""


@dataclass(frozen=True)
class Act:
    """One act. on: the day it happened. `refers`: to what, by kind: see `after`; with any act that changes who is in the
    household stand `left` (person → part that he had confirmed, or None), `joined`, and `no_candidates`: persons who are
    partner no more; `recorded_on`, where that was another day."""

    id: str
    kind: str
    on: date
    person: str | None = None
    refers: Mapping[str, Any] = field(default_factory=dict)

    @property
    def recorded_on(self) -> date:
        """The day on which it was put on record."""
        day = self.refers.get("recorded_on")
        return date.fromisoformat(day) if day else self.on


@dataclass(frozen=True)
class OpenTest:
    """A test of the conditions: the day on which it was opened stays its reference date."""

    id: str
    moment: str
    reference_date: date
    registered_on: date | None = None


@dataclass(frozen=True)
class Appeal:
    """An appeal (verhaal) that waits for its answer. against: the act that closed the dossier, where it is against that."""

    act: str
    ground: str
    against: str | None = None


@dataclass(frozen=True)
class Offer:
    """An offer of a home, as far as it matters here. act: the kind of the last act about it; at: when the newest event of it was
    published; test: the one that was opened for it; refused_on: the day of a refusal or silence without a good reason;
    paused_until: no offers before that day; weighed: a person opened the dossier again since then; company: that offers."""

    act: str
    at: datetime | None = None
    test: str | None = None
    refused_on: date | None = None
    paused_until: date | None = None
    weighed: bool = False
    company: str | None = None


@dataclass(frozen=True)
class Standing:
    """What the acts add up to.

    submitted_on: the day of application; starter: the person who started the dossier himself; confirmed: person → part;
    joined: person → day, of everybody who joined after the application; counted: the outcome of the assessment that counted
    last; tested: the facts (version) and rules (hash) of that one; test: the open one; closed: the status that a closing act
    gave; closed_by: that act, none where it was a death; interrupted: the test that was open then; held: who put it on hold →
    that act; appeals: those without an answer, oldest first; kept_date: the former date that a case worker let the applicant
    keep; struck_for: how many unfounded refusals there were as a person struck it for a second one, or let that stand; offers: id
    → offer.
    """

    submitted_on: date | None = None
    starter: str | None = None
    confirmed: dict[str, Part] = field(default_factory=dict)
    joined: dict[str, date] = field(default_factory=dict)
    counted: str | None = None
    tested: tuple[int, str] | None = None
    test: OpenTest | None = None
    closed: str | None = None
    closed_by: str | None = None
    interrupted: OpenTest | None = None
    held: dict[Side, str] = field(default_factory=dict)
    appeals: tuple[Appeal, ...] = ()
    kept_date: date | None = None
    struck_for: int | None = None
    offers: dict[str, Offer] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """One of `cir_schemas.types.Status`. An outcome "not_met" is no refusal: it is investigated."""
        if self.closed or self.submitted_on is None:
            return self.closed or "draft"
        if self.counted is None:
            return "submitted"
        return "registered" if self.counted == "met" else "under_investigation"

    @property
    def registered_on(self) -> date | None:
        """The registration date: the day of application, or the former date that was kept, once an assessment counted."""
        return (self.kept_date or self.submitted_on) if self.counted else None

    @property
    def never_registered(self) -> bool:
        """Is the test of the registration still open? It ends only as the conditions are met."""
        return self.test is not None and self.test.moment == "registration"

    @property
    def accepted(self) -> bool:
        """Is an offer accepted whose lease is not signed yet?"""
        return any(one.act == "offer_accepted" for one in self.offers.values())

    @property
    def offered(self) -> bool:
        """Does an offer wait for an answer of its candidates?"""
        return any(one.act == "offer_confirmed" for one in self.offers.values())

    @property
    def unfounded(self) -> list[Offer]:
        """Those that were refused, or not answered, without a good reason: the first one first."""
        found = [(one.refused_on, one) for one in self.offers.values() if one.refused_on]
        return [one for _, one in sorted(found, key=lambda dated: dated[0])]

    @property
    def struck_for_too_much(self) -> bool:
        """Is it struck for a second refusal, and do fewer count than a person knew of?"""
        counts = len(self.unfounded)
        return self.closed == "struck" and self.struck_for is not None and counts < min(self.struck_for, 2)

    @property
    def paused_until(self) -> date | None:
        """The day before which no home is offered, after the first of them."""
        return self.unfounded[0].paused_until if self.unfounded else None


def standing(acts: Sequence[Act]) -> Standing:
    """What all the acts of one dossier add up to, oldest first; what was undone never happened."""
    undone = {id_ for act in acts if act.kind == "undo" for id_ in (act.refers["act"], *act.refers.get("assessed", ()))}
    return reduce(after, (act for act in acts if act.id not in undone), Standing())


def after(before: Standing, act: Act) -> Standing:
    """What one more act makes of it. An `undo` needs them all: `standing`."""
    refers = act.refers
    left = refers.get("left", {})
    here = replace(
        before,
        starter=None if before.starter in left else before.starter,
        confirmed={
            person: "co_resident" if person in refers.get("no_candidates", ()) else part
            for person, part in before.confirmed.items()
            if person not in left
        },
        joined={person: day for person, day in before.joined.items() if person not in left}
        | dict.fromkeys(refers.get("joined", ()) if before.submitted_on else (), act.on),
    )
    if "offer" in refers:
        here = _of_offer(here, act)
    match act.kind:
        case "start":
            return replace(here, starter=act.person)
        case "submit":
            return replace(here, submitted_on=act.on, test=OpenTest(refers["test"], "registration", act.on))
        case "confirm":
            assert act.person
            return replace(here, confirmed=here.confirmed | {act.person: refers["part"]})
        case "assessed" if here.test and here.test.id == refers["test"]:
            ended = None if refers["outcome"] == "met" else here.test
            return replace(here, counted=refers["outcome"], tested=(refers["facts"], refers["rules"]), test=ended)
        case "open_test" if not here.closed:
            return replace(here, test=OpenTest(refers["test"], "update", act.on, here.registered_on))
        case "keep_date":
            return replace(here, kept_date=date.fromisoformat(refers["date"]))
        case "check_offer" if here.status == "registered" and here.test is None:
            return replace(here, test=OpenTest(refers["test"], "allocation", act.on, here.registered_on))
        case "withdraw" | "refuse" | "strike" | "lease" if not here.closed:
            test = here.test if here.test and here.test.moment != "allocation" else None  # that one ends with its offer
            counts = len(here.unfounded) if refers.get("ground") == "second_refusal" else None
            here = replace(here, test=None, interrupted=test, struck_for=counts)
            return replace(here, closed=CLOSES[act.kind], closed_by=act.id)
        case "keep_struck":
            return replace(here, struck_for=len(here.unfounded))
        case "lease" if here.closed_by:  # somebody closed it before that was known here
            return replace(here, closed=CLOSES[act.kind], closed_by=act.id)
        case "deceased" if refers["closes"]:
            return replace(here, closed=here.closed or "withdrawn", closed_by=None, test=None)
        case "hold":
            return replace(here, held=here.held | {refers["side"]: act.id})
        case "wake":
            held = {side: hold for side, hold in here.held.items() if side != refers["side"]}
            if refers["side"] == "candidate" or held == here.held:  # the company's hold is not the candidate's pause
                here = replace(here, offers=_each(here, paused_until=None))
            return replace(here, held=held)
        case "reinstate" if here.closed_by:
            return _reopened(here, act)
        case "lease_undone" if here.closed == "housed":  # by this lease: priority takes back the newest one alone
            return replace(_reopened(here, act), offers=here.offers)
        case "appeal":
            return replace(here, appeals=(*here.appeals, Appeal(act.id, refers["ground"], refers.get("against"))))
        case "answer_appeal":
            answered = [one.against for one in here.appeals if one.act == refers["appeal"]]
            here = replace(here, appeals=tuple(one for one in here.appeals if one.act != refers["appeal"]))
            return _reopened(here, act) if refers["upheld"] and here.closed_by and here.closed_by in answered else here
    return here


def _reopened(here: Standing, act: Act) -> Standing:
    """As before it was closed. A test that was open is opened anew, for the day on which that is recorded."""
    test = here.interrupted and replace(here.interrupted, id=act.refers["test"], reference_date=act.recorded_on)
    offers = _each(here, weighed=True)
    return replace(here, closed=None, closed_by=None, interrupted=None, test=test, offers=offers)


def _of_offer(here: Standing, act: Act) -> Standing:
    """What becomes of an offer. The test that was opened for it is open as long as it is checked."""
    refers, known = act.refers, here.offers.get(act.refers["offer"], Offer(act.kind))
    at = datetime.fromisoformat(refers["at"]) if "at" in refers else known.at
    test = refers["test"] if act.kind == "check_offer" else known.test
    about = {"test": test, "company": refers.get("company", known.company)}
    kind = "offer_accepted" if act.kind == "lease_undone" else act.kind
    now = replace(known, act=kind, at=at, refused_on=None, paused_until=None, **about)
    if act.kind in ("refusal_founded", "refusal_unfounded"):
        refused_on, until = (refers.get(name) for name in ("refused_on", "paused_until"))
        paused = date.fromisoformat(until) if until else None
        now = replace(now, refused_on=refused_on and date.fromisoformat(refused_on), paused_until=paused, weighed=False)
    ended = here.test and here.test.id == now.test and act.kind != "check_offer"
    return replace(here, offers=here.offers | {refers["offer"]: now}, test=None if ended else here.test)


def _each(here: Standing, **changed: Any) -> dict[str, Offer]:
    return {id_: replace(one, **changed) for id_, one in here.offers.items()}


@dataclass(frozen=True)
class Situation:
    """What the possible actions depend on beside the role: the acts, the caller's member id, whether a case worker acts, persons
    to confirm, a partner who did, an act to undo, a document to judge, the applicant's member id, a pause after a refusal."""

    standing: Standing
    himself: str | None = None
    at_counter: bool = False
    unconfirmed: Collection[str] = ()
    confirmed_partner: bool = False
    undoable: bool = False
    uploaded: bool = False
    applicant: str | None = None
    paused: bool = False

    @property
    def held(self) -> bool:
        """Does the caller's side hold it?"""
        return ("company" if self.at_counter else "candidate") in self.standing.held


_TIME: Mapping[str, Callable[[Situation], bool]] = {  # on paper a case worker confirms and withdraws for others
    "confirm": lambda now: bool(now.unconfirmed) if now.at_counter else now.himself in now.unconfirmed,
    "withdraw": lambda now: now.at_counter or not now.confirmed_partner,
    "leave": lambda now: now.confirmed_partner and (now.at_counter or now.himself == now.applicant),
    "decline": lambda now: now.himself is None or now.himself != now.applicant,
    "deceased": lambda now: not now.standing.closed or now.standing.closed_by is not None,
    "undo": lambda now: now.undoable,
    "refuse": lambda now: now.standing.never_registered,
    "strike": lambda now: not now.standing.never_registered,
    "hold": lambda now: not now.held,
    "wake": lambda now: now.held or now.paused,
    "answer_appeal": lambda now: bool(now.standing.appeals),
    "reinstate": lambda now: now.standing.closed_by is not None,
    "interpret": lambda now: now.uploaded,
}
"""Action → is it the time for it? One that is not here may be taken at any."""


def available_actions(allowed: Iterable[str], now: Situation) -> list[str]:
    """Which of the allowed actions can be taken now."""
    return [action for action in allowed if action not in _TIME or _TIME[action](now)]
