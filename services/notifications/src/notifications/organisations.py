"""Where organisations and companies read their mail: a file that operators edit (organisations.yaml)."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from cir_chassis.settings import WrongSettings
from cir_chassis.yaml_file import read_yaml
from cir_schemas.priority import Organisation
from cir_schemas.types import Company, Email


class Mailbox(BaseModel):
    """Its owner's name, as a letter writes it, and its address."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    email: Email


class Mailboxes(BaseModel):
    """Mailboxes by the id of their owner. An organisation is one that refers candidates."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    organisations: Mapping[Organisation, Mailbox]
    companies: Mapping[Company, Mailbox]

    @cached_property
    def addresses(self) -> frozenset[str]:
        """All of them, in small letters."""
        return frozenset(box.email.casefold() for box in (*self.organisations.values(), *self.companies.values()))


def load_mailboxes(path: Path) -> Mailboxes:
    """Raises `WrongSettings` where the file cannot be read."""
    try:
        return Mailboxes.model_validate(read_yaml(path))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise WrongSettings(f"CIR_ORGANISATIONS: {path}: {error}") from None
