"""The sample candidates: one file each in `candidates/`, what is sent and what is to come of it."""

import json
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from deploy.embedded.sources import Person

SOURCES_KNOW = Person.model_fields.keys()
NO_FACTS = ("number", "email", "first_name", "last_name")
"""Keys of a member that no rule reads."""


@dataclass(frozen=True)
class Sample:
    """name: of the file. confirm: ids of the members who do. by: candidate or case_worker (at the counter, on paper).

    sources: member → what the sources know of him beside and instead of what he declares; None: nothing.
    counter: member → facts that the family brings to the counter once it stands as it does without papers.
    expect: {"status", "because": ids of rules, "asks": facts, "mails": [[audience, kind], …]}.
    """

    name: str
    note: str
    post: dict[str, Any]
    confirm: list[str]
    by: str
    expect: dict[str, Any]
    sources: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    counter: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def members(self) -> list[dict[str, Any]]:
        return list(self.post["household"]["members"])

    @property
    def numbers(self) -> dict[str, str]:
        """National register number of each member who has one."""
        return {member["id"]: member["number"] for member in self.members if "number" in member}

    @property
    def logins(self) -> list[str]:
        """Numbers of those who log in: not a child's."""
        return [self.numbers[member["id"]] for member in self.members if not member.get("dependant")]

    @property
    def known(self) -> dict[str, dict[str, Any]]:
        """National register number → what the sources know of that member; whom they do not know is left out."""
        known = {}
        for member in (member for member in self.members if "number" in member):
            declared = {key: member[key] for key in member if key in SOURCES_KNOW}
            names = {member["id"], None} if member["role"] == "applicant" else {member["id"]}
            declared["stays"] = [stay for stay in self.post.get("residence", []) if stay.get("member") in names]
            if (facts := self.sources.get(member["id"], {})) is not None:
                known[member["number"]] = declared | facts
        return known

    @property
    def emails(self) -> list[str]:
        """Addresses that members have of their own: in one sample one member has."""
        return [member["email"] for member in self.members if "email" in member]

    def as_another(self, serial: int, name: str, **called: str) -> "Sample":
        """The same for somebody else of the same age: a person alone, whom nobody helps. called: first_name, last_name."""
        post = json.loads(json.dumps(self.post | {"email": f"{name}@candidates.example", "help": None}))
        [applicant] = post["household"]["members"]
        applicant |= {"number": national_number(applicant["born_on"], serial), **called}
        return replace(self, name=name, post=post)

    @property
    def applicant(self) -> str:
        return next(str(member["number"]) for member in self.members if member["role"] == "applicant")


def national_number(born_on: str, serial: int) -> str:
    """A test number: 60 is added to the month, the check digits are by 97 (from 2000 on with a 2 before the nine)."""
    born = date.fromisoformat(born_on)
    nine = f"{born:%y}{born.month + 60}{born:%d}{serial:03d}"
    return nine + f"{97 - int(('2' if born.year >= 2000 else '') + nine) % 97:02d}"


PEOPLE: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("people.json").read_text("utf-8"))
"""Whom the start page offers to look as: subject → name, who that is in each language, and of those who have no dossier yet
what the sources know."""
SAMPLES = [
    Sample(name=path.stem, **json.loads(path.read_text()))
    for path in sorted(Path(__file__).with_name("candidates").glob("*.json"))
]
