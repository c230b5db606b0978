"""The sentences beside those of the rule files, in both languages: texts.yaml, and the templates that they stand in."""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from eligibility.domain.rulebook import RuleBook
from eligibility.domain.verbs import Verb

_READ = yaml.safe_load(Path(__file__).with_name("texts.yaml").read_text(encoding="utf-8"))
TEXTS: Mapping[str, Mapping[str, str]] = {
    language: {str(key): text[language] for key, text in _READ.items()} | {"language": language}
    for language in ("nl", "en")
}
_TEMPLATES = Environment(loader=PackageLoader("eligibility"), undefined=StrictUndefined)  # noqa: S701 no HTML


def described(verb: Verb, language: str) -> str:
    """A figure as a sentence: that of texts.yaml, else the verb's own."""
    w = TEXTS[language]
    macros: Any = _TEMPLATES.get_template("tests.jinja").make_module({"w": w})
    sentence = _TEMPLATES.from_string(w.get(f"verb_{verb.key}") or verb.says[language])
    mark = getattr(verb, "mark", None)
    return sentence.render(w=w, v=verb, tests=macros.tests, branches=macros.branches) + (f" [{mark}]" if mark else "")


def filled(template: str, language: str, **what: Any) -> str:
    """A template in a language."""
    return _TEMPLATES.get_template(f"{template}.jinja").render(w=TEXTS[language], **what).strip() + "\n"


def pages(rules: RuleBook, language: str) -> dict[str, str]:
    """The rules to read: a page in Markdown by condition, its periods one after the other, from the files themselves."""
    written = {}
    for id_, conditions in itertools.groupby(rules.conditions, lambda condition: condition.id):
        periods = list(conditions)
        used = {p.name: p.spec for c in periods for figure in c.figures for p in figure.by.parameters}
        page = {"first": periods[0].spec, "periods": periods, "parameters": used.values()}
        written[id_] = filled("pages.md", language, described=described, **page)
    return written
