"""What a jurist edits: a dated row is read, a mistake is refused with file and line."""

from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from priority.domain.ranking import LastingTie, value_on
from priority.rules import WrongRule, load

ROW = "- since: null\n  mark: S\n  value: {years: 5, within: 10}\n"


@pytest.mark.parametrize(
    ("text", "value", "refused"),
    [
        (ROW + "  valeu: 1\n", LastingTie, "tie.yaml:4: [0].valeu"),
        (ROW.replace("within: 10", "wihtin: 10"), LastingTie, "tie.yaml:3: [0].value.wihtin"),
        (ROW.replace("5", "five"), LastingTie, "tie.yaml:3: [0].value.years"),
        (ROW.replace("mark: S", "mark: X"), LastingTie, "tie.yaml:2: [0].mark"),
        (ROW.replace("  mark: S\n", ""), LastingTie, "tie.yaml:1: [0].mark"),
        (ROW + ROW, LastingTie, "no other, has `since: null`"),
        (ROW.replace("null", "2024-01-01"), LastingTie, "tie.yaml:1: the file"),
        (ROW + ROW.replace("null", "2024-01-01") * 2, LastingTie, "in the order of `since`"),
        (ROW + "  mark: K\n", LastingTie, "`mark` stands here twice"),
        ("", LastingTie, "tie.yaml:1: the file"),
        (ROW, Fraction, "tie.yaml:3: [0].value"),
    ],
)
def test_a_mistake_is_refused_with_its_line(tmp_path: Path, text: str, value: Any, refused: str) -> None:
    (file := tmp_path / "tie.yaml").write_text(text)
    with pytest.raises(WrongRule) as wrong:
        load(file, value)
    assert refused in str(wrong.value), wrong.value


def test_a_value_holds_from_its_day_on(tmp_path: Path) -> None:
    (file := tmp_path / "ceiling.yaml").write_text(
        "- {since: null, mark: K, value: 1/3}\n- {since: 2024-01-01, mark: K, value: 1/2}\n"
    )
    rows = [(row.since, row.value) for row in load(file, Fraction)]
    days = (date(2023, 12, 31), date(2024, 1, 1))
    assert [value_on(rows, day) for day in days] == [Fraction(1, 3), Fraction(1, 2)]
