"""Letters are data: a template per kind, language and form, and one file with the words for roles and proofs.

All are read at the start, so that a template that cannot be read stops the service instead of one mail.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, get_args

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from cir_schemas.types import Language, Status
from notifications.domain.telling import NO_NEWS

PROOF_ASKED = "proof_asked"
KINDS = (*(status for status in get_args(Status) if status not in NO_NEWS), PROOF_ASKED)
CLOSING = ("refused", "struck", "withdrawn", "housed")
"""Kinds that share one template."""


@dataclass(frozen=True)
class Letter:
    """What somebody gets to read."""

    subject: str
    text: str
    html: str


class Letters:
    """The templates of a folder. url: where the register is to be found, if it may be told."""

    def __init__(self, folder: Path, url: str | None = None) -> None:
        """Raises OSError, `yaml.YAMLError` or `jinja2.TemplateError` where a file is missing or wrong."""
        self._url = url
        self._words = yaml.safe_load((folder / "words.yaml").read_text("utf-8"))
        environment = Environment(
            loader=FileSystemLoader(folder),
            autoescape=select_autoescape(["html"], default=False),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates = {
            (kind, language, form): environment.get_template(f"{_template(kind)}.{language}.{form}")
            for kind in KINDS
            for language in get_args(Language)
            for form in ("txt", "html")
        }

    def write(
        self, kind: str, language: str, *, audience: str, number: str, company: str, asks: list[dict[str, Any]]
    ) -> Letter:
        """One letter. asks: {"role", "proofs", "by"} each, as on the bus; company: its id."""
        told = {
            "kind": kind,
            "audience": audience,
            "number": number,
            "company": company.replace("-", " ").title(),  # the bus carries the id alone
            "status": self._word("statuses", kind, language),
            "asks": [self._ask(ask, language) for ask in asks],
            "appeal_days": self._words["appeal_days"],
            "url": self._url,
        }
        subject, _, text = self._templates[kind, language, "txt"].render(told).partition("\n")
        html = self._templates[kind, language, "html"].render(told, subject=subject)
        return Letter(subject.strip(), text.strip() + "\n", html)

    def _ask(self, ask: Mapping[str, Any], language: str) -> dict[str, Any]:
        by = date.fromisoformat(ask["by"]) if ask.get("by") else None
        return {
            "who": self._word("roles", ask["role"], language),
            "what": [self._word("proofs", proof, language) for proof in ask["proofs"]],
            "by": f"{by.day} {self._words['months'][language][by.month - 1]} {by.year}" if by else None,
        }

    def _word(self, about: str, name: str, language: str) -> str:
        """The word for it; what has no word yet is shown readably rather than not at all."""
        known: dict[str, str] = self._words[about].get(name, {})
        return known.get(language) or name.replace("_", " ")


def _template(kind: str) -> str:
    return "closed" if kind in CLOSING else kind
