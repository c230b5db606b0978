"""The table of origins: who may establish which fact, as jurists edit it (origins.yaml)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from cir_chassis.yaml_file import read_yaml
from dossier.domain.household import part_of

Source = Literal["national_register", "tax", "land_registry", "social_security", "language"]
About = Literal["candidates", "co_residents", "everybody"]


class WrongOrigins(ValueError):
    """The file cannot be read as a table of origins; says what and where."""


class Origin(BaseModel):
    """Of one fact: whose it is, which source answers it, and what a declaration alone is to the rules."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    about: About
    source: Source | Literal["none"]
    declared: Literal["counts", "unknown", "not_made", "pending", "on_honour"]
    each: Literal["year", "right"] | None = None
    mark: Literal["S", "D", "F", "K"]

    @property
    def is_claim(self) -> bool:
        """Is it a claim with a proof, judged as it was made?"""
        return self.declared in ("pending", "on_honour")

    def is_of(self, role: str) -> bool:
        """Is it a fact of somebody in this role?"""
        return self.about in _about(part_of(role))


def load_origins(path: Path) -> Mapping[str, Origin]:
    """fact → its origin. Raises `WrongOrigins`."""
    try:
        return TypeAdapter(dict[str, Origin]).validate_python(read_yaml(path))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise WrongOrigins(f"{path}: {error}") from None


ORIGINS = load_origins(Path(__file__).with_name("origins.yaml"))


def facts_of(source: str, part: str) -> set[str]:
    """The facts that a source answers about somebody who takes part as a candidate, or as a co-resident."""
    return {fact for fact, origin in ORIGINS.items() if origin.source == source and origin.about in _about(part)}


def sources_about(part: str) -> set[str]:
    """The sources that are asked about him."""
    return {str(origin.source) for origin in ORIGINS.values() if origin.about in _about(part)} - {"none"}


def _about(part: str) -> set[About]:
    return {"everybody", "candidates" if part == "candidate" else "co_residents"}
