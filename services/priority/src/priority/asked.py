"""What is asked in a file or at the door: refused with the place of what is wrong."""

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, Field, RootModel, ValidationError, model_validator

from cir_chassis.settings import WrongSettings
from cir_chassis.yaml_file import read_yaml
from cir_schemas import dossier
from cir_schemas.types import Company, Day, DossierNumber, Municipality, Shape, Status
from priority.domain import order
from priority.domain.turns import flat

M = TypeVar("M", bound=BaseModel)


class WrongFile(Exception):
    """One line per mistake: file, place, what is wrong."""


def _is_a_number_of_a_day(number: str) -> str:
    order.number_parts(number)  # its first three parts are a day
    return number


Years = Annotated[int, Field(ge=1, le=100)]


class Dwelling(Shape):
    id: str
    municipality: Municipality
    company: Company
    area: str | None = None
    bedrooms: Annotated[int, Field(ge=0, le=1000)]
    min_persons: Annotated[int, Field(ge=1, le=1000)]
    max_persons: Annotated[int, Field(ge=1, le=1000)]

    @model_validator(mode="after")
    def _somebody_fits(self) -> "Dwelling":
        if self.max_persons < self.min_persons:
            raise ValueError("max_persons is below min_persons: nobody would fit")
        return self


class Regulation(Shape):
    stricter_tie_years: Years | None = None
    area_tie: bool = False
    frozen_until: Day | None = None

    def in_domain(self) -> order.Regulation:
        return order.Regulation(**self.model_dump())


class Stay(dossier.Stay):
    @model_validator(mode="after")
    def _goes_forward(self) -> "Stay":
        if self.until is not None and self.until <= self.from_:
            raise ValueError("a stay ends after it begins")
        return self


class Candidate(Shape):
    dossier: Annotated[DossierNumber, AfterValidator(_is_a_number_of_a_day)]
    status: Status
    registered_on: Day | None = None
    persons: Annotated[int, Field(ge=1)]
    wants: tuple[Municipality, ...]
    residence: tuple[Stay, ...] = ()
    informal_care_in: tuple[Municipality, ...] = ()
    paused_until: Day | None = None

    @model_validator(mode="after")
    def _is_registered_since(self) -> "Candidate":
        if self.status == order.ON_THE_LIST and self.registered_on is None:
            raise ValueError("who is registered has a date of registration (registered_on)")
        return self


class RankAsked(Shape):
    """Who is first for this dwelling, on this day?"""

    on: Day
    dwelling: Dwelling
    regulation: Regulation = Regulation()
    candidates: tuple[Candidate, ...]

    @model_validator(mode="after")
    def _each_once(self) -> "RankAsked":
        numbers = [candidate.dossier for candidate in self.candidates]
        if twice := next((number for n, number in enumerate(numbers) if number in numbers[:n]), None):
            raise ValueError(f"dossier {twice} stands here twice")
        return self

    def in_domain(self) -> tuple[date, order.Dwelling, order.Regulation, list[order.Candidate]]:
        dwelling = order.Dwelling(
            **self.dwelling.model_dump(include={"municipality", "area", "min_persons", "max_persons"})
        )
        candidates = [
            order.Candidate(
                **candidate.model_dump(exclude={"residence"}),
                residence=tuple(order.Stay(s.municipality, s.area, s.from_, s.until) for s in candidate.residence),
            )
            for candidate in self.candidates
        ]
        return self.on, dwelling, self.regulation.in_domain(), candidates


Share = Annotated[str, Field(pattern=r"^[0-9]{1,9}(\.[0-9]{1,20})?$", description="a decimal string")]


class TurnsAsked(Shape):
    """Whose turn is it, for so many turns?"""

    accelerated_share: Share
    groups: dict[str, Share]
    slots: Annotated[int, Field(ge=0)]

    def shares(self) -> dict[str, Fraction]:
        """Raises `SharesDoNotAddUp`."""
        return flat(exact(self.accelerated_share), {name: exact(share) for name, share in self.groups.items()})


def exact(share: str) -> Fraction:
    return Fraction(Decimal(share))


class _Treats(BaseModel):
    municipalities: tuple[Municipality, ...]  # name and address stand there as well, for dossier


class _Companies(RootModel[dict[Company, _Treats]]):
    @model_validator(mode="after")
    def _one_company_each(self) -> "_Companies":
        treats: dict[str, str] = {}
        for company, entry in self.root.items():
            for place in entry.municipalities:
                if treats.setdefault(place, company) != company:
                    raise ValueError(f"{place} stands at {treats[place]} and {company}: a municipality has one company")
        return self


def load_companies(file: Path) -> Mapping[str, str]:
    """municipality → the company that lets homes there, from the file that dossier is given. Raises `WrongSettings`."""
    try:
        companies = read(file, _Companies).root
    except WrongFile as wrong:
        raise WrongSettings("\n".join(f"CIR_COMPANIES: {line}" for line in str(wrong).splitlines())) from None
    return {place: company for company, entry in companies.items() for place in entry.municipalities}


def read(file: Path, shape: type[M]) -> M:
    """The file, in that shape. Raises `WrongFile`."""
    try:
        given = read_yaml(file) if file.suffix in (".yaml", ".yml") else json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise WrongFile(f"{file}: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise WrongFile(f"{file}, line {error.lineno}, column {error.colno}: not JSON: {error.msg}") from None
    except yaml.YAMLError as error:
        raise WrongFile(f"{file}: not YAML: {' '.join(str(error).split())}") from None
    except UnicodeDecodeError:
        raise WrongFile(f"{file}: not UTF-8") from None
    try:
        return shape.model_validate(given)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)
        raise WrongFile("\n".join(f"{file}: {_place(e['loc'])}: {e['msg']}" for e in wrong)) from None


def _place(place: tuple[str | int, ...]) -> str:
    """`("candidates", 0, "wants")` → "candidates[0].wants"."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".") or "the file"
