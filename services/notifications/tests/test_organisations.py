"""The organisations' file is read whole, or refused with what is wrong."""

from pathlib import Path

import pytest
import yaml

from cir_chassis.settings import WrongSettings
from notifications.organisations import load_mailboxes
from notifications.settings import HERE

AGREEMENT = HERE.parents[1] / "deploy" / "embedded" / "agreement.yaml"


def test_the_sample_has_a_mailbox_for_whoever_may_refer() -> None:
    groups = yaml.safe_load(AGREEMENT.read_text("utf-8"))["groups"].values()
    assert set(load_mailboxes(HERE / "organisations.yaml").organisations) == {
        name for group in groups for name in group["referrers"]
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("companies: {}\norganisations: {caw: {name: CAW, email: nowhere}}", "organisations.caw.email"),
        ("companies: {}\norganisations: {caw: {name: CAW}}", "organisations.caw.email"),
        (
            "companies: {dijledal: {name: D, email: a@d.example, phone: 1}}\norganisations: {}",
            "companies.dijledal.phone",
        ),
        ("companies: {}\norganisations: {C A W: {name: CAW, email: a@caw.example}}", "C A W"),
        ("caw: {name: CAW, email: a@caw.example}", "caw"),
        (
            "companies: {}\norganisations: {}\ncompanies: {}",
            r"`companies` stands here twice\s+in \".*organisations.yaml\", line 3",
        ),
        ("caw: [", "CIR_ORGANISATIONS: .*organisations.yaml"),
        (None, "CIR_ORGANISATIONS: .*organisations.yaml"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str | None, words: str) -> None:
    file = tmp_path / "organisations.yaml"
    if text:
        file.write_text(text)
    with pytest.raises(WrongSettings, match=words):
        load_mailboxes(file)
