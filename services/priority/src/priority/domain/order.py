"""The order of the waiting list, and the reason for each place.

As long as no dwelling is asked for, registration alone orders: who registered first is first, then the dossier number,
its parts compared as numbers (2024.03.20.10000 comes after 2024.03.20.9999).
"""

from datetime import date

ON_THE_LIST = "registered"
BECAUSE = ("registration_date",)


def number_parts(number: str) -> tuple[date, int]:
    """A dossier number, YYYY.MM.DD.NNNN, as what orders it: its day and its place on that day."""
    year, month, day, nth = (int(part) for part in number.split("."))
    return date(year, month, day), nth
