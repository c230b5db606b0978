"""`python -m tests.benchmarks`: every benchmark, as a table and in build/bench.json."""

import gc
import json
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from cir_chassis import logs
from tests.benchmarks import chain, desk, eligibility, facts, offers, priority, relay

# A module each, whose `entries` yields its figures.
BENCHMARKS = (eligibility, priority, relay, facts, desk, chain, offers)
TO = Path(__file__).parents[2] / "build/bench.json"


def main() -> None:
    logs.configure("benchmarks", "warning")
    gc.collect()
    gc.freeze()  # as each service does
    entries = [entry for benchmark in BENCHMARKS for entry in benchmark.entries()]
    TO.parent.mkdir(exist_ok=True)
    TO.write_text(json.dumps([asdict(entry) for entry in entries], indent=1) + "\n")
    table = Table("benchmark", *(f"[right]{name}" for name in ("value", "unit", "floor", "ratio")))
    for column in (1, 3, 4):
        table.columns[column].justify = "right"
    for entry in entries:
        figures = [f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}" for figure in (entry.value, entry.floor or 0)]
        floor, ratio = (figures[1], f"{entry.ratio:.2f}") if entry.ratio is not None else ("", "")
        table.add_row(entry.name, figures[0], entry.unit, floor, ratio)
    Console().print(table)


if __name__ == "__main__":
    main()
