"""The organisations' file is read whole, or refused with what is wrong."""

from pathlib import Path

import pytest
import yaml

from cir_chassis.settings import WrongSettings
from notifications.app import HERE
from notifications.organisations import load_organisations

AGREEMENT = HERE.parents[1] / "deploy" / "embedded" / "agreement.yaml"


def test_the_sample_has_a_mailbox_for_whoever_may_refer() -> None:
    groups = yaml.safe_load(AGREEMENT.read_text("utf-8"))["groups"].values()
    assert set(load_organisations(HERE / "organisations.yaml")) == {
        name for group in groups for name in group["referrers"]
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("caw: {name: CAW, email: nowhere}", "caw.email"),
        ("caw: {name: CAW}", "caw.email"),
        ("caw: {name: CAW, email: a@caw.example, phone: 1}", "caw.phone"),
        ("C A W: {name: CAW, email: a@caw.example}", "C A W"),
        (
            "caw: {name: CAW, email: a@caw.example}\ncaw: {name: CAW, email: b@caw.example}",
            r"`caw` stands here twice\s+in \".*organisations.yaml\", line 2",
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
        load_organisations(file)
