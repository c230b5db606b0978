"""An offer of a home that is checked: whether its household meets the conditions today, or why it gets none now.

What is checked ends: in every settling of its dossier it is declined as soon as that may get no offer, and answered once the
assessment of its own test counts. The sources are waited for no longer than their patience.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from cir_schemas import OfferConfirmed, OfferDeclined
from dossier.domain.acts import OPEN, Offer

if TYPE_CHECKING:
    from dossier.register.register import Register

BALANCES = "balances"


def answer_offers(register: "Register") -> None:
    """Confirm or decline what is checked, as far as it is known. Conditions that are not met are tested as an update: the
    status moves by that."""
    for id_, offer in list(register.standing.offers.items()):
        if offer.act != "check_offer":
            continue
        because, found = hindrances(register, offer), register.row.assessment
        tested = not because
        if tested:
            if found is None or register.awaits_sources or not register.assessed:
                continue
            because = list(_not_met(found))
        about = {"number": register.row.number, "offer": id_} | ({"reasons": because} if because else {})
        register.happenings.append((OfferDeclined if because else OfferConfirmed, about))
        register.conclude("offer_declined" if because else "offer_confirmed", offer=id_, because=because)
        if tested and because:
            register.conclude("open_test", test=str(uuid4()))


def hindrances(register: "Register", offer: Offer) -> list[str]:
    """Why nothing is offered to this dossier now, whatever the conditions are."""
    standing = register.standing
    ours = standing.test and standing.test.id == offer.test
    holds = {
        "closed": standing.closed,
        "not_registered": standing.status in OPEN and standing.status != "registered",
        "on_hold": standing.held,
        "paused": register.paused,
        "confirmation": register.unconfirmed,
        "test_open": standing.status == "registered" and not ours,
    }
    return [reason for reason, held in holds.items() if held]


def _not_met(assessment: Mapping[str, Any]) -> Iterator[str]:
    """The conditions that keep a home from being offered. Unknown balances do not (K): statements are asked with acceptance."""
    for name, one in assessment["conditions"].items():
        if one["effect"] == "bar" and one["outcome"] != "met":
            asked = {ask["fact"] for ask in assessment["asks"] if ask["condition"] == name}
            unknown = one["outcome"] == "to_investigate" and BALANCES in asked
            if not (unknown and (asked == {BALANCES} or _met_without(one.get("figures") or {}))):
                yield name


def _met_without(figures: Mapping[str, Any]) -> bool:
    """Would it be met, whatever else is unknown, if the unknown balances were nil?"""
    least = [figures.get(name) for name in (BALANCES, "limit")]
    held, limit = (one[0] if isinstance(one, list | tuple) else one for one in least)
    return held is not None and limit is not None and Decimal(held) <= Decimal(limit)
