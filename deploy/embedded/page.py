"""A page of the demo's own programs, in the register's style and both languages. Where no frame is: they are no service."""

from html import escape
from pathlib import Path
from urllib.parse import parse_qs, urlencode

from deploy.embedded import ROOT

FRAME = ROOT / "chassis/src/cir_chassis/frame"
STYLE = "/style.css"
LANGUAGES = {"nl": "Nederlands", "en": "English"}
CSP = "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"


def style() -> bytes:
    return b"".join(Path(FRAME / name).read_bytes() for name in ("govuk.css", "own.css"))


def language(query: str, accepted: str) -> str:
    """What the reader chose by a link, else the first of ours that his browser names."""
    said = [*parse_qs(query).get("lang", []), *(one.split(";")[0].strip()[:2].lower() for one in accepted.split(","))]
    return next((code for code in said if code in LANGUAGES), "nl")


def page(name: str, code: str, title: str, body: str, query: str = "", register: str = "") -> str:
    """body: HTML; query: of this address, which the link to the other language keeps; register: the address of its start page."""
    given = [(key, value) for key, values in parse_qs(query).items() if key != "lang" for value in values]
    others = "".join(
        f'<li><a href="?{escape(urlencode([*given, ("lang", other)]))}" hreflang="{other}" lang="{other}">{word}</a></li>'
        for other, word in LANGUAGES.items()
        if other != code
    )
    back = {"nl": "Naar het register", "en": "To the register"}[code]
    home = f'<li><a href="{escape(register)}">{back}</a></li>' if register else ""
    demo = {"nl": "Een demo: niemand hier bestaat echt.", "en": "A demo: nobody here exists."}[code]
    return f"""<!doctype html>
<html lang="{code}" class="govuk-template"><head><meta charset="utf-8"><title>{escape(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="{STYLE}">
<link rel="icon" href="data:,"></head><body class="govuk-template__body">
<header class="cir-header"><div class="govuk-width-container"><span class="cir-header__name">{demo}</span>
<ul class="cir-header__tools govuk-body-s">{home}{others}</ul></div></header>
<div class="govuk-width-container"><main class="govuk-main-wrapper" data-page="{name}">
<h1 class="govuk-heading-l">{escape(title)}</h1>
{body}</main></div></body></html>"""
