"""`python -m eligibility serve | migrate | assess | rules …`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from cir_chassis.cli import NO, program, refuse
from cir_chassis.service import Service
from eligibility.app import MIGRATIONS, EligibilitySettings, make
from eligibility.asked import WrongHousehold, read
from eligibility.desk import desk, engine_or_exit
from eligibility.domain.source import WrongRuleFile
from eligibility.rulefiles import RULES
from eligibility.store import EligibilityWork

BATCH = 500


def make_or_exit(settings: EligibilitySettings) -> Service[EligibilityWork]:
    """The service; a wrong rule file ends the program with its place."""
    try:
        return make(settings)
    except WrongRuleFile as error:
        raise refuse(str(error), NO) from None


cli = program("eligibility", EligibilitySettings, make_or_exit, MIGRATIONS)
cli.add_typer(desk, name="rules")


@cli.command()
def assess(
    file: Annotated[Path, typer.Argument(help="A household as JSON, or .jsonl: one a line, an answer a line")],
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON")] = False,
    language: Annotated[str, typer.Option(help="nl or en, of the answer in words")] = "en",
    rules: Annotated[Path, typer.Option(envvar="CIR_RULES", help="Folder of rule files")] = RULES,
) -> None:
    """Decide a household from a file, by the rule files: nothing is stored."""
    if language not in ("nl", "en"):
        raise refuse(f"--language {language}: nl or en")
    lines = file.suffix == ".jsonl"
    households = list(_households(file, lines))
    engine = engine_or_exit(rules)
    for start in range(0, len(households), BATCH):
        for answer in engine.decide(households[start : start + BATCH]):
            if lines:
                typer.echo(json.dumps(answer, ensure_ascii=False))
            elif as_json:
                typer.echo(json.dumps(answer, ensure_ascii=False, indent=1))
            else:
                typer.echo(_in_words(answer, language))


def _households(file: Path, lines: bool) -> Iterator[dict[str, Any]]:
    """Every household of the file; the first wrong one ends the program with its place."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise refuse(f"{file}: {error.strerror if isinstance(error, OSError) else 'not UTF-8'}") from None
    for number, part in enumerate(text.splitlines() if lines else [text], 1):
        place = f"{file}, line {number}" if lines else str(file)
        try:
            yield read(json.loads(part)).model_dump()
        except json.JSONDecodeError as error:
            where = f"{file}, line {number if lines else error.lineno}, column {error.colno}"
            raise refuse(f"{where}: not JSON: {error.msg}") from None
        except WrongHousehold as error:
            raise refuse("\n".join(f"{place}: {path}: {message}" for path, message in error.errors)) from None


def _in_words(answer: dict[str, Any], language: str) -> str:
    conditions = [
        f"  {name}: {one['outcome']} {' '.join(one['because'])}".rstrip() for name, one in answer["conditions"].items()
    ]
    asked = [
        f"  {ask['person']} {ask['fact']} ({', '.join(ask['proofs'])})"
        for ask in (*answer["asks"], *answer["could_claim"])
    ]
    provisional = [f"provisional: {', '.join(answer['provisional'])}"] if answer["provisional"] else []
    parts = [f"{answer['reference_date']}: {answer['outcome']}", *conditions, *answer["say"][language]]
    return "\n".join([*parts, *(["to bring:"] if asked else []), *asked, *provisional])


if __name__ == "__main__":
    cli()
