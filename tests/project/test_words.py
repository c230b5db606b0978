"""Every word of a page is there in Dutch too: templates are in English, `nl.po` beside them has the rest."""

from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

from tests.project.links import ROOT

FOLDERS = [
    ROOT / "chassis/src/cir_chassis/frame",
    *sorted({found.parent for found in ROOT.glob("services/*/templates/pages/**/*.html")}),
]
OPTIONS = {"trim_blocks": "true", "silent": "false", "extensions": "jinja2.ext.do"}  # as pages are read


def dutch(folder: Path) -> dict[str, str]:
    """What stands in the folder's catalogue: English → Dutch."""
    with (folder / "nl.po").open("rb") as file:
        return {str(one.id): str(one.string) for one in read_po(file) if one.id}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_a_page_has_its_dutch_and_no_more(folder: Path) -> None:
    said = set[str]()
    for template in folder.glob("*.html"):
        with template.open("rb") as file:
            found = babel_extract(file, ["gettext", "ngettext"], [], OPTIONS)
            for _, _, texts, _ in found:
                said |= {text for text in ([texts] if isinstance(texts, str) else texts or ()) if text}
    known = dutch(folder)
    assert said - known.keys() == set(), "write their Dutch in nl.po"
    assert known.keys() - said == set(), "no template says this any more"
    assert [english for english, text in known.items() if not text] == []


def test_a_text_has_one_dutch_in_a_service() -> None:
    """Its folders are one catalogue: the last would be read on the pages of the others."""
    said = dict[tuple[str, str], str]()
    for folder in FOLDERS:
        service = folder.relative_to(ROOT).parts[1]
        for english, text in dutch(folder).items():
            assert said.setdefault((service, english), text) == text, f"{english}: two Dutch texts in {service}"
