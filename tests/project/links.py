"""The documents' links to a line of code, kept right: `make fix` writes them, a test reads them.

A link names what it points to, [`Database.work`](…/database.py#L173): the line is where that is defined.
"""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<path>[^)#\s:]+)(?:#L(?P<line>\d+))?\)")
PAGES = [path for path in ROOT.rglob("*.md") if not {".venv", ".demo", "build"} & set(path.relative_to(ROOT).parts)]


def right(page: Path) -> str:
    """The page with every line where its name is defined; of several, the nearest. Raises LookupError."""
    return LINK.sub(lambda link: _right(page, link), page.read_text())


def _right(page: Path, link: re.Match[str]) -> str:
    there = page.parent / link["path"]
    if not there.exists():
        raise LookupError(f"{page.name}: there is no {link['path']}")
    if not link["line"]:
        return link[0]
    name = link["text"].strip("`").rpartition(".")[2]
    lines = enumerate(there.read_text().splitlines(), 1)
    if not (defined := [n for n, line in lines if re.search(rf"\b(def|class) {name}\b", line)]):
        raise LookupError(f"{page.name}: nothing in {link['path']} is called {name}")
    nearest = min(defined, key=lambda n: abs(n - int(link["line"])))
    return f"[{link['text']}]({link['path']}#L{nearest})"


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(right(page))
