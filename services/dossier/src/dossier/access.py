"""Who may do what with a dossier: one table of relation and status. HTTP and pages ask it, and the tests walk it.

To a caller without a relation a dossier does not exist (404).
"""

from collections.abc import Mapping
from typing import Literal

from dossier.domain.acts import CLOSING, OPEN

Relation = Literal[
    "applicant",  # who started the dossier himself, or confirmed
    "named_applicant",  # started for at the counter, and has not confirmed
    "partner",  # who confirmed
    "named",  # any other adult who has not confirmed
    "co_resident",  # an adult who confirmed that he moves along
    "former",  # who was applicant or partner when the dossier was closed
    "treating",  # a case worker of the company that treats the dossier
    "wanted",  # a case worker of the company of another municipality that is wanted
    "helper",  # the organisation that helps, with consent
    "register",  # the register itself: it acts, and asks nobody
]
View = Literal["whole", "outcomes", "asked", "own"]
VIEW: Mapping[Relation, View] = {
    "applicant": "whole",
    "partner": "whole",
    "former": "whole",
    "treating": "whole",
    "wanted": "outcomes",  # status and outcomes: no contacts, no amount, no document
    "helper": "asked",  # status, what is asked, and what became of the documents that he uploaded
    "named_applicant": "own",  # who is in the household, and his own facts
    "named": "own",
    "co_resident": "own",
}
"""What somebody sees of a dossier."""

_CHANGE = ("change_household", "change_contacts", "change_wishes", "upload")
_DECIDE = ("hold", "wake", "appeal", "undo")
_COUNTER = ("confirm", "withdraw", "deceased", "leave", "keep_date", "refuse", "strike", "interpret", "answer_appeal")
_TABLE: Mapping[Relation, Mapping[Literal["draft", "open", "closed"], tuple[str, ...]]] = {
    "applicant": {
        "draft": ("submit", "confirm", *_CHANGE, "erase"),
        "open": ("confirm", *_CHANGE, *_DECIDE, "withdraw", "leave"),
    },
    "named_applicant": {
        "draft": ("confirm", "erase"),
        "open": ("confirm", "appeal", "withdraw", "leave"),
        "closed": ("appeal",),
    },
    "partner": {"draft": ("submit", *_CHANGE, "decline"), "open": (*_CHANGE, *_DECIDE, "decline")},
    "named": {"draft": ("confirm", "decline"), "open": ("confirm", "decline")},
    "co_resident": {"draft": ("decline",), "open": ("decline",)},
    "former": {"closed": ("appeal", "change_contacts", "leave", "decline")},
    "treating": {
        "draft": ("submit", "confirm", *_CHANGE),
        "open": (*_CHANGE, *_COUNTER, *_DECIDE),
        "closed": ("reinstate", "appeal", "answer_appeal", "undo", "change_contacts", "deceased", "leave", "decline"),
    },
    "wanted": {},
    "helper": {"draft": ("upload",), "open": ("upload",)},
}


def allowed(relation: Relation, status: str) -> tuple[str, ...]:
    """What somebody in this relation may do with a dossier in this status, whether or not it is the time for it."""
    when: Literal["draft", "open", "closed"] = "open" if status in OPEN else "closed" if status in CLOSING else "draft"
    return _TABLE[relation].get(when, ())


def ever_allowed(relation: Relation, action: str) -> bool:
    """May somebody in this relation do it with a dossier in some status? (Who was a candidate might have before.)"""
    was: tuple[Relation, ...] = ("former", "applicant") if relation == "former" else (relation,)
    return any(action in actions for one in was for actions in _TABLE[one].values())
