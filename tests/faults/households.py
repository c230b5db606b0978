"""Made-up households as they apply, and the law's answer to each by `python -m eligibility assess`.

Some are started and changed at the counter, where every fact is established as it is sent; the others by the candidate,
of whom the sources know the same, and his declaration counts only where it counts alone.
"""

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
CANDIDATES = ("applicant", "partner")
UNANSWERABLE = ("id", "role", "number", "balances", "set_aside")  # of a member, and of which no source knows


@dataclass(frozen=True)
class Case:
    """name: unique, also part of every address. online: the candidate acts himself; else a case worker starts and changes it.

    known: number → what the sources know of that member. household: what counts of it; verdict: what the law says of that.
    Both as `assess --json` has them. versions: of the facts, as people tell them, an even number: what is in `first`, then
    `post`, and so on.
    """

    name: str
    post: dict[str, Any]
    online: bool
    known: dict[str, dict[str, Any]]
    household: dict[str, Any]
    verdict: dict[str, Any]
    versions: int = 2

    @property
    def facts_version(self) -> int:
        """The last: all that the sources answer about one person draws one."""
        return self.versions + len(self.known)

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
        return {m["id"]: m["number"] for m in self.post["household"]["members"] if m["role"] in CANDIDATES}


def cases(count: int, seed: int, folder: Path, versions: int = 2, *, known: bool = True) -> list[Case]:
    """count households with what the law says of each; the same seed gives the same ones, another one other people.

    versions: of the facts of each. known: do the sources know who applies online?
    """
    random = Random(seed)
    posts = [_post(random, n, f"c{seed}-{n}", seed) for n in range(count)]
    online = [n % 4 > 0 and not _proofs(post) for n, post in enumerate(posts)]
    knowing = [_known(post) if himself and known else {} for post, himself in zip(posts, online, strict=True)]
    file = folder / f"households-{seed}.jsonl"
    counting = list(map(_counting, posts, online, knowing))
    file.write_text("".join(json.dumps(household) + "\n" for household in counting))
    command = [sys.executable, "-m", "eligibility", "assess", str(file), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    verdicts = [json.loads(line) for line in done.stdout.splitlines()]
    all_of_it = enumerate(zip(posts, online, knowing, counting, verdicts, strict=True))
    return [Case(f"c{seed}-{n}", *one, versions) for n, one in all_of_it]


def _proofs(post: dict[str, Any]) -> list[str]:
    """The proofs that only a case worker may enter."""
    claims = [
        claim
        for member in post["household"]["members"]
        for claim in [member.get("set_aside", {}), *member.get("real_rights", ())]
    ]
    return [claim["proof"] for claim in claims if claim.get("proof")]


def _known(post: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """National number → what the sources answer: as it is declared, and none where they know of none."""
    none: dict[str, Any] = {"recognised_handicap": False}
    none_of_candidates = none | {"incomes": [], "real_rights": []}
    return {
        member["number"]: (none_of_candidates if member["role"] in CANDIDATES else none)
        | {key: value for key, value in member.items() if key not in UNANSWERABLE}
        for member in post["household"]["members"]
    }


def _counting(post: dict[str, Any], online: bool, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What counts, for `assess`. The real right of somebody unknown to the sources would too: it is not looked at here."""
    members = [
        {k: v for k, v in member.items() if k in UNANSWERABLE or not online} | known.get(member.get("number"), {})
        for member in post["household"]["members"]
    ]
    return {"reference_date": REFERENCE_DATE, "members": [{k: m[k] for k in m if k != "number"} for m in members]}


def _post(random: Random, n: int, name: str, serial: int) -> dict[str, Any]:
    year, serial = 1950 + n % 50, serial + 2 * (n // 700)
    members = [_candidate(random, "p1", "applicant", f"{year}-03-{1 + n % 28:02d}", serial)]
    if random.random() < 0.4:
        members.append(_candidate(random, "p2", "partner", f"{year}-08-{1 + n % 28:02d}", serial + 1))
    for k in range(random.choice((0, 0, 0, 1, 2, 4))):
        born_on = f"{2010 + k}-{1 + n // 28 % 12:02d}-{1 + n % 28:02d}"
        number = national_number(born_on, serial + n // 336)
        child = {"id": f"c{k}", "role": "co_resident", "born_on": born_on, "number": number, "dependant": True}
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
