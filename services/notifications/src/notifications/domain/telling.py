"""Who is told: the candidate always, a helper only because the candidate agreed, and nobody twice."""

from collections.abc import Mapping
from typing import Final, Literal

Audience = Literal["candidate", "helper", "referrer"]
REFERRER: Final = "referrer"
"""The organisation that referred a candidate: told what became of its referral, in a letter of its own."""

NO_NEWS = frozenset({"draft"})
"""Kinds of which nobody is told: who works at a draft knows it."""


def addressees(candidate: str | None, helper: str | None) -> Mapping[Audience, str | None]:
    """Audience → email address, of everybody who is told of one happening.

    helper: his address, None where the candidate did not agree. The candidate is always there, with None where no address
    is known: somebody must see that he still has to be told. One address for both gets one mail, the candidate's.
    """
    told: dict[Audience, str | None] = {"candidate": candidate}
    if helper and helper.casefold() != (candidate or "").casefold():
        told["helper"] = helper
    return told
