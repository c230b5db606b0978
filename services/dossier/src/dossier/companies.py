"""Which housing company treats which municipality: a file that operators edit (companies.yaml)."""

from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from cir_chassis.settings import WrongSettings
from cir_chassis.yaml_file import read_yaml
from cir_schemas.types import Company, Municipality


class WrongCompanies(WrongSettings):
    """The file cannot be read as companies; says what and where."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    municipalities: list[Municipality]


def load_companies(path: Path) -> Mapping[str, str]:
    """municipality → company. Raises `WrongCompanies`, also where two companies treat one municipality."""
    try:
        entries = TypeAdapter(dict[Company, _Entry]).validate_python(read_yaml(path))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise WrongCompanies(f"CIR_COMPANIES: {path}: {error}") from None
    treats: dict[str, str] = {}
    for company, entry in entries.items():
        for municipality in entry.municipalities:
            if treats.setdefault(municipality, company) != company:
                raise WrongCompanies(
                    f"CIR_COMPANIES: {path}: {municipality} stands at {treats[municipality]} and {company}"
                )
    return treats
