"""What the rules see: by the table of origins, of what was declared, answered, entered and interpreted."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dossier.facts.compose import Composed, Layer, Layers, by_key, changes, compose, declared, state
from dossier.facts.origins import ORIGINS, WrongOrigins, load_origins

STRUCTURE = {
    "p1": {"id": "p1", "role": "applicant", "moves_in": True},
    "p2": {"id": "p2", "role": "partner", "moves_in": True},
    "c1": {"id": "c1", "role": "co_resident", "moves_in": True},
}
HOUSE = {"right": "full_ownership", "object": "dwelling", "country": "BE"}
IN_SPAIN = HOUSE | {"country": "ES"}
INCOME = {"year": 2023, "jointly_taxable": "21000.00"}
CLAIM = {"months": 3, "amount": "6000.00"}


class Record:
    """What is on record of a household, one statement after the other."""

    def __init__(self, *members: str) -> None:
        self.members, self.layers, self.version = members or ("p1",), Layers(), 0

    def add(self, layer: Layer, member: str = "p1", scope: Any = ORIGINS, **facts: Any) -> "Record":
        """All that this layer says now about a member, as one change."""
        self.version += 1
        said = by_key(facts)
        if layer == "interpretation":  # of a document on a right: the claim on it, not the list
            said.pop("real_rights", None)
        seen = by_key(self.seen(member)) if layer == "counter" else None
        changed = changes(layer, self.layers.get(member, {}), said, scope, seen)
        stamp = {"by": layer, "at": f"at {self.version}", "since": self.version}
        if changed:
            self.layers = state(self.layers, member, layer, changed, stamp)
        for of, keys in ((of, keys) for of, keys in self.composed.gone.items() if keys):  # as the register does
            for judged in ("counter", "interpretation"):
                self.layers = state(self.layers, of, judged, dict.fromkeys(keys), stamp)
        return self

    @property
    def composed(self) -> Composed:
        structure = [STRUCTURE[member] for member in self.members]
        return compose(structure, {member: member for member in self.members}, self.layers, ORIGINS)

    def seen(self, member: str = "p1") -> dict[str, Any]:
        facts = next(one for one in self.composed.members if one["id"] == member)
        return {key: value for key, value in facts.items() if key not in ("id", "role", "moves_in")}

    def origin(self, key: str, member: str = "p1") -> Any:
        shown = self.composed.origins[member][key]
        return (shown["origin"], "to prove") if shown.get("to_prove") else shown["origin"]


@pytest.mark.parametrize(
    ("facts", "seen", "to_prove"),
    [
        ({"born_on": "1985-02-23"}, {}, "born_on"),
        ({"residence": "population_register"}, {}, "residence"),
        ({"incomes": [INCOME]}, {}, "incomes"),
        ({"incomes": []}, {}, None),
        ({"real_rights": []}, {}, None),
        ({"real_rights": [IN_SPAIN]}, {"real_rights": [IN_SPAIN]}, None),
        ({"real_rights": [HOUSE | {"right": "bare_ownership"}]}, {}, None),
        (
            {"real_rights": [HOUSE | {"exception": "expropriation"}]},
            {"real_rights": [HOUSE | {"exception": "expropriation"}]},
            "real_rights[0]",
        ),
        ({"recent_income": CLAIM}, {"recent_income": CLAIM}, "recent_income"),
        ({"set_aside": {"ground": "budget_guidance"}}, {"set_aside": {"ground": "budget_guidance"}}, "set_aside"),
        ({"no_income_declared": {}}, {"no_income_declared": {"proof": "interpreted"}}, None),
        ({"balances": "1200.00"}, {"balances": "1200.00"}, None),
        ({"recognised_handicap": True}, {}, "recognised_handicap"),
        ({"recognised_handicap": False}, {}, None),
        ({"emancipated": True}, {}, "emancipated"),
        ({"guided_independent_living": True}, {}, "guided_independent_living"),
        ({"language": "known"}, {}, "language"),
    ],
    ids=str,
)
def test_a_declaration_alone_is_to_the_rules_what_the_table_says(facts: Any, seen: Any, to_prove: str | None) -> None:
    record = Record().add("declaration", **facts)
    assert record.seen() == seen
    assert [key for key, shown in record.composed.origins["p1"].items() if shown.get("to_prove")] == (
        [to_prove] if to_prove and "incomes" not in facts else ["incomes", "incomes.2023"] if to_prove else []
    )
    assert declared(record.layers["p1"]) == facts


def test_a_declared_dependant_is_none_until_it_is_established() -> None:
    record = Record("p1", "c1").add("declaration", "c1", dependant=True)
    assert record.seen("c1") == {}
    assert record.origin("dependant", "c1") == ("none", "to prove")
    assert record.add("source", "c1", dependant=True).seen("c1") == {"dependant": True}
    assert record.origin("dependant", "c1") == "source"


def test_a_declared_no_is_to_be_proven_against_the_yes_of_a_source() -> None:
    record = Record().add("declaration", recognised_handicap=False).add("source", recognised_handicap=True)
    assert (record.seen(), record.origin("recognised_handicap")) == (
        {"recognised_handicap": True},
        ("source", "to prove"),
    )


def test_between_source_and_counter_the_later_word_holds_and_a_repeated_answer_is_no_word() -> None:
    record = Record().add("source", language="known").add("counter", language="not_known")
    assert (record.seen(), record.origin("language")) == ({"language": "not_known"}, "counter")
    assert record.add("source", language="known").seen() == {"language": "not_known"}
    assert record.add("source", language="exempt").seen() == {"language": "exempt"}
    assert record.add("counter", language="exempt").origin("language") == "source"


def test_each_income_has_an_origin_of_its_own() -> None:
    other = {"year": 2022, "jointly_taxable": "9000.00"}
    record = Record().add("source", incomes=[INCOME]).add("counter", incomes=[other, INCOME])
    assert record.seen() == {"incomes": [other, INCOME]}
    origins = record.composed.origins["p1"]
    assert {key: shown["origin"] for key, shown in origins.items() if key.startswith("incomes")} == {
        "incomes": "source",
        "incomes.2022": "counter",
        "incomes.2023": "source",
    }
    # a source that knows of an assessment no longer takes back its own word alone
    assert record.add("source", incomes=[]).seen() == {"incomes": [other]}
    # a case worker takes back his own word alone
    record = Record().add("source", incomes=[INCOME]).add("counter", incomes=[other, INCOME]).add("counter")
    assert record.seen() == {"incomes": [INCOME]}


def test_to_know_of_no_assessment_is_to_know() -> None:
    record = Record().add("declaration", incomes=[INCOME]).add("source", incomes=[])
    assert (record.seen(), record.origin("incomes")) == ({"incomes": []}, "source")


def test_a_claim_holds_as_it_was_judged_and_another_is_new_without_proof() -> None:
    accepted = CLAIM | {"proof": "interpreted"}
    for layer in ("counter", "interpretation"):
        record = Record().add("declaration", recent_income=CLAIM).add(layer, recent_income=accepted)
        assert (record.seen(), record.origin("recent_income")) == ({"recent_income": accepted}, layer)
        record.add("declaration", recent_income=CLAIM, balances="5.00")
        assert record.seen()["recent_income"] == accepted  # a repeated claim is no word
        record.add("declaration")
        assert record.seen() == {"recent_income": accepted}
        record.add("declaration", recent_income=CLAIM | {"amount": "1.00"})
        assert record.seen() == {"recent_income": CLAIM | {"amount": "1.00"}}
        assert record.origin("recent_income") == ("declaration", "to prove")


def test_an_accepted_exception_stays_with_its_right() -> None:
    accepted = HOUSE | {"exception": "expropriation", "proof": "interpreted"}
    record = Record().add("source", real_rights=[HOUSE]).add("counter", real_rights=[accepted])
    assert record.seen() == {"real_rights": [accepted]}
    assert (record.origin("real_rights"), record.origin("real_rights[0]")) == ("source", "counter")
    # another right comes first in the list: the proof does not move to it
    record.add("declaration", real_rights=[IN_SPAIN, HOUSE])
    assert sorted(record.seen()["real_rights"], key=lambda right: right["country"]) == [accepted, IN_SPAIN]
    record.add("declaration", real_rights=[HOUSE | {"exception": "separation"}])
    assert record.seen() == {"real_rights": [HOUSE | {"exception": "separation"}]}


def test_an_owner_abroad_who_says_so_is_one_though_the_land_registry_knows_nothing() -> None:
    record = Record().add("declaration", real_rights=[IN_SPAIN]).add("source", real_rights=[])
    assert (record.seen(), record.origin("real_rights[0]")) == ({"real_rights": [IN_SPAIN]}, "declaration")
    assert record.add("counter", real_rights=[]).seen() == {"real_rights": []}  # sold, and shown at the counter
    assert record.add("declaration", real_rights=[IN_SPAIN, IN_SPAIN]).seen() == {"real_rights": [IN_SPAIN, IN_SPAIN]}


def test_a_right_abroad_that_the_counter_entered_stays_when_the_land_registry_answers() -> None:
    record = Record().add("counter", real_rights=[IN_SPAIN, HOUSE]).add("source", real_rights=[])
    assert record.seen() == {"real_rights": [IN_SPAIN]}


def test_a_declared_right_that_bars_nobody_hides_no_other() -> None:
    """Else whoever declares a bare ownership would have no other right, as long as no source was asked."""
    bare = HOUSE | {"right": "bare_ownership"}
    record = Record().add("declaration", real_rights=[bare])
    assert record.seen() == {}
    accepted = HOUSE | {"exception": "expropriation", "proof": "interpreted"}
    record = Record().add("declaration", real_rights=[HOUSE | {"exception": "expropriation"}])
    assert record.add("interpretation", real_rights=[accepted]).seen() == {}
    assert record.add("source", real_rights=[HOUSE]).seen() == {"real_rights": [accepted]}


def test_a_declaration_on_honour_counts_until_it_is_rejected() -> None:
    record = Record().add("declaration", no_income_declared={})
    assert (
        record.add("counter", no_income_declared={"proof": "interpreted"}).origin("no_income_declared") == "declaration"
    )
    assert Record().add("counter", no_income_declared={}).seen() == {"no_income_declared": {"proof": "interpreted"}}
    record.add("counter", no_income_declared={"proof": "rejected"})
    assert record.seen() == {"no_income_declared": {"proof": "rejected"}}
    assert record.add("declaration", no_income_declared={}, balances="1.00").seen()["no_income_declared"] == {
        "proof": "rejected"
    }


def test_a_source_that_later_differs_from_an_interpretation_is_put_to_a_case_worker() -> None:
    record = Record().add("interpretation", recognised_handicap=True).add("source", recognised_handicap=False)
    assert record.seen() == {"recognised_handicap": True}
    assert record.composed.origins["p1"]["recognised_handicap"]["contradicted_by"] == "source"
    record = Record().add("source", recognised_handicap=False).add("interpretation", recognised_handicap=True)
    assert "contradicted_by" not in record.composed.origins["p1"]["recognised_handicap"]


def test_balances_that_were_shown_are_not_declared_away() -> None:
    record = Record().add("declaration", balances="10.00").add("counter", balances="90000.00")
    assert record.add("declaration", balances="5.00").seen() == {"balances": "90000.00"}
    assert record.origin("balances") == ("counter", "to prove")


def test_a_key_that_a_case_worker_leaves_out_takes_back_the_counters_word_alone() -> None:
    record = Record().add("declaration", balances="10.00").add("source", language="known")
    record.add("counter", balances="20.00", language="not_known", recent_income=CLAIM | {"proof": "interpreted"})
    assert record.add("counter").seen() == {"balances": "10.00", "language": "known"}


def test_ties_count_once_established_and_those_of_two_are_kept_apart() -> None:
    stay = {"municipality": "24062", "from": "2019-01-01", "until": None}
    record = Record("p1", "p2", "c1").add("declaration", stays=[stay], informal_care_in=["24062"])
    assert (record.composed.residence, record.composed.informal_care_in) == ([], [])
    record.add("source", stays=[stay]).add("source", "p2", stays=[stay]).add("source", "c1", stays=[stay])
    record.add("counter", "p2", informal_care_in=["24062"])
    assert record.composed.residence == [stay | {"member": "p1"}, stay | {"member": "p2"}]
    assert record.composed.informal_care_in == ["24062"]
    assert "stays" not in record.seen()


VALUES: Mapping[str, st.SearchStrategy[Any]] = {
    "language": st.sampled_from(["known", "not_known"]),
    "balances": st.sampled_from(["1.00", "2.00"]),
    "recognised_handicap": st.booleans(),
    "emancipated": st.booleans(),
    "incomes": st.lists(
        st.sampled_from([INCOME, INCOME | {"jointly_taxable": "5.00"}, INCOME | {"year": 2022}]),
        unique_by=lambda income: income["year"],
    ),
    "real_rights": st.lists(
        st.sampled_from([HOUSE, IN_SPAIN, HOUSE | {"right": "bare_ownership"}, HOUSE | {"exception": "separation"}]),
        max_size=3,
    ),
    "recent_income": st.sampled_from([CLAIM, CLAIM | {"amount": "1.00"}]),
}
FACTS = st.fixed_dictionaries({}, optional=dict(VALUES))
STEPS = st.lists(st.tuples(st.sampled_from(["declaration", "source", "counter"]), FACTS), max_size=6)


@given(STEPS, FACTS)
def test_no_declaration_proves_anything(steps: list[Any], facts: dict[str, Any]) -> None:
    """Whatever a candidate declares: what the rules see that is not his to say alone stays, or becomes unknown or pending."""
    record = Record()
    for layer, said in steps:
        record.add(layer, **said)
    before, after = record.seen(), record.add("declaration", **facts).seen()
    for fact in ("language", "recognised_handicap", "emancipated", "incomes"):
        assert after.get(fact) == before.get(fact)
    assert all("proof" not in right for right in after.get("real_rights", ()))
    if "real_rights" in after and "real_rights" not in before:
        assert any(right["right"] != "bare_ownership" for right in after["real_rights"])


@given(STEPS)
def test_what_a_case_worker_sends_back_as_the_rules_see_it_changes_nothing(steps: list[Any]) -> None:
    record = Record()
    for layer, said in steps:
        record.add(layer, **said)
    before, layers = record.composed, record.layers
    record.add("counter", **record.seen())
    assert record.composed.members == before.members
    if all(layer != "counter" for layer, _ in steps):
        assert record.layers == layers


def test_the_table_knows_the_facts_of_the_rules_and_those_of_the_order() -> None:
    root = Path(__file__).resolve().parents[4]
    rules = yaml.safe_load((root / "services/eligibility/rules/facts.yaml").read_text())["facts"]
    assert ORIGINS.keys() == rules.keys() | {"stays", "informal_care_in"}
    for fact, rule in rules.items():
        candidate, co_resident = "candidate" in rule["about"], "co_resident" in rule["about"]
        about = "everybody" if candidate and co_resident else "candidates" if candidate else "co_residents"
        assert fact == "born_on" or ORIGINS[fact].about == about, fact  # the register asks everybody's birth date
        claims = {"proven_claim": ("pending", "on_honour"), "claim": ("not_made",)}
        assert ORIGINS[fact].declared in claims.get(rule["type"], ("counts", "unknown")), fact


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("born_on: {about: candidates, source: tax, declared: counts}", "mark"),
        ("born_on: {about: candidates, source: neighbours, declared: counts, mark: K}", "source"),
        ("born_on: {about: candidates, source: tax, declared: perhaps, mark: K}", "declared"),
        ("a: 1\na: 2", "twice"),
    ],
)
def test_a_wrong_table_is_refused(text: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "origins.yaml"
    file.write_text(text)
    with pytest.raises(WrongOrigins, match=says):
        load_origins(file)
