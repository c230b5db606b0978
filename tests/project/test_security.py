"""The threat model names tests that exist: a mend whose test is gone holds nothing."""

import re

import pytest

from tests.project.links import ROOT

NAMED = sorted(set(re.findall(r"`([\w/.]+\.py)::(test_\w+)`", (ROOT / "docs/security.md").read_text("utf-8"))))


def test_every_threat_names_a_test() -> None:
    rows = [line for line in (ROOT / "docs/security.md").read_text("utf-8").splitlines() if line.startswith("| **")]
    assert [row for row in rows if "::test_" not in row.split("|")[3]] == []
    assert len(NAMED) > len(rows)


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_a_named_test_is_there(file: str, test: str) -> None:
    assert re.search(rf"^(async )?def {test}\(", (ROOT / file).read_text("utf-8"), re.MULTILINE)
