"""What people do with certificates."""

import secrets
from typing import Any

from cir_chassis.login import Caller
from cir_chassis.problems import Conflict, NotAllowed
from cir_schemas.types import DossierRef
from dossier.access import VIEW
from dossier.certificates import store
from dossier.register.opening import opened
from dossier.register.store import RegisterWork, read_standing

_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # none that is taken for another on paper
_GROUPS, _EACH = 5, 5  # 125 bits: nobody guesses one


async def certify(ref: DossierRef, caller: Caller, work: RegisterWork) -> dict[str, Any]:
    """What the certificate says: number, day, company, the candidates who confirmed, and the code of this registration.

    Raises `NotAllowed` where the caller does not see the whole dossier, `Conflict` where it is not registered.
    """
    register = await opened(ref, caller, work, lock=True)  # two at once are given one code
    if VIEW[register.actor.relation] != "whole":
        raise NotAllowed("a certificate is for the candidates and for the company that treats their dossier")
    row, since = register.row, register.standing.registered_on
    if row.status != "registered" or since is None:
        raise Conflict("Only a dossier that is registered has a certificate.")
    drawn = "".join(secrets.choice(_LETTERS) for _ in range(_GROUPS * _EACH))
    code = await store.code_of(work, row.id, since, drawn)
    company = await work.company_name(row.company)
    candidates = [one for one in (register.applicant, register.confirmed_partner) if one]
    names = [(one.role, " ".join(filter(None, map(one.sheet.get, ("first_name", "last_name"))))) for one in candidates]
    return {
        "language": row.language,
        "number": row.number,
        "registered_on": since.isoformat(),
        "made_on": work.today.isoformat(),
        "company": company,
        "who": [{"role": role, "name": name or None} for role, name in names],
        "code": "-".join(code[n : n + _EACH] for n in range(0, len(code), _EACH)),
    }


async def holds(code: str, work: RegisterWork) -> bool:
    """Whether the dossier that this code was given for is still registered, since the same day."""
    plain = code.replace("-", "").replace(" ", "").upper()
    if set(plain) - set(_LETTERS) or (found := await store.find(work, plain)) is None:
        return False
    dossier, since = found
    await work.load([dossier], lock=False)
    return read_standing(work.dossiers.get(dossier)).registered_on == since
