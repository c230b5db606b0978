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
from cir_schemas.municipalities import NAMES
from cir_schemas.types import Language
from notifications.domain.recipients import NOT_MINE, TEMPLATE_OF


@dataclass(frozen=True)
class Letter:
    """What somebody gets to read."""

    subject: str
    text: str
    html: str


_DAYS = ("answer_by", "on")  # that letters about an offer tell


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
            for name in (*TEMPLATE_OF.values(), "referrer")
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
        phone: str | None = None,
        organisation: str | None = None,
        by: str | None = None,
        role: str | None = None,
        fact: str | None = None,
        offer: Mapping[str, Any] | None = None,
        asks: list[dict[str, Any]],
        on: date,
        links: Mapping[str, str] = MappingProxyType({}),
    ) -> Letter:
        """One letter. asks: {"role", "proofs", "by"} each, as on the bus; company, phone: its name, and its number where that
        is known; organisation: the name of a recipient that is one; by: the role of who acted; role, fact: whose document it
        is about, and what that proves; offer: what is told of a home, as on the bus; on: the day in Belgium on which it
        happened; links: `not_mine` and `confirm`, where the reader may use them."""
        given = {
            "kind": kind,
            "audience": audience,
            "number": number,
            "by": by,
            "offer": self._offer(offer or {}, language),
            "fact": fact and self._word("facts", fact, language),
            "role": role and self._word("roles", role, language),
            "company": company,
            "phone": phone,
            "status": self._word("statuses", kind, language),
            "asks": [self._ask(ask, language) for ask in asks],
            "organisation": organisation,
            "appeal": self._words["appeal"][language],
            "url": self._url,
            "on": self._day(on, language),
            "who": self._word("audiences", kind.removeprefix(f"{NOT_MINE}_"), language),
            "leaver": self._word("leavers", kind.rpartition("_")[0], language),
            "why": kind.rpartition("_")[2],
            **{"not_mine": None, "confirm": None, **links},
        }
        name = "referrer" if audience == "referrer" else TEMPLATE_OF[kind]
        subject, _, text = self._templates[name, language, "txt"].render(given).partition("\n")
        subject = " ".join(subject.split()).replace("=?", "= ?")  # a mail's header would expand an encoded word
        html = self._templates[name, language, "html"].render(given, subject=subject)
        return Letter(subject, text.strip() + "\n", html)

    def _ask(self, ask: Mapping[str, Any], language: str) -> dict[str, Any]:
        return {
            "who": self._word("roles", ask["role"], language),
            "what": [self._word("proofs", proof, language) for proof in ask["proofs"]],
            "by": self._day(date.fromisoformat(ask["by"]), language) if ask.get("by") else None,
        }

    def _offer(self, offer: Mapping[str, Any], language: str) -> dict[str, Any]:
        place, rent = offer.get("municipality"), offer.get("rent")
        days = {name: (day := offer.get(name)) and self._day(date.fromisoformat(day), language) for name in _DAYS}
        return {
            **offer,
            "place": place and NAMES.get(place, place),
            "rent": rent.replace(".", ",") if rent and language == "nl" else rent,
            **days,
        }

    def _day(self, day: date, language: str) -> str:
        return f"{day.day} {self._words['months'][language][day.month - 1]} {day.year}"

    def _word(self, about: str, name: str, language: str) -> str:
        """The word for it; what has no word yet is shown readably rather than not at all."""
        known: dict[str, str] = self._words[about].get(name, {})
        return known.get(language) or name.replace("_", " ")
