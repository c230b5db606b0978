"""`python -m eligibility serve | migrate | assess | rules …`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cir_chassis.cli import NO, program
from cir_schemas.types import Language
from eligibility.app import MIGRATIONS, EligibilitySettings, make
from eligibility.rulefiles import RULES
from eligibility.rules_cli import AsJson, Folder, engine_or_exit, households_or_exit, refusing, rules_cli

cli = program("eligibility", EligibilitySettings, refusing(NO)(make), MIGRATIONS)
cli.add_typer(rules_cli, name="rules")


@cli.command()
@refusing()
def assess(
    file: Annotated[Path, typer.Argument(help="A household as JSON, or .jsonl: one a line, an answer a line")],
    as_json: AsJson = False,
    language: Annotated[Language, typer.Option(help="Of the answer in words")] = "en",
    rules: Folder = RULES,
) -> None:
    """Decide a household from a file, by the rule files: nothing is stored."""
    lines = file.suffix == ".jsonl"
    households = [household.model_dump() for household in households_or_exit(file, lines)]
    engine = engine_or_exit(rules)
    for answer in engine.decide(households):
        if lines or as_json:
            typer.echo(json.dumps(answer, ensure_ascii=False, indent=None if lines else 1))
        else:
            typer.echo(_in_words(answer, language))


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
