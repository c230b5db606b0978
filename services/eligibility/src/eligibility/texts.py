"""The sentences beside those of the rule files, in both languages: texts.yaml, and the templates that they stand in."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

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
