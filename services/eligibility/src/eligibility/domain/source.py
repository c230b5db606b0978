"""What was read from a rule file, with the line it stands on: every complaint names file and line, and what was meant."""

import difflib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TypeVar

T = TypeVar("T")
Raw = dict[str, "Node"] | list["Node"] | str | int | bool | Decimal | date | None


class WrongRuleFile(Exception):
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
        required, known = tuple(required), [*required, *optional]
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
            raise self.wrong(f"a mapping is expected, not {self.value!r}")
        return self.value

    def items(self) -> list["Node"]:
        if not isinstance(self.value, list):
            raise self.wrong(f"a list is expected, not {self.value!r}")
        return self.value

    def of(self, kind: type[T], what: str) -> T:
        """The value, which must be of that kind: `node.of(str, "an id")`."""
        if not isinstance(self.value, kind) or (kind is int and isinstance(self.value, bool)):
            raise self.wrong(f"{what} is expected, not {self.value!r}")
        return self.value

    def text(self) -> str:
        return self.of(str, "text")

    def number(self) -> int | Decimal:
        if isinstance(self.value, bool) or not isinstance(self.value, int | Decimal):
            raise self.wrong(f"a number in plain digits is expected, not {self.value!r}")
        return self.value

    def whole(self) -> int:
        if (number := self.number()) != int(number):
            raise self.wrong(f"a whole number is expected, not {number}")
        return int(number)

    def texts(self) -> tuple[str, ...]:
        return tuple(item.text() for item in self.items())

    def one_of(self, known: Iterable[str], what: str) -> str:
        known, given = list(known), self.text()
        if given not in known:
            raise self.wrong(f"unknown {what} `{given}`{meant(given, known)}")
        return given

    def day(self) -> date | None:
        """A day, or nothing for null."""
        return None if self.value is None else self.of(date, "a date such as 2024-01-01")

    def in_two_languages(self) -> dict[str, str]:
        texts = {language: node.text() for language, node in self.keys(("nl", "en")).items()}
        if empty := [language for language, text in texts.items() if not text.strip()]:
            raise self.wrong(f"`{empty[0]}` is empty")
        return texts

    def __iter__(self) -> Iterator["Node"]:
        return iter(self.items())


def all_of(make: Callable[[Node], T], nodes: Iterable[Node]) -> list[T]:
    """What is made of each. Raises `WrongRuleFile`: of all of them what is wrong, a line each."""
    made: list[T] = []
    wrong: list[str] = []
    for node in nodes:
        try:
            made.append(make(node))
        except WrongRuleFile as error:
            wrong.append(str(error))
    if wrong:
        raise WrongRuleFile("\n".join(dict.fromkeys("\n".join(wrong).splitlines())))
    return made


def meant(given: str, known: Iterable[str]) -> str:
    """The nearest of what is known, as a suggestion; or all of it."""
    known = list(known)
    if near := difflib.get_close_matches(given, known, 1):
        return f": did you mean `{near[0]}`?"
    return f": known are {', '.join(known)}" if known else ""
