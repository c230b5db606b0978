"""Appeals (verhaal): who makes one in time (terms.yaml), and the answer. A late one is marked, never dropped."""

from calendar import monthrange
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, TypeAdapter

from cir_chassis.problems import Conflict, Problem
from cir_chassis.yaml_file import read_yaml
from dossier.register.opening import available
from dossier.register.register import Register
from dossier.register.requests import ActionRequest
from dossier.register.store import RegisterWork


class Term(BaseModel):
    """A time: calendar months, then days."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    months: int = 0
    days: int = 0

    def after(self, day: date) -> date:
        """The day on which it ends, which is still in time. A month without that day: its last."""
        year, month = divmod(day.year * 12 + day.month - 1 + self.months, 12)
        return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1])) + timedelta(self.days)


class AppealTerms(BaseModel):
    """The terms from a day on; no_decision: how long one stays out before the term against that begins; after_refusal: how long
    no home is offered after a first refusal without a good reason."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    since: date | None
    mark: Literal["S", "D", "F", "K"]
    after_notice: Term
    other_preferred: Term
    no_decision: Term
    against_none: Term
    after_refusal: Term

    def late(self, ground: str, sent_on: date, *, notified_on: date | None, applied_on: date) -> bool:
        """Was it sent too late? notified_on: the notice of the decision; None: not known here, or none was taken."""
        if notified_on:
            term = self.other_preferred if ground == "other_preferred" else self.after_notice
            return sent_on > term.after(notified_on)
        return ground == "not_registered" and sent_on > self.against_none.after(self.no_decision.after(applied_on))


TERMS = TypeAdapter(list[AppealTerms]).validate_python(read_yaml(Path(__file__).with_name("terms.yaml")))


def terms_on(day: date) -> AppealTerms:
    """The terms in force; the oldest known where the day lies before them."""
    return next((one for one in reversed(TERMS) if one.since is None or one.since <= day), TERMS[0])


async def appeal(body: ActionRequest, register: Register, work: RegisterWork) -> dict[str, Any]:
    """A candidate appeals, or a letter of his is put on record. It moves nothing."""
    now, ground = register.standing, str(body.ground)
    closing = ground in ("struck", "not_registered")
    if closing and not now.closed and (ground == "struck" or now.status == "registered"):
        raise Problem(422, "There is no such decision.", [("ground", f"this dossier is {now.status}")])
    against = now.closed_by if closing else None
    if (against or ground) in [one.against or one.ground for one in now.appeals]:
        raise Conflict("An appeal against this waits for its answer.", available=await available(register, work))
    decided = [one.act.recorded_on for one in await work.acts_of(register.row.id) if str(one.id) == against]
    sent_on, notified_on = body.on or work.today, next(iter(decided), body.notified_on)
    assert now.submitted_on
    terms = terms_on(notified_on or now.submitted_on)
    late = terms.late(ground, sent_on, notified_on=notified_on, applied_on=now.submitted_on)
    register.decision = "appealed_late" if late else "appealed"
    return {"ground": ground, "late": late, "against": against}


async def answer_appeal(body: ActionRequest, register: Register, work: RegisterWork) -> dict[str, Any]:
    """Upheld, it opens in the same act the dossier that was closed by what it is against."""
    waiting = [one for one in register.standing.appeals if body.ground in (None, one.ground)]
    errors = [] if body.upheld is not None else [("upheld", "true or false")]
    if len({one.ground for one in waiting}) != 1:
        which = ", ".join(sorted({one.ground for one in register.standing.appeals}))
        errors.append(("ground", f"names the appeal: {which}"))
    if errors:
        raise Problem(422, "Which appeal is answered, and how? See errors. Nothing was stored.", errors)
    register.decision = "appeal_upheld" if body.upheld else "appeal_rejected"
    answered = waiting[0]
    return {"appeal": answered.act, "ground": answered.ground, "upheld": body.upheld, "test": str(uuid4())}
