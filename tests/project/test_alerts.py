"""The alerts that operators take over: each is an expression that Prometheus reads, over metrics that a service tells."""

import re
from pathlib import Path

import promql_parser
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
RULES = [
    rule for group in yaml.safe_load((ROOT / "deploy/alerts.yml").read_text())["groups"] for rule in group["rules"]
]
SOURCE = "\n".join(file.read_text() for folder in ("chassis/src", "services") for file in (ROOT / folder).rglob("*.py"))
TABLE = (ROOT / "docs/operators/README.md").read_text()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_what_a_service_tells(rule: dict[str, str]) -> None:
    promql_parser.parse(rule["expr"])
    for metric in re.findall(r"cir_[a-z_]+", rule["expr"]):
        told = metric.removesuffix("_bucket")
        assert f'"{told}"' in SOURCE, f"no service tells {told}"
        assert f"`{told}" in TABLE or f"`{told}{{" in TABLE, f"docs/operators does not say what {told} is"
