"""The rules as pages to read: a page a condition, from the files themselves, so that it cannot say anything else."""

import itertools

from eligibility.domain.rulebook import RuleBook
from eligibility.texts import described, filled


def pages(rules: RuleBook, language: str) -> dict[str, str]:
    """A page in Markdown by condition, its periods one after the other."""
    written = {}
    for id_, conditions in itertools.groupby(rules.conditions, lambda condition: condition.id):
        periods = list(conditions)
        used = {p.name: p.spec for c in periods for figure in c.figures for p in figure.by.parameters}
        page = {"first": periods[0].spec, "periods": periods, "parameters": used.values()}
        written[id_] = filled("pages.md", language, described=described, **page)
    return written
