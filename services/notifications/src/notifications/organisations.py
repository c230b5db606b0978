"""Where the organisations that refer candidates read their mail: a file that operators edit (organisations.yaml)."""

from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from cir_chassis.settings import WrongSettings
from cir_chassis.yaml_file import read_yaml
from cir_schemas.priority import Organisation
from cir_schemas.types import Email


class Mailbox(BaseModel):
    """An organisation's name, as a letter writes it, and its address."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    email: Email


def load_organisations(path: Path) -> Mapping[str, Mailbox]:
    """organisation → mailbox. Raises `WrongSettings` where it cannot be read."""
    try:
        return TypeAdapter(dict[Organisation, Mailbox]).validate_python(read_yaml(path))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise WrongSettings(f"CIR_ORGANISATIONS: {path}: {error}") from None
