"""The rules as pages to read: a page a condition, from the files themselves, so that it cannot say anything else."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from eligibility.domain.figures import Parameter
from eligibility.domain.rulebook import Condition, RuleBook
from eligibility.domain.source import Node
from eligibility.explain import source

ABOUT = {
    "household": "the household",
    "each_candidate": "each candidate, one by one",
    "each_real_right": "each real right, one by one",
}
Spec = Mapping[str, Node]


def pages(rules: RuleBook) -> dict[str, str]:
    """A page in Markdown by condition, its periods one after the other."""
    periods = itertools.groupby(rules.conditions, lambda condition: condition.id)
    return {id_: "\n".join(_page(list(conditions))) + "\n" for id_, conditions in periods}


def _page(periods: list[Condition]) -> Iterator[str]:
    first = periods[0]
    yield f"# {_title(first.place)}"
    effect = "a bar to registration" if first.effect == "bar" else "a duty, which bars nobody"
    yield f"\n`{first.id}`, {effect}, decided for {ABOUT.get(first.about, first.about)}."
    used: dict[str, Parameter] = {}
    for condition in periods:
        spec = condition.place.mapping()
        yield f"\n## {_period(spec['valid'].mapping())}\n\n{_source(condition.place)}."
        if "spared" in spec:
            spared = spec["spared"].mapping()
            moments = " and ".join(f"at {moment}" for moment in spared["moments"].texts())
            yield f"Not tested {moments} for who was registered before {spared['registered_before'].value}."
        if condition.figures:
            yield "\n### Figures\n"
        for figure in condition.figures:
            yield f"- `{figure.name}`: {_figure(figure.place.mapping())}"
            used |= {parameter.name: parameter for parameter in figure.parameters}
        yield "\n### Rules\n\nThe worst of the rules that hold decides; where none holds, the condition is met.\n"
        for rule in condition.rules:
            yield from _rule(rule.place, "-", "")
            for exception in rule.unless:
                yield from _rule(exception.place, "  - unless", "  ")
    if used:
        yield "\n## Figures of the law"
    for parameter in used.values():
        yield from _parameter(parameter.place)


def _rule(node: Node, lead: str, indent: str) -> Iterator[str]:
    spec = node.mapping()
    own = f" ({_source(node)})" if "source" in spec else ""
    mark = f" [{spec['mark'].value}]" if "mark" in spec else ""
    yield f"{lead} `{spec['id'].value}`{own}: **{str(spec['then'].value).replace('_', ' ')}** where {_when(spec['when'])}{mark}"
    for language, text in (spec["say"].mapping() if "say" in spec else {}).items():
        yield f"{indent}  - {language}: “{text.value}”"


def _parameter(node: Node) -> Iterator[str]:
    spec = node.mapping()
    columns = spec["columns"].texts()
    until = spec["known_until"].value
    yield f"\n### {_title(node)}\n\n`{spec['parameter'].value}`, unit: {spec['unit'].value}. {_source(node)}."
    yield f"{'Known until further notice' if until is None else f'Known until {until}'}.\n"
    times = f" (× {spec['times'].value})" if "times" in spec else ""
    yield f"| | {' | '.join(column + times for column in columns)} | mark |"
    yield "|---|" + "---:|" * len(columns) + "---|"
    for row in spec["rows"]:
        given = row.mapping()
        when = given["year"].value if "year" in given else _period(given)
        values = " | ".join(str(given[column].value) for column in columns)
        yield f"| {when} | {values} | {(given.get('mark') or spec['mark']).value} |"


def _title(node: Node) -> str:
    return " · ".join(node.mapping()["title"].in_two_languages().values())


def _source(node: Node) -> str:
    found = source(node)
    return f"{found['act']}, article {found['article'] or 'not known yet'}"


def _period(spec: Spec) -> str:
    start, through = spec["from"].value, spec["through"].value
    return f"From {start} on" if through is None else f"{start} through {through}"


def _figure(spec: Spec) -> str:
    """The verb and what it takes, as a sentence."""
    mark = f" [{spec['mark'].value}]" if "mark" in spec else ""
    if "latest" in spec:
        of, index = spec["latest"].mapping(), spec["index"].mapping()
        low, high = (str(item.value) for item in of["years_back"])
        nil = f", also one of nil [{of['nil_hides_older'].value}]" if "nil_hides_older" in of else ""
        amounts = " + ".join(f"`{amount}`" for amount in spec["sum"].texts())
        said = f"of each candidate, {amounts} of the most recent of `{of['of'].value}`, {low} to {high} years back{nil}; brought "
        return said + f"by `{index['by'].value}` from its year to the year before the reference date's"
    if "years" in spec:
        return f"full years since `{spec['years'].value}`{mark}"
    if "per_year" in spec:
        of = spec["per_year"].mapping()
        return f"`{of['amount'].value}` × 12 ÷ `{of['months'].value}`{mark}"
    if "choose" in spec:
        return _branches(spec["choose"])
    if "count" in spec:
        where = f" where {_when(spec['where'])}" if "where" in spec else ""
        weight = spec["weight"].mapping() if "weight" in spec else None
        more = f"; one where {_when(weight['when'])} counts for `{weight['is'].value}`" if weight else ""
        return f"how many {str(spec['count'].value).replace('_', '-')} there are{where}{more}"
    if "from" in spec:
        plus = spec["plus"].mapping() if "plus" in spec else {}
        more = "".join(f"; plus `{column}` × `{times.value}`" for column, times in plus.items())
        return f"from `{spec['from'].value}`, the row of the reference date: {_branches(spec['column'])}{more}"
    return f"the sum of `{spec['sum'].value}` over the candidates, rounded to the cent"


def _branches(node: Node) -> str:
    *firsts, last = (item.mapping() for item in node)
    said = [f"`{branch['is'].value}` where {_when(branch['when'])}" for branch in firsts]
    return "; else ".join([*said, f"`{last['otherwise'].value}`"])


def _when(node: Node) -> str:
    return " and ".join(_test(name, wanted) for name, wanted in node.mapping().items()) or "always"


def _test(name: str, node: Node) -> str:
    if name == "some_candidate":
        return f"of some candidate {_when(node)}"
    if isinstance(node.value, dict):
        return " and ".join(
            f"`{name}` is {op.replace('_', ' ')} {_value(value.value)}" for op, value in node.value.items()
        )
    if isinstance(node.value, list):
        return f"`{name}` is one of {', '.join(_value(item.value) for item in node)}"
    return f"`{name}` is {_value(node.value)}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"`{value}`" if isinstance(value, str) else str(value)
