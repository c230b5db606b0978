"""An offer is a state machine: from somebody who is first for a vacancy to a signed lease, or to why there was none."""

from collections.abc import Mapping
from datetime import date
from typing import Literal

NEXT: Mapping[str, tuple[str, ...]] = {
    "checking": ("declined", "open", "withdrawn", "lapsed"),
    "open": ("accepted", "refused", "no_answer", "withdrawn", "lapsed"),
    "accepted": ("signed", "refused", "withdrawn", "lapsed"),
    "no_answer": ("accepted", "refused"),
    "declined": ("lapsed",),
}
"""State → those that may follow; a silence gives way to an answer on paper that came in time, and what was declined lapses once
the reason has passed: the home may be offered to the same dossier again."""
LIVE = ("checking", "open", "accepted")
"""States in which an offer is under way."""
HOLDS = (*LIVE, "signed")
"""States in which nothing else is offered to its dossier, nor its vacancy to anybody else."""
NOT_AGAIN = ("declined", "refused", "no_answer")
"""States after which the same vacancy is not offered to the same dossier."""
REFUSALS = ("refused", "no_answer")
"""States that a person judges."""
UNDONE = {**dict.fromkeys(REFUSALS, "withdrawn"), "signed": "accepted"}
"""States that may be on record by mistake → the state once that is taken back."""
CLOSED = ("refused", "struck", "withdrawn", "housed")
"""Statuses in which a dossier waits for nothing any more."""


class NotTheTime(ValueError):
    """What the state of the offer does not allow."""


def check(was: str, now: str) -> None:
    """Raises `NotTheTime` where this state does not follow."""
    if now not in NEXT.get(was, ()):
        raise NotTheTime(f"This offer is {was}, so it cannot become {now}.")


def answered(was: str, answer: Literal["accept", "refuse"], on: date, answer_by: date | None) -> str:
    """The state after an answer that came on that day; past the term that stays `no_answer`, and a person judges. One on
    paper that came in time counts though it is put on record after a silence. Raises `NotTheTime`."""
    if was in ("open", "no_answer") and is_over(on, answer_by):
        return "no_answer"
    now = {"accept": "accepted", "refuse": "refused"}[answer]
    check(was, now)
    return now


def undo(was: str) -> str:
    """The state after what is on record by mistake was taken back. A refusal or a silence was no answer of the candidate: the
    offer never counted, and who is first for the home, if it is free still, is read anew. After a lease the home stays his, as he
    accepted it. Raises `NotTheTime`."""
    if was not in UNDONE:
        raise NotTheTime(f"This offer is {was}: a refusal, a silence or a lease alone is taken back.")
    return UNDONE[was]


def acts(state: str, answered_late: bool) -> list[str]:
    """What people may do about an offer in this state."""
    follows = NEXT.get(state, ())
    possible = {
        "answer": "refused" in follows and not answered_late,
        "judge": state in REFUSALS,
        "undo": state in UNDONE,
        "withdraw": "withdrawn" in follows,
        "sign": "signed" in follows,
    }
    return [act for act, holds in possible.items() if holds]


def is_over(on: date, answer_by: date | None) -> bool:
    """Whether the term to answer has passed; its last day is in."""
    return answer_by is not None and on > answer_by


def lapses(state: str, status: str, on_hold: bool, ours: bool) -> bool:
    """Whether the act of somebody that gave a dossier this status, or put it on hold, ends its offer. An assessment does not,
    nor `housed`: no other home was let to it, so that is of a lease of this offer, taken back, which dossier has yet to read.

    ours: the company that offers treats the dossier. A hold of another one takes no open offer of this one, and a candidate, who
    answers before he puts his dossier on hold, has none then."""
    held = on_hold and (state == "checking" or (state == "open" and ours))
    return state in LIVE and status != "housed" and (status in CLOSED or held)
