"""Prepares the style sheet of the pages from GOV.UK Frontend, of the version that the macros are written for: once per upgrade.

    npm pack govuk-frontend@6.3.0 && python chassis/styles.py govuk-frontend-6.3.0.tgz

Its font and its crest are for gov.uk alone; nothing may be fetched from elsewhere.
"""

import re
import sys
import tarfile
from pathlib import Path

FILE = "package/dist/govuk/govuk-frontend.min.css"
FONTS = 'system-ui,"Segoe UI",Roboto,"Liberation Sans",Arial,sans-serif'


def prepared(css: str) -> str:
    """Without the font, the crest and the source map. Raises `ValueError` where something is still fetched."""
    css = re.sub(r"(/\*!(?:(?!\*/).)*\*/)?@font-face\{[^}]*\}", "", css, flags=re.DOTALL)
    css = re.sub(r"font-family:GDS Transport,arial,sans-serif", f"font-family:{FONTS}", css)
    css = re.sub(r"[^{}]*\{[^{}]*govuk-crest[^{}]*\}", "", css)
    css = re.sub(r"/\*# sourceMappingURL.*?\*/", "", css)
    if found := re.findall(r"url\(.{,40}|GDS Transport|crest", css):
        raise ValueError(f"still there: {found}")
    return css.strip() + "\n"


if __name__ == "__main__":
    with tarfile.open(sys.argv[1]) as archive:
        css = archive.extractfile(FILE)
        assert css
        to = Path(__file__).with_name("src") / "cir_chassis/frame/govuk.css"
        to.write_text(prepared(css.read().decode()), "utf-8")
