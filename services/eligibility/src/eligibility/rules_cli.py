"""`rules check | test | explain | doc`: what a jurist does with the rule files before anybody is decided by them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic_core import from_json

from cir_chassis.cli import NO, WRONG_CALL, refuse
from cir_chassis.clock import Clock
from cir_schemas.household import HouseholdToAssess
from cir_schemas.types import Language
from eligibility import cases
from eligibility.cases import Case
from eligibility.domain.check import check
from eligibility.domain.decide import Engine, NoRuleInForce
from eligibility.domain.facts import day_number
from eligibility.domain.rulebook import RuleBook
from eligibility.domain.source import WrongRuleFile
from eligibility.explain import explain
from eligibility.mutations import unpinned
from eligibility.requests import WrongHousehold
from eligibility.requests import read as read_household
from eligibility.rulefiles import RULES, documents, load, texts
from eligibility.texts import filled, pages

rules_cli = typer.Typer(no_args_is_help=True, help="For rule authors: check the rule files, try them, explain them.")
Folder = Annotated[Path, typer.Option("--rules", envvar="CIR_RULES", exists=True, file_okay=False, help="Rule files")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON")]
Words = Annotated[Language, typer.Option("--lang", help="Of the words")]


@contextmanager
def refusing(code: int = WRONG_CALL) -> Iterator[None]:
    """A wrong rule file, case or household ends the program with its place."""
    try:
        yield
    except (WrongRuleFile, NoRuleInForce) as error:
        raise refuse(str(error), code) from None


@refusing(NO)
def engine_or_exit(rules: Path) -> Engine:
    """The rules of a folder, ready."""
    return Engine(load(rules))


def households_or_exit(file: Path, lines: bool = False) -> Iterator[HouseholdToAssess]:
    """Every household of the file; the first wrong one ends the program with its place."""
    place = str(file)
    try:
        with file.open("rb") as content:
            for number, part in enumerate(content if lines else [content.read()], 1):
                place = f"{file}, line {number}" if lines else place
                yield read_household(from_json(part), HouseholdToAssess)
    except OSError as error:
        raise refuse(f"{file}: {error.strerror}") from None
    except WrongHousehold as error:
        raise refuse("\n".join(f"{place}: {path}: {message}" for path, message in error.errors)) from None
    except ValueError as error:
        why = str(error).replace("line 1 ", "") if lines else error
        raise refuse(f"{place}: not JSON: {why}") from None


@rules_cli.command("check")
def check_rules(
    rules: Folder = RULES,
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Figures known to this day; today")] = None,
    as_json: AsJson = False,
) -> None:
    """Look for what is wrong in the rule files: each as file:line, and what was meant.

    A rule that can never decide, a household that no rule decides, rules that contradict: found by deciding households at every
    boundary. A figure of the law whose last day has passed, or an article not known yet, is a warning: exit 0, for the law
    may not have been published.
    """
    wrong: list[str]
    not_yet: list[str] = []
    try:
        wrong, not_yet = check(Engine(load(rules)).rules, on.date() if on else Clock(None).today())
    except WrongRuleFile as error:
        wrong = str(error).splitlines()
    tell(as_json, "check.txt", {"errors": wrong, "warnings": not_yet}, fine=not wrong)


@rules_cli.command("test")
@refusing()
def try_cases(
    path: Annotated[Path | None, typer.Option("--cases", exists=True, help="Else those beside the rules")] = None,
    rules: Folder = RULES,
    mutate: Annotated[str, typer.Option(metavar="FILES", help="Change figures of these files; '*': all")] = "",
    as_json: AsJson = False,
) -> None:
    """Decide every case, and say what did not come true. Of the cases beside the rules, every rule must decide one.

    A rule is exercised by a case that expects something of its condition and that it decides (it is in `because`). --mutate
    changes each figure of the law and each comparison by the least there is: some case must fail by it (minutes for all files).
    """
    engine, read = engine_or_exit(rules), cases.read(path or rules)
    answers = cases.decide_cases(engine, read)
    both = list(zip(read, answers, strict=True))
    failed = [_failed(case, answer, came) for case, answer in both if (came := cases.failed(case, answer))]
    found = {
        "cases": len(read),
        "failed": failed,
        "not_exercised": [] if path else _idle(engine.rules, both),
        "not_noticed": [] if failed else list(unpinned(documents(texts(rules), f"{rules}/"), read, mutate)),
    }
    tell(as_json, "test.txt", found, fine=not any(list(found.values())[1:]))


@rules_cli.command("explain")
@refusing()
def explain_household(
    file: Annotated[Path, typer.Argument(help="A household as JSON")],
    language: Words = "en",
    rules: Folder = RULES,
    as_json: AsJson = False,
) -> None:
    """Decide a household, and lay open how: rules and their words, figures and how each was reached, facts, what is asked."""
    [household] = households_or_exit(file)
    engine = engine_or_exit(rules)
    tell(as_json, "explain.txt", e := explain(engine, household), language, e=e, facts=engine.rules.facts)


@rules_cli.command("doc")
def print_pages(language: Words = "en", rules: Folder = RULES) -> None:
    """Print the rules as pages to read (Markdown), a page a condition: articles, figures, rules, exceptions, tables."""
    typer.echo("\n".join(pages(engine_or_exit(rules).rules, language).values()))


def tell(
    as_json: bool, template: str, found: dict[str, Any], language: Language = "en", fine: bool = True, **more: Any
) -> None:
    """As JSON, or in words; then exit 1 where the answer is no."""
    more |= {"count": _count, "put": _put}
    typer.echo(_json(found) if as_json else filled(template, language, **found, **more), nl=as_json)
    if not fine:
        raise typer.Exit(NO)


def _idle(rules: RuleBook, answered: Sequence[tuple[Case, Mapping[str, Any]]]) -> list[dict[str, str]]:
    """The rules, in each period of their condition, that decide no case that expects something of that condition."""
    exercised = {
        (condition.key, rule)
        for case, answer in answered
        for condition in rules.conditions
        if condition.id in case.conditions and condition.holds_on(day_number(case.household["reference_date"]))
        for rule in answer["conditions"].get(condition.id, {"because": ()})["because"]
    }
    listed = [(condition.key, rule) for condition in rules.conditions for rule in condition.all_rules]
    return [{"place": rule.place.at, "rule": rule.id} for key, rule in listed if (key, rule.id) not in exercised]


def _failed(case: Case, answer: Mapping[str, Any], came: Mapping[str, Any]) -> dict[str, Any]:
    """The case that failed, each expectation beside what came instead, and why that came."""
    of = case.conditions or answer["conditions"]
    return {
        "place": case.place.at,
        "case": case.sentence,
        "expected": {key: case.expect[key] for key in came},
        "came": came,
        "because": {condition: one["because"] for condition, one in answer["conditions"].items() if condition in of},
        "say": answer["say"],
    }


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'s' if number != 1 else ''}"


def _put(value: Any) -> str:
    return value if isinstance(value, str) else _json(value, None)


def _json(value: Any, indent: int | None = 1) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)
