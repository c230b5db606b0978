"""The sample candidates: one file each in `candidates/`, what is sent and what is to come of it."""

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Sample:
    """name: of the file. confirm: ids of the members who do. by: candidate or case_worker (at the counter, on paper).

    expect: {"status", "because": ids of rules, "asks": facts, "mails": [[audience, kind], …]}.
    """

    name: str
    note: str
    post: dict[str, Any]
    confirm: list[str]
    by: str
    expect: dict[str, Any]

    @property
    def members(self) -> list[dict[str, Any]]:
        return list(self.post["household"]["members"])

    @property
    def numbers(self) -> dict[str, str]:
        """National register number of each member who has one."""
        return {member["id"]: member["number"] for member in self.members if "number" in member}

    @property
    def emails(self) -> list[str]:
        """Addresses that members have of their own: in one sample one member has."""
        return [member["email"] for member in self.members if "email" in member]

    @property
    def applicant(self) -> str:
        return next(str(member["number"]) for member in self.members if member["role"] == "applicant")


def national_number(born_on: str, serial: int) -> str:
    """A test number: 60 is added to the month, the check digits are by 97 (from 2000 on with a 2 before the nine)."""
    born = date.fromisoformat(born_on)
    nine = f"{born:%y}{born.month + 60}{born:%d}{serial:03d}"
    return nine + f"{97 - int(('2' if born.year >= 2000 else '') + nine) % 97:02d}"


SAMPLES = [
    Sample(name=path.stem, **json.loads(path.read_text()))
    for path in sorted(Path(__file__).with_name("candidates").glob("*.json"))
]
