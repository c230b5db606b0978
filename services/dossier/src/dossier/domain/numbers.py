"""Numbers that people are known by: the dossier's own, and the national register's with its check digits."""

from datetime import date


def dossier_number(day: date, nth: int) -> str:
    """YYYY.MM.DD.NNNN: the nth application of a day, at least four digits. Source: the register's certificate."""
    return f"{day:%Y.%m.%d}.{nth:04d}"


def is_national_number(number: str) -> bool:
    """Eleven digits, the last two 97 − (the first nine mod 97); who is born from 2000 on counts with a 2 in front."""
    if len(number) != 11 or not (number.isascii() and number.isdecimal()):
        return False
    first, check = number[:9], int(number[9:])
    return check in (97 - int(first) % 97, 97 - int("2" + first) % 97)
