"""The values of a rule file with their lines: every complaint names file and line, and suggests the key or word meant."""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema, model_validator

T = TypeVar("T")
Raw = dict[str, "Node"] | list["Node"] | str | int | bool | Decimal | date | None
EXPECTED = {
    "string": "text", "int": "a whole number", "bool": "true or false", "list": "a list", "date": "a date such as 2024-01-01",
    "dict": "a mapping", "model": "a mapping",
}  # fmt: skip


class WrongRuleFile(ValueError):
    """A rule file that cannot be decided by; each line of the message begins with `file:line:`."""


@dataclass(frozen=True, slots=True)
class Node:
    """A YAML value and its place. Numbers with a point are Decimal: no figure of the law passes through a float."""

    value: Raw
    file: str
    line: int

    @property
    def at(self) -> str:
        return f"{self.file}:{self.line}"

    def wrong(self, message: str) -> WrongRuleFile:
        return WrongRuleFile(f"{self.at}: {message}")

    def keys(self, required: Iterable[str] = (), optional: Iterable[str] = ()) -> dict[str, "Node"]:
        """The mapping, with exactly the keys that may stand in it."""
        required = tuple(required)
        known = dict.fromkeys((*required, *optional))
        found = self.mapping()
        for key, node in found.items():
            if key not in known:
                raise node.wrong(f"unknown key `{key}`{meant(key, known)}")
        for key in required:
            if key not in found:
                raise self.wrong(f"`{key}` is missing")
        return found

    def mapping(self) -> dict[str, "Node"]:
        if not isinstance(self.value, dict):
            raise self.wrong(f"a mapping is expected, not {plain(self)!r}")
        return self.value

    def __iter__(self) -> Iterator["Node"]:
        if not isinstance(self.value, list):
            raise self.wrong(f"a list is expected, not {plain(self)!r}")
        return iter(self.value)

    def number(self) -> int | Decimal:
        try:
            return number(self.value)
        except ValueError as error:
            raise self.wrong(str(error)) from None

    def whole(self) -> int:
        if (given := self.number()) != int(given):
            raise self.wrong(f"a whole number is expected, not {given}")
        return int(given)

    def one_of(self, known: Iterable[str], what: str) -> str:
        known = list(known)
        if not isinstance(self.value, str) or self.value not in known:
            raise self.wrong(f"unknown {what} `{self.value}`{meant(str(self.value), known)}")
        return self.value

    def below(self, path: Iterable[str | int]) -> "Node":
        """The node at a path under it, or the last one on the way."""
        node = self
        for part in path:
            if isinstance(node.value, dict) and part in node.value:
                node = node.value[str(part)]
            elif isinstance(node.value, list) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
        return node


class Placed(dict[str, Any]):
    """The plain values of a mapping, and the node they come from."""

    node: Node


def plain(node: Node) -> Any:
    """Without places, but for those of mappings."""
    if isinstance(node.value, list):
        return [plain(item) for item in node.value]
    if not isinstance(node.value, dict):
        return node.value
    placed = Placed({key: plain(value) for key, value in node.value.items()})
    placed.node = node
    return placed


class Shape(BaseModel):
    """A mapping of a rule file: its fields are the keys that may stand there, their docstrings what an editor says of them."""

    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)
    nullable: ClassVar[tuple[str, ...]] = ()
    """The keys that may be left out, and may be null."""
    _node: Node

    @classmethod
    def parse(cls, node: Node) -> Self:
        """Raises `WrongRuleFile`."""
        try:
            return cls.model_validate(plain(node))
        except ValidationError as error:
            wrong = [_placed(node, one) for one in error.errors(include_url=False)]
            raise WrongRuleFile("\n".join(dict.fromkeys(wrong))) from None

    @classmethod
    def kind_of(cls, node: Node) -> Any:
        """The shape that the mapping has, where there is a choice."""
        return cls

    @model_validator(mode="wrap")
    @classmethod
    def _read(cls, given: Any, go_on: Callable[[Any], Self]) -> Self:
        if not isinstance(given, Placed):
            return go_on(given)
        kind: type[Self] = cls.kind_of(given.node)
        if kind is not cls:
            return kind.parse(given.node)
        fields = {field.alias or name: field.is_required() for name, field in cls.model_fields.items()}
        if cls.model_config["extra"] == "forbid":
            given.node.keys([key for key, required in fields.items() if required], fields)
        for key in given:
            if given[key] is None and not fields.get(key, True) and key not in cls.nullable:
                raise given.node.below([key]).wrong(f"`{key}` is empty: fill it in, or leave it out")
        shape = go_on(given)
        shape._node = given.node
        return shape

    @property
    def place(self) -> Node:
        return self._node

    def under(self, *path: str | int) -> Node:
        return self._node.below(path)


def number(value: object) -> int | Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError(f"a number in plain digits is expected, not {value!r}")
    return value


def _quoted(article: object) -> object:
    if article is not None and not isinstance(article, str):
        raise ValueError(f'quote the article: "{article}"')
    return article


Number = Annotated[int | Decimal, BeforeValidator(number), WithJsonSchema({"type": "number"})]
Mark = Literal["S", "D", "F", "K"]
Words = Annotated[list[str], Field(min_length=1)]


class Texts(Shape):
    """The same in Dutch and in English."""

    nl: Annotated[str, Field(min_length=1, pattern=r"\S")]
    en: Annotated[str, Field(min_length=1, pattern=r"\S")]

    def __getitem__(self, language: str) -> str:
        return str(getattr(self, language))


class Source(Shape):
    """The place in the law."""

    act: str
    """The act, such as BVCW."""
    article: Annotated[str | None, BeforeValidator(_quoted)]
    """The article, between quotes (6.10 would become 6.1); null as long as it is not known."""


class Period(Shape):
    """Both days included; periods leave no gap and do not overlap."""

    first: date = Field(alias="from")
    """The first day."""
    through: date | None
    """The last day; null: it has no end."""


def all_of(make: Callable[[Any], T], parts: Iterable[Any]) -> list[T]:
    """The results of `make`. Raises `WrongRuleFile` with the complaints about all parts, a line each."""
    made: list[T] = []
    wrong: list[str] = []
    for part in parts:
        try:
            made.append(make(part))
        except WrongRuleFile as error:
            wrong += str(error).splitlines()
    if wrong:
        raise WrongRuleFile("\n".join(dict.fromkeys(wrong)))
    return made


def meant(given: str, known: Iterable[str]) -> str:
    """The nearest of what is known, as a suggestion; or all of it."""
    known = list(known)
    if near := difflib.get_close_matches(given, known, 1):
        return f": did you mean `{near[0]}`?"
    return f": known are {', '.join(known)}" if known else ""


def _placed(node: Node, error: Mapping[str, Any]) -> str:
    """A complaint of pydantic with its place; that of a nested shape has one already."""
    inner = error.get("ctx", {}).get("error")
    return str(inner if isinstance(inner, WrongRuleFile) else node.below(error["loc"]).wrong(_why(error)))


def _why(error: Mapping[str, Any]) -> str:
    kind, given = error["type"], error["input"]
    what = next((part for part in reversed(error["loc"]) if isinstance(part, str)), "value")
    if kind in ("string_too_short", "string_pattern_mismatch"):
        return f"`{what}` is empty"
    if kind == "literal_error":
        known = re.findall("'([^']*)'", error["ctx"]["expected"])
        return f"unknown {what} `{given}`{meant(str(given), known)}"
    if expected := EXPECTED.get(kind.rpartition("_")[0]):
        return f"{expected} is expected, not {given!r}"
    return str(error["msg"]).removeprefix("Value error, ")
