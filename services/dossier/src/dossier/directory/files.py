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


def load_directory(companies: Path, organisations: Path) -> Directory:
    """Raises `WrongSettings` where a file cannot be read as what it is to be, or two companies have one municipality."""
    let_homes = _load("CIR_COMPANIES", companies, TypeAdapter(dict[Company, _Company]))
    others = _load("CIR_ORGANISATIONS", organisations, TypeAdapter(dict[Organisation, _Organisation]))
    found = Directory(let_homes, others)
    for company, entry in found.companies.items():
        for place in entry.municipalities:
            if (other := found.treats[place]) != company:
                raise WrongSettings(f"CIR_COMPANIES: {companies}: {place} stands at {company} and {other}")
    return found


def _load(setting: str, path: Path, shape: TypeAdapter[dict[str, E]]) -> Mapping[str, E]:
    try:
        return shape.validate_python(read_yaml(path))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise WrongSettings(f"{setting}: {path}: {error}") from None
