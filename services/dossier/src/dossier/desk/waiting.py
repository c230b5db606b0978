"""What of a dossier waits for a human eye and could still decide something: worked out anew as it settles, kept in its row."""

from collections.abc import Iterator, Mapping
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from cir_chassis.clock import BELGIUM
from dossier.domain.acts import OPEN
from dossier.facts.compose import contradicts, key_of
from dossier.register.offers import BALANCES

if TYPE_CHECKING:
    from dossier.register.register import Register

PATIENCE = timedelta(days=30)  # K: for everybody to confirm


def waits(register: "Register") -> dict[str, str]:
    """What waits → since when, which may come yet. Its name: a kind and, where a dossier may have several, which."""
    known, now = register.before.waits, register.work.now
    return {name: at.isoformat() if at else known.get(name, now.isoformat()) for name, at in _waiting(register)}


def waits_from(waits: Mapping[str, str]) -> datetime | None:
    """When the first of them begins to wait."""
    return min(map(datetime.fromisoformat, waits.values()), default=None)


def _waiting(register: "Register") -> Iterator[tuple[str, datetime | None]]:
    """What waits, and since when; none: since it is there."""
    row, work = register.row, register.work
    for one in register.standing.appeals:
        yield f"appeal.{one.act}", None
    if register.standing.struck_for_too_much:
        yield "struck", None
    if row.status not in OPEN:
        return
    decides = _decides(register)
    for member, person in register.persons.items():
        for key, brought in row.uploaded.get(person, {}).items():
            if decides is None or (member, key) in decides or (key == BALANCES and register.standing.accepted):
                yield f"document.{brought['document']}", None
    unfounded = register.standing.unfounded
    if len(unfounded) > 1 and not all(one.weighed for one in unfounded):
        yield "refusals", None
    if register.unconfirmed:
        known = register.before.waits.get("unconfirmed")
        yield "unconfirmed", datetime.fromisoformat(known) if known else work.now + PATIENCE
    if row.proof_due_on:
        days = row.proof_due_on - work.today + timedelta(days=1)  # not a day by itself: a demo's stands still
        yield "term", datetime.combine(work.now.astimezone(BELGIUM) + days, time(), BELGIUM)
    for member, person in register.persons.items():
        if any(map(contradicts, row.layers.get(person, {}).values())):
            yield f"contradiction.{member}", None


def _decides(register: "Register") -> set[tuple[str, str | None]] | None:
    """(member, key) of the facts that could give another outcome; None where the newest assessment is of others."""
    found = register.row.assessment
    if not (found and register.row.uploaded and register.assessed):
        return None
    rights = register.composed().rights
    asks = [*found["asks"], *found["could_claim"]]
    return {(ask["person"], key_of(ask["fact"], rights.get(ask["person"], ()))) for ask in asks}
