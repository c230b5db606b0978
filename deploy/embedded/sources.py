"""The demo's authentic sources: each knows of a person what was put here about him, and of nobody else.

Whoever asks is answered: it is for this machine alone. Values are passed on as they came, so that a wrong one plays a
source that errs. A file each, so that a restart forgets nobody. `python -m deploy.embedded.sources FOLDER PORT`.
"""

import re
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from deploy.embedded import HOST, write_private

Service = Literal["national_register", "tax", "land_registry", "social_security", "language"]
CLAIMS = (
    *("id", "role", "moves_in", "emancipated", "guided_independent_living"),
    *("recent_income", "set_aside", "no_income_declared", "balances"),
)  # of a member, and of which no source knows
Listed = list[dict[str, Any]] | None


def _checked(number: str) -> str:
    nine, check = number[:9], number[9:]
    if not re.fullmatch("[0-9]{11}", number) or int(check) not in (97 - int(c + nine) % 97 for c in ("", "2")):
        raise ValueError("no national register number: eleven digits, of which the last two check the others")
    return number


class Right(BaseModel):
    """What a land registry knows of a right: no claim."""

    right: str
    object: str
    country: str = "BE"


class Person(BaseModel):
    """What the sources know of somebody: keys of a member, null where they know nothing; other keys of a member no source knows.

    away: service → how many questions about him it leaves unanswered first.
    """

    model_config = ConfigDict(extra="forbid")

    born_on: str | None = None
    residence: str | None = None
    stays: Listed = None
    incomes: Listed = None
    real_rights: list[Right] | None = None
    recognised_handicap: bool | None = None
    dependant: bool | None = None
    language: str | None = None
    away: dict[Service, Annotated[int, Field(ge=0)]] = {}

    @model_validator(mode="before")
    @classmethod
    def _known_to_no_source(cls, given: Any) -> Any:
        """A whole member may be put here."""
        return (
            {name: value for name, value in given.items() if name not in CLAIMS} if isinstance(given, dict) else given
        )

    def known_to(self, service: Service) -> dict[str, Any]:
        known: dict[Service, dict[str, Any]] = {
            "national_register": {
                "born_on": self.born_on,
                "residence": self.residence,
                "stays": [{key: stay[key] for key in stay if key != "member"} for stay in self.stays or []],
            },
            "tax": {"incomes": self.incomes or []},
            "land_registry": {
                "real_rights": [right.model_dump() for right in self.real_rights or [] if right.country == "BE"]
            },
            "social_security": {
                "recognised_handicap": bool(self.recognised_handicap),
                "child_benefit": bool(self.dependant),
            },
            "language": {"language": self.language},
        }
        return known[service]


class Question(BaseModel):
    number: str


def sources(folder: Path) -> FastAPI:
    folder.mkdir(parents=True, exist_ok=True)
    people = {path.stem: Person.model_validate_json(path.read_bytes()) for path in folder.glob("*.json")}
    app = FastAPI(title="Authentic sources of the demo")

    def keep(number: str, person: Person) -> None:
        write_private(folder / f"{number}.json", person.model_dump_json())
        people[number] = person

    @app.get("/health/ready")
    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    @app.put("/persons/{number}", status_code=204)
    async def put(number: Annotated[str, AfterValidator(_checked)], person: Person) -> None:
        keep(number, person)

    @app.post("/services/{service}")
    async def answer(service: Service, question: Question) -> dict[str, Any]:
        if not (person := people.get(question.number)):
            return {"number": question.number, "known": False}
        if left := person.away.get(service):
            person.away[service] = left - 1
            keep(question.number, person)
            raise HTTPException(503, "away, as was asked for")
        return {"number": question.number, "known": True, **person.known_to(service)}

    return app


if __name__ == "__main__":
    uvicorn.run(sources(Path(sys.argv[1])), host=HOST, port=int(sys.argv[2]), log_level="warning", lifespan="off")
