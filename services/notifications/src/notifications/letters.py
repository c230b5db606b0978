"""Letters are data: a template per kind, language and form, and one file with the words for roles and proofs.

All are read at the start, so that a template that cannot be read stops the service instead of one mail.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from cir_chassis.yaml_file import read_yaml
from cir_schemas.priority import Answer, Decision
from cir_schemas.types import Language, Status
from notifications.domain.recipients import NO_NEWS, NOT_MINE, OPERATORS_OWN, PROOF_ASKED, REFERRER, Audience

KINDS = {
    **{status: status for status in get_args(Status) if status not in NO_NEWS},
    **dict.fromkeys(("refused", "struck", "withdrawn", "housed"), "closed"),
    PROOF_ASKED: PROOF_ASKED,
    **{f"situation_{decision}": "situation" for decision in get_args(Decision)},
    **{f"referral_{answer}": "referral" for answer in get_args(Answer)},
    **{f"{NOT_MINE}_{audience}": NOT_MINE for audience in get_args(Audience) if audience not in OPERATORS_OWN},
}
"""Kind → the template for candidate and helper; the referrer's letter is one of its own."""


@dataclass(frozen=True)
class Letter:
    """What somebody gets to read."""

    subject: str
    text: str
    html: str


class Letters:
    """The templates of a folder. url: where the register is to be found."""

    def __init__(self, folder: Path, url: str | None = None) -> None:
        """Raises OSError, `yaml.YAMLError` or `jinja2.TemplateError` where a file is missing or wrong."""
        self._url = url
        self._words = read_yaml(folder / "words.yaml")
        environment = Environment(
            loader=FileSystemLoader(folder),
            autoescape=select_autoescape(["html"], default=False),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates = {
            (name, language, form): environment.get_template(f"{name}.{language}.{form}")
            for name in (*KINDS.values(), REFERRER)
            for language in get_args(Language)
            for form in ("txt", "html")
        }

    def write(
        self,
        kind: str,
        language: str,
        *,
        audience: str,
        number: str,
        company: str,
        organisation: str | None = None,
        asks: list[dict[str, Any]],
        links: Mapping[str, str] = MappingProxyType({}),
    ) -> Letter:
        """One letter. asks: {"role", "proofs", "by"} each, as on the bus; company: its id; organisation: the name of a
        recipient that is one; links: `not_mine` and `confirm`, where the reader may use them."""
        given = {
            "kind": kind,
            "audience": audience,
            "number": number,
            "company": company.replace("-", " ").title(),  # the bus carries the id alone
            "status": self._word("statuses", kind, language),
            "asks": [self._ask(ask, language) for ask in asks],
            "organisation": organisation,
            "appeal": self._words["appeal"][language],
            "url": self._url,
            "who": self._word("audiences", kind.removeprefix(f"{NOT_MINE}_"), language),
            **{"not_mine": None, "confirm": None, **links},
        }
        name = REFERRER if audience == REFERRER else KINDS[kind]
        subject, _, text = self._templates[name, language, "txt"].render(given).partition("\n")
        subject = " ".join(subject.split()).replace("=?", "= ?")  # a mail's header would expand an encoded word
        html = self._templates[name, language, "html"].render(given, subject=subject)
        return Letter(subject, text.strip() + "\n", html)

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
