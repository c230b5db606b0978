"""The rules as pages to read: a page a condition, from the files themselves, so that it cannot say anything else."""

import itertools
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from eligibility.domain.rulebook import RuleBook
from eligibility.domain.verbs import described

TEMPLATE = Environment(undefined=StrictUndefined).from_string(  # noqa: S701 Markdown, of our own files
    Path(__file__).with_name("pages.md.jinja").read_text(encoding="utf-8")
)


def pages(rules: RuleBook, language: str) -> dict[str, str]:
    """A page in Markdown by condition, its periods one after the other."""
    written = {}
    for id_, conditions in itertools.groupby(rules.conditions, lambda condition: condition.id):
        periods = list(conditions)
        used = {p.name: p.spec for c in periods for figure in c.figures for p in figure.by.parameters}
        written[id_] = TEMPLATE.render(
            w=rules.texts[language],
            first=periods[0].spec,
            periods=periods,
            parameters=used.values(),
            described=described,
        )
    return {id_: page.strip() + "\n" for id_, page in written.items()}
