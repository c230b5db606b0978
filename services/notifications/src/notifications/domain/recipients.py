"""Who is told, and whether an address may be mailed: the candidate always, a helper only because the candidate agreed,
nobody twice, and no stranger more than a few times a day."""

from collections.abc import Mapping
from typing import Final, Literal
from uuid import UUID

Audience = Literal["candidate", "helper", "referrer", "company"]
HELPER: Final = "helper"
REFERRER: Final = "referrer"
"""The organisation that referred a candidate: told what became of its referral, in a letter of its own."""
COMPANY: Final = "company"
"""The company that treats the dossier."""
OPERATORS_OWN = frozenset({REFERRER, COMPANY})
"""Audiences whose address operators wrote in a file. Those of all others were typed by whoever applied: maybe a stranger's."""

NO_NEWS = frozenset({"draft"})
"""Kinds of which nobody is told: who works at a draft knows it."""
PROOF_ASKED: Final = "proof_asked"
PROVOKED = frozenset({"submitted", "registered", "under_investigation", "withdrawn", PROOF_ASKED})
"""Kinds that a candidate can bring about by himself, again and again. All others take a decision of somebody else."""
NOT_MINE: Final = "not_mine"
"""A reader said that an address is not that of who should read it: a kind of message to the company, and a `Standing`."""

Standing = Literal["confirmed", "not_mine"]
"""Of an address in a dossier: somebody vouched for it, or its reader said that it is not his."""


def recipients(candidate: str | None, helper: str | None) -> Mapping[Audience, str | None]:
    """Audience → email address, of everybody who is told of one happening.

    helper: his address, None where the candidate did not agree. The candidate is always there, with None where no address
    is known: somebody must see that he still has to be told. One address for both gets one mail, the candidate's.
    """
    found: dict[Audience, str | None] = {"candidate": candidate}
    if helper and helper.casefold() != (candidate or "").casefold():
        found[HELPER] = helper
    return found


def standing(dossier: UUID, known: Mapping[UUID, Standing]) -> Standing | None:
    """How an address stands in a dossier. known: dossier → standing, of that address, wherever somebody said anything.

    `not_mine` holds in every dossier but those where the address was confirmed: else whoever names it in a dossier of his
    own could have its owner's mails ended. Confirmed is for one dossier alone: else he could flood its owner.
    """
    return known.get(dossier) or (NOT_MINE if NOT_MINE in known.values() else None)
