"""What the acts on record add up to, and what may be done now: from the acts, and from nothing else."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier.domain.acts import Act, Appeal, Situation, Standing, after, available_actions, standing

DAY = date(2024, 3, 20)
LATER = DAY + timedelta(days=40)


def acts(*given: tuple[str, dict[str, Any]] | str, on: date = DAY) -> list[Act]:
    pairs = [one if isinstance(one, tuple) else (one, {}) for one in given]
    return [Act(str(n), kind, on, refers.get("person"), refers) for n, (kind, refers) in enumerate(pairs)]


def start() -> tuple[str, dict[str, Any]]:
    return "start", {"person": "anna"}


def submit() -> tuple[str, dict[str, Any]]:
    return "submit", {"test": "t1"}


def confirm(person: str = "anna", part: str = "candidate") -> tuple[str, dict[str, Any]]:
    return "confirm", {"person": person, "part": part}


def assessed(outcome: str, facts: int = 1, test: str = "t1") -> tuple[str, dict[str, Any]]:
    return "assessed", {"outcome": outcome, "facts": facts, "rules": "r", "test": test}


def died(*, closes: bool = False, left: str = "anna") -> tuple[str, dict[str, Any]]:
    return "deceased", {"closes": closes, "left": {} if closes else {left: "candidate"}, "joined": []}


@pytest.mark.parametrize(
    ("on_record", "status", "registered", "tested"),
    [
        ([start()], "draft", False, False),
        ([start(), submit()], "submitted", False, True),
        ([start(), submit(), confirm()], "submitted", False, True),
        ([start(), submit(), confirm(), assessed("met")], "registered", True, False),
        ([start(), submit(), confirm(), assessed("to_investigate")], "under_investigation", True, True),
        ([start(), submit(), confirm(), assessed("not_met")], "under_investigation", True, True),
        ([start(), submit(), confirm(), assessed("not_met"), assessed("met", 2)], "registered", True, False),
        ([start(), submit(), assessed("met"), ("open_test", {"test": "t2"})], "registered", True, True),
        (
            [start(), submit(), assessed("met"), ("open_test", {"test": "t2"}), assessed("not_met", test="t2")],
            "under_investigation",
            True,
            True,
        ),
        ([start(), submit(), assessed("met"), "withdraw"], "withdrawn", True, False),
        ([start(), submit(), "withdraw"], "withdrawn", False, False),
        ([start(), submit(), died(closes=True)], "withdrawn", False, False),
        ([start(), submit(), assessed("met"), died()], "registered", True, False),
    ],
)
def test_the_acts_decide(on_record: Any, status: str, registered: bool, tested: bool) -> None:
    found = standing(acts(*on_record))
    assert (found.status, found.registered_on, found.test is not None) == (status, DAY if registered else None, tested)


def test_a_test_of_an_update_is_of_its_own_day_and_carries_the_registration_date() -> None:
    found = standing([*acts(start(), submit(), assessed("met")), Act("9", "open_test", LATER, None, {"test": "t2"})])
    assert found.test
    assert (found.test.moment, found.test.reference_date, found.test.registered_on) == ("update", LATER, DAY)


def test_who_leaves_takes_his_confirmation_with_him() -> None:
    left = ("change_household", {"left": {"anna": "candidate"}, "joined": ["bram"]})
    found = standing(acts(start(), submit(), confirm(), confirm("bram"), left))
    assert (found.starter, found.confirmed, found.joined) == (None, {"bram": "candidate"}, {"bram": DAY})


def test_joining_a_draft_is_no_joining_later() -> None:
    found = standing(acts(start(), ("change_household", {"left": {}, "joined": ["bram"]}), submit()))
    assert found.joined == {}


def test_a_former_date_that_is_kept_is_the_registration_date() -> None:
    found = standing(acts(start(), submit(), confirm(), ("keep_date", {"date": "2019-05-06"}), assessed("met")))
    assert found.registered_on == date(2019, 5, 6)


def test_what_was_undone_never_happened() -> None:
    before = [start(), submit(), confirm(), confirm("bram")]
    undone = standing(acts(*before, died(), ("undo", {"act": "4"})))
    assert undone == standing(acts(*before))
    closed = standing(acts(*before, died(closes=True), ("undo", {"act": "4"}), assessed("met")))
    assert closed.status == "registered"


def test_refused_is_who_was_never_registered_and_struck_is_who_was() -> None:
    submitted = acts(start(), submit(), assessed("not_met"))
    for on_record, at_hand in (
        (submitted, ["refuse"]),
        ([*submitted, *acts(assessed("met"))], ["strike"]),
        ([*submitted, *acts(assessed("met"), ("open_test", {"test": "t2"}), assessed("not_met"))], ["strike"]),
        ([*submitted, *acts("refuse")], ["strike", "reinstate"]),
    ):
        now = Situation(standing(on_record), at_counter=True)
        everything = ["refuse", "strike", "reinstate", "answer_appeal"]
        assert available_actions(everything, now) == at_hand


def test_a_dossier_that_is_reinstated_is_as_before_and_its_test_is_of_the_day_of_that() -> None:
    under = [start(), submit(), confirm(), assessed("to_investigate")]
    again = Act("9", "reinstate", DAY, None, {"test": "t2", "recorded_on": LATER.isoformat()})
    for on_record in (under, [*under, assessed("met", 2)]):
        before = standing(acts(*on_record))
        closed = standing(acts(*on_record, "strike"))
        assert (closed.status, closed.test, closed.closed_by) == ("struck", None, str(len(on_record)))
        found = standing([*acts(*on_record, "strike"), again])
        assert replace(found, test=before.test) == before
        assert found.test == (before.test and replace(before.test, id="t2", reference_date=LATER))


def test_nobody_is_reinstated_from_death() -> None:
    on_record = acts(start(), submit(), assessed("met"), died(closes=True), ("reinstate", {"test": "t2"}))
    assert standing(on_record).status == "withdrawn"


def test_who_set_a_hold_ends_it_and_both_may_hold() -> None:
    both = standing(acts(start(), submit(), ("hold", {"side": "company"}), ("hold", {"side": "candidate"})))
    assert both.held == {"company": "2", "candidate": "3"}
    assert after(both, Act("4", "wake", DAY, None, {"side": "candidate"})).held == {"company": "2"}


def test_an_appeal_that_is_upheld_opens_what_it_is_against_and_nothing_else() -> None:
    closed: list[Any] = [start(), submit(), confirm(), assessed("not_met"), "refuse"]
    appeal: Any = ("appeal", {"ground": "not_registered", "against": "4"})
    upheld, rejected = (("answer_appeal", {"appeal": "5", "upheld": one, "test": "t2"}) for one in (True, False))
    assert standing(acts(*closed, appeal)).appeals == (Appeal("5", "not_registered", "4"),)
    judged = standing(acts(*closed, appeal, upheld))
    assert judged.test
    assert (judged.status, judged.test.id, judged.appeals) == ("under_investigation", "t2", ())
    assert standing(acts(*closed, appeal, rejected)).status == "refused"
    # refused again: that is another decision
    again = standing(acts(*closed, appeal, ("reinstate", {"test": "t3"}), "refuse", upheld))
    assert (again.status, again.appeals) == ("refused", ())
    # it was a mistake to uphold it: what was assessed since is of a test that never was
    undone = standing(acts(*closed, appeal, upheld, assessed("met", test="t2"), ("undo", {"act": "6"})))
    assert undone == standing(acts(*closed, appeal))


ANY = st.lists(
    st.sampled_from(
        [submit(), confirm(), confirm("bram"), assessed("met"), assessed("not_met"), ("open_test", {"test": "t2"}),
         ("change_household", {"left": {"bram": "candidate"}, "joined": ["carl"]}), ("change_wishes", {}), ("withdraw", {}),
         died(), died(closes=True), ("keep_date", {"date": "2019-05-06"}), ("refuse", {}), ("strike", {}),
         ("reinstate", {"test": "t3"}), ("hold", {"side": "company"}), ("hold", {"side": "candidate"}),
         ("wake", {"side": "company"}), ("wake", {"side": "candidate"}),
         assessed("met", test="t2"), assessed("not_met", test="t3"), ("appeal", {"ground": "struck", "against": "3"}),
         ("answer_appeal", {"appeal": "4", "upheld": True, "test": "t4"})]
    ),
    max_size=12,
)  # fmt: skip


@given(ANY)
def test_act_by_act_is_the_same_as_all_at_once(some: list[tuple[str, dict[str, Any]]]) -> None:
    on_record = acts(start(), *some)
    so_far = Standing()
    for n, act in enumerate(on_record, start=1):
        so_far = after(so_far, act)
        assert so_far == standing(on_record[:n])
        assert (so_far.status == "draft") == (so_far.submitted_on is None and so_far.closed is None)


def test_actions_wait_for_their_time() -> None:
    everything = ["confirm", "withdraw", "leave", "undo", "change_household"]
    couple = Situation(Standing(), "p1", confirmed_partner=True, undoable=True, applicant="p1")
    for now, at_hand in (
        (Situation(Standing(), "p1", unconfirmed=["p1"]), ["confirm", "withdraw", "change_household"]),
        (Situation(Standing(), "p2", unconfirmed=["p1"]), ["withdraw", "change_household"]),
        (couple, ["leave", "undo", "change_household"]),
        (replace(couple, himself=None, at_counter=True), ["withdraw", "leave", "undo", "change_household"]),
    ):
        assert available_actions(everything, now) == at_hand
