"""The housing companies and the organisations that refer or help: files that operators edit, checked at the start."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, TypeVar

import yaml
from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from cir_chassis.settings import WrongSettings
from cir_chassis.yaml_file import read_yaml
from cir_schemas.dossier import CompanyEntry, DirectoryEntry
from cir_schemas.types import Company, Email, Municipality, Organisation
from dossier.register.requests import Phone

Line = Annotated[
    str, StringConstraints(pattern=r"^\S.*$", max_length=200), Field(description="Letters have it in a line")
]
E = TypeVar("E", bound=DirectoryEntry)


class _Company(CompanyEntry):
    name: Line
    address: Line
    phone: Phone
    mailbox: Email
    municipalities: tuple[Municipality, ...]


class _Organisation(DirectoryEntry):
    name: Line
    mailbox: Email


@dataclass(frozen=True)
class Directory:
    """Companies and organisations, each by its id."""

    companies: Mapping[str, CompanyEntry]
    organisations: Mapping[str, DirectoryEntry]

    @cached_property
    def treats(self) -> Mapping[str, str]:
        """Municipality → the company that lets homes there, and treats the dossiers that name it first."""
        return {place: company for company, entry in self.companies.items() for place in entry.municipalities}

    @cached_property
    def _by_name(self) -> Mapping[str, str]:
        return {entry.name.casefold(): id_ for id_, entry in self.organisations.items()}

    def organisation(self, named: str | None) -> str | None:
        """The id of an organisation by its id or its name; one that is not in the directory is known by its name alone."""
        return self._by_name.get(named.casefold(), named) if named else None

    def called(self, organisation: str | None) -> str | None:
        """Its name, by its id; of one that is not in the directory as it was given."""
        known = self.organisations.get(organisation or "")
        return known.name if known else organisation


def load_directory(companies: Path, organisations: Path) -> Directory:
    """Raises `WrongSettings` where a file cannot be read as what it is to be, or two companies have one municipality."""
    let_homes = _load("CIR_COMPANIES", companies, TypeAdapter(dict[Company, _Company]))
    others = _load("CIR_ORGANISATIONS", organisations, TypeAdapter(dict[Organisation, _Organisation]))
    found = Directory(let_homes, others)
    for company, entry in found.companies.items():
        for place in entry.municipalities:
            if (other := found.treats[place]) != company:
                raise WrongSettings(f"CIR_COMPANIES: {companies}: {place} stands at {company} and {other}")
    for id_, known in others.items():
        for same in {found.organisation(known.name), found.organisation(id_)} - {id_}:
            raise WrongSettings(f"CIR_ORGANISATIONS: {organisations}: {id_} and {same} are known by the same name")
    return found


def _load(setting: str, path: Path, shape: TypeAdapter[dict[str, E]]) -> Mapping[str, E]:
    try:
        return shape.validate_python(read_yaml(path))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise WrongSettings(f"{setting}: {path}: {error}") from None
