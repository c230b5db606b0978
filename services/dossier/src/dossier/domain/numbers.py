"""Numbers that people are known by: the dossier's own, and the national register's with its check digits."""

import re
from collections import Counter
from collections.abc import Mapping
from datetime import date

_ELEVEN_DIGITS = re.compile("[0-9]{11}")


def dossier_number(day: date, nth: int) -> str:
    """YYYY.MM.DD.NNNN: the nth application of a day, at least four digits. Source: the register's certificate."""
    return f"{day:%Y.%m.%d}.{nth:04d}"


def born_on(number: str) -> date | None:
    """The birth date that a national number tells; None where it is unknown (month or day 00).

    number: YYMMDD, three digits of a series, two that check: 97 − (the first nine mod 97), with a 2 before the nine
    for births from 2000 on. A bis number adds 20 or 40 to the month, a test number 60. Raises ValueError where it is
    no national number, also where the day it tells does not exist.
    """
    if not _ELEVEN_DIGITS.fullmatch(number):
        raise ValueError("no national register number: eleven digits")
    nine, check = number[:9], int(number[9:])
    century = next((c for c in (19, 20) if check == 97 - int(("2" if c == 20 else "") + nine) % 97), None)
    if century is None:
        raise ValueError("no national register number: the last two digits do not check the others")
    year, month, day = century * 100 + int(nine[:2]), int(nine[2:4]) % 20, int(nine[4:6])
    if 0 in (month, day):
        return None
    try:
        return date(year, month, day)
    except ValueError:
        raise ValueError("no national register number: its first six digits are no birth date") from None


def told_by(number: str | None) -> date | None:
    """The same; None also without a number, and of one on record that is none."""
    try:
        return born_on(number) if number else None
    except ValueError:
        return None


def is_bis(number: str) -> bool:
    """Is it a bis number, which a national one follows once its bearer is registered?"""
    return 20 <= int(number[2:4]) < 60


def contradictions(
    numbers: Mapping[int, str], birth_dates: Mapping[int, date]
) -> list[tuple[tuple[str | int, ...], str]]:
    """Where persons cannot have these numbers: (path, message) each, as of a household; empty where they can.

    Both: place in the household → what is known. A number is one person's, and tells when he was born.
    """
    often = Counter(numbers.values())
    found: list[tuple[tuple[str | int, ...], str]] = [
        (("members", n, "number"), "is another member's number as well") for n, one in numbers.items() if often[one] > 1
    ]
    for n in numbers.keys() & birth_dates.keys():
        if (told := born_on(numbers[n])) and told != birth_dates[n]:
            found.append((("members", n, "born_on"), "is not the birth date that the number tells"))
    return found
