"""The municipalities of the Flemish Region between 2019 and 2024 (Statbel, by way of a public list).

Codes that came with the mergers of 2025 are not among them: an operator's companies.yaml has those that are in use.
"""

import csv
from collections.abc import Mapping
from pathlib import Path

_FILE = Path(__file__).with_name("municipalities.csv")
_ROWS = csv.DictReader(_FILE.read_text("utf-8").splitlines())
NAMES: Mapping[str, str] = {row["nis"]: row["name"] for row in sorted(_ROWS, key=lambda row: row["name"])}
"""NIS code → name, by name."""
