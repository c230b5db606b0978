"""`python -m eligibility serve | migrate | assess | rules …`."""

import gc
import shutil
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated

import typer
from pydantic_core import to_json

from cir_chassis.cli import NO, program
from cir_schemas.types import Language
from eligibility.app import MIGRATIONS, EligibilitySettings, make
from eligibility.domain.decide import Engine
from eligibility.rulefiles import RULES
from eligibility.rules_cli import AsJson, Folder, engine_or_exit, households_or_exit, refusing, rules_cli, tell

TOGETHER = 1000  # households: more take more memory, and not less time
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
    engine = engine_or_exit(rules)
    if file.suffix == ".jsonl":
        _assess_lines(engine, file)
        return
    [household] = households_or_exit(file)
    [answer] = engine.decide([household.model_dump()])
    tell(as_json, "assess.txt", answer, language)


def _assess_lines(engine: Engine, file: Path) -> None:
    """So many at a time; the answers are printed once the last line was read, for one bad line and there are none."""
    gc.freeze()  # what is loaded by now stays: it need not be looked through again for every chunk
    households = households_or_exit(file, lines=True)
    with TemporaryFile() as answers:
        while some := [household.model_dump() for household in islice(households, TOGETHER)]:
            answers.writelines(to_json(answer) + b"\n" for answer in engine.decide(some))
        answers.seek(0)
        shutil.copyfileobj(answers, typer.get_binary_stream("stdout"))


if __name__ == "__main__":
    cli()
