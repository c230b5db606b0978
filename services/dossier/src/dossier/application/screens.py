"""The screens of an application are one table: what each asks, of whom, and where in the file that stands.

A screen changes one place of the file; all else goes back as it was declared, so that nothing is taken back unseen.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import sha256
from typing import Annotated, Any, Literal
from uuid import uuid4

from pydantic import BaseModel, BeforeValidator, create_model
from pydantic_core import PydanticCustomError

from cir_schemas.dossier import HelperDeclared, StayDeclared
from cir_schemas.household import Income, RealRight, RecentIncome, SetAside
from cir_schemas.types import Cents, Day, Municipality
from dossier.domain.household import CANDIDATES, is_adult
from dossier.domain.numbers import told_by
from dossier.facts.origins import ORIGINS
from dossier.register.requests import Address, Contacts, DossierStart, FileRead, PersonDeclared, Sheet

_GROUPS = r"(?P<whole>\d{1,3}(?:(?P<group>[., ])\d{3})(?:(?P=group)\d{3})*|\d+)"
_AMOUNT = re.compile(rf"{_GROUPS}(?:(?P<point>[.,])(?P<cents>\d{{1,2}}))?", re.ASCII)
_DAY = re.compile(r"(\d{1,2})[/. -](\d{1,2})[/. -](\d{4})", re.ASCII)
_MINOR = ("emancipated", "guided_independent_living")
_OTHERS = ("role", "moves_in", "number", "email", "phones")
"""Not asked of the applicant: he is reached as the dossier is."""


def read_amount(text: str) -> str:
    """An amount in Dutch or in English, as `cents` reads it. "1.234" could be either: it is refused."""
    found = _AMOUNT.fullmatch(text.replace("€", "").replace("\xa0", " ").strip())
    if found is None or (found["group"] and found["group"] == found["point"]):
        raise PydanticCustomError("amount", "no amount")
    group = found["group"] or ""
    if group in (".", ",") and not found["point"] and found["whole"].count(group) == 1:
        raise PydanticCustomError("ambiguous", "thousands or decimals?")
    return f"{found['whole'].replace(group, '')}.{found['cents'] or '00'}"


def read_day(text: str) -> str:
    """A day as people write it, as `Day` reads it."""
    found = _DAY.fullmatch(text)
    return f"{found[3]}-{found[2]:0>2}-{found[1]:0>2}" if found else text


def as_typed(value: Any, name: str = "") -> str:
    """What is on record, as somebody would type it. name: of the field: box 1.01 of an address is no amount."""
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    text = "" if value is None else str(value)
    if name in Address.model_fields:
        return text
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return "/".join(reversed(text.split("-")))
    return text.replace(".", ",") if re.fullmatch(r"\d+\.\d\d", text) else text


def _of_text(read: Callable[[str], Any]) -> BeforeValidator:
    """What is no text, as of a field `balances.x`, is refused by the type that comes after."""
    return BeforeValidator(lambda given: read(given) if isinstance(given, str) else given)


_Money = Annotated[Cents, _of_text(read_amount)]
_On = Annotated[Day, _of_text(read_day)]
_NUMBER, _PHONES = (PersonDeclared.model_fields[name].rebuild_annotation() for name in ("number", "phones"))
TYPED: Mapping[str, Any] = {
    **dict.fromkeys(("balances", "amount", *(name for name in Income.model_fields if name != "year")), _Money),
    **dict.fromkeys(("born_on", "from", "until"), _On),
    "role": Literal["partner", "co_resident"],
    "number": Annotated[_NUMBER, _of_text(lambda text: re.sub(r"[ .-]", "", text))],
    "phones": Annotated[_PHONES, _of_text(lambda text: re.split(r"\s*,\s*", text))],
}
"""Fields that people type otherwise than the API reads them: name → type."""
_NEEDED = {"made": bool, "municipality": Municipality}
"""Fields without which a form says nothing."""


def _asks(shape: type[BaseModel], *names: str) -> dict[str, Any]:
    found = {info.alias or name: info.rebuild_annotation() for name, info in shape.model_fields.items()}
    return {name: _NEEDED.get(name) or TYPED.get(name) or found[name] for name in names or found}


@dataclass(frozen=True)
class Screen:
    """part: of the file; fields: name → type; key: what holds them there, if they do not stand in it themselves; many: a list of
    them, one a page. A `made` among them says whether there is such a thing at all."""

    step: str
    part: Literal["members", "person", "wishes", "contacts"]
    fields: Mapping[str, Any]
    key: str | None = None
    many: bool = False
    form: type[BaseModel] = field(init=False)

    def __post_init__(self) -> None:
        required = {name: (kind, ...) for name, kind in self.fields.items() if name in _NEEDED}
        asked: dict[str, Any] = {name: (kind | None, None) for name, kind in self.fields.items()} | required
        beside: dict[str, Any] = {"version": (int, -1), "item": (str | None, None)}
        object.__setattr__(self, "form", create_model("Form", **beside, **asked))


def _known(said: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is not said; of a sheet that is said as well."""
    return {
        name: one for name, one in said.items() if name != "made" and (one is not None or name in Sheet.model_fields)
    }


def bare(said: Any) -> Any:
    """The same without what is None, or says Belgium, where all is that names no country: to see that nothing changed."""
    if isinstance(said, dict):
        return {name: bare(one) for name, one in said.items() if one is not None and (name, one) != ("country", "BE")}
    return [bare(one) for one in said] if isinstance(said, list) else said


SCREENS: Mapping[str, Screen] = {
    "household": Screen(
        "persons",
        "members",
        _asks(PersonDeclared, "first_name", "last_name", "role", "number", "born_on", "moves_in"),
        "members",
        many=True,
    ),
    "contacts": Screen("persons", "contacts", _asks(Contacts, "language", "email", "phone")),
    "reach": Screen("persons", "person", _asks(PersonDeclared, "email", "phones")),
    "home": Screen("persons", "person", _asks(Address), "home"),
    "stay": Screen("persons", "person", {"made": bool, **_asks(Address)}, "stay"),
    "post": Screen("persons", "person", {"made": bool, **_asks(Address)}, "post"),
    "situation": Screen(
        "persons",
        "person",
        _asks(PersonDeclared, "residence", "recognised_handicap", "dependant", "language", *_MINOR),
    ),
    "incomes": Screen("income", "person", _asks(Income), "incomes", many=True),
    "recent_income": Screen(
        "income", "person", {"made": bool, **_asks(RecentIncome, "months", "amount")}, "recent_income"
    ),
    "set_aside": Screen("income", "person", {"made": bool, **_asks(SetAside, "ground")}, "set_aside"),
    "no_income_declared": Screen("income", "person", {"made": bool}, "no_income_declared"),
    "balances": Screen("means", "person", _asks(PersonDeclared, "balances")),
    "real_rights": Screen(
        "property", "person", _asks(RealRight, "right", "object", "country", "exception"), "real_rights", many=True
    ),
    "wants": Screen("where", "wishes", {"municipality": Municipality}, "wants", many=True),
    "residence": Screen(
        "where", "wishes", _asks(StayDeclared, "member", "municipality", "from", "until"), "residence", many=True
    ),
    "informal_care_in": Screen("where", "wishes", {"municipality": Municipality}, "informal_care_in", many=True),
    "help": Screen("help", "contacts", {"made": bool, **_asks(HelperDeclared)}, "help"),
}
"""In the order of the application."""
START = Screen("start", "contacts", _asks(DossierStart, "municipality", "language", "email", "phone"))
AT_COUNTER = Screen("start", "contacts", {**_asks(PersonDeclared, "number", "first_name", "last_name"), **START.fields})
STEPS = tuple(dict.fromkeys(one.step for one in SCREENS.values()))
_OF_CANDIDATES = ("home", "stay", "post")


def asked(name: str, of: Mapping[str, Any] | None, today: date) -> list[str]:
    """The fields of a screen that concern somebody, as he is declared; none: it is none of his."""
    screen = SCREENS[name]
    if of is None:
        return list(screen.fields)
    role, told = of.get("role"), told_by(of.get("number"))
    born = told or (date.fromisoformat(of["born_on"]) if of.get("born_on") else None)

    def concerns(one: str) -> bool:
        if one in _OTHERS:
            return role != "applicant" and (one != "number" or not of.get("number"))
        if one in _OF_CANDIDATES:
            return role in CANDIDATES
        if one in _MINOR:
            return role in CANDIDATES and born is not None and not is_adult(born, today)
        if one == "born_on":
            return told is None
        return one not in ORIGINS or (role is not None and ORIGINS[one].is_of(role))

    if screen.key and not concerns(screen.key):
        return []
    return [one for one in screen.fields if (screen.part == "person" and screen.key) or concerns(one)]


@dataclass(frozen=True)
class Place:
    """A screen in a file, about one of its members, or about the household."""

    name: str
    of: Mapping[str, Any] | None
    file: FileRead
    today: date

    @property
    def screen(self) -> Screen:
        """What it asks."""
        return SCREENS[self.name]

    @property
    def member(self) -> str:
        """Of whom, in an address."""
        return self.of["id"] if self.of else ""

    @property
    def address(self) -> str:
        """Where it is, under the application's own."""
        return f"/{self.name}/{self.member}".rstrip("/")

    @property
    def held(self) -> dict[str, Any]:
        """The part of the file in which it stands."""
        if self.of is not None:
            return dict(self.of)
        members = {"members": self.file.declared["members"]}
        return members if self.screen.part == "members" else dict(getattr(self.file, self.screen.part))

    def _rows(self, held: Mapping[str, Any]) -> list[dict[str, Any]]:
        key, said = self.screen.key, held.get(self.screen.key or "")
        if self.screen.many:
            return [row if isinstance(row, dict) else {"municipality": row} for row in said or ()]
        if key:
            return [] if said is None else [{**said, "made": True}]
        return [dict(held)] if any(held.get(name) is not None for name in self.screen.fields) else []

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        """What is on record there, a list or the one thing, by what it is called in an address: a member by his id, all else by
        what it says, so that nobody changes a row that another has moved."""
        found: dict[str, dict[str, Any]] = {}
        for row in self._rows(self.held):
            same = row.get("id") or sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()[:12]
            found[same if same not in found else f"{same}-{len(found)}"] = row
        return found

    @property
    def told(self) -> list[dict[str, Any]]:
        """At the counter: what the household declared there otherwise than it counts, row by row."""
        told: dict[str, Any] = next((one for one in self.file.declared.get("told", ()) if one["id"] == self.member), {})
        here, there = (
            [{name: row[name] for name in self.screen.fields if row.get(name) is not None} for row in self._rows(of)]
            for of in (told, self.held)
        )
        return [row for row in here if row and row not in there]

    def row(self, item: str) -> dict[str, Any]:
        """What stands in a form: a row of a list, empty for a new one; else what is on record."""
        return self.rows.get(item, {}) if self.screen.many else next(iter(self.rows.values()), {})

    def fields(self, row: Mapping[str, Any]) -> list[str]:
        """Those that are asked there, also about a row of a list."""
        return asked(self.name, row if self.screen.part == "members" else self.of, self.today)

    def after(self, typed: Mapping[str, str], data: BaseModel | None, item: str) -> dict[Any, Any] | None:
        """The part as a form leaves it: a field left empty is taken back. None where that is not to be read."""
        held, key, row = self.held, self.screen.key, self.row(item)
        if self.screen.many and "none" in typed:
            return {**held, key: []}
        if self.screen.many and "remove" in typed:
            new = []
        elif data is None or (self.screen.many and not item):
            return None
        else:
            said = data.model_dump(mode="json", include=set(self.fields(row)))
            if bare({name: row.get(name) for name in said}) != bare(said):  # another claim has another proof
                row = {name: one for name, one in row.items() if name != "proof"}
            if key is None:
                return _known({**held, **said})
            if not self.screen.many:
                given = said.get("made", True) and any(value is not None for value in said.values())
                return {**held, key: _known({**row, **said}) if given else None}
            new = [_known({**row, **said} | ({} if row or key != "members" else {"id": uuid4().hex[:12]}))]
        rows, nth = [*self.rows.values()], [*self.rows, item].index(item)
        rows[nth : nth + 1] = new
        if not rows and self.of is not None:  # taken back: unknown, and not none
            return {**held, key: None}
        return {**held, key: [one["municipality"] for one in rows] if len(self.screen.fields) == 1 else rows}

    def says(self, data: BaseModel) -> bool:
        """Does a list say already what a form adds to it? What is left out counts as it is kept."""
        usual = (None, True, "0.00", "BE")
        said, *rows = (
            {name: one[name] for name in self.screen.fields if one.get(name) not in usual}
            for one in (data.model_dump(mode="json"), *self.rows.values())
        )
        return said in rows

    @property
    def known(self) -> dict[str, dict[str, Any]]:
        """What others than the household established there: key → value, who, and when."""
        found = next((one for one in self.file.household["members"] if one["id"] == self.member), {})
        keys = ([self.screen.key] if self.screen.key else self.screen.fields) if self.screen.part == "person" else ()
        values = {one: found.get(one) for one in keys if one in ORIGINS}
        if self.name in ("incomes", "real_rights") and self.name in found:
            key = "incomes.{year}" if self.name == "incomes" else "real_rights[{n}]"
            values = {key.format(n=n, **{"year": "", **one}): one for n, one in enumerate(found[self.name])} or {
                self.name: []
            }
        origins = self.file.origins.get(self.member, {})
        return {
            one: {
                "value": value,
                "by": origins[one]["by"],
                "at": datetime.fromisoformat(origins[one]["at"]),
            }
            for one, value in values.items()
            if value is not None and origins.get(one, {}).get("origin") in ("source", "counter", "interpretation")
        }


def established(file: FileRead) -> FileRead:
    """The file as the counter changes it: what counts, in the place of what was declared (`told`). All that is left as it was
    keeps its origin."""
    told = {one["id"]: one for one in file.declared["members"]}
    sheets = {
        id_: {name: of[name] for name in ("number", *Sheet.model_fields) if name in of} for id_, of in told.items()
    }
    members = [sheets[one["id"]] | one for one in file.household["members"]]
    return file.model_copy(update={"declared": {"members": members, "told": [*told.values()]}})


def places(file: FileRead, today: date) -> list[Place]:
    """Every screen that concerns somebody in the household, in order."""
    return [
        Place(name, of, file, today)
        for step in STEPS
        for of in (None, *file.declared["members"])
        for name, screen in SCREENS.items()
        if screen.step == step and (screen.part == "person") == (of is not None) and asked(name, of, today)
    ]
