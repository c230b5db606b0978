"""The reason for a position, in words to read out to who asks: criteria and numbers, nobody's name."""

from collections.abc import Mapping, Sequence
from datetime import date

from cir_schemas.municipalities import NAMES
from cir_schemas.types import Shape
from priority.domain.ledger import Entry
from priority.domain.turns import STANDARD

_CRITERIA = ("stricter_tie", "lasting_tie", "informal_care", "registration_date", "dossier_number")
_WORDS = {
    "nl": {
        "fitting_size": "passende grootte",
        "stricter_tie": "strengere woonbinding met {place}",
        "lasting_tie": "langdurige woonbinding met {place}",
        "informal_care": "mantelzorg in {place}",
        "registration_date": "ingeschreven op {day}",
        "before you": "voor u",
        "nobody": "niemand",
        "before by stricter_tie": "met de strengere woonbinding",
        "before by lasting_tie": "met een langdurige woonbinding",
        "before by informal_care": "met mantelzorg in {place}",
        "before by registration_date": "eerder ingeschreven",
        "before by dossier_number": "dezelfde dag ingeschreven, met een lager nummer",
        "not_registered": "niet op de lijst van {place}: het dossier is niet ingeschreven",
        "under_investigation": "niet op de lijst van {place}: het dossier is in onderzoek",
        "paused": "niet op de lijst van {place}: gepauzeerd tot {day}",
        "chosen": "niet op de lijst van {place}: er is al een woning voor u gekozen",
        "target_group": "voorrang van de doelgroep",
        "area_tie": "langdurige woonbinding met het gebied",
        "oldest_referral": "de oudste aanmelding van de groep",
        "a date of registration": "datum van inschrijving",
        "months": "januari februari maart april mei juni juli augustus september oktober november december",
    },
    "en": {
        "fitting_size": "fitting size",
        "stricter_tie": "stricter tie with {place}",
        "lasting_tie": "lasting tie with {place}",
        "informal_care": "informal care in {place}",
        "registration_date": "registered on {day}",
        "before you": "before you",
        "nobody": "nobody",
        "before by stricter_tie": "with the stricter tie",
        "before by lasting_tie": "with a lasting tie",
        "before by informal_care": "with informal care in {place}",
        "before by registration_date": "registered earlier",
        "before by dossier_number": "registered the same day, with a lower number",
        "not_registered": "not on the list of {place}: the dossier is not registered",
        "under_investigation": "not on the list of {place}: the dossier is under investigation",
        "paused": "not on the list of {place}: paused until {day}",
        "chosen": "not on the list of {place}: a home was chosen for you already",
        "target_group": "priority of the target group",
        "area_tie": "lasting tie with the area",
        "oldest_referral": "the group's oldest referral",
        "a date of registration": "date of registration",
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
        return text.format(place=NAMES.get(municipality, municipality), day=written)

    return Text(**{language: say(words) for language, words in _WORDS.items()})


def reasons(municipality: str, because: Sequence[str]) -> Text:
    """Why a dossier stands where it does in the order for a dwelling."""

    def say(words: Mapping[str, str]) -> str:
        called = {**words, "registration_date": words["a date of registration"]}
        return ", ".join(called[why] for why in because).format(place=NAMES.get(municipality, municipality))

    return Text(**{language: say(words) for language, words in _WORDS.items()})


_TURN = {
    "nl": {
        "taken": "Beurt {turn} is van {of}.",
        "passed": "Beurt {turn} is van {of}, maar geen aanmelding van die groep past bij deze woning. "
        "De beurt gaat naar {to}, die er nu een schuldig is aan {of}.",
        "repaid": "Beurt {turn} is van {of}, die een beurt schuldig is aan {to}: die krijgt hem terug.",
        STANDARD: "de gewone toewijzing",
    },
    "en": {
        "taken": "Turn {turn} is of {of}.",
        "passed": "Turn {turn} is of {of}, but no referral of that group fits this dwelling. "
        "The turn goes to {to}, which now owes one to {of}.",
        "repaid": "Turn {turn} is of {of}, which owes a turn to {to}: it is given back.",
        STANDARD: "standard allocation",
    },
}
ROOM = Text(
    nl="Aanvaard: er komt een woning voor deze kandidaat-huurder, zodra de groep aan de beurt is en er een past. "
    "Wanneer dat is, weet niemand vooraf.",
    en="Accepted: there will be a home for this candidate, once it is the group's turn and one fits. "
    "When that is, nobody knows beforehand.",
)
NO_ROOM = Text(
    nl="Geweigerd: de groep heeft geen plaats meer in deze periode. De kandidaat-huurder komt op geen andere lijst en houdt zijn "
    "plaats op de wachtlijst.",
    en="Refused: the group has no room left in this period. The candidate is put on no other list and keeps his place on the "
    "waiting list.",
)


def whose_turn(entry: Entry, titles: Mapping[str, Text]) -> Text:
    """Whose turn it is, and why it is given to whom; titles: of the groups."""

    def say(language: str, words: Mapping[str, str]) -> str:
        called = {name: getattr(title, language) for name, title in titles.items()} | {STANDARD: words[STANDARD]}
        return words[entry.how].format(turn=entry.turn, of=called[entry.of], to=called[entry.to])

    return Text(**{language: say(language, words) for language, words in _TURN.items()})
