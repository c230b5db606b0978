"""The figures in the rule files are those of the law, and hang together."""

import itertools
import math
from datetime import date, timedelta
from fractions import Fraction
from typing import Any, get_args

import numpy as np
import pytest

from cir_schemas.household import RightException
from eligibility.domain.decide import Engine
from eligibility.domain.facts import FULL_YEAR, day_number, day_of
from eligibility.domain.figures import Table
from eligibility.domain.parameters import UNITS
from eligibility.domain.verbs import Latest

from .build import household, income
from .independent import LIMITS, factor, health

DOCUMENTS = {  # what settles each fact that documents settle, as the briefing has it
    "residence": {"residence_papers"},
    "recognised_handicap": {"incapacity_certificate", "handicap_certificate"},
    "incomes": {"foreign_income_certificate"},
    "recent_income": {"pay_slips", "living_wage_certificate", "unemployment_certificate"},
    "set_aside": {"debt_settlement_order", "budget_guidance_certificate"},
    "no_income_declared": {"declaration_on_honour"},
    "balances": {"account_statements"},
}
BASE = {"single": 20244, "single_with_handicap": 21940, "others": 30365, "per_dependant": 1697}


@pytest.mark.parametrize("year", range(2019, 2028))
def test_the_formula_of_article_6_13_gives_the_limits(engine: Engine, year: Any) -> None:
    limits, index = engine.rules.parameters["income_limits"], engine.rules.parameters["health_index"]
    h = int(index.columns["june"][year - 1 - 2016])
    assert Fraction(h, 100) == health(year - 1)
    for column, base in BASE.items():
        expected = math.ceil(base * Fraction(h, 100) / Fraction("105.28"))
        assert limits.columns[column][year - 2019] == expected * 100, (year, column)


def test_the_limits_are_copied_right(engine: Engine) -> None:
    columns = engine.rules.parameters["income_limits"].columns
    for n, row in enumerate(LIMITS.values()):
        assert tuple(int(columns[name][n]) // 100 for name in BASE) == row


def indexed(engine: Engine, cents: int, of: int, to: int) -> Fraction:
    """An income of one year brought to the index of another, unrounded, in cents."""
    verb = next(f.by for c in engine.rules.conditions for f in c.figures if isinstance(f.by, Latest))
    cells = {
        f"{verb.name} {part}": np.array([[value]]) for part, value in (("year", of), ("amount", cents), ("hides", 0))
    }
    day = np.array([[day_number(date(to + 1, 6, 1))]])
    value = verb.evaluate(Table(cells, day, day, np.array([[True]])))
    return Fraction(int(value.num.item()), int(np.asarray(value.den).item()))


def test_a_day_is_a_number_of_which_full_years_are_the_difference() -> None:
    days = [date(2004, 2, 27) + timedelta(n) for n in range(0, 9000, 13)]
    days += [date(year, 12, 31) + timedelta(n) for year in range(2003, 2028) for n in (0, 1, 59, 60)]
    for born, day in itertools.product(days, days):
        years = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
        assert (day_number(day) - day_number(born)) // FULL_YEAR == years
    assert [day_of(day_number(day)) for day in days] == days
    assert sorted(days, key=day_number) == sorted(days)


@pytest.mark.parametrize("of", range(2016, 2027))
def test_an_income_is_multiplied_by_a_factor_of_six_decimals(engine: Engine, of: int) -> None:
    for to in range(of, 2027):
        assert indexed(engine, 10**6, of, to) == 10**6 * factor(of, to)


def test_a_dossier_of_the_real_register_is_indexed_as_it_was_there(engine: Engine) -> None:
    assert indexed(engine, 26_673_21, 2021, 2024) == Fraction("31611.80817792") * 100


@pytest.mark.parametrize(("of", "published"), [(2017, "1.035"), (2018, "1.018")])
def test_the_published_factors_are_the_first_decimals_of_ours(engine: Engine, of: int, published: str) -> None:
    assert math.floor(indexed(engine, 1000, of, 2019)) == Fraction(published) * 1000


@pytest.mark.parametrize("fact", DOCUMENTS)
def test_a_fact_is_settled_by_its_documents(engine: Engine, fact: str) -> None:
    assert {document for by in engine.rules.facts[fact].proofs.values() for document in by} >= DOCUMENTS[fact]


def test_each_exception_to_property_has_its_own_documents(engine: Engine) -> None:
    proofs = engine.rules.facts["real_rights"].proofs
    assert set(proofs) == {"", *get_args(RightException)}
    assert len(set(proofs.values())) == len(proofs)


def test_the_highest_amounts_do_not_overflow(engine: Engine) -> None:
    most = dict.fromkeys(
        ("jointly_taxable", "separately_taxable", "replacement_allowance", "living_wage", "foreign_exempt"), 9_000_000
    )
    given = household({"incomes": [income(2024)]}, {"incomes": [income(2025)]}, day=date(2027, 1, 1))
    for member, year in zip(given["members"], (2024, 2025), strict=True):
        member["incomes"] = [income(year, **most)]
    exact = sum(Fraction(45_000_000_00) * factor(year, 2026) for year in (2024, 2025))
    cents = math.floor(exact + Fraction(1, 2))
    answer = engine.decide([given])[0]
    assert answer["conditions"]["income"]["figures"]["income"] == f"{cents // 100}.{cents % 100:02d}"
    _, lowest, highest = UNITS[
        "index"
    ]  # two candidates of 45 million each, over 3 × 10^6 by recent incomes, rounded half up
    assert 2 * 2 * 45_000_000_00 * (highest * 10**6 // lowest) * 3 < np.iinfo(np.int64).max
