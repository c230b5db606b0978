"""Made-up households as candidates would declare them, and the law's answer to each by `python -m eligibility assess`."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from deploy.embedded import ROOT
from deploy.embedded.samples import national_number

REFERENCE_DATE = "2024-03-20"


@dataclass(frozen=True)
class Case:
    """name: unique, also part of every address. verdict: what the law says of it, as `assess --json` prints it.

    facts_version: of `post`, an even one; with each before it they told what is in `first`, then `post`, and so on.
    """

    name: str
    post: dict[str, Any]
    verdict: dict[str, Any]
    facts_version: int = 2

    @property
    def status(self) -> str:
        return "registered" if self.verdict["outcome"] == "met" else "under_investigation"

    @property
    def first(self) -> dict[str, Any]:
        """The household as it was told first: with as much as a request may hold, an event of some 5 kB."""
        first, *others = self.post["household"]["members"]
        rights = [{"right": "full_ownership", "object": "dwelling", "country": "BE"}] * 20
        incomes = [{"year": year, "jointly_taxable": "90000.00"} for year in range(2003, 2023)]
        first = first | {"balances": "900000.00", "real_rights": rights, "incomes": incomes}
        return self.post | {"household": {"members": [first, *others]}}

    @property
    def mails(self) -> list[tuple[str, str, str]]:
        """(audience, kind, address) of each mail that is due."""
        kinds = ("submitted", self.status)
        due = [("candidate", kind, self.post["email"]) for kind in kinds]
        if self.post["help"] and self.post["help"]["inform"]:
            due += [("helper", kind, self.post["help"]["email"]) for kind in kinds]
        return sorted(due)

    @property
    def adults(self) -> dict[str, str]:
        """Member id → national number."""
        return {m["id"]: m["number"] for m in self.post["household"]["members"] if "number" in m}


def cases(count: int, seed: int, folder: Path, versions: int = 2) -> list[Case]:
    """count households with what the law says of each; the same seed gives the same ones, another one other people.

    versions: of the facts of each.
    """
    random = Random(seed)
    posts = [_post(random, n, f"c{seed}-{n}", seed) for n in range(count)]
    file = folder / f"households-{seed}.jsonl"
    file.write_text("".join(json.dumps(_to_assess(post)) + "\n" for post in posts))
    command = [sys.executable, "-m", "eligibility", "assess", str(file), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    verdicts = [json.loads(line) for line in done.stdout.splitlines()]
    both = enumerate(zip(posts, verdicts, strict=True))
    return [Case(f"c{seed}-{n}", post, verdict, versions) for n, (post, verdict) in both]


def _to_assess(post: dict[str, Any]) -> dict[str, Any]:
    members = [{k: v for k, v in member.items() if k != "number"} for member in post["household"]["members"]]
    return {"reference_date": REFERENCE_DATE, "members": members}


def _post(random: Random, n: int, name: str, serial: int) -> dict[str, Any]:
    year, serial = 1950 + n % 50, serial + 2 * (n // 700)
    members = [_candidate(random, "p1", "applicant", f"{year}-03-{1 + n % 28:02d}", serial)]
    if random.random() < 0.4:
        members.append(_candidate(random, "p2", "partner", f"{year}-08-{1 + n % 28:02d}", serial + 1))
    for k in range(random.choice((0, 0, 0, 1, 2, 4))):
        child = {"id": f"c{k}", "role": "co_resident", "born_on": f"20{10 + k}-05-01", "dependant": True}
        members.append(child | ({"recognised_handicap": random.random() < 0.1} if random.random() < 0.9 else {}))
    help: dict[str, Any] | None = None
    if random.random() < 0.5:
        kind = random.choice(("ocmw", "other_organisation"))
        help = {"kind": kind, "organisation": "Wegwijs", "email": f"{name}@helpers.example"}
        help["inform"] = bool(random.random() < 0.5)
    return {
        "household": {"members": members},
        "municipality": "24062",
        "language": random.choice(("nl", "en")),
        "email": f"{name}@candidates.example",
        "help": help,
    }


def _candidate(random: Random, id: str, role: str, born_on: str, serial: int) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "residence": random.choice(("population_register",) * 8 + ("waiting_register",)),
        "recognised_handicap": random.random() < 0.1,
        "incomes": [{"year": random.choice((2022, 2023)), "jointly_taxable": f"{random.randrange(36_000)}.{n:02d}"}]
        if (n := random.randrange(100)) < 95
        else [],
        "balances": random.choice(("0", "1200.00", "29515.00", "29515.01", "90000.00")),
        "real_rights": [],
        "language": random.choice(("known", "not_known", "exempt")),
    }
    if random.random() < 0.2:
        right: dict[str, Any] = {
            "right": random.choice(("bare_ownership", "full_ownership")),
            "object": "dwelling",
            "country": "BE",
        }
        if random.random() < 0.6:
            right |= {"exception": "separation", "proof": random.choice((None, "uploaded", "interpreted", "rejected"))}
        facts["real_rights"] = [right]
    if random.random() < 0.2:
        facts["set_aside"] = {
            "ground": "budget_guidance",
            "proof": random.choice((None, "uploaded", "interpreted", "rejected")),
        }
    if random.random() < 0.2:
        del facts[random.choice(sorted(facts.keys() - {"set_aside"}))]
    return {"id": id, "role": role, "born_on": born_on, "number": national_number(born_on, serial), **facts}
