"""The status follows from the acts on record, and from nothing else."""

import pytest

from dossier.domain.status import CLOSINGS, Acts, standing


@pytest.mark.parametrize(
    ("acts", "status", "counted", "closes"),
    [
        (Acts(), "draft", None, False),
        (Acts(arrived="met"), "draft", None, False),
        (Acts(submitted=True, unconfirmed=True), "submitted", None, False),
        (Acts(submitted=True), "submitted", None, False),
        (Acts(submitted=True, unconfirmed=True, arrived="met"), "submitted", None, False),
        (Acts(submitted=True, arrived="met"), "registered", "met", True),
        (Acts(submitted=True, arrived="to_investigate"), "under_investigation", "to_investigate", False),
        (Acts(submitted=True, arrived="not_met"), "under_investigation", "not_met", False),
        # once an assessment has counted, nobody falls back to waiting for one
        (Acts(submitted=True, unconfirmed=True, counted="met"), "registered", "met", False),
        (Acts(submitted=True, counted="not_met"), "under_investigation", "not_met", False),
        (Acts(submitted=True, counted="to_investigate", arrived="met"), "registered", "met", True),
        (Acts(submitted=True, counted="met", arrived="not_met"), "under_investigation", "not_met", False),
    ],
)
def test_the_acts_decide(acts: Acts, status: str, counted: str | None, closes: bool) -> None:
    now = standing(acts)
    assert (now.status, now.counted, now.closes_test) == (status, counted, closes)


@pytest.mark.parametrize("closing", CLOSINGS)
def test_a_closing_act_outweighs_everything(closing: str) -> None:
    assert standing(Acts(closing=closing, submitted=True, counted="met", arrived="met")).status == closing
