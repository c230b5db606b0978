"""The authentic sources, asked over HTTP: one question about one person, one answer, checked before it counts as a fact.

The number stands in the body alone: no address, log, span or metric carries it, and no error quotes an answer. Nothing is
asked again here: an unanswered question stays with its asker.
"""

import asyncio
import re
from collections.abc import Iterator
from datetime import date
from time import monotonic
from typing import Annotated, Any, Literal

import httpx
import structlog
from prometheus_client import Counter
from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from cir_chassis.problems import path_of
from cir_schemas.household import Income, Residence, Right
from cir_schemas.types import Day, Municipality, Shape
from dossier.domain import numbers

ANSWERS = Counter("cir_source_answers_total", "Questions to the authentic sources, by result", ["service", "result"])
AT_ONCE = 8  # questions to one service: a slow one keeps no other waiting
LARGEST = 1_000_000  # bytes of an answer
FAILURES = 5  # in a row, after which a service is left alone for a while
LOG_AGAIN = 60.0  # seconds
_NO_DAY = re.compile(r"\d{4}-(00-\d\d|\d\d-00)")
UNKNOWN_KEY = "extra_forbidden"  # pydantic's name; what such a key is called is the answer's to say, and not quoted
log = structlog.get_logger()


class SourceUnavailable(Exception):
    """A service did not answer, or is left alone because it failed too often: the question stays open."""


class WrongAnswer(Exception):
    """A service answered what cannot be: nothing of it may count as a fact."""


Flag = Annotated[bool, Field(strict=True)]
BirthDate = Annotated[
    Day | None,
    BeforeValidator(lambda value: None if isinstance(value, str) and _NO_DAY.fullmatch(value) else value),
]
"""Unknown where its month or day is: 2000-00-00."""


class Answer(Shape):
    """What every answer says, and all that one says about a person whom the service does not know."""

    number: str
    known: Flag

    def contradictions(self, today: date) -> Iterator[str]:
        """What in the answer cannot be true on that day."""
        yield from ()


class StayOnRecord(Shape):
    """A stay of the person whom the answer is about; `until` is the first day not lived there, null lasts."""

    model_config = ConfigDict(serialize_by_alias=True)

    municipality: Municipality
    area: Annotated[str, Field(max_length=200)] | None = None
    from_: Day = Field(alias="from")
    until: Day | None = None


class NationalRegister(Answer):
    """As of each service, every key is there: null or empty where it knows of nothing, so that none is lost unseen."""

    born_on: BirthDate
    residence: Residence | None
    stays: tuple[StayOnRecord, ...]

    @field_validator("stays")
    @classmethod
    def _of_a_day_at_least(cls, stays: tuple[StayOnRecord, ...]) -> tuple[StayOnRecord, ...]:
        """Who came and went on one day lived there on none."""
        return tuple(stay for stay in stays if stay.until != stay.from_)

    def contradictions(self, today: date) -> Iterator[str]:
        if self.born_on and self.born_on > today:
            yield "born_on lies in the future"
        if self.born_on and (numbers.told_by(self.number) or self.born_on) != self.born_on:
            yield "born_on is not the birth date that the number tells"
        if any(stay.until and stay.until < stay.from_ for stay in self.stays):
            yield "a stay ends before it begins"


class Tax(Answer):
    incomes: tuple[Income, ...]

    def contradictions(self, today: date) -> Iterator[str]:
        years = [income.year for income in self.incomes]
        if len(set(years)) < len(years):
            yield "two incomes of one year"
        if any(year >= today.year for year in years):
            yield "an income of a year that has not ended"


class RightInBelgium(Shape):
    """A real right without an exception and its proof: those are claims, which no source knows."""

    right: Right
    object: Literal["dwelling", "building_plot"]
    country: Literal["BE"]


class LandRegistry(Answer):
    real_rights: tuple[RightInBelgium, ...]


class SocialSecurity(Answer):
    recognised_handicap: Flag
    child_benefit: Flag = Field(serialization_alias="dependant")


class LanguageTest(Answer):
    language: Literal["known", "not_known", "exempt"] | None


SERVICES: dict[str, type[Answer]] = {
    "national_register": NationalRegister,
    "tax": Tax,
    "land_registry": LandRegistry,
    "social_security": SocialSecurity,
    "language": LanguageTest,
}


class Line:
    """The way to one service: few questions at once; after failures in a row none for a while, then one that probes."""

    def __init__(self, rest: float) -> None:
        """rest: seconds without a question, once it failed too often."""
        self.few = asyncio.Semaphore(AT_ONCE)
        self._rest, self._failures = rest, 0
        self._closed_until = self._log_at = 0.0

    @property
    def is_open(self) -> bool:
        """May a question go out? Where it probes, no other does until it is answered, or as long again."""
        if self._failures >= FAILURES:
            if monotonic() < self._closed_until:
                return False
            self._closed_until = monotonic() + self._rest
        return True

    def note(self, *, answered: bool) -> None:
        self._failures = 0 if answered else self._failures + 1
        self._closed_until = monotonic() + self._rest

    def is_news(self) -> bool:
        """Is a failure to be logged: was none within the last minute?"""
        if (now := monotonic()) < self._log_at:
            return False
        self._log_at = now + LOG_AGAIN
        return True


class Sources:
    """The services at one address. patience: seconds that a whole answer may take; rest: see `Line`."""

    def __init__(self, address: str, *, patience: float = 5.0, rest: float = 10.0) -> None:
        self._lines = {service: Line(rest) for service in SERVICES}
        self._patience = patience
        self._http = httpx.AsyncClient(
            base_url=address,
            trust_env=False,
            follow_redirects=False,
            timeout=patience,
            limits=httpx.Limits(max_connections=AT_ONCE * len(SERVICES), max_keepalive_connections=AT_ONCE),
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},  # LARGEST bounds what is unpacked
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def ask(self, service: str, number: str, today: date) -> dict[str, Any] | None:
        """The facts that a service knows of a person, as JSON has them; None where it does not know him.

        Raises `SourceUnavailable`, `WrongAnswer`.
        """
        line = self._lines[service]
        async with line.few:
            try:
                facts = _read(service, await self._answer(line, service, number), number, today)
            except (SourceUnavailable, WrongAnswer) as error:
                ANSWERS.labels(service, "wrong" if isinstance(error, WrongAnswer) else "unavailable").inc()
                if line.is_news():
                    log.warning("source does not answer as it should", source=service, reason=str(error))
                raise
        ANSWERS.labels(service, "unknown" if facts is None else "known").inc()
        return facts

    async def _answer(self, line: Line, service: str, number: str) -> bytes:
        if not line.is_open:
            raise SourceUnavailable(f"{service}: not asked, it failed {FAILURES} times in a row or more")
        try:
            async with asyncio.timeout(self._patience):
                body = await self._post(service, number)
        except (httpx.HTTPError, TimeoutError, SourceUnavailable) as error:
            line.note(answered=False)
            why = error if isinstance(error, SourceUnavailable) else type(error).__name__
            raise SourceUnavailable(f"{service}: {why}") from None
        line.note(answered=True)
        return body

    async def _post(self, service: str, number: str) -> bytes:
        """The answer, cut off where it grows too large."""
        async with self._http.stream("POST", f"/services/{service}", json={"number": number}) as answer:
            if answer.status_code != 200:
                raise SourceUnavailable(f"status {answer.status_code}")
            if answer.headers.get("Content-Type", "").partition(";")[0] != "application/json":
                raise SourceUnavailable("no JSON, as of a proxy")
            body = b""
            async for piece in answer.aiter_raw():
                body += piece
                if len(body) > LARGEST:
                    break
            return body


def _read(service: str, body: bytes, number: str, today: date) -> dict[str, Any] | None:
    if len(body) > LARGEST:
        raise WrongAnswer(f"{service}: an answer of more than {LARGEST} bytes")
    try:
        answer = Answer.model_validate_json(body, extra="ignore")
        if answer.number == number:
            answer = (SERVICES[service] if answer.known else Answer).model_validate_json(body)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False, include_context=False)
        places = {
            f"{path_of(one['loc'][:-1] if one['type'] == UNKNOWN_KEY else one['loc'])}: {one['msg']}" for one in found
        }
        raise WrongAnswer(f"{service}: {'; '.join(sorted(places))}") from None
    if wrong := list(answer.contradictions(today)) if answer.number == number else ["an answer about another person"]:
        raise WrongAnswer(f"{service}: {'; '.join(wrong)}")
    return answer.model_dump(mode="json", by_alias=True, exclude={"number", "known"}) if answer.known else None
