"""Texts in Dutch and in English: texts.yaml, filled in."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path

from pydantic import TypeAdapter

from cir_chassis.yaml_file import read_yaml
from cir_schemas.municipalities import NAMES
from cir_schemas.types import Shape
from priority.domain.ledger import Entry
from priority.domain.turns import STANDARD


class Text(Shape):
    """The same in both languages."""

    nl: str
    en: str


Find = Callable[[str], str]
"""Finds a text by its key, in one language."""
TEXTS = TypeAdapter(dict[str, Text]).validate_python(read_yaml(Path(__file__).parents[2] / "texts.yaml"))


def position(municipality: str, because: Sequence[str], day: date | None, before: Mapping[str, int] | None) -> Text:
    """because: the criteria met, or why it is left out, then with `before` None; day: of the registration, or on which a
    pause ends; before: how many, by the first criterion that puts them there, in the order of the law."""

    def write(text: Find) -> str:
        parts = ", ".join(text("registered_on" if why == "registration_date" else why) for why in because)
        if before is not None:
            ahead = [f"{many} {text(f'before_by_{why}')}" for why, many in before.items()]
            many = text("before").format(count=sum(before.values()))
            parts += f"; {many}: {', '.join(ahead)}" if ahead else f"; {text('nobody_before')}"
        written = f"{day.day} {text('months').split()[day.month - 1]} {day.year}" if day else ""
        return parts.format(place=NAMES.get(municipality, municipality), day=written)

    return _in_both(write)


def reasons(municipality: str, because: Sequence[str]) -> Text:
    """Why a dossier stands where it does in the ranking for a dwelling."""
    place = NAMES.get(municipality, municipality)
    return _in_both(lambda text: ", ".join(map(text, because)).format(place=place))


def turn(entry: Entry, titles: Mapping[str, Text]) -> Text:
    """Whose turn it is, and why it is given to whom; titles: of the groups."""
    called = {**titles, STANDARD: TEXTS[STANDARD]}
    of, to = called[entry.of], called[entry.to]
    return Text(
        nl=TEXTS[entry.how].nl.format(turn=entry.turn, of=of.nl, to=to.nl),
        en=TEXTS[entry.how].en.format(turn=entry.turn, of=of.en, to=to.en),
    )


def _in_both(write: Callable[[Find], str]) -> Text:
    return Text(nl=write(lambda key: TEXTS[key].nl), en=write(lambda key: TEXTS[key].en))
