"""What the documents point to is there: every file, and in a file the line on which the named thing is defined."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<path>[^)#\s:]+)(?:#L(?P<line>\d+))?\)")
PAGES = [path for path in ROOT.rglob("*.md") if not {".venv", ".demo", "build"} & set(path.relative_to(ROOT).parts)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_links_to_is_there(page: Path) -> None:
    for link in LINK.finditer(page.read_text()):
        there = page.parent / link["path"]
        assert there.exists(), f"{page.name}: no {link['path']}"
        if link["line"]:
            name = link["text"].strip("`").rpartition(".")[2]
            lines = there.read_text().splitlines()
            defined = [n for n, line in enumerate(lines, 1) if re.search(rf"\b(def|class) {name}\b", line)]
            assert int(link["line"]) in defined, f"{page.name}: {name} is defined on line {defined} of {link['path']}"
