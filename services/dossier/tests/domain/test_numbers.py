"""A national number is one person's, has right check digits, and tells when he was born."""

from calendar import monthrange
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier.domain.numbers import born_on, contradictions, dossier_number

ANNA, BRAM = "85622300173", "86670100113"
DAYS = st.dates(date(1900, 1, 1), date(2099, 12, 31))


def numbered(nine: str, century: int) -> str:
    """A number with the check digits of that century."""
    return f"{nine}{97 - int(('2' if century == 20 else '') + nine) % 97:02d}"


def test_a_dossier_number_has_at_least_four_digits() -> None:
    assert dossier_number(date(2024, 3, 20), 1) == "2024.03.20.0001"
    assert dossier_number(date(2024, 3, 20), 10000) == "2024.03.20.10000"


@given(born=DAYS, added=st.sampled_from((0, 20, 40, 60)), series=st.integers(0, 999))
def test_a_number_tells_the_birth_date_that_it_was_made_of(born: date, added: int, series: int) -> None:
    nine = f"{born:%y}{born.month + added:02d}{born:%d}{series:03d}"
    assert born_on(numbered(nine, born.year // 100)) == born


@given(nine=st.from_regex("[0-9]{9}", fullmatch=True), century=st.sampled_from((19, 20)))
def test_a_number_tells_a_day_nothing_or_is_none(nine: str, century: int) -> None:
    year, month, day = century * 100 + int(nine[:2]), int(nine[2:4]) % 20, int(nine[4:6])
    number = numbered(nine, century)
    if month == 0 or day == 0:
        assert born_on(number) is None
    elif month > 12 or day > monthrange(year, month)[1]:
        with pytest.raises(ValueError, match="no birth date"):
            born_on(number)
    else:
        assert born_on(number) == date(year, month, day)


@pytest.mark.parametrize(
    "number", ["8562230019", "856223001733", "8562230019x", "٨٥٦٢٢٣٠٠١٧٣", "85622300166", "", "85622300173\n"]
)
def test_what_is_no_number_is_refused(number: str) -> None:
    with pytest.raises(ValueError, match="no national register number"):
        born_on(number)


@pytest.mark.parametrize(
    ("numbers", "born", "found"),
    [
        ({0: ANNA, 1: BRAM}, {0: date(1985, 2, 23), 1: date(1986, 7, 1), 2: date(1985, 2, 23)}, []),
        ({0: ANNA, 1: BRAM, 2: ANNA}, {}, [("members", 0, "number"), ("members", 2, "number")]),
        ({0: ANNA, 1: BRAM}, {1: date(1986, 7, 2)}, [("members", 1, "born_on")]),
        ({0: numbered("850000001", 19)}, {0: date(1985, 2, 23)}, []),
    ],
)
def test_a_number_stands_once_and_fits_the_birth_date(
    numbers: dict[int, str], born: dict[int, date], found: list[tuple[str, int, str]]
) -> None:
    assert [place for place, _ in contradictions(numbers, born)] == found
