"""The reason for a position, in words to read out to who asks: criteria and numbers, nobody's name."""

from collections.abc import Mapping, Sequence
from datetime import date

from cir_schemas.types import Shape

# Of the sample's municipalities (NIS codes). Another is told by its code, until an official list is at hand: names of the
# merged municipalities of 2019 and 2025 are nothing to write from memory.
_NAMES = {
    "12025": "Mechelen",
    "24011": "Bierbeek",
    "24020": "Diest",
    "24038": "Herent",
    "24062": "Leuven",
    "24086": "Oud-Heverlee",
    "24107": "Tienen",
}
_CRITERIA = ("lasting_tie", "informal_care", "registration_date", "dossier_number")
_WORDS = {
    "nl": {
        "fitting_size": "passende grootte",
        "lasting_tie": "langdurige woonbinding met {place}",
        "informal_care": "mantelzorg in {place}",
        "registration_date": "ingeschreven op {day}",
        "before you": "voor u",
        "nobody": "niemand",
        "before by lasting_tie": "met een langdurige woonbinding",
        "before by informal_care": "met mantelzorg in {place}",
        "before by registration_date": "eerder ingeschreven",
        "before by dossier_number": "dezelfde dag ingeschreven, met een lager nummer",
        "not_registered": "niet op de lijst van {place}: het dossier is niet ingeschreven",
        "under_investigation": "niet op de lijst van {place}: het dossier is in onderzoek",
        "paused": "niet op de lijst van {place}: gepauzeerd tot {day}",
        "months": "januari februari maart april mei juni juli augustus september oktober november december",
    },
    "en": {
        "fitting_size": "fitting size",
        "lasting_tie": "lasting tie with {place}",
        "informal_care": "informal care in {place}",
        "registration_date": "registered on {day}",
        "before you": "before you",
        "nobody": "nobody",
        "before by lasting_tie": "with a lasting tie",
        "before by informal_care": "with informal care in {place}",
        "before by registration_date": "registered earlier",
        "before by dossier_number": "registered the same day, with a lower number",
        "not_registered": "not on the list of {place}: the dossier is not registered",
        "under_investigation": "not on the list of {place}: the dossier is under investigation",
        "paused": "not on the list of {place}: paused until {day}",
        "months": "January February March April May June July August September October November December",
    },
}


class Text(Shape):
    """The same in both languages."""

    nl: str
    en: str


def told(municipality: str, because: Sequence[str], day: date | None, before: Mapping[str, int] | None) -> Text:
    """because: the criteria met, or why it is left out, then with `before` None; day: of the registration, or on which a
    pause ends; before: how many, by the first criterion that puts them there."""

    def say(words: Mapping[str, str]) -> str:
        text = ", ".join(words[why] for why in because)
        if before is not None:
            ahead = [f"{before[why]} {words[f'before by {why}']}" for why in _CRITERIA if before.get(why)]
            many = f"{sum(before.values())} {words['before you']}: {', '.join(ahead)}"
            text += f"; {many if ahead else words['nobody'] + ' ' + words['before you']}"
        written = f"{day.day} {words['months'].split()[day.month - 1]} {day.year}" if day else ""
        return text.format(place=_NAMES.get(municipality, municipality), day=written)

    return Text(**{language: say(words) for language, words in _WORDS.items()})
