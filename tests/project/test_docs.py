"""What the documents point to is there: every file, and in a file the line on which the named thing is defined."""

from pathlib import Path

import pytest

from tests.project.links import PAGES, ROOT, right


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_links_to_is_there(page: Path) -> None:
    assert right(page) == page.read_text(), "`make fix` writes the lines that moved"
